import type {
  TxnOffsetCommitRequest,
  TxnOffsetCommitResponseInput,
} from '../../protocol/apis/txn-offset-commit.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { commitToTopics, refuseAll } from '../committed-topics.ts'
import { AclOperation, mayOnGroup, mayOnTransactionalId } from '../security/access.ts'
import type { BrokerServices, Handler } from '../services.ts'

const ABORTABLE_FROM = 4
const IMPLICIT_ADD_FROM = 5
const BY_TOPIC_ID_FROM = 6

/**
 * TxnOffsetCommit: offsets that become visible when the transaction commits. The group's partition must be in the
 * transaction; from version 5 it is added here (KIP-890).
 */
export const handleTxnOffsetCommit: Handler<TxnOffsetCommitRequest, TxnOffsetCommitResponseInput> = async (
  request,
  context,
) => {
  const { apiVersion, services } = context
  if (!mayOnTransactionalId(context, AclOperation.WRITE, request.transactionalId))
    return { topics: refuseAll(request.topics, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED) }
  if (!mayOnGroup(context, AclOperation.READ, request.groupId))
    return { topics: refuseAll(request.topics, ErrorCode.GROUP_AUTHORIZATION_FAILED) }
  const {
    producerId,
    producerEpoch,
    generationIdOrMemberEpoch: generationId,
    groupId,
    memberId,
    groupInstanceId,
  } = request
  const byId = apiVersion >= BY_TOPIC_ID_FROM
  const topics = await commitToTopics(context, { topics: request.topics, byId }, async (existing) => {
    const refused = await joinTransaction(request, apiVersion, services)
    return refused === ErrorCode.NONE
      ? services.groups.commitTransactionalOffsets(
          {
            apiVersion,
            groupId,
            memberId,
            groupInstanceId,
            generationId,
            retentionTimeMs: -1,
            topics: existing,
          },
          { producerId, producerEpoch },
        )
      : refuseAll(existing, refused)
  })
  return { topics }
}

async function joinTransaction(
  request: TxnOffsetCommitRequest,
  apiVersion: number,
  services: BrokerServices,
): Promise<ErrorCode> {
  if (request.groupId === '') return ErrorCode.INVALID_GROUP_ID
  const partition = services.transactions.groupPartition(request.groupId)
  if (partition === undefined) return ErrorCode.COORDINATOR_NOT_AVAILABLE
  const question = { ...request, partitions: [partition] }
  const error =
    apiVersion >= IMPLICIT_ADD_FROM
      ? await services.transactions.addPartitions({ ...question, clientVersion: 2 })
      : (await services.transactions.isInTransaction(question))[0]!
  switch (error) {
    case ErrorCode.PRODUCER_FENCED:
      return ErrorCode.INVALID_PRODUCER_EPOCH
    case ErrorCode.TRANSACTION_ABORTABLE:
      return apiVersion >= ABORTABLE_FROM ? error : ErrorCode.INVALID_TXN_STATE
    case ErrorCode.CONCURRENT_TRANSACTIONS:
      // Older clients try again only when they are told that the coordinator is not ready.
      return apiVersion >= IMPLICIT_ADD_FROM ? error : ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
    default:
      return error
  }
}
