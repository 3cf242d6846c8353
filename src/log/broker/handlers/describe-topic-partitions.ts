import type {
  DescribeTopicPartitionsRequest,
  DescribeTopicPartitionsResponseInput,
} from '../../protocol/apis/describe-topic-partitions.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { ZERO_UUID } from '../../protocol/field.ts'
import { AclOperation, authorizedOperations, mayOnTopic, showsTopic } from '../security/access.ts'
import type { Handler } from '../services.ts'
import { topicNameProblem } from '../topic-catalog.ts'

type TopicAnswer = NonNullable<DescribeTopicPartitionsResponseInput['topics']>[number]

/** No page is larger than this, whatever a client asks for. */
const MAX_PAGE = 2000

/** DescribeTopicPartitions: topics by name, in order, a page of partitions at a time; no names means all topics. */
export const handleDescribeTopicPartitions: Handler<
  DescribeTopicPartitionsRequest,
  DescribeTopicPartitionsResponseInput
> = (request, context) => {
  const { logDirectory } = context.services
  const { cursor } = request
  const all = request.topics.length === 0
  const names = all
    ? Array.from(logDirectory.topics(), ({ name }) => name).filter((name) =>
        showsTopic(context, AclOperation.DESCRIBE, name),
      )
    : [...new Set(request.topics.map(({ name }) => name))]
  names.sort()
  const replicas = [logDirectory.nodeId]
  const topics: TopicAnswer[] = []
  let room = Math.max(1, Math.min(request.responsePartitionLimit, MAX_PAGE))
  for (const name of names) {
    if (cursor !== null && name < cursor.topicName) continue
    const first = cursor !== null && name === cursor.topicName ? Math.max(0, cursor.partitionIndex) : 0
    if (room === 0) return { topics, nextCursor: { topicName: name, partitionIndex: first } }
    if (!all && !mayOnTopic(context, AclOperation.DESCRIBE, name)) {
      topics.push({
        errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED,
        name,
        topicId: ZERO_UUID,
        partitions: [],
      })
      continue
    }
    const topic = logDirectory.topic(name)
    if (topic === undefined) {
      const errorCode =
        topicNameProblem(name) === undefined
          ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
          : ErrorCode.INVALID_TOPIC_EXCEPTION
      topics.push({ errorCode, name, topicId: ZERO_UUID, partitions: [] })
      continue
    }
    const page = topic.partitions.slice(first, first + room)
    room -= page.length
    topics.push({
      errorCode: ErrorCode.NONE,
      name,
      topicId: topic.id,
      isInternal: topic.internal,
      partitions: page.map((log) => ({
        errorCode: ErrorCode.NONE,
        partitionIndex: log.partition,
        leaderId: logDirectory.nodeId,
        leaderEpoch: log.leaderEpoch,
        replicaNodes: replicas,
        isrNodes: replicas,
        eligibleLeaderReplicas: [],
        lastKnownElr: [],
        offlineReplicas: [],
      })),
      topicAuthorizedOperations: authorizedOperations(context, 'TOPIC', name),
    })
    const next = first + page.length
    if (next < topic.partitions.length)
      return { topics, nextCursor: { topicName: name, partitionIndex: next } }
  }
  return { topics }
}
