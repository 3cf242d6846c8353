import type {
  AlterShareGroupOffsetsRequest,
  AlterShareGroupOffsetsResponseInput,
} from '../../protocol/apis/alter-share-group-offsets.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { ZERO_UUID } from '../../protocol/field.ts'
import { AclOperation, mayOnGroup, mayOnTopic } from '../security/access.ts'
import type { Handler } from '../services.ts'
import { alterShareOffsets, problemWithGroup } from '../share/share-offsets.ts'

/** AlterShareGroupOffsets (KIP-932): sets where a share group without members goes on, or where a new one begins. */
export const handleAlterShareGroupOffsets: Handler<
  AlterShareGroupOffsetsRequest,
  AlterShareGroupOffsetsResponseInput
> = async ({ groupId, topics }, context) => {
  const { services } = context
  if (!mayOnGroup(context, AclOperation.READ, groupId))
    return { errorCode: ErrorCode.GROUP_AUTHORIZATION_FAILED, responses: [] }
  const problem = problemWithGroup(groupId, services, { exists: false })
  if (problem !== undefined) return { ...problem, responses: [] }
  const responses: AlterShareGroupOffsetsResponseInput['responses'][number][] = []
  for (const [topicName, named] of Map.groupBy(topics, (topic) => topic.topicName)) {
    const partitions = named.flatMap((topic) => topic.partitions)
    if (mayOnTopic(context, AclOperation.READ, topicName)) {
      const altered = await alterShareOffsets(groupId, topicName, { partitions, services })
      responses.push({ topicName, ...altered })
    } else {
      const errorCode = ErrorCode.TOPIC_AUTHORIZATION_FAILED
      const refused = partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode }))
      responses.push({ topicName, topicId: ZERO_UUID, partitions: refused })
    }
  }
  return { errorCode: ErrorCode.NONE, responses }
}
