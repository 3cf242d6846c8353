import type { OffsetCommitRequest, OffsetCommitResponseInput } from '../../protocol/apis/offset-commit.ts'
import { commitToTopics } from '../committed-topics.ts'
import type { Handler } from '../services.ts'

const BY_TOPIC_ID_FROM = 10

/** OffsetCommit: answered when the offsets are on the device. */
export const handleOffsetCommit: Handler<OffsetCommitRequest, OffsetCommitResponseInput> = async (
  request,
  { apiVersion, services },
) => {
  const {
    groupId,
    memberId,
    groupInstanceId,
    retentionTimeMs,
    generationIdOrMemberEpoch: generationId,
  } = request
  const topics = await commitToTopics(
    services,
    { topics: request.topics, byId: apiVersion >= BY_TOPIC_ID_FROM },
    (existing) =>
      services.groups.commitOffsets({
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
