/**
 * A producer whose records arrive once and in order per partition (Kafka's idempotent producer), with acks=all.
 *
 *   const producer = await createProducer(client, { lingerMs: 5 })
 *   if (!producer.send({ topic, key, value })) await producer.blocked()
 *   await producer.flush()
 */
import { initProducerIdApi } from '../protocol/apis/init-producer-id.ts'
import { BatchSender } from './batch-sender.ts'
import { producerClosed, throwIfError } from './kafka-error.ts'
import type { LogClient } from './log-client.ts'
import type { Delivered, ProducerIdentity } from './pending-batch.ts'
import type { SenderOptions } from './sender-options.ts'
import { type ProducerRecord, TopicRouter } from './topic-router.ts'

export type { SenderOptions } from './sender-options.ts'
export type { Delivered, ProducerIdentity } from './pending-batch.ts'
export type { ProducerRecord } from './topic-router.ts'

export interface Producer {
  /**
   * Takes a record into the buffer, always; false when the buffer is full: wait for `blocked` before the next one.
   * `delivered` is told when the record is stored or lost. Throws when the producer cannot go on, and
   * `MR_TOPIC_NOT_FOUND` for a partition that the topic does not have.
   */
  send(record: ProducerRecord, delivered?: Delivered): boolean
  /** A promise while the buffer is full, undefined while there is room. */
  blocked(): Promise<unknown> | undefined
  /** Sends all that was taken before the call and waits until it is stored; rejects with the first loss since the last flush. */
  flush(): Promise<void>
  readonly bufferedBytes: number
  /** Flushes, then ends; `discard` gives up what waits instead. */
  close(options?: { readonly discard?: boolean }): Promise<void>
}

/** Gets a producer id from the cluster. Throws `MR_NOT_AUTHORIZED` when it may not write idempotently. */
export async function createProducer(client: LogClient, options: SenderOptions = {}): Promise<Producer> {
  const newIdentity = (): Promise<ProducerIdentity> => newProducerIdentity(client)
  const sender = new BatchSender(client, await newIdentity(), { ...options, hooks: { newIdentity } })
  const router = new TopicRouter(client, sender, {
    maxHeldBytes: options.maxBufferedBytes ?? 32 * 1024 * 1024,
  })
  return {
    send: (record, delivered) => router.send(record, delivered),
    blocked: () => router.blocked(),
    flush: async () => {
      await router.settled()
      await sender.flush()
    },
    get bufferedBytes() {
      return sender.bufferedBytes
    },
    close: async ({ discard = false } = {}) => {
      try {
        if (!discard) {
          await router.settled()
          await sender.flush()
        }
      } finally {
        sender.fail(producerClosed())
      }
    },
  }
}

/** A producer id that nobody has, for an idempotent producer. Throws `MR_NOT_AUTHORIZED`. */
export function newProducerIdentity(client: LogClient): Promise<ProducerIdentity> {
  return client.retry(async () => {
    const answer = await client.request(initProducerIdApi, {
      transactionalId: null,
      transactionTimeoutMs: 60_000,
    })
    throwIfError(answer.errorCode, {
      doing: 'getting a producer id',
      needs: { cluster: 'Write on a topic, or IdempotentWrite on the cluster' },
    })
    return { producerId: answer.producerId, producerEpoch: answer.producerEpoch }
  })
}
