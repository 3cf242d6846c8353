import type { DeleteGroupsRequest, DeleteGroupsResponseInput } from '../../protocol/apis/delete-groups.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { AclOperation, mayOnGroup } from '../security/access.ts'
import type { Handler } from '../services.ts'

/** DeleteGroups: groups without members, with all their offsets. */
export const handleDeleteGroups: Handler<DeleteGroupsRequest, DeleteGroupsResponseInput> = async (
  request,
  context,
) => {
  const groupIds = [...new Set(request.groupsNames)]
  const results = groupIds.map(async (groupId) => ({
    groupId,
    errorCode: mayOnGroup(context, AclOperation.DELETE, groupId)
      ? await context.services.groups.deleteGroup(groupId)
      : ErrorCode.GROUP_AUTHORIZATION_FAILED,
  }))
  return { results: await Promise.all(results) }
}
