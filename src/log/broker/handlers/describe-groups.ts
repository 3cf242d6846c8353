import type {
  DescribeGroupsRequest,
  DescribeGroupsResponseInput,
} from '../../protocol/apis/describe-groups.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { GROUP_OPERATIONS } from '../authorized-operations.ts'
import type { Handler } from '../services.ts'

const NOT_FOUND_FROM = 6

/** DescribeGroups: before version 6 a group that does not exist is a dead one. */
export const handleDescribeGroups: Handler<DescribeGroupsRequest, DescribeGroupsResponseInput> = (
  request,
  { apiVersion, services },
) => ({
  groups: request.groups.map((groupId) => {
    const group = services.groups.describe(groupId)
    return {
      ...group,
      errorCode: apiVersion < NOT_FOUND_FROM ? ErrorCode.NONE : group.errorCode,
      ...(request.includeAuthorizedOperations && { authorizedOperations: GROUP_OPERATIONS }),
    }
  }),
})
