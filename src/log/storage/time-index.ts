import { IndexFile } from './index-file.ts'
import type { LogFile } from './open-files.ts'
import { int64 } from './int64.ts'

/**
 * The time index of a segment (`.timeindex`), in Kafka's format; timestamps ascend strictly.
 *
 *     int64 largest timestamp so far, ms | int32 last offset of the batch that has it − base offset
 *
 * Everything before that batch has a smaller timestamp. The last entry of a closed segment is its largest timestamp.
 */
export const TIME_INDEX_ENTRY_BYTES = 12

export interface TimeIndexEntry {
  readonly timestampMs: number
  readonly offset: number
}

export class TimeIndex {
  readonly #baseOffset: number
  readonly #index: IndexFile
  #last: TimeIndexEntry | undefined

  private constructor(options: { readonly baseOffset: number; readonly index: IndexFile }) {
    this.#baseOffset = options.baseOffset
    this.#index = options.index
  }

  static empty(file: LogFile, baseOffset: number): TimeIndex {
    return new TimeIndex({
      baseOffset,
      index: new IndexFile({ file, entryBytes: TIME_INDEX_ENTRY_BYTES, entries: 0 }),
    })
  }

  /** Opens what is on disk; undefined when it is missing or not whole. */
  static load(file: LogFile, baseOffset: number): TimeIndex | undefined {
    if (!file.exists()) return undefined
    const sizeBytes = file.sizeBytes()
    if (sizeBytes % TIME_INDEX_ENTRY_BYTES !== 0) return undefined
    const index = new IndexFile({
      file,
      entryBytes: TIME_INDEX_ENTRY_BYTES,
      entries: sizeBytes / TIME_INDEX_ENTRY_BYTES,
    })
    const loaded = new TimeIndex({ baseOffset, index })
    if (index.entries > 0) {
      loaded.#last = loaded.#entry(index.entries - 1)
      if (loaded.#last.offset < baseOffset || loaded.#last.timestampMs < 0) return undefined
    }
    return loaded
  }

  get entries(): number {
    return this.#index.entries
  }

  get sizeBytes(): number {
    return this.#index.entries * TIME_INDEX_ENTRY_BYTES
  }

  /** The entry with the largest timestamp. */
  last(): TimeIndexEntry | undefined {
    return this.#last
  }

  /** Nothing happens unless the timestamp is above the last entry's. */
  append(timestampMs: number, offset: number): void {
    if (timestampMs < 0 || (this.#last !== undefined && timestampMs <= this.#last.timestampMs)) return
    const slot = this.#index.reserve()
    slot.buffer.writeBigInt64BE(int64(timestampMs), slot.position)
    slot.buffer.writeInt32BE(offset - this.#baseOffset, slot.position + 8)
    this.#last = { timestampMs, offset }
  }

  /** The last entry at or below a timestamp: no record before its batch has that timestamp or a larger one. */
  floor(timestampMs: number): TimeIndexEntry | undefined {
    let low = 0
    let high = this.#index.entries
    let found: TimeIndexEntry | undefined
    while (low < high) {
      const middle = (low + high) >>> 1
      const entry = this.#entry(middle)
      if (entry.timestampMs <= timestampMs) {
        found = entry
        low = middle + 1
      } else high = middle
    }
    return found
  }

  clear(): void {
    this.#index.clear()
    this.#last = undefined
  }

  seal(): void {
    this.#index.seal()
  }

  sync(): Promise<void> {
    return this.#index.file.sync()
  }

  close(): void {
    this.#index.file.close()
  }

  remove(): void {
    this.#index.file.remove()
  }

  #entry(index: number): TimeIndexEntry {
    const { buffer, position } = this.#index.entry(index)
    return {
      timestampMs: Number(buffer.readBigInt64BE(position)),
      offset: this.#baseOffset + buffer.readInt32BE(position + 8),
    }
  }
}
