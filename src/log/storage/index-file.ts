import { assert } from '../../base/assert.ts'
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

/**
 * Pending entries beyond this many bytes are written without being asked for: one small write for every half megabyte of
 * log. There are two indexes to a partition, so that 5,000 partitions with 8 KiB each in place of 1 would hold 80 MB.
 */
const FLUSH_FROM_BYTES = 1024

/** Where an entry is read into that is in the file: entries are looked at one at a time. */
const scratch = Buffer.alloc(64)

export class IndexFile {
  readonly file: LogFile
  readonly #entryBytes: number
  #flushed: number
  #pending: Buffer = EMPTY
  #pendingBytes = 0
  #flushFrom = FLUSH_FROM_BYTES

  constructor(options: { readonly file: LogFile; readonly entryBytes: number; readonly entries: number }) {
    this.file = options.file
    this.#entryBytes = options.entryBytes
    assert(options.entryBytes <= scratch.length, 'an entry fits where it is read into')
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
      // Not of Node's pool: 128 bytes that stay would keep a whole chunk of it, 21 KB for each of 5,000 partitions.
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#pending.length * 2, this.#entryBytes * 16))
      this.#pending.copy(larger, 0, 0, position)
      this.#pending = larger
    }
    this.#pendingBytes = needed
    return { buffer: this.#pending, position }
  }

  /** Where entry `index` can be read; valid until the next call, of any index. */
  entry(index: number): { readonly buffer: Buffer; readonly position: number } {
    if (index >= this.#flushed)
      return { buffer: this.#pending, position: (index - this.#flushed) * this.#entryBytes }
    this.file.read(scratch.subarray(0, this.#entryBytes), index * this.#entryBytes)
    return { buffer: scratch, position: 0 }
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
