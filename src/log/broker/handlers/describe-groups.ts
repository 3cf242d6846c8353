import type {
  DescribeGroupsRequest,
  DescribeGroupsResponseInput,
} from '../../protocol/apis/describe-groups.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { AclOperation, authorizedOperations, mayOnGroup } from '../security/access.ts'
import type { Handler } from '../services.ts'

const NOT_FOUND_FROM = 6

/** DescribeGroups: before version 6 a group that does not exist is a dead one. */
export const handleDescribeGroups: Handler<DescribeGroupsRequest, DescribeGroupsResponseInput> = (
  request,
  context,
) => ({
  groups: request.groups.map((groupId) => {
    const { apiVersion, services } = context
    if (!mayOnGroup(context, AclOperation.DESCRIBE, groupId)) {
      const errorCode = ErrorCode.GROUP_AUTHORIZATION_FAILED
      return { errorCode, groupId, groupState: '', protocolType: '', protocolData: '', members: [] }
    }
    const group = services.groups.describe(groupId)
    return {
      ...group,
      errorCode: apiVersion < NOT_FOUND_FROM ? ErrorCode.NONE : group.errorCode,
      ...(request.includeAuthorizedOperations && {
        authorizedOperations: authorizedOperations(context, 'GROUP', groupId),
      }),
    }
  }),
})
