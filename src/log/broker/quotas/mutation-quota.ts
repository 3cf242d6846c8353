import { ErrorCode } from '../../protocol/error-code.ts'
import type { RequestContext } from '../services.ts'
import type { MutationQuota } from './client-quotas.ts'
import { quotaClient } from './hold-to-quota.ts'

/** What a topic is refused with that was to be created, to grow or to go by a client over its quota. */
export const OVER_QUOTA = {
  error: ErrorCode.THROTTLING_QUOTA_EXCEEDED,
  message: 'The throttling quota has been exceeded.',
} as const

/** What the client of a request may still create and delete; from a version on it is refused what is too much. */
export function mutationQuota(context: RequestContext, strictFrom: number): MutationQuota {
  const { apiVersion, clientId, connection, services } = context
  return services.quotas.mutations(quotaClient(connection, clientId), {
    strict: apiVersion >= strictFrom,
    nowMs: services.clock.monotonicMs(),
  })
}
