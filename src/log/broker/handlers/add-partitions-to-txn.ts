import type {
  AddPartitionsToTxnRequest,
  AddPartitionsToTxnResponseInput,
} from '../../protocol/apis/add-partitions-to-txn.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { AclOperation, mayOnCluster, mayOnTopic, mayOnTransactionalId } from '../security/access.ts'
import type { Handler, RequestContext } from '../services.ts'

type Transaction = AddPartitionsToTxnRequest['transactions'][number]
type Partitions = readonly { readonly topic: string; readonly partition: number }[]
type TopicResults = NonNullable<AddPartitionsToTxnResponseInput['resultsByTopicV3AndBelow']>

const PRODUCER_FENCED_FROM = 2
const SEVERAL_TRANSACTIONS_FROM = 4
const ABORTABLE_FROM = 5

/** AddPartitionsToTxn: one transaction of a client, or from version 4 several, or only a question whether they are in. */
export const handleAddPartitionsToTxn: Handler<
  AddPartitionsToTxnRequest,
  AddPartitionsToTxnResponseInput
> = async (request, context) => {
  const { apiVersion } = context
  if (apiVersion >= SEVERAL_TRANSACTIONS_FROM) {
    // These versions are for brokers among each other; clients use them nowhere.
    if (!mayOnCluster(context, AclOperation.CLUSTER_ACTION))
      return { errorCode: ErrorCode.CLUSTER_AUTHORIZATION_FAILED }
    const results = request.transactions.map(async (transaction) => ({
      transactionalId: transaction.transactionalId,
      topicResults: await addOrVerify(context, transaction),
    }))
    return { errorCode: ErrorCode.NONE, resultsByTransaction: await Promise.all(results) }
  }
  const transaction: Transaction = {
    transactionalId: request.v3AndBelowTransactionalId,
    producerId: request.v3AndBelowProducerId,
    producerEpoch: request.v3AndBelowProducerEpoch,
    verifyOnly: false,
    topics: request.v3AndBelowTopics,
  }
  return { resultsByTopicV3AndBelow: await addOrVerify(context, transaction) }
}

async function addOrVerify(context: RequestContext, transaction: Transaction): Promise<TopicResults> {
  const partitions = transaction.topics.flatMap(({ name, partitions: indexes }) =>
    indexes.map((partition) => ({ topic: name, partition })),
  )
  const errors = await errorsOf(context, transaction, partitions)
  let next = 0
  return transaction.topics.map(({ name, partitions: indexes }) => ({
    name,
    resultsByPartition: indexes.map((partitionIndex) => ({
      partitionIndex,
      partitionErrorCode: errors[next++]!,
    })),
  }))
}

async function errorsOf(
  context: RequestContext,
  transaction: Transaction,
  partitions: Partitions,
): Promise<readonly ErrorCode[]> {
  const { apiVersion, services } = context
  const fromClient = apiVersion < SEVERAL_TRANSACTIONS_FROM
  if (fromClient && !mayOnTransactionalId(context, AclOperation.WRITE, transaction.transactionalId))
    return partitions.map(() => ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
  const problems = partitions.map(({ topic, partition }) => {
    if (fromClient && !mayOnTopic(context, AclOperation.WRITE, topic))
      return ErrorCode.TOPIC_AUTHORIZATION_FAILED
    const exists = services.logDirectory.topic(topic)?.partitions[partition] !== undefined
    return exists ? ErrorCode.OPERATION_NOT_ATTEMPTED : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
  })
  if (problems.some((problem) => problem !== ErrorCode.OPERATION_NOT_ATTEMPTED)) return problems
  if (transaction.verifyOnly) {
    const errors = await services.transactions.isInTransaction({ ...transaction, partitions })
    return errors.map((error) =>
      error === ErrorCode.TRANSACTION_ABORTABLE && apiVersion < ABORTABLE_FROM
        ? ErrorCode.INVALID_TXN_STATE
        : error,
    )
  }
  const error = await services.transactions.addPartitions({ ...transaction, partitions, clientVersion: 1 })
  const told =
    error === ErrorCode.PRODUCER_FENCED && apiVersion < PRODUCER_FENCED_FROM
      ? ErrorCode.INVALID_PRODUCER_EPOCH
      : error
  return partitions.map(() => told)
}
