import type { LogFile } from './open-files.ts'
import { int64 } from './int64.ts'

/**
 * The aborted transactions whose markers lie in a segment (`.txnindex`), in Kafka's format, ordered by marker:
 *
 *     int16 version 0 | int64 producer id | int64 first offset | int64 last offset (the marker's) | int64 last stable offset
 *
 * The last stable offset is that of the moment right after the marker: a reader who looks for everything aborted below
 * some offset may stop at the first entry whose last stable offset reaches it. The file exists once there is an entry.
 * All entries are kept in memory (34 bytes each) once they were needed; `flush` writes the new ones.
 */
export const TRANSACTION_INDEX_ENTRY_BYTES = 34

export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

export interface TransactionIndexEntry extends AbortedTransaction {
  readonly lastOffset: number
  readonly lastStableOffset: number
}

export class TransactionIndex {
  readonly #file: LogFile
  /** Undefined: not read yet. */
  #entries: Buffer | undefined
  #bytes = 0
  #flushedBytes: number

  constructor(file: LogFile, state: 'absent' | 'on disk') {
    this.#file = file
    if (state === 'absent') this.#entries = EMPTY
    this.#flushedBytes = 0
  }

  get isEmpty(): boolean {
    this.#load()
    return this.#bytes === 0
  }

  append(entry: TransactionIndexEntry): void {
    let entries = this.#load()
    const at = this.#bytes
    if (at + TRANSACTION_INDEX_ENTRY_BYTES > entries.length) {
      const larger = Buffer.allocUnsafe(Math.max(entries.length * 2, TRANSACTION_INDEX_ENTRY_BYTES * 8))
      entries.copy(larger, 0, 0, at)
      this.#entries = entries = larger
    }
    entries.writeInt16BE(0, at)
    entries.writeBigInt64BE(int64(entry.producerId), at + 2)
    entries.writeBigInt64BE(int64(entry.firstOffset), at + 10)
    entries.writeBigInt64BE(int64(entry.lastOffset), at + 18)
    entries.writeBigInt64BE(int64(entry.lastStableOffset), at + 26)
    this.#bytes = at + TRANSACTION_INDEX_ENTRY_BYTES
  }

  /**
   * Adds to `found` what was aborted and touches [from, to); true when no later segment can hold more of it.
   */
  collect(range: { readonly from: number; readonly to: number }, found: AbortedTransaction[]): boolean {
    const entries = this.#load()
    for (let at = 0; at < this.#bytes; at += TRANSACTION_INDEX_ENTRY_BYTES) {
      const entry = decode(entries, at)
      if (entry.lastOffset >= range.from && entry.firstOffset < range.to) {
        found.push({ producerId: entry.producerId, firstOffset: entry.firstOffset })
      }
      if (entry.lastStableOffset >= range.to) return true
    }
    return false
  }

  entries(): TransactionIndexEntry[] {
    const entries = this.#load()
    const all: TransactionIndexEntry[] = []
    for (let at = 0; at < this.#bytes; at += TRANSACTION_INDEX_ENTRY_BYTES) all.push(decode(entries, at))
    return all
  }

  clear(): void {
    this.#entries = EMPTY
    this.#bytes = 0
    this.#flushedBytes = 0
  }

  /** Writes new entries, and removes or cuts the file when it holds more than it should. */
  seal(): void {
    if (this.#entries === undefined) return
    if (this.#bytes === 0) {
      if (this.#file.exists()) this.#file.remove()
      return
    }
    if (this.#flushedBytes < this.#bytes) {
      this.#file.create()
      this.#file.write([this.#entries.subarray(this.#flushedBytes, this.#bytes)], this.#flushedBytes)
      this.#flushedBytes = this.#bytes
    }
    if (this.#file.sizeBytes() !== this.#bytes) this.#file.truncate(this.#bytes)
  }

  async sync(): Promise<void> {
    if (this.#flushedBytes > 0) await this.#file.sync()
  }

  close(): void {
    this.#file.close()
  }

  remove(): void {
    this.#file.remove()
  }

  #load(): Buffer {
    if (this.#entries === undefined) {
      const sizeBytes = this.#file.exists() ? this.#file.sizeBytes() : 0
      const entries = Buffer.alloc(sizeBytes - (sizeBytes % TRANSACTION_INDEX_ENTRY_BYTES))
      if (entries.length > 0) this.#file.read(entries, 0)
      this.#entries = entries
      this.#bytes = entries.length
      this.#flushedBytes = entries.length
    }
    return this.#entries
  }
}

function decode(entries: Buffer, at: number): TransactionIndexEntry {
  return {
    producerId: Number(entries.readBigInt64BE(at + 2)),
    firstOffset: Number(entries.readBigInt64BE(at + 10)),
    lastOffset: Number(entries.readBigInt64BE(at + 18)),
    lastStableOffset: Number(entries.readBigInt64BE(at + 26)),
  }
}

const EMPTY = Buffer.alloc(0)
