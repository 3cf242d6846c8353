/** A partition that is being read: where it stands, what has been fetched ahead of the reader, what went wrong. */
import { WireError } from '../../base/byte-reader.ts'
import { MillraceError } from '../../base/millrace-error.ts'
import type { FetchResponse } from '../protocol/apis/fetch.ts'
import { readBatchHeader, splitBatches, verifyBatchCrc } from '../protocol/record-batch.ts'
import type { FetchedRecords } from './fetched-records.ts'

export type FetchedPart = FetchResponse['responses'][number]['partitions'][number]

export class FetchedPartition {
  readonly topic: string
  readonly partition: number
  /** Where the next fetch begins. */
  fetchOffset: number
  /** Fetched and not yet taken, oldest first. */
  readonly ready: FetchedRecords[] = []
  bufferedBytes = 0
  /** Node that is asked right now; undefined when none is. */
  askedNode: number | undefined
  /** Earliest time (monotonic) to ask again after a failure. */
  notBeforeMs = 0
  /** When (monotonic) the failures began that have not ended yet. */
  failingSinceMs: number | undefined
  failures = 0
  caughtUp = false

  constructor(options: { readonly topic: string; readonly partition: number; readonly offset: number }) {
    this.topic = options.topic
    this.partition = options.partition
    this.fetchOffset = options.offset
  }

  /**
   * Takes what a fetch at `fetchOffset` brought. Throws `MR_BAD_BATCH` on a batch whose CRC is wrong or that cannot be
   * read, and on one that is larger than any fetch (it came cut off).
   */
  accept(part: FetchedPart, isolation: 'read_committed' | 'read_uncommitted'): void {
    const { highWatermark, lastStableOffset } = part
    const end = isolation === 'read_committed' && lastStableOffset >= 0 ? lastStableOffset : highWatermark
    const batches = part.records === null ? [] : this.#batchesOf(part.records)
    const last = batches.at(-1)
    if (last === undefined) {
      this.caughtUp = this.fetchOffset >= end
      return
    }
    const header = readBatchHeader(last, 0)
    const nextOffset = Math.max(this.fetchOffset, header.baseOffset + header.lastOffsetDelta + 1)
    const sizeBytes = batches.reduce((sum, batch) => sum + batch.length, 0)
    this.caughtUp = nextOffset >= end
    this.ready.push({
      topic: this.topic,
      partition: this.partition,
      batches,
      sizeBytes,
      offset: this.fetchOffset,
      nextOffset,
      highWatermark,
      lastStableOffset,
      abortedTransactions: isolation === 'read_committed' ? part.abortedTransactions : null,
      caughtUp: this.caughtUp,
    })
    this.bufferedBytes += sizeBytes
    this.fetchOffset = nextOffset
  }

  /** The oldest records that were fetched. */
  take(): FetchedRecords | undefined {
    const records = this.ready.shift()
    if (records !== undefined) this.bufferedBytes -= records.sizeBytes
    return records
  }

  #batchesOf(records: Buffer): Buffer[] {
    try {
      const batches = splitBatches(records)
      if (batches.length === 0 && records.length > 0)
        throw new WireError('a batch larger than the fetch that brought it')
      for (const batch of batches) {
        if (!verifyBatchCrc(batch, 0, batch.length)) throw new WireError('a batch with a wrong CRC')
      }
      return batches
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      throw new MillraceError({
        code: 'MR_BAD_BATCH',
        message: `what was fetched is not a record batch: ${error.message}.`,
        fix: "Look at the partition's segment on the broker; reading on past it loses its records.",
        topic: this.topic,
        partition: this.partition,
        offset: this.fetchOffset,
        cause: error,
      })
    }
  }
}
