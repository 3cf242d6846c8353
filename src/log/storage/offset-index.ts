import { IndexFile } from './index-file.ts'
import type { LogFile } from './open-files.ts'

/**
 * The sparse offset index of a segment (`.index`), in Kafka's format: one entry per `index.interval.bytes` of log.
 *
 *     int32 offset − base offset of the segment | int32 byte position in the .log
 *
 * The offset is the LAST one of the batch that begins at the position, so a search for it or anything above may start
 * there.
 */
export const OFFSET_INDEX_ENTRY_BYTES = 8

export class OffsetIndex {
  readonly #baseOffset: number
  readonly #index: IndexFile
  #lastOffset: number

  private constructor(options: { readonly baseOffset: number; readonly index: IndexFile }) {
    this.#baseOffset = options.baseOffset
    this.#index = options.index
    this.#lastOffset = -1
  }

  static empty(file: LogFile, baseOffset: number): OffsetIndex {
    return new OffsetIndex({
      baseOffset,
      index: new IndexFile({ file, entryBytes: OFFSET_INDEX_ENTRY_BYTES, entries: 0 }),
    })
  }

  /** Opens what is on disk; undefined when it is missing or cannot be that of a log of this size. */
  static load(
    file: LogFile,
    segment: { readonly baseOffset: number; readonly logSizeBytes: number },
  ): OffsetIndex | undefined {
    if (!file.exists()) return undefined
    const sizeBytes = file.sizeBytes()
    if (sizeBytes % OFFSET_INDEX_ENTRY_BYTES !== 0) return undefined
    const index = new IndexFile({
      file,
      entryBytes: OFFSET_INDEX_ENTRY_BYTES,
      entries: sizeBytes / OFFSET_INDEX_ENTRY_BYTES,
    })
    const loaded = new OffsetIndex({ baseOffset: segment.baseOffset, index })
    if (index.entries === 0) return loaded
    const { buffer, position } = index.entry(index.entries - 1)
    const relativeOffset = buffer.readInt32BE(position)
    const logPosition = buffer.readInt32BE(position + 4)
    if (relativeOffset < 0 || logPosition <= 0 || logPosition >= segment.logSizeBytes) return undefined
    loaded.#lastOffset = segment.baseOffset + relativeOffset
    return loaded
  }

  get entries(): number {
    return this.#index.entries
  }

  get sizeBytes(): number {
    return this.#index.entries * OFFSET_INDEX_ENTRY_BYTES
  }

  /** `lastOffset` is that of the batch at `position`; it must be above all that were appended before. */
  append(lastOffset: number, position: number): void {
    if (lastOffset <= this.#lastOffset) return
    const slot = this.#index.reserve()
    slot.buffer.writeInt32BE(lastOffset - this.#baseOffset, slot.position)
    slot.buffer.writeInt32BE(position, slot.position + 4)
    this.#lastOffset = lastOffset
  }

  /** A byte position at or before the batch that holds `offset`, as near as the index knows. */
  positionFor(offset: number): number {
    const relativeOffset = offset - this.#baseOffset
    let low = 0
    let high = this.#index.entries
    let position = 0
    while (low < high) {
      const middle = (low + high) >>> 1
      const entry = this.#index.entry(middle)
      if (entry.buffer.readInt32BE(entry.position) <= relativeOffset) {
        position = entry.buffer.readInt32BE(entry.position + 4)
        low = middle + 1
      } else high = middle
    }
    return position
  }

  /** Position of the last indexed batch, 0 when there is none. */
  lastPosition(): number {
    if (this.#index.entries === 0) return 0
    const { buffer, position } = this.#index.entry(this.#index.entries - 1)
    return buffer.readInt32BE(position + 4)
  }

  clear(): void {
    this.#index.clear()
    this.#lastOffset = -1
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
}
