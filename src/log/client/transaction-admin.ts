/** Transactions from outside: which there are, what they hold, and how one that hangs is ended. */
import { describeProducersApi, type DescribeProducersResponse } from '../protocol/apis/describe-producers.ts'
import { describeTransactionsApi } from '../protocol/apis/describe-transactions.ts'
import { initProducerIdApi } from '../protocol/apis/init-producer-id.ts'
import { listTransactionsApi } from '../protocol/apis/list-transactions.ts'
import { writeTxnMarkersApi } from '../protocol/apis/write-txn-markers.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import { throwIfError } from './kafka-error.ts'
import type { LogClient } from './log-client.ts'

export interface ListedTransaction {
  readonly transactionalId: string
  readonly producerId: number
  /** Kafka's names: `Ongoing`, `PrepareCommit`, `CompleteAbort`, `Empty` … */
  readonly state: string
}

/** The transactional ids of all brokers, sorted. */
export function listTransactions(
  client: LogClient,
  filter: { readonly states?: readonly string[]; readonly producerIds?: readonly number[] } = {},
): Promise<readonly ListedTransaction[]> {
  return client.retry(async () => {
    const { brokers } = await client.metadata([])
    const answers = await Promise.all(
      [...brokers.keys()].map((node) =>
        client.request(
          listTransactionsApi,
          { stateFilters: filter.states ?? [], producerIdFilters: filter.producerIds ?? [] },
          { node },
        ),
      ),
    )
    return answers
      .flatMap((answer) => {
        throwIfError(answer.errorCode, { doing: 'listing transactions' })
        return answer.transactionStates.map(({ transactionalId, producerId, transactionState }) => ({
          transactionalId,
          producerId,
          state: transactionState,
        }))
      })
      .sort((a, b) => (a.transactionalId < b.transactionalId ? -1 : 1))
  })
}

/** The transactional ids whose transactions are neither committed nor aborted yet, on all brokers. */
export async function listOpenTransactions(client: LogClient): Promise<readonly string[]> {
  const open = await listTransactions(client, { states: ['Ongoing'] })
  return open.map(({ transactionalId }) => transactionalId)
}

export interface DescribedTransaction extends ListedTransaction {
  readonly producerEpoch: number
  readonly timeoutMs: number
  /** -1 when none is open. */
  readonly startTimeMs: number
  readonly partitions: readonly { readonly topic: string; readonly partition: number }[]
}

/** One transactional id; `undefined` when the cluster does not know it. */
export function describeTransaction(
  client: LogClient,
  transactionalId: string,
): Promise<DescribedTransaction | undefined> {
  return ofCoordinator(client, transactionalId, async () => {
    const answer = await client.request(
      describeTransactionsApi,
      { transactionalIds: [transactionalId] },
      { node: { transactionalId } },
    )
    const found = answer.transactionStates[0]!
    if (found.errorCode === ErrorCode.TRANSACTIONAL_ID_NOT_FOUND) return undefined
    throwIfError(found.errorCode, { doing: `describing the transactional id ${transactionalId}` })
    return {
      transactionalId,
      producerId: found.producerId,
      producerEpoch: found.producerEpoch,
      state: found.transactionState,
      timeoutMs: found.transactionTimeoutMs,
      startTimeMs: found.transactionStartTimeMs,
      partitions: found.topics.flatMap(({ topic, partitions }) =>
        partitions.map((partition) => ({ topic, partition })),
      ),
    }
  })
}

type ProducerState =
  DescribeProducersResponse['topics'][number]['partitions'][number]['activeProducers'][number]

export interface PartitionProducer extends ProducerState {
  readonly topic: string
  readonly partition: number
}

