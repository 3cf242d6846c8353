import type {
  ShareAcknowledgeRequest,
  ShareAcknowledgeResponseInput,
} from '../../protocol/apis/share-acknowledge.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import type { Handler } from '../services.ts'
import { acknowledgeAll, memberOf } from '../share/share-acknowledgements.ts'

/** ShareAcknowledge (KIP-932): says what became of records; answered when that is on the device. */
export const handleShareAcknowledge: Handler<ShareAcknowledgeRequest, ShareAcknowledgeResponseInput> = async (
  request,
  context,
) => {
  const { shares } = context.services
  const member = memberOf(request, context)
  if ('errorCode' in member) return { ...member, responses: [], nodeEndpoints: [] }
  const { shareSessionEpoch, topics, isRenewAck } = request
  const opened = shares.sessions.acknowledge({ ...member, shareSessionEpoch })
  if (opened.kind === 'refused') return { errorCode: opened.error, responses: [], nodeEndpoints: [] }
  const outcomes = await acknowledgeAll(topics, member, { renews: isRenewAck, context })
  if (opened.kind === 'final') shares.sessions.end(member)
  const byTopic = Map.groupBy(outcomes.values(), ({ topicId }) => topicId)
  return {
    errorCode: ErrorCode.NONE,
    acquisitionLockTimeoutMs: shares.limitsOf(member.groupId).lockDurationMs,
    responses: Array.from(byTopic, ([topicId, partitions]) => ({
      topicId,
      partitions: partitions.map(({ partition, errorCode, errorMessage }) => ({
        partitionIndex: partition,
        errorCode,
        errorMessage,
        currentLeader: NO_LEADER,
      })),
    })),
    nodeEndpoints: [],
  }
}

/** Said only of partitions that are led elsewhere, which none is. */
const NO_LEADER = { leaderId: 0, leaderEpoch: 0 }
