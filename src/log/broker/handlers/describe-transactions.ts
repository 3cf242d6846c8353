import type {
  DescribeTransactionsRequest,
  DescribeTransactionsResponseInput,
} from '../../protocol/apis/describe-transactions.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { AclOperation, mayOnTransactionalId, showsTopic } from '../security/access.ts'
import type { Handler } from '../services.ts'

/** DescribeTransactions: what is known about transactional ids. */
export const handleDescribeTransactions: Handler<
  DescribeTransactionsRequest,
  DescribeTransactionsResponseInput
> = (request, context) => ({
  transactionStates: request.transactionalIds.map((transactionalId) => {
    if (!mayOnTransactionalId(context, AclOperation.DESCRIBE, transactionalId)) {
      const errorCode = ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
      return { ...NOTHING, transactionalId, errorCode }
    }
    const known = context.services.transactions.describe(transactionalId)
    if (known === undefined) return { ...NOTHING, transactionalId, errorCode: missing(transactionalId) }
    return {
      errorCode: ErrorCode.NONE,
      transactionalId,
      transactionState: known.status,
      transactionTimeoutMs: known.timeoutMs,
      transactionStartTimeMs: known.startedMs,
      producerId: known.producerId,
      producerEpoch: known.producerEpoch,
      topics: Array.from(known.partitions, ([topic, partitions]) => ({
        topic,
        partitions: [...partitions],
      })).filter(({ topic }) => showsTopic(context, AclOperation.DESCRIBE, topic)),
    }
  }),
})

const NOTHING = {
  transactionState: '',
  transactionTimeoutMs: 0,
  transactionStartTimeMs: -1,
  producerId: -1,
  producerEpoch: -1,
  topics: [],
}

function missing(transactionalId: string): ErrorCode {
  return transactionalId === '' ? ErrorCode.INVALID_REQUEST : ErrorCode.TRANSACTIONAL_ID_NOT_FOUND
}
