/**
 * Transactions in which nothing is written but their markers: each takes one offset of every partition in it, which no
 * reader sees. Partitions are added as before KIP-890, without writing to them, which brokers of today know too; where
 * they can, the transactions end as since, each with an epoch of its own: by that a coordinator that crashes and comes back
 * can tell the marker of one from that of another.
 */
import { messageOf, MillraceError } from '../../base/millrace-error.ts'
import { addPartitionsToTxnApi } from '../protocol/apis/add-partitions-to-txn.ts'
import { endTxnApi } from '../protocol/apis/end-txn.ts'
import { KafkaError, throwIfError } from './kafka-error.ts'
import type { LogClient } from './log-client.ts'
import type { ProducerIdentity } from './producer.ts'
import {
  ADD_PARTITIONS_OF_CLIENTS,
  coordinated,
  endTxnLimit,
  speaksVersion2,
  takeOver,
} from './transaction-coordination.ts'

export class EmptyTransactions {
  readonly #client: LogClient
  readonly #transactionalId: string
  readonly #version2: boolean
  #identity: ProducerIdentity

  /** Takes over the transactional id: ends what an earlier owner left open, and fences it. */
  static async create(client: LogClient, transactionalId: string): Promise<EmptyTransactions> {
    const version2 = await speaksVersion2(client)
    const identity = await takeOver(client, { transactionalId })
    return new EmptyTransactions(client, transactionalId, { version2, identity })
  }

  private constructor(
    client: LogClient,
    transactionalId: string,
    start: { readonly version2: boolean; readonly identity: ProducerIdentity },
  ) {
    this.#client = client
    this.#transactionalId = transactionalId
    this.#version2 = start.version2
    this.#identity = start.identity
  }

  /**
   * Resolves when all transactions before are over for good. Until then a coordinator that crashes may write their markers
   * once more, behind whatever was written meanwhile: one that gives no transaction an epoch of its own, or Kafka's.
   */
  async settle(): Promise<void> {
    this.#identity = await takeOver(this.#client, { transactionalId: this.#transactionalId })
  }

  /**
   * One transaction with these partitions. Its markers appear soon after. Throws `MR_TRANSACTION_FAILED` when an answer is
   * lost: asking again could open another transaction, whose end would be one more marker. Then only a new owner, who
   * takes the id over, can know what is there.
   */
  async mark(partitions: readonly { readonly topic: string; readonly partition: number }[]): Promise<void> {
    const transactionalId = this.#transactionalId
    const v3AndBelowTopics = [...Map.groupBy(partitions, ({ topic }) => topic)].map(([name, group]) => ({
      name,
      partitions: group.map(({ partition }) => partition),
    }))
    const { producerId, producerEpoch } = this.#identity
    await this.#ask(async (node) => {
      const answer = await this.#client.request(
        addPartitionsToTxnApi,
        {
          v3AndBelowTransactionalId: transactionalId,
          v3AndBelowProducerId: producerId,
          v3AndBelowProducerEpoch: producerEpoch,
          v3AndBelowTopics,
        },
        { node, maxVersion: ADD_PARTITIONS_OF_CLIENTS },
      )
      for (const { name: topic, resultsByPartition } of answer.resultsByTopicV3AndBelow) {
        for (const { partitionIndex: partition, partitionErrorCode } of resultsByPartition)
          throwIfError(partitionErrorCode, {
            doing: 'adding a partition to the transaction',
            topic,
            partition,
            needs: { topic: `Write on the topic ${topic}` },
          })
      }
    })
    await this.#ask(async (node) => {
      const answer = await this.#client.request(
        endTxnApi,
        { transactionalId, producerId, producerEpoch, committed: true },
        { node, ...endTxnLimit(this.#version2) },
      )
      throwIfError(answer.errorCode, { doing: `ending the transaction ${transactionalId}` })
      if (this.#version2)
        this.#identity = { producerId: answer.producerId, producerEpoch: answer.producerEpoch }
    })
  }

  /** Asks again where the answer was no, not where there was none. */
  #ask(exchange: (node: { readonly transactionalId: string }) => Promise<void>): Promise<void> {
    const transactionalId = this.#transactionalId
    return coordinated(this.#client, transactionalId, async () => {
      try {
        await exchange({ transactionalId })
      } catch (error) {
        if (error instanceof KafkaError) throw error
        throw new MillraceError({
          code: 'MR_TRANSACTION_FAILED',
          message: `whether the transaction ${transactionalId} has ended is not known: ${messageOf(error)}`,
          fix: 'Take the transactional id over again.',
          cause: error,
        })
      }
    })
  }
}
