import type { SyncGroupRequest, SyncGroupResponseInput } from '../../protocol/apis/sync-group.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { AclOperation, mayOnGroup } from '../security/access.ts'
import type { Handler } from '../services.ts'

/** SyncGroup: a follower's is answered when the leader has brought the assignment. */
export const handleSyncGroup: Handler<SyncGroupRequest, SyncGroupResponseInput> = (request, context) => {
  if (mayOnGroup(context, AclOperation.READ, request.groupId)) return context.services.groups.sync(request)
  return { errorCode: ErrorCode.GROUP_AUTHORIZATION_FAILED, assignment: Buffer.alloc(0) }
}
