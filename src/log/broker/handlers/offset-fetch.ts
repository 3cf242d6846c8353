import type { OffsetFetchRequest, OffsetFetchResponseInput } from '../../protocol/apis/offset-fetch.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { ZERO_UUID } from '../../protocol/field.ts'
import type { BrokerServices, Handler } from '../services.ts'

type RequestedGroup = OffsetFetchRequest['groups'][number]
type GroupAnswer = NonNullable<OffsetFetchResponseInput['groups']>[number]
type TopicAnswer = GroupAnswer['topics'][number]

const SEVERAL_GROUPS_FROM = 8
const BY_TOPIC_ID_FROM = 10

/** OffsetFetch: what groups have committed; a group or partition without offsets is no error. */
export const handleOffsetFetch: Handler<OffsetFetchRequest, OffsetFetchResponseInput> = async (
  request,
  { apiVersion, services },
) => {
  const { requireStable } = request
  if (apiVersion >= SEVERAL_GROUPS_FROM) {
    const byId = apiVersion >= BY_TOPIC_ID_FROM
    return {
      groups: await Promise.all(
        request.groups.map((group) => fetchGroup(services, group, { requireStable, byId })),
      ),
    }
  }
  const { groupId, topics } = request
  const answer = await services.groups.fetchOffsets({ groupId, topics, requireStable })
  return { errorCode: answer.errorCode, topics: answer.topics }
}

async function fetchGroup(
  services: BrokerServices,
  { groupId, topics }: RequestedGroup,
  { requireStable, byId }: { readonly requireStable: boolean; readonly byId: boolean },
): Promise<GroupAnswer> {
  if (!byId || topics === null) {
    const answer = await services.groups.fetchOffsets({ groupId, topics, requireStable })
    const withIds = answer.topics.map((topic) => ({
      ...topic,
      topicId: services.logDirectory.topic(topic.name)?.id ?? ZERO_UUID,
    }))
    // By id, a topic that has gone cannot be named.
    return {
      groupId,
      errorCode: answer.errorCode,
      topics: byId ? withIds.filter(({ topicId }) => topicId !== ZERO_UUID) : withIds,
    }
  }
  const named = topics.map((topic) => services.logDirectory.topicById(topic.topicId)?.name)
  const existing = topics.flatMap((topic, index) =>
    named[index] === undefined ? [] : [{ ...topic, name: named[index] }],
  )
  const answer = await services.groups.fetchOffsets({ groupId, topics: existing, requireStable })
  if (answer.errorCode !== ErrorCode.NONE) return { groupId, errorCode: answer.errorCode, topics: [] }
  let next = 0
  return {
    groupId,
    topics: topics.map(({ topicId, partitionIndexes }, index): TopicAnswer => {
      if (named[index] !== undefined) return { ...answer.topics[next++]!, topicId }
      const errorCode = ErrorCode.UNKNOWN_TOPIC_ID
      return {
        topicId,
        partitions: partitionIndexes.map((partitionIndex) => ({
          partitionIndex,
          committedOffset: -1,
          metadata: '',
          errorCode,
        })),
      }
    }),
  }
}
