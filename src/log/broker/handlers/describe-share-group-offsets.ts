import type {
  DescribeShareGroupOffsetsRequest,
  DescribeShareGroupOffsetsResponseInput,
} from '../../protocol/apis/describe-share-group-offsets.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { ZERO_UUID } from '../../protocol/field.ts'
import { AclOperation, mayOnGroup, mayOnTopic, showsTopic } from '../security/access.ts'
import type { Handler, RequestContext } from '../services.ts'
import { describeShareOffsets } from '../share/share-offsets.ts'

type Group = DescribeShareGroupOffsetsRequest['groups'][number]
type Answer = DescribeShareGroupOffsetsResponseInput['groups'][number]

/** DescribeShareGroupOffsets (KIP-932): how far share groups are in topics that are named, or in all of theirs. */
export const handleDescribeShareGroupOffsets: Handler<
  DescribeShareGroupOffsetsRequest,
  DescribeShareGroupOffsetsResponseInput
> = (request, context) => ({ groups: request.groups.map((group) => describe(group, context)) })

function describe({ groupId, topics }: Group, context: RequestContext): Answer {
  const { services } = context
  if (!mayOnGroup(context, AclOperation.DESCRIBE, groupId))
    return { groupId, topics: [], errorCode: ErrorCode.GROUP_AUTHORIZATION_FAILED }
  if (topics === null) {
    const names = Array.from(services.groups.shareTopics(groupId)?.values() ?? [], ({ name }) => name)
    return {
      groupId,
      errorCode: ErrorCode.NONE,
      topics: names
        .filter((name) => showsTopic(context, AclOperation.DESCRIBE, name))
        .map((topicName) => ({ topicName, ...describeShareOffsets(groupId, topicName, { services }) })),
    }
  }
  return {
    groupId,
    errorCode: ErrorCode.NONE,
    topics: topics.map(({ topicName, partitions }) =>
      mayOnTopic(context, AclOperation.DESCRIBE, topicName)
        ? { topicName, ...describeShareOffsets(groupId, topicName, { partitions, services }) }
        : { topicName, topicId: ZERO_UUID, partitions: partitions.map(hidden) },
    ),
  }
}

function hidden(partitionIndex: number): Answer['topics'][number]['partitions'][number] {
  const errorCode = ErrorCode.TOPIC_AUTHORIZATION_FAILED
  return { partitionIndex, startOffset: -1, leaderEpoch: 0, errorCode }
}
