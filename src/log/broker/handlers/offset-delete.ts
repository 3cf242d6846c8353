import type { OffsetDeleteRequest, OffsetDeleteResponseInput } from '../../protocol/apis/offset-delete.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import type { Handler } from '../services.ts'

/** OffsetDelete: forgets offsets of topics that the group's members do not consume. */
export const handleOffsetDelete: Handler<OffsetDeleteRequest, OffsetDeleteResponseInput> = async (
  { groupId, topics },
  { services },
) => {
  const existing = topics.filter(({ name }) => services.logDirectory.topic(name) !== undefined)
  const unknown = topics
    .filter(({ name }) => services.logDirectory.topic(name) === undefined)
    .map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      })),
    }))
  const answer = await services.groups.deleteOffsets(groupId, existing)
  if (answer.errorCode !== ErrorCode.NONE) return { errorCode: answer.errorCode, topics: [] }
  return { errorCode: ErrorCode.NONE, topics: [...answer.topics, ...unknown] }
}
