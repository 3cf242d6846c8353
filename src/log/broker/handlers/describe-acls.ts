import type { DescribeAclsRequest, DescribeAclsResponseInput } from '../../protocol/apis/describe-acls.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { AclOperation, mayOnCluster } from '../security/access.ts'
import { type AccessRule, filterIsKnown } from '../security/access-rule.ts'
import type { Handler } from '../services.ts'

/** DescribeAcls: the rules that a filter lets through, put together by the pattern that they are about. */
export const handleDescribeAcls: Handler<DescribeAclsRequest, DescribeAclsResponseInput> = (
  filter,
  context,
) => {
  const { rules } = context.services.authorizer
  const refused = (errorCode: ErrorCode, errorMessage: string): DescribeAclsResponseInput => ({
    errorCode,
    errorMessage,
    resources: [],
  })
  if (!mayOnCluster(context, AclOperation.DESCRIBE))
    return refused(ErrorCode.CLUSTER_AUTHORIZATION_FAILED, 'Access rules may not be seen by this client.')
  if (rules === undefined)
    return refused(ErrorCode.SECURITY_DISABLED, 'No Authorizer is configured on the broker')
  if (!filterIsKnown(filter)) return refused(ErrorCode.INVALID_REQUEST, 'The filter has unknown elements.')
  const patterns = new Map<string, AccessRule[]>()
  for (const rule of rules.matching(filter)) {
    const key = JSON.stringify([rule.resourceType, rule.patternType, rule.resourceName])
    const sharing = patterns.get(key)
    if (sharing === undefined) patterns.set(key, [rule])
    else sharing.push(rule)
  }
  return {
    errorCode: ErrorCode.NONE,
    resources: Array.from(patterns.values(), (sharing) => {
      const { resourceType, resourceName, patternType } = sharing[0]!
      return { resourceType, resourceName, patternType, acls: sharing }
    }),
  }
}
