import type { TopicErrors } from '../coordinator/group/group-offsets.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import type { BrokerServices } from './services.ts'

interface RequestedTopic {
  readonly name: string
  readonly topicId: string
  readonly partitions: readonly { readonly partitionIndex: number }[]
}

interface AnsweredTopic {
  readonly name: string
  readonly topicId: string
  readonly partitions: TopicErrors['partitions']
}

/**
 * Carries out a commit for the topics that exist and answers for all of them, in the order of the request. Newer
 * clients name topics by id; offsets are kept by name.
 */
export async function commitToTopics<Topic extends RequestedTopic>(
  services: BrokerServices,
  request: { readonly topics: readonly Topic[]; readonly byId: boolean },
  commit: (topics: readonly Topic[]) => Promise<readonly TopicErrors[]>,
): Promise<AnsweredTopic[]> {
  const { logDirectory } = services
  const named = request.topics.map((topic) => {
    const found = request.byId ? logDirectory.topicById(topic.topicId) : logDirectory.topic(topic.name)
    return found === undefined ? undefined : { ...topic, name: found.name }
  })
  const existing = named.filter((topic) => topic !== undefined)
  const answers = existing.length === 0 ? [] : await commit(existing)
  let next = 0
  return request.topics.map(({ name, topicId, partitions }, index) => {
    if (named[index] !== undefined) return { name, topicId, partitions: answers[next++]!.partitions }
    const errorCode = request.byId ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    return {
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    }
  })
}
