import type { EndTxnRequest, EndTxnResponseInput } from '../../protocol/apis/end-txn.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { AclOperation, mayOnTransactionalId } from '../security/access.ts'
import type { Handler } from '../services.ts'

const PRODUCER_FENCED_FROM = 2
const BUMPS_EPOCH_FROM = 5

/** EndTxn: answered when the decision is on the device; markers follow. From version 5 the epoch is bumped (KIP-890). */
export const handleEndTxn: Handler<EndTxnRequest, EndTxnResponseInput> = async (request, context) => {
  const { apiVersion, services } = context
  const { transactionalId, producerId, producerEpoch, committed: commit } = request
  if (!mayOnTransactionalId(context, AclOperation.WRITE, transactionalId))
    return { errorCode: ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED }
  const bumpsEpoch = apiVersion >= BUMPS_EPOCH_FROM
  const answer = await services.transactions.endTransaction({
    transactionalId,
    producerId,
    producerEpoch,
    commit,
    bumpsEpoch,
  })
  if (answer.errorCode === ErrorCode.PRODUCER_FENCED && apiVersion < PRODUCER_FENCED_FROM) {
    return { ...answer, errorCode: ErrorCode.INVALID_PRODUCER_EPOCH }
  }
  return answer
}
