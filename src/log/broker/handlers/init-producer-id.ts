import type {
  InitProducerIdRequest,
  InitProducerIdResponseInput,
} from '../../protocol/apis/init-producer-id.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import {
  AclOperation,
  mayOnCluster,
  mayOnTransactionalId,
  mayWriteSomeTopic,
  showsOnCluster,
} from '../security/access.ts'
import type { Handler } from '../services.ts'

const PRODUCER_FENCED_FROM = 4

/** InitProducerId: a fresh identity, or for a transactional id the next epoch, after ending what was open. */
export const handleInitProducerId: Handler<InitProducerIdRequest, InitProducerIdResponseInput> = async (
  request,
  context,
) => {
  const { apiVersion, services } = context
  const { transactionalId, transactionTimeoutMs: timeoutMs, producerId, producerEpoch } = request
  if (transactionalId !== null) {
    if (!mayOnTransactionalId(context, AclOperation.WRITE, transactionalId))
      return refused(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
  } else if (
    !showsOnCluster(context, AclOperation.IDEMPOTENT_WRITE) &&
    !mayWriteSomeTopic(context) &&
    !mayOnCluster(context, AclOperation.IDEMPOTENT_WRITE)
  ) {
    return refused(ErrorCode.CLUSTER_AUTHORIZATION_FAILED)
  }
  if ((producerId === -1) !== (producerEpoch === -1)) return refused(ErrorCode.INVALID_REQUEST)
  const current = producerId === -1 ? undefined : { producerId, producerEpoch }
  const answer = await services.transactions.initProducerId({ transactionalId, timeoutMs, current })
  if (answer.errorCode === ErrorCode.PRODUCER_FENCED && apiVersion < PRODUCER_FENCED_FROM) {
    return refused(ErrorCode.INVALID_PRODUCER_EPOCH)
  }
  return answer
}

function refused(errorCode: ErrorCode): InitProducerIdResponseInput {
  return { errorCode, producerId: -1, producerEpoch: -1 }
}
