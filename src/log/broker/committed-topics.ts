import type { TopicErrors } from '../coordinator/group/group-offsets.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import { AclOperation, mayOnTopic } from './security/access.ts'
import type { RequestContext } from './services.ts'

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
 * Carries out a commit for the topics that exist and that the client may read, and answers for all of them, in the
 * order of the request. Newer clients name topics by id; offsets are kept by name.
 */
export async function commitToTopics<Topic extends RequestedTopic>(
  context: RequestContext,
  request: { readonly topics: readonly Topic[]; readonly byId: boolean },
  commit: (topics: readonly Topic[]) => Promise<readonly TopicErrors[]>,
): Promise<AnsweredTopic[]> {
  const { logDirectory } = context.services
  const named = request.topics.map((topic): Topic | ErrorCode => {
    const found = request.byId ? logDirectory.topicById(topic.topicId) : logDirectory.topic(topic.name)
    const name = request.byId ? found?.name : topic.name
    if (name === undefined) return ErrorCode.UNKNOWN_TOPIC_ID
    if (!mayOnTopic(context, AclOperation.READ, name)) return ErrorCode.TOPIC_AUTHORIZATION_FAILED
    return found === undefined ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : { ...topic, name }
  })
  const existing = named.filter((topic) => typeof topic === 'object')
  const answers = existing.length === 0 ? [] : await commit(existing)
  let next = 0
  return request.topics.map(({ name, topicId, partitions }, index) => {
    const errorCode = named[index]!
    if (typeof errorCode === 'object') return { name, topicId, partitions: answers[next++]!.partitions }
    return {
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    }
  })
}

/** The answer of a commit that is refused as a whole. */
export function refuseAll(topics: readonly RequestedTopic[], errorCode: ErrorCode): AnsweredTopic[] {
  return topics.map(({ name, topicId, partitions }) => ({
    name,
    topicId,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
  }))
}
