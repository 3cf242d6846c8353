import type { OffsetCommitRequest, OffsetCommitResponseInput } from '../../protocol/apis/offset-commit.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { commitToTopics, refuseAll } from '../committed-topics.ts'
import { AclOperation, mayOnGroup } from '../security/access.ts'
import type { Handler } from '../services.ts'

const BY_TOPIC_ID_FROM = 10

/** OffsetCommit: answered when the offsets are on the device. */
export const handleOffsetCommit: Handler<OffsetCommitRequest, OffsetCommitResponseInput> = async (
  request,
  context,
) => {
  const { apiVersion, services } = context
  if (!mayOnGroup(context, AclOperation.READ, request.groupId))
    return { topics: refuseAll(request.topics, ErrorCode.GROUP_AUTHORIZATION_FAILED) }
  const {
    groupId,
    memberId,
    groupInstanceId,
    retentionTimeMs,
    generationIdOrMemberEpoch: generationId,
  } = request
  const topics = await commitToTopics(
    context,
    { topics: request.topics, byId: apiVersion >= BY_TOPIC_ID_FROM },
    (existing) =>
      services.groups.commitOffsets({
        apiVersion,
        groupId,
        memberId,
        groupInstanceId,
        generationId,
        retentionTimeMs,
        topics: existing,
      }),
  )
  return { topics }
}
