import type { LeaveGroupRequest, LeaveGroupResponseInput } from '../../protocol/apis/leave-group.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { AclOperation, mayOnGroup } from '../security/access.ts'
import type { Handler } from '../services.ts'

const SEVERAL_MEMBERS_FROM = 3

/** LeaveGroup: one member before version 3, several (static ones by their instance id) since. */
export const handleLeaveGroup: Handler<LeaveGroupRequest, LeaveGroupResponseInput> = async (
  request,
  context,
) => {
  const { apiVersion, services } = context
  if (!mayOnGroup(context, AclOperation.READ, request.groupId))
    return { errorCode: ErrorCode.GROUP_AUTHORIZATION_FAILED }
  const several = apiVersion >= SEVERAL_MEMBERS_FROM
  const members = several ? request.members : [{ memberId: request.memberId, groupInstanceId: null }]
  const { errorCode, memberErrors } = await services.groups.leave({ groupId: request.groupId, members })
  if (!several)
    return { errorCode: errorCode === ErrorCode.NONE ? (memberErrors[0] ?? ErrorCode.NONE) : errorCode }
  return {
    errorCode,
    members: memberErrors.map((error, index) => ({
      memberId: members[index]!.memberId,
      groupInstanceId: members[index]!.groupInstanceId,
      errorCode: error,
    })),
  }
}