/** Every producer that the partitions of some topics remember. Throws `MR_TOPIC_NOT_FOUND`. */
export async function describeProducers(
  client: LogClient,
  topics: readonly string[],
): Promise<readonly PartitionProducer[]> {
  for (const { name: topic, errorCode } of (await client.metadata(topics)).topics.values())
    throwIfError(errorCode, { doing: 'looking the topic up', topic })
  return client.retry(async () => {
    const metadata = await client.metadata(topics)
    const wanted = topics.flatMap((topic) =>
      (metadata.topics.get(topic)?.partitions ?? []).map(({ partition, leader }) => ({
        topic,
        partition,
        leader,
      })),
    )
    const answers = await Promise.all(
      [...Map.groupBy(wanted, ({ leader }) => leader)].map(([node, group]) =>
        client.request(
          describeProducersApi,
          {
            topics: [...Map.groupBy(group, ({ topic }) => topic)].map(([name, ofTopic]) => ({
              name,
              partitionIndexes: ofTopic.map(({ partition }) => partition),
            })),
          },
          { node },
        ),
      ),
    )
    return answers
      .flatMap((answer) => answer.topics)
      .flatMap(({ name: topic, partitions }) =>
        partitions.flatMap(({ partitionIndex: partition, errorCode, errorMessage, activeProducers }) => {
          throwIfError(errorCode, { doing: 'describing producers', detail: errorMessage, topic, partition })
          return activeProducers.map((producer) => ({ ...producer, topic, partition }))
        }),
      )
  })
}

/**
 * Transactions that hold a partition's last stable offset although no coordinator works on them: silent for longer
 * than `silentMs`, and unknown to the coordinator, or known there without this partition. Only `abortHanging` ends them.
 */
export async function findHanging(
  client: LogClient,
  options: { readonly topics: readonly string[]; readonly silentMs: number },
): Promise<readonly PartitionProducer[]> {
  const beforeMs = client.world.clock.nowMs() - options.silentMs
  const producers = await describeProducers(client, options.topics)
  const open = producers.filter((one) => one.currentTxnStartOffset >= 0 && one.lastTimestamp <= beforeMs)
  if (open.length === 0) return []
  const listed = await listTransactions(client, {
    producerIds: [...new Set(open.map(({ producerId }) => producerId))],
  })
  const known = await Promise.all(
    listed.map(({ transactionalId }) => describeTransaction(client, transactionalId)),
  )
  return open.filter(({ producerId, topic, partition }) => {
    const working = known.find((one) => one?.producerId === producerId)
    return working?.partitions.some((one) => one.topic === topic && one.partition === partition) !== true
  })
}

/** Writes the abort marker of a transaction that hangs in a partition. */
export async function abortHanging(client: LogClient, producer: PartitionProducer): Promise<void> {
  const { topic, partition, producerId, producerEpoch, coordinatorEpoch } = producer
  await client.retry(async () => {
    const { topics } = await client.metadata([topic])
    const node = topics.get(topic)?.partitions[partition]?.leader ?? -1
    if (node < 0)
      throwIfError(ErrorCode.LEADER_NOT_AVAILABLE, { doing: 'aborting a transaction', topic, partition })
    const answer = await client.request(
      writeTxnMarkersApi,
      {
        markers: [
          {
            producerId,
            producerEpoch,
            transactionResult: false,
            topics: [{ name: topic, partitionIndexes: [partition] }],
            coordinatorEpoch: Math.max(0, coordinatorEpoch),
          },
        ],
      },
      { node },
    )
    const told = answer.markers[0]?.topics[0]?.partitions[0]
    throwIfError(told?.errorCode ?? ErrorCode.NONE, { doing: 'aborting the transaction', topic, partition })
  })
}

/**
 * Ends whatever a transactional id has open, by fencing its producer as a newer one would: the producer's next request
 * fails. Throws `MR_KAFKA_REFUSED` for an id that the cluster does not know.
 */
export async function abortTransaction(client: LogClient, transactionalId: string): Promise<void> {
  const known = await describeTransaction(client, transactionalId)
  const doing = `aborting the transaction of ${transactionalId}`
  if (known === undefined) throwIfError(ErrorCode.TRANSACTIONAL_ID_NOT_FOUND, { doing })
  await ofCoordinator(client, transactionalId, async () => {
    const answer = await client.request(
      initProducerIdApi,
      { transactionalId, transactionTimeoutMs: known!.timeoutMs, producerId: -1, producerEpoch: -1 },
      { node: { transactionalId } },
    )
    throwIfError(answer.errorCode, { doing })
  })
}

/** Retries an exchange with a transactional id's coordinator, looking for it anew when it has moved. */
function ofCoordinator<T>(
  client: LogClient,
  transactionalId: string,
  exchange: () => Promise<T>,
): Promise<T> {
  return client.retry(async () => {
    try {
      return await exchange()
    } catch (error) {
      client.forgetCoordinator({ transactionalId })
      throw error
    }
  })
}
