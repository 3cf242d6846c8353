/**
 * The bytes of a window operator's state, a key group: a series of
 *
 *   ┌───┬──────────────────┐          ┌───┬──────────────┬───────┬─────────┐
 *   │ 0 │ watermark f64    │          │tag│ time f64     │n u32  │ entry×n │
 *   └───┴──────────────────┘          └───┴──────────────┴───────┴─────────┘
 *
 * where a tag of 1 brings entries of the slice that begins at `time`, 2 state of the window that begins then. What a
 * later snapshot says of an entry replaces what an earlier one said; slices go by the watermark, so nothing is deleted.
 */
import type { Key } from '../operator.ts'
import { EntryReader, EntryWriter } from '../../state/entry-bytes.ts'
import { keyGroupOf } from '../../state/key-group.ts'
import type { KeyedStateBackend, WriteEntries } from '../../state/keyed-state-backend.ts'

export const WATERMARK = 0
export const SLICE = 1
export const WINDOW_STATE = 2

interface Group {
  readonly writer: EntryWriter
  tag: number
  timeMs: number
  countPosition: number
  count: number
}

export class WindowBytes {
  readonly #backend: KeyedStateBackend
  readonly #groups: (Group | undefined)[] = []

  constructor(backend: KeyedStateBackend) {
    this.#backend = backend
  }

  watermark(watermarkMs: number): void {
    for (let keyGroup = this.#backend.keyGroups.first; keyGroup <= this.#backend.keyGroups.last; keyGroup++) {
      const { writer } = this.#group(keyGroup)
      writer.uint8(WATERMARK)
      writer.float64(watermarkMs)
    }
  }

  /** Where to write the next entry; the entries of one `tag` and `timeMs` should follow each other. */
  entry(tag: number, timeMs: number, key: Key): EntryWriter {
    const group = this.#group(keyGroupOf(key, this.#backend.maxParallelism))
    const { writer } = group
    if (group.tag !== tag || group.timeMs !== timeMs) {
      writer.uint8(tag)
      writer.float64(timeMs)
      group.tag = tag
      group.timeMs = timeMs
      group.countPosition = writer.length
      group.count = 0
      writer.uint32(0)
    }
    writer.setUint32(group.countPosition, ++group.count)
    return writer
  }

  writeTo(write: WriteEntries): void {
    this.#groups.forEach((group, keyGroup) => {
      if (group !== undefined) write(keyGroup, group.writer.finish())
    })
  }

  #group(keyGroup: number): Group {
    return (this.#groups[keyGroup] ??= {
      writer: new EntryWriter(),
      tag: -1,
      timeMs: 0,
      countPosition: 0,
      count: 0,
    })
  }
}

/** Goes through the bytes that `WindowBytes` wrote. */
export function readWindowBytes(
  entries: Uint8Array,
  visit: {
    watermark(watermarkMs: number): void
    /** Must read exactly one entry. */
    entry(tag: number, timeMs: number, reader: EntryReader): void
  },
): void {
  const reader = new EntryReader(entries)
  while (!reader.atEnd) {
    const tag = reader.uint8()
    const timeMs = reader.float64()
    if (tag === WATERMARK) {
      visit.watermark(timeMs)
      continue
    }
    for (let left = reader.uint32(); left > 0; left--) visit.entry(tag, timeMs, reader)
  }
}
