import type {
  DeleteShareGroupOffsetsRequest,
  DeleteShareGroupOffsetsResponseInput,
} from '../../protocol/apis/delete-share-group-offsets.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { ZERO_UUID } from '../../protocol/field.ts'
import { AclOperation, mayOnGroup, mayOnTopic } from '../security/access.ts'
import type { Handler } from '../services.ts'
import { deleteShareOffsets, problemWithGroup } from '../share/share-offsets.ts'

/** DeleteShareGroupOffsets (KIP-932): lets a share group without members forget what it has done in topics. */
export const handleDeleteShareGroupOffsets: Handler<
  DeleteShareGroupOffsetsRequest,
  DeleteShareGroupOffsetsResponseInput
> = async ({ groupId, topics }, context) => {
  const { services } = context
  if (!mayOnGroup(context, AclOperation.DELETE, groupId))
    return { errorCode: ErrorCode.GROUP_AUTHORIZATION_FAILED, responses: [] }
  const problem = problemWithGroup(groupId, services, { exists: true })
  if (problem !== undefined) return { ...problem, responses: [] }
  const responses: DeleteShareGroupOffsetsResponseInput['responses'][number][] = []
  for (const { topicName } of topics) {
    if (mayOnTopic(context, AclOperation.READ, topicName))
      responses.push({ topicName, ...(await deleteShareOffsets(groupId, topicName, services)) })
    else
      responses.push({
        topicName,
        topicId: ZERO_UUID,
        errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED,
      })
  }
  return { errorCode: ErrorCode.NONE, responses }
}
