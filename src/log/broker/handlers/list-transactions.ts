import type {
  ListTransactionsRequest,
  ListTransactionsResponseInput,
} from '../../protocol/apis/list-transactions.ts'
import type { CompiledRegex } from '../../coordinator/group/consumer/topics-view.ts'
import { TRANSACTION_STATUSES } from '../../coordinator/transaction/transaction-status.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { Re2TopicRegexes } from '../coordinators/topic-regexes.ts'
import { AclOperation, showsTransactionalId } from '../security/access.ts'
import type { Handler } from '../services.ts'

/** ListTransactions: transactional ids that pass all filters; empty filters let everything through. */
export const handleListTransactions: Handler<ListTransactionsRequest, ListTransactionsResponseInput> = async (
  request,
  context,
) => {
  const { services } = context
  const { stateFilters, producerIdFilters, durationFilter, transactionalIdPattern } = request
  const pattern = await compiled(transactionalIdPattern)
  if (pattern?.kind === 'invalid') {
    return { errorCode: ErrorCode.INVALID_REGULAR_EXPRESSION, unknownStateFilters: [], transactionStates: [] }
  }
  const states = new Set(stateFilters)
  const producerIds = new Set(producerIdFilters)
  const nowMs = services.clock.nowMs()
  const transactionStates = services.transactions
    .list()
    .filter(
      ([transactionalId, value]) =>
        (states.size === 0 || states.has(value.status)) &&
        (producerIds.size === 0 || producerIds.has(value.producerId)) &&
        (durationFilter < 0 || (value.startedMs >= 0 && nowMs - value.startedMs > durationFilter)) &&
        showsTransactionalId(context, AclOperation.DESCRIBE, transactionalId) &&
        (pattern === undefined || pattern.matches(transactionalId)),
    )
    .map(([transactionalId, value]) => ({
      transactionalId,
      producerId: value.producerId,
      transactionState: value.status,
    }))
  const known: readonly string[] = TRANSACTION_STATUSES
  return {
    errorCode: ErrorCode.NONE,
    unknownStateFilters: stateFilters.filter((state) => !known.includes(state)),
    transactionStates,
  }
}

/** The pattern has to match the whole id, in RE2's syntax as with Kafka; it is matched in linear time. */
async function compiled(source: string | null): Promise<CompiledRegex | undefined> {
  if (source === null || source === '') return undefined
  const regexes = new Re2TopicRegexes()
  await regexes.load()
  return regexes.compile(source)
}
