import type {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponseInput,
} from '../../protocol/apis/consumer-group-heartbeat.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { AclOperation, mayOnGroup, mayOnTopic, showsTopic } from '../security/access.ts'
import type { Handler } from '../services.ts'

const NAMED_BY_CLIENT_FROM = 1

/** ConsumerGroupHeartbeat (KIP-848): joins, lives, learns its partitions and leaves, all with this one request. */
export const handleConsumerGroupHeartbeat: Handler<
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponseInput
> = async (request, context) => {
  const { apiVersion, services, connection } = context
  if (!mayOnGroup(context, AclOperation.READ, request.groupId))
    return refused(ErrorCode.GROUP_AUTHORIZATION_FAILED)
  const unknown = request.subscribedTopicNames?.some(
    (topic) => !mayOnTopic(context, AclOperation.DESCRIBE, topic),
  )
  if (unknown === true) return refused(ErrorCode.TOPIC_AUTHORIZATION_FAILED)
  return services.groups.consumerHeartbeat({
    ...request,
    clientId: context.clientId ?? '',
    clientHost: connection.clientHost,
    newMemberId: Buffer.from(services.random.bytes(16)).toString('base64url'),
    requiresMemberId: apiVersion >= NAMED_BY_CLIENT_FROM,
    mayDescribe: (topic) => showsTopic(context, AclOperation.DESCRIBE, topic),
  })
}

function refused(errorCode: ErrorCode): ConsumerGroupHeartbeatResponseInput {
  return { errorCode, memberEpoch: 0, heartbeatIntervalMs: 0 }
}
