import { createProducer, type Producer } from '../../log/client/producer.ts'
import { connectClient, type LogClient } from '../../log/client/client.ts'
import type { RejectedRecord } from '../../stream/connector/source.ts'
import type { Sink, SinkContext, SinkWriter } from '../../stream/connector/sink.ts'
import type { EventBatch } from '../../stream/operators/operator.ts'
import { bootstrapFor, type KafkaOptions } from './kafka-options.ts'

/**
 * Keeps records that could not be decoded: key and value as they were, where they stood and what was wrong in the
 * headers `millrace.topic`, `millrace.partition`, `millrace.offset`, `millrace.reason`. At least once: after a crash a
 * record may come again, and its offset tells that it is the same.
 */
export function deadLetterSink(
  topic: string,
  source: Pick<KafkaOptions<unknown>, 'bootstrap'>,
): Sink<RejectedRecord> {
  return {
    kind: 'kafka-dead-letter',
    guarantee: 'at-least-once',
    createWriter: (context) => new DeadLetterWriter(topic, source, context),
  }
}

class DeadLetterWriter implements SinkWriter<RejectedRecord> {
  readonly #topic: string
  readonly #bootstrap: string
  readonly #context: SinkContext
  #client: LogClient | undefined
  #producer: Producer | undefined

  constructor(topic: string, source: Pick<KafkaOptions<unknown>, 'bootstrap'>, context: SinkContext) {
    this.#topic = topic
    this.#bootstrap = bootstrapFor({ ...source, topic }, context)
    this.#context = context
  }

  async recover(): Promise<void> {
    const { world, job, step } = this.#context
    this.#client = await connectClient({
      world,
      bootstrap: this.#bootstrap,
      clientId: `millrace.${job}.${step}`,
    })
    this.#producer = await createProducer(this.#client)
    await this.#client.topic(this.#topic, { autoCreate: true })
  }

  write(batch: EventBatch<RejectedRecord>): void {
    for (const { topic, partition, offset, key, value, reason } of batch.values) {
      const headers = Object.entries({
        topic,
        partition: String(partition),
        offset: String(offset),
        reason,
      }).map(([name, text]) => ({ key: `millrace.${name}`, value: text }))
      this.#producer?.send({ topic: this.#topic, key, value, headers })
    }
  }

  blocked(): Promise<void> | undefined {
    return this.#producer?.blocked() as Promise<void> | undefined
  }

  async prepareCommit(): Promise<undefined> {
    await this.#producer?.flush()
    return undefined
  }

  commit(): Promise<void> {
    return Promise.resolve()
  }

  async close(): Promise<void> {
    await this.#producer?.close({ discard: true })
    await this.#client?.close()
  }
}
