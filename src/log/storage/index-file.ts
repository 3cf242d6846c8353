import type { LogFile } from './open-files.ts'

/**
 * A file of fixed-size entries in ascending order, of which the newest are still in memory.
 *
 * Appending an entry only touches memory; `flush` writes what is pending in one call. An index can always be rebuilt
 * from its log, so it need not be on disk before the records are: at a roll and at a clean shutdown it has to be.
 *
 * Invariants:
 *  - The file's first `#flushed` entries are right; bytes behind them mean nothing and are cut by `seal`.
 *  - A flush that fails leaves all pending entries in memory, to be written again.
 */

/** Pending entries beyond this many bytes are written without being asked for. */
const FLUSH_FROM_BYTES = 8192

export class IndexFile {
  readonly file: LogFile
  readonly #entryBytes: number
  readonly #scratch: Buffer
  #flushed: number
  #pending: Buffer = EMPTY
  #pendingBytes = 0
  #flushFrom = FLUSH_FROM_BYTES

  constructor(options: { readonly file: LogFile; readonly entryBytes: number; readonly entries: number }) {
    this.file = options.file
    this.#entryBytes = options.entryBytes
    this.#scratch = Buffer.alloc(options.entryBytes)
    this.#flushed = options.entries
  }

  get entries(): number {
    return this.#flushed + this.#pendingBytes / this.#entryBytes
  }

  /** A place for one more entry: write it into the returned buffer at the returned position, at once. */
  reserve(): { readonly buffer: Buffer; readonly position: number } {
    if (this.#pendingBytes >= this.#flushFrom) this.#tryFlush()
    const position = this.#pendingBytes
    const needed = position + this.#entryBytes
    if (needed > this.#pending.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.#pending.length * 2, this.#entryBytes * 16))
      this.#pending.copy(larger, 0, 0, position)
      this.#pending = larger
    }
    this.#pendingBytes = needed
    return { buffer: this.#pending, position }
  }

  /** Where entry `index` can be read; valid until the next call. */
  entry(index: number): { readonly buffer: Buffer; readonly position: number } {
    if (index >= this.#flushed)
      return { buffer: this.#pending, position: (index - this.#flushed) * this.#entryBytes }
    this.file.read(this.#scratch, index * this.#entryBytes)
    return { buffer: this.#scratch, position: 0 }
  }

  /** Writes what is pending. Throws what the disk throws; nothing is lost then. */
  flush(): void {
    this.file.create()
    if (this.#pendingBytes === 0) return
    this.file.write([this.#pending.subarray(0, this.#pendingBytes)], this.#flushed * this.#entryBytes)
    this.#flushed += this.#pendingBytes / this.#entryBytes
    this.#pending = EMPTY
    this.#pendingBytes = 0
    this.#flushFrom = FLUSH_FROM_BYTES
  }

  /** Writes what is pending and cuts whatever lies behind the last entry. */
  seal(): void {
    this.flush()
    const sizeBytes = this.#flushed * this.#entryBytes
    if (this.file.sizeBytes() !== sizeBytes) this.file.truncate(sizeBytes)
  }

  /** Forgets all entries; the file is cut at the next `seal`. */
  clear(): void {
    this.#flushed = 0
    this.#pending = EMPTY
    this.#pendingBytes = 0
  }

  /** Forgets the last entry, which must have been appended just before. */
  dropLast(): void {
    if (this.#pendingBytes > 0) this.#pendingBytes -= this.#entryBytes
    else if (this.#flushed > 0) this.#flushed--
  }

  #tryFlush(): void {
    try {
      this.flush()
    } catch {
      // The disk is full or failing, and the log's own write says so. The entries stay in memory; try again later.
      this.#flushFrom = this.#pendingBytes + FLUSH_FROM_BYTES
    }
  }
}

const EMPTY = Buffer.alloc(0)
