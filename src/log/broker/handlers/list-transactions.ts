import type {
  ListTransactionsRequest,
  ListTransactionsResponseInput,
} from '../../protocol/apis/list-transactions.ts'
import { TRANSACTION_STATUSES } from '../../coordinator/transaction/transaction-record.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { AclOperation, showsTransactionalId } from '../security/access.ts'
import type { Handler } from '../services.ts'

/** ListTransactions: transactional ids that pass all filters; empty filters let everything through. */
export const handleListTransactions: Handler<ListTransactionsRequest, ListTransactionsResponseInput> = (
  request,
  context,
) => {
  const { services } = context
  const { stateFilters, producerIdFilters, durationFilter, transactionalIdPattern } = request
  const pattern = patternOf(transactionalIdPattern)
  if (pattern === 'invalid') {
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
        (pattern === undefined || pattern.test(transactionalId)) &&
        showsTransactionalId(context, AclOperation.DESCRIBE, transactionalId),
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

const LONGEST_PATTERN = 1_000
const MOST_REPETITIONS = 2

/**
 * The pattern must match the whole id. Kafka's engine takes linear time; this one backtracks, so patterns that could
 * make it do so for long (nested or many repetitions, back references) are refused.
 */
function patternOf(source: string | null): RegExp | 'invalid' | undefined {
  if (source === null || source === '') return undefined
  const repetitions = source.match(/[*+]|\{\d+,\d*\}/g)?.length ?? 0
  if (source.length > LONGEST_PATTERN || repetitions > MOST_REPETITIONS) return 'invalid'
  if (/\)[*+{]/.test(source) || /\\[1-9k]/.test(source)) return 'invalid'
  try {
    return new RegExp(`^(?:${source})$`, 'u')
  } catch {
    return 'invalid'
  }
}
