import type { HeartbeatRequest, HeartbeatResponseInput } from '../../protocol/apis/heartbeat.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { AclOperation, mayOnGroup } from '../security/access.ts'
import type { Handler } from '../services.ts'

/** Heartbeat: keeps a member in its group and tells it of a rebalance. */
export const handleHeartbeat: Handler<HeartbeatRequest, HeartbeatResponseInput> = (request, context) => ({
  errorCode: mayOnGroup(context, AclOperation.READ, request.groupId)
    ? context.services.groups.heartbeat(request)
    : ErrorCode.GROUP_AUTHORIZATION_FAILED,
})
