/**
 * What is to be written of what was fetched: batches whose offsets at the source follow each other without a gap.
 *
 * A batch passes through as it is (its bytes, its compression) where that is possible. It is built anew where it is not:
 * compaction left holes in it, its times are those of the source's log (which a client must not claim), or only a part of
 * it is wanted; and small batches that follow each other are joined, because every batch costs a round of the target.
 */
import {
  compressionOf,
  isLogAppendTime,
  readBatchHeader,
  type BatchHeader,
  RecordBatchBuilder,
  RecordCursor,
} from '../log/protocol/record-batch.ts'
import { type FetchedRecords, visibleBatches } from '../log/client/fetched-records.ts'

export interface Piece {
  readonly batch: Buffer
  /** At the source. */
  readonly firstOffset: number
  readonly lastOffset: number
}

/** Batches of at least this size are not joined with others. */
const LARGE_BYTES = 64 * 1024
const JOINED_BYTES_MAX = 128 * 1024

/** The pieces of what was fetched, from the offset `from` on; `joinedBytesMax` bounds what is made of several batches. */
export function piecesOf(
  fetched: FetchedRecords,
  options: { readonly from: number; readonly joinedBytesMax?: number },
): Piece[] {
  const plan = new Plan(options.from, Math.min(JOINED_BYTES_MAX, options.joinedBytesMax ?? Infinity))
  for (const batch of visibleBatches(fetched)) plan.add(batch)
  return plan.end()
}

class Plan {
  readonly #from: number
  readonly #joinedBytesMax: number
  readonly #pieces: Piece[] = []
  /** Whole batches that follow each other and could be joined. */
  #group: { readonly batch: Buffer; readonly header: BatchHeader }[] = []
  #groupBytes = 0

  constructor(from: number, joinedBytesMax: number) {
    this.#from = from
    this.#joinedBytesMax = joinedBytesMax
  }

  add(batch: Buffer): void {
    const header = readBatchHeader(batch, 0)
    if (lastOffsetOf(header) < this.#from) return
    if (!passes(header, this.#from)) {
      this.#join()
      this.#rebuild([batch], header)
      return
    }
    const before = this.#group.at(-1)?.header
    const fits =
      before !== undefined &&
      lastOffsetOf(before) + 1 === header.baseOffset &&
      (before.attributes & 7) === (header.attributes & 7) &&
      batch.length < LARGE_BYTES &&
      this.#groupBytes < LARGE_BYTES &&
      this.#groupBytes + batch.length <= this.#joinedBytesMax
    if (!fits) this.#join()
    this.#group.push({ batch, header })
    this.#groupBytes += batch.length
  }

  end(): Piece[] {
    this.#join()
    return this.#pieces
  }

  #join(): void {
    const [first, ...others] = this.#group
    this.#group = []
    this.#groupBytes = 0
    if (first === undefined) return
    const { batch, header } = first
    if (others.length > 0) this.#rebuild([batch, ...others.map((other) => other.batch)], header)
    else this.#pieces.push({ batch, firstOffset: header.baseOffset, lastOffset: lastOffsetOf(header) })
  }

  /** One piece for each run of offsets without a gap. */
  #rebuild(batches: readonly Buffer[], { attributes }: BatchHeader): void {
    const compression = compressionOf(attributes)
    const builder = new RecordBatchBuilder()
    let [firstOffset, nextOffset] = [-1, -1]
    const finish = (): void => {
      if (builder.count === 0) return
      this.#pieces.push({ batch: builder.build({ compression }), firstOffset, lastOffset: nextOffset - 1 })
    }
    const cursor = new RecordCursor()
    for (const batch of batches) {
      cursor.open(batch)
      while (cursor.next()) {
        if (cursor.offset < this.#from) continue
        if (cursor.offset !== nextOffset) {
          finish()
          firstOffset = cursor.offset
        }
        builder.append({
          timestampMs: cursor.timestampMs,
          key: cursor.key(),
          value: cursor.value(),
          headers: cursor.headers(),
        })
        nextOffset = cursor.offset + 1
      }
    }
    finish()
  }
}

function passes(header: BatchHeader, from: number): boolean {
  return (
    header.baseOffset >= from &&
    header.recordCount === header.lastOffsetDelta + 1 &&
    !isLogAppendTime(header.attributes)
  )
}

function lastOffsetOf({ baseOffset, lastOffsetDelta }: BatchHeader): number {
  return baseOffset + lastOffsetDelta
}
