import { WireError } from '../../base/byte-reader.ts'
import { type BatchHeader, RecordCursor } from '../protocol/record-batch.ts'
import type { TopicConfig } from './topic-config.ts'

export interface TimestampProblem {
  readonly message: string
  /** Which records of the batch are wrong, from 0. */
  readonly batchIndexes: readonly number[]
}

/** What is wrong with a batch's CreateTime timestamps, by `message.timestamp.after.max.ms` and `…before.max.ms`. */
export function timestampProblem(
  batch: Buffer,
  header: BatchHeader,
  rules: { readonly config: TopicConfig; readonly nowMs: number },
): TimestampProblem | undefined {
  const { nowMs } = rules
  const { timestampAfterMaxMs, timestampBeforeMaxMs } = rules.config
  const isAhead = header.maxTimestamp - nowMs > timestampAfterMaxMs
  // Almost nobody sets the other limit, and no header says how old the oldest record is.
  if (!isAhead && timestampBeforeMaxMs >= nowMs) return undefined
  const batchIndexes: number[] = []
  try {
    const cursor = new RecordCursor().open(batch)
    for (let index = 0; cursor.next(); index++) {
      const aheadMs = cursor.timestampMs - nowMs
      if (aheadMs > timestampAfterMaxMs || -aheadMs > timestampBeforeMaxMs) batchIndexes.push(index)
    }
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    return { message: `The records' timestamps cannot be read: ${error.message}`, batchIndexes }
  }
  if (!isAhead && batchIndexes.length === 0) return undefined
  const limits = [
    `more than ${timestampAfterMaxMs} ms ahead of the broker's clock`,
    ...(timestampBeforeMaxMs < nowMs ? [`more than ${timestampBeforeMaxMs} ms behind it`] : []),
  ]
  const message = `Timestamps are ${limits.join(' or ')}.`
  return { message, batchIndexes }
}
