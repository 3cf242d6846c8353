import type {
  AddOffsetsToTxnRequest,
  AddOffsetsToTxnResponseInput,
} from '../../protocol/apis/add-offsets-to-txn.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { AclOperation, mayOnGroup, mayOnTransactionalId } from '../security/access.ts'
import type { Handler } from '../services.ts'

const PRODUCER_FENCED_FROM = 2

/** AddOffsetsToTxn: puts the partition that keeps the group's offsets into the transaction. */
export const handleAddOffsetsToTxn: Handler<AddOffsetsToTxnRequest, AddOffsetsToTxnResponseInput> = async (
  request,
  context,
) => {
  const { apiVersion, services } = context
  if (!mayOnTransactionalId(context, AclOperation.WRITE, request.transactionalId))
    return { errorCode: ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED }
  if (!mayOnGroup(context, AclOperation.READ, request.groupId))
    return { errorCode: ErrorCode.GROUP_AUTHORIZATION_FAILED }
  const partition = services.transactions.groupPartition(request.groupId)
  if (partition === undefined) return { errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE }
  const errorCode = await services.transactions.addPartitions({
    ...request,
    partitions: [partition],
    clientVersion: 1,
  })
  if (errorCode === ErrorCode.PRODUCER_FENCED && apiVersion < PRODUCER_FENCED_FROM) {
    return { errorCode: ErrorCode.INVALID_PRODUCER_EPOCH }
  }
  return { errorCode }
}
