import type { OffsetDeleteRequest, OffsetDeleteResponseInput } from '../../protocol/apis/offset-delete.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { AclOperation, mayOnGroup, mayOnTopic } from '../security/access.ts'
import type { Handler } from '../services.ts'

type Topic = OffsetDeleteRequest['topics'][number]

/** OffsetDelete: forgets offsets of topics that the group's members do not consume. */
export const handleOffsetDelete: Handler<OffsetDeleteRequest, OffsetDeleteResponseInput> = async (
  { groupId, topics },
  context,
) => {
  const { services } = context
  if (!mayOnGroup(context, AclOperation.DELETE, groupId))
    return { errorCode: ErrorCode.GROUP_AUTHORIZATION_FAILED, topics: [] }
  const existing: Topic[] = []
  const refused: { name: string; partitions: { partitionIndex: number; errorCode: ErrorCode }[] }[] = []
  for (const topic of topics) {
    const { name, partitions } = topic
    let errorCode: ErrorCode
    if (!mayOnTopic(context, AclOperation.READ, name)) errorCode = ErrorCode.TOPIC_AUTHORIZATION_FAILED
    else if (services.logDirectory.topic(name) === undefined) errorCode = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    else {
      existing.push(topic)
      continue
    }
    refused.push({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    })
  }
  const answer = await services.groups.deleteOffsets(groupId, existing)
  if (answer.errorCode !== ErrorCode.NONE) return { errorCode: answer.errorCode, topics: [] }
  return { errorCode: ErrorCode.NONE, topics: [...answer.topics, ...refused] }
}
