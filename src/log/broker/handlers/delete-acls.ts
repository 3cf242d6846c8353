import type { DeleteAclsRequest, DeleteAclsResponseInput } from '../../protocol/apis/delete-acls.ts'
import { messageOf } from '../../../base/millrace-error.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { AclOperation, mayOnCluster } from '../security/access.ts'
import { filterIsKnown, keyOfRule, ruleText } from '../security/access-rule.ts'
import { principalText } from '../security/principal.ts'
import type { Handler } from '../services.ts'

/** DeleteAcls: deletes what the filters let through, and answers with it once that is on the device. */
export const handleDeleteAcls: Handler<DeleteAclsRequest, DeleteAclsResponseInput> = async (
  { filters },
  context,
) => {
  const { services, connection } = context
  const { rules } = services.authorizer
  const answerAll = (errorCode: ErrorCode, errorMessage: string): DeleteAclsResponseInput => ({
    filterResults: filters.map(() => ({ errorCode, errorMessage, matchingAcls: [] })),
  })
  if (!mayOnCluster(context, AclOperation.ALTER))
    return answerAll(
      ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
      'Access rules may not be changed by this client.',
    )
  if (rules === undefined) return answerAll(ErrorCode.SECURITY_DISABLED, 'No Authorizer is configured.')
  if (!filters.every(filterIsKnown))
    return answerAll(ErrorCode.INVALID_REQUEST, 'A filter has unknown elements.')
  try {
    const deleted = await rules.delete(filters)
    if (deleted === undefined)
      return answerAll(ErrorCode.INVALID_REQUEST, 'These are too many rules, or filters, for one request.')
    const by = principalText(connection.principal)
    for (const rule of new Map(deleted.flat().map((gone) => [keyOfRule(gone), gone])).values())
      services.report('info', 'access rule deleted', { by, rule: ruleText(rule) })
    return {
      filterResults: deleted.map((matching) => ({
        errorCode: ErrorCode.NONE,
        matchingAcls: matching.map((rule) => ({ errorCode: ErrorCode.NONE, ...rule })),
      })),
    }
  } catch (error) {
    services.report('error', 'access rules could not be saved', { reason: messageOf(error) })
    return answerAll(ErrorCode.KAFKA_STORAGE_ERROR, messageOf(error))
  }
}
