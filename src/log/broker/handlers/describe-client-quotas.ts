import type {
  DescribeClientQuotasRequest,
  DescribeClientQuotasResponseInput,
} from '../../protocol/apis/describe-client-quotas.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { filterProblem, unknownTypeIn } from '../quotas/quota-entity.ts'
import { AclOperation, mayOnCluster } from '../security/access.ts'
import type { Handler } from '../services.ts'

/** DescribeClientQuotas: the quotas of the entities that a filter lets through. */
export const handleDescribeClientQuotas: Handler<
  DescribeClientQuotasRequest,
  DescribeClientQuotasResponseInput
> = (filter, context) => {
  const refused = (errorCode: ErrorCode, errorMessage: string): DescribeClientQuotasResponseInput => ({
    errorCode,
    errorMessage,
    entries: null,
  })
  if (!mayOnCluster(context, AclOperation.DESCRIBE_CONFIGS))
    return refused(ErrorCode.CLUSTER_AUTHORIZATION_FAILED, 'Quotas may not be seen by this client.')
  const problem = filterProblem(filter)
  if (problem !== undefined) return refused(ErrorCode.INVALID_REQUEST, problem)
  const unknown = unknownTypeIn(filter)
  if (unknown !== undefined)
    return refused(ErrorCode.UNSUPPORTED_VERSION, `Custom entity type '${unknown}' not supported`)
  return {
    errorCode: ErrorCode.NONE,
    entries: context.services.quotas.rules.matching(filter).map(({ entity, values }) => ({
      entity,
      values: Object.entries(values).map(([key, value]) => ({ key, value })),
    })),
  }
}
