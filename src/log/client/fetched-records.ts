/**
 * Record batches of one partition as a fetch brought them, and the records in them that a reader may see: not those in
 * front of the offset that was asked for (batches come whole), not control records, and, when reading committed, not
 * those of aborted transactions.
 *
 * Aborted transactions are told by producer id and first offset. Walking the batches in order, a producer's records are
 * hidden from the batch at or behind that offset until its abort marker, as Kafka's consumers do it.
 */
import {
  isControl,
  isTransactional,
  readBatchHeader,
  readControlType,
  RecordCursor,
} from '../protocol/record-batch.ts'

export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

export interface FetchedRecords {
  readonly topic: string
  readonly partition: number
  /** Whole batches, one after the other. */
  readonly batches: readonly Buffer[]
  readonly sizeBytes: number
  /** The first offset that was asked for. */
  readonly offset: number
  /** Where the next fetch goes on. */
  readonly nextOffset: number
  readonly highWatermark: number
  /** The end of what a `read_committed` reader may see; -1 when the broker did not tell. */
  readonly lastStableOffset: number
  /** Null when all may be seen. */
  readonly abortedTransactions: readonly AbortedTransaction[] | null
  /** Whether nothing more was there to be read when this was fetched. */
  readonly caughtUp: boolean
}

/** The records as parallel arrays. Keys and values are views of the batches. */
export interface RecordColumns {
  readonly offsets: number[]
  /** Milliseconds since the Unix epoch. */
  readonly timestamps: number[]
  readonly keys: (Buffer | null)[]
  readonly values: (Buffer | null)[]
}

/**
 * Calls `visit` for every visible record with a cursor that stands on it; the cursor is only good during the call.
 * Returns how many there were. Throws `WireError` on a batch that cannot be read.
 */
export function forEachFetchedRecord(fetched: FetchedRecords, visit: (cursor: RecordCursor) => void): number {
  const cursor = new RecordCursor()
  let count = 0
  for (const batch of visibleBatches(fetched)) {
    cursor.open(batch)
    while (cursor.next()) {
      if (cursor.offset < fetched.offset) continue
      visit(cursor)
      count++
    }
  }
  return count
}

export function decodeRecords(fetched: FetchedRecords): RecordColumns {
  const columns: RecordColumns = { offsets: [], timestamps: [], keys: [], values: [] }
  forEachFetchedRecord(fetched, (cursor) => {
    columns.offsets.push(cursor.offset)
    columns.timestamps.push(cursor.timestampMs)
    columns.keys.push(cursor.key())
    columns.values.push(cursor.value())
  })
  return columns
}

/** The batches that hold records for the application. */
export function visibleBatches(fetched: FetchedRecords): readonly Buffer[] {
  const aborted = fetched.abortedTransactions?.toSorted((a, b) => a.firstOffset - b.firstOffset) ?? []
  const hidden = new Set<number>()
  const visible: Buffer[] = []
  let next = 0
  for (const batch of fetched.batches) {
    const header = readBatchHeader(batch, 0)
    const lastOffset = header.baseOffset + header.lastOffsetDelta
    for (; next < aborted.length && aborted[next]!.firstOffset <= lastOffset; next++)
      hidden.add(aborted[next]!.producerId)
    if (isControl(header.attributes)) {
      if (hidden.has(header.producerId) && readControlType(batch) === 'abort')
        hidden.delete(header.producerId)
      continue
    }
    if (isTransactional(header.attributes) && hidden.has(header.producerId)) continue
    visible.push(batch)
  }
  return visible
}
