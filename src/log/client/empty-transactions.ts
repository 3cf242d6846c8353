/**
 * Transactions in which nothing is written but their markers: each takes one offset of every partition in it, which no
 * reader sees. They are of the protocol before KIP-890, in which a partition can be added without writing to it; brokers
 * of today speak it too.
 */
import { messageOf, MillraceError } from '../../base/millrace-error.ts'
import { addPartitionsToTxnApi } from '../protocol/apis/add-partitions-to-txn.ts'
import { endTxnApi } from '../protocol/apis/end-txn.ts'
import { KafkaError, throwIfError } from './kafka-error.ts'
import type { LogClient } from './log-client.ts'
import type { ProducerIdentity } from './producer.ts'
import { coordinated, takeOver } from './transaction-coordination.ts'

/** The last versions of that protocol for clients. */
const ADD_PARTITIONS_OF_CLIENTS = 3
const END_TXN_V1 = 4

export class EmptyTransactions {
  readonly #client: LogClient
  readonly #transactionalId: string
  #identity: ProducerIdentity

  /** Takes over the transactional id: ends what an earlier owner left open, and fences it. */
  static async create(client: LogClient, transactionalId: string): Promise<EmptyTransactions> {
    return new EmptyTransactions(client, transactionalId, await takeOver(client, { transactionalId }))
  }

  private constructor(client: LogClient, transactionalId: string, identity: ProducerIdentity) {
    this.#client = client
    this.#transactionalId = transactionalId
    this.#identity = identity
  }

  /**
   * Resolves when all transactions before are over for good. Until then a coordinator that crashes writes their markers
   * once more, behind whatever was written meanwhile.
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
        { node, maxVersion: END_TXN_V1 },
      )
      throwIfError(answer.errorCode, { doing: `ending the transaction ${transactionalId}` })
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
