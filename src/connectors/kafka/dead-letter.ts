import type { ProducerRecord } from '../../log/client/producer.ts'
import type { RejectedRecord } from '../../stream/connector/source.ts'
import type { Sink } from '../../stream/connector/sink.ts'
import { IdempotentWriter } from './idempotent-writer.ts'
import { clusterOptions, type ClusterOptions } from './kafka-options.ts'

/**
 * Keeps records that could not be decoded: key and value as they were, where they stood and what was wrong in the
 * headers `millrace.topic`, `millrace.partition`, `millrace.offset`, `millrace.reason`. At least once: after a crash a
 * record may come again, and its offset tells that it is the same.
 */
export function deadLetterSink(topic: string, cluster: ClusterOptions): Sink<RejectedRecord> {
  const record = (rejected: RejectedRecord): ProducerRecord => recordOf(topic, rejected)
  return {
    kind: 'kafka-dead-letter',
    guarantee: 'at-least-once',
    createWriter: (context) =>
      new IdempotentWriter(
        { topic, openRecord: () => Promise.resolve(record), ...clusterOptions(cluster) },
        context,
      ),
  }
}

function recordOf(deadLetters: string, rejected: RejectedRecord): ProducerRecord {
  const { topic, partition, offset, key, value, reason } = rejected
  const place = { topic, partition: String(partition), offset: String(offset), reason }
  const headers = Object.entries(place).map(([name, text]) => ({ key: `millrace.${name}`, value: text }))
  return { topic: deadLetters, key, value, headers }
}
