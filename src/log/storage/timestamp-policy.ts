import { WireError } from '../../base/byte-reader.ts'
import { type BatchHeader, RecordCursor } from '../protocol/record-batch.ts'
import type { TopicConfig } from './topic-config.ts'

/** What is wrong with a batch's CreateTime timestamps, by `message.timestamp.after.max.ms` and `…before.max.ms`. */
export function timestampProblem(
  batch: Buffer,
  header: BatchHeader,
  rules: { readonly config: TopicConfig; readonly nowMs: number },
): string | undefined {
  const { nowMs } = rules
  const { timestampAfterMaxMs, timestampBeforeMaxMs } = rules.config
  if (header.maxTimestamp - nowMs > timestampAfterMaxMs) {
    return `Timestamp ${header.maxTimestamp} is more than ${timestampAfterMaxMs} ms ahead of the broker's clock.`
  }
  // Almost nobody sets the other limit, and no header says how old the oldest record is.
  if (timestampBeforeMaxMs >= nowMs) return undefined
  try {
    const cursor = new RecordCursor().open(batch)
    while (cursor.next()) {
      if (nowMs - cursor.timestampMs > timestampBeforeMaxMs) {
        return `Timestamp ${cursor.timestampMs} is more than ${timestampBeforeMaxMs} ms behind the broker's clock.`
      }
    }
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    return `The records' timestamps cannot be read: ${error.message}`
  }
  return undefined
}
