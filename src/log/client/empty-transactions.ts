/**
 * Transactions in which nothing is written but their markers: each takes one offset of every partition in it, which no
 * reader sees. They are of the protocol before KIP-890, in which a partition can be added without writing to it; brokers
 * of today speak it too.
 */
import { addPartitionsToTxnApi } from '../protocol/apis/add-partitions-to-txn.ts'
import { endTxnApi } from '../protocol/apis/end-txn.ts'
import { throwIfError } from './kafka-error.ts'
import type { LogClient } from './log-client.ts'
import type { ProducerIdentity } from './producer.ts'
import { coordinated, takeOver } from './transaction-coordination.ts'

/** The last versions of that protocol for clients. */
const ADD_PARTITIONS_OF_CLIENTS = 3
const END_TXN_V1 = 4

export class EmptyTransactions {
  readonly #client: LogClient
  readonly #transactionalId: string
  readonly #identity: ProducerIdentity

  /** Takes over the transactional id: ends what an earlier owner left open, and fences it. */
  static async create(client: LogClient, transactionalId: string): Promise<EmptyTransactions> {
    return new EmptyTransactions(client, transactionalId, await takeOver(client, { transactionalId }))
  }

  private constructor(client: LogClient, transactionalId: string, identity: ProducerIdentity) {
    this.#client = client
    this.#transactionalId = transactionalId
    this.#identity = identity
  }

  /** One transaction with these partitions. Its markers appear soon after. */
  async mark(partitions: readonly { readonly topic: string; readonly partition: number }[]): Promise<void> {
    const transactionalId = this.#transactionalId
    const node = { transactionalId }
    const v3AndBelowTopics = [...Map.groupBy(partitions, ({ topic }) => topic)].map(([name, group]) => ({
      name,
      partitions: group.map(({ partition }) => partition),
    }))
    await coordinated(this.#client, transactionalId, async () => {
      const answer = await this.#client.request(
        addPartitionsToTxnApi,
        {
          v3AndBelowTransactionalId: transactionalId,
          v3AndBelowProducerId: this.#identity.producerId,
          v3AndBelowProducerEpoch: this.#identity.producerEpoch,
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
          })
      }
    })
    await coordinated(this.#client, transactionalId, async () => {
      const answer = await this.#client.request(
        endTxnApi,
        { transactionalId, ...this.#identity, committed: true },
        { node, maxVersion: END_TXN_V1 },
      )
      throwIfError(answer.errorCode, { doing: `ending the transaction ${transactionalId}` })
    })
  }
}
