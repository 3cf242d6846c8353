import type { DeleteGroupsRequest, DeleteGroupsResponseInput } from '../../protocol/apis/delete-groups.ts'
import type { Handler } from '../services.ts'

/** DeleteGroups: groups without members, with all their offsets. */
export const handleDeleteGroups: Handler<DeleteGroupsRequest, DeleteGroupsResponseInput> = async (
  request,
  { services },
) => {
  const groupIds = [...new Set(request.groupsNames)]
  const results = groupIds.map(async (groupId) => ({
    groupId,
    errorCode: await services.groups.deleteGroup(groupId),
  }))
  return { results: await Promise.all(results) }
}
