import { messageOf } from '../../../base/millrace-error.ts'
import type {
  AlterClientQuotasRequest,
  AlterClientQuotasResponseInput,
} from '../../protocol/apis/alter-client-quotas.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { entityProblem, valueProblem } from '../quotas/quota-entity.ts'
import type { QuotaChange } from '../quotas/quota-rules.ts'
import { AclOperation, mayOnCluster } from '../security/access.ts'
import { principalText } from '../security/principal.ts'
import type { Handler } from '../services.ts'

type Entry = AlterClientQuotasRequest['entries'][number]

/** AlterClientQuotas: each entity on its own; what is good is in force, and on the device, when this is answered. */
export const handleAlterClientQuotas: Handler<
  AlterClientQuotasRequest,
  AlterClientQuotasResponseInput
> = async ({ entries, validateOnly }, context) => {
  const { services, connection } = context
  const { rules } = services.quotas
  const answerAll = (errorCode: ErrorCode, errorMessage: string): AlterClientQuotasResponseInput => ({
    entries: entries.map(({ entity }) => ({ entity, errorCode, errorMessage })),
  })
  if (!mayOnCluster(context, AclOperation.ALTER_CONFIGS))
    return answerAll(ErrorCode.CLUSTER_AUTHORIZATION_FAILED, 'Quotas may not be changed by this client.')
  const problems = entries.map(problemWith)
  const changes = entries.filter((_, index) => problems[index] === undefined).map(changeOf)
  if (!validateOnly && changes.length > 0) {
    try {
      await rules.alter(changes)
    } catch (error) {
      services.report('error', 'client quotas could not be saved', { reason: messageOf(error) })
      return answerAll(ErrorCode.KAFKA_STORAGE_ERROR, messageOf(error))
    }
    const by = principalText(connection.principal)
    for (const { entity, values } of changes)
      services.report('info', 'client quota changed', { by, entity, values })
  }
  return {
    entries: entries.map(({ entity }, index) => {
      const problem = problems[index]
      return problem === undefined
        ? { entity, errorCode: ErrorCode.NONE }
        : { entity, errorCode: ErrorCode.INVALID_REQUEST, errorMessage: problem }
    }),
  }
}

function problemWith({ entity, ops }: Entry): string | undefined {
  const problem = entityProblem(entity)
  if (problem !== undefined) return problem
  const named = new Set<string>()
  for (const { key, value, remove } of ops) {
    if (named.has(key)) return `Duplicate configuration key ${key}`
    named.add(key)
    const wrong = valueProblem(entity, key, remove ? null : value)
    if (wrong !== undefined) return wrong
  }
  return undefined
}

function changeOf({ entity, ops }: Entry): QuotaChange {
  const values = ops.map(({ key, value, remove }) => [key, remove ? null : value])
  return { entity, values: Object.fromEntries(values) as QuotaChange['values'] }
}
