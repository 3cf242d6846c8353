import type { CreateAclsRequest, CreateAclsResponseInput } from '../../protocol/apis/create-acls.ts'
import { messageOf } from '../../../base/millrace-error.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { AclOperation, mayOnCluster } from '../security/access.ts'
import { CLUSTER_NAME, PatternType, PermissionType, ResourceType } from '../security/access-codes.ts'
import { type AccessRule, ruleText } from '../security/access-rule.ts'
import { RULES_MAX_PER_REQUEST } from '../security/access-rules.ts'
import { principalText } from '../security/principal.ts'
import type { Handler } from '../services.ts'

/** CreateAcls: each rule is checked on its own; the good ones are in force, and on the device, when this is answered. */
export const handleCreateAcls: Handler<CreateAclsRequest, CreateAclsResponseInput> = async (
  { creations },
  context,
) => {
  const { services, connection } = context
  const { rules } = services.authorizer
  const answerAll = (errorCode: ErrorCode, errorMessage: string): CreateAclsResponseInput => ({
    results: creations.map(() => ({ errorCode, errorMessage })),
  })
  if (!mayOnCluster(context, AclOperation.ALTER))
    return answerAll(
      ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
      'Access rules may not be changed by this client.',
    )
  if (rules === undefined) return answerAll(ErrorCode.SECURITY_DISABLED, 'No Authorizer is configured.')
  const asked = creations.map(({ resourcePatternType, ...creation }): AccessRule => {
    return { ...creation, patternType: resourcePatternType }
  })
  const problems = asked.map(problemWith)
  const wanted = asked.filter((_, index) => problems[index] === undefined)
  if (wanted.length > RULES_MAX_PER_REQUEST)
    return answerAll(ErrorCode.POLICY_VIOLATION, 'Unable to perform excessively large batch operation.')
  try {
    await rules.create(wanted)
  } catch (error) {
    services.report('error', 'access rules could not be saved', { reason: messageOf(error) })
    return answerAll(ErrorCode.KAFKA_STORAGE_ERROR, messageOf(error))
  }
  for (const rule of wanted) {
    services.report('info', 'access rule created', {
      by: principalText(connection.principal),
      rule: ruleText(rule),
    })
  }
  return {
    results: problems.map((problem) =>
      problem === undefined
        ? { errorCode: ErrorCode.NONE, errorMessage: null }
        : { errorCode: ErrorCode.INVALID_REQUEST, errorMessage: problem },
    ),
  }
}

function problemWith(rule: AccessRule): string | undefined {
  const { resourceType, resourceName, patternType, operation, permissionType, principal } = rule
  if (resourceType === ResourceType.CLUSTER && resourceName !== CLUSTER_NAME)
    return `The only valid name for the CLUSTER resource is ${CLUSTER_NAME}`
  if (resourceName === '') return 'Invalid empty resource name'
  if (resourceType === ResourceType.ANY || !isCode(ResourceType, resourceType))
    return `Invalid resourceType ${resourceType}`
  if (patternType !== PatternType.LITERAL && patternType !== PatternType.PREFIXED)
    return `Invalid patternType ${patternType}`
  if (operation === AclOperation.ANY || !isCode(AclOperation, operation))
    return `Invalid operation ${operation}`
  if (permissionType !== PermissionType.ALLOW && permissionType !== PermissionType.DENY)
    return `Invalid permissionType ${permissionType}`
  if (!/^[^:]+:/.test(principal))
    return `Could not parse principal from \`${principal}\` (no colon is present separating the principal type from the principal name)`
  return undefined
}

function isCode(codes: Readonly<Record<string, number>>, code: number): boolean {
  return Object.values(codes).includes(code)
}
