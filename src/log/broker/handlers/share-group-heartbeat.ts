import type {
  ShareGroupHeartbeatRequest,
  ShareGroupHeartbeatResponseInput,
} from '../../protocol/apis/share-group-heartbeat.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { AclOperation, mayOnGroup, mayOnTopic } from '../security/access.ts'
import type { Handler } from '../services.ts'

/** ShareGroupHeartbeat (KIP-932): joins a share group, lives, learns its partitions and leaves. */
export const handleShareGroupHeartbeat: Handler<
  ShareGroupHeartbeatRequest,
  ShareGroupHeartbeatResponseInput
> = async (request, context) => {
  if (!mayOnGroup(context, AclOperation.READ, request.groupId))
    return refused(ErrorCode.GROUP_AUTHORIZATION_FAILED)
  const isHidden = (topic: string): boolean => !mayOnTopic(context, AclOperation.DESCRIBE, topic)
  if (request.subscribedTopicNames?.some(isHidden) === true)
    return refused(ErrorCode.TOPIC_AUTHORIZATION_FAILED)
  return context.services.groups.shareHeartbeat({
    ...request,
    clientId: context.clientId ?? '',
    clientHost: context.connection.clientHost,
  })
}

function refused(errorCode: ErrorCode): ShareGroupHeartbeatResponseInput {
  return { errorCode, memberEpoch: 0, heartbeatIntervalMs: 0 }
}
