import type {
  ShareGroupDescribeRequest,
  ShareGroupDescribeResponseInput,
} from '../../protocol/apis/share-group-describe.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { AclOperation, authorizedOperations, mayOnGroup, mayOnTopic } from '../security/access.ts'
import type { Handler } from '../services.ts'

/** ShareGroupDescribe. Whoever may not describe a topic that is assigned is shown nothing of the group. */
export const handleShareGroupDescribe: Handler<ShareGroupDescribeRequest, ShareGroupDescribeResponseInput> = (
  request,
  context,
) => ({
  groups: request.groupIds.map((groupId) => {
    if (!mayOnGroup(context, AclOperation.DESCRIBE, groupId))
      return { ...NOTHING_SHOWN, groupId, errorCode: ErrorCode.GROUP_AUTHORIZATION_FAILED }
    const group = context.services.groups.describeShareGroup(groupId)
    const topics = new Set(
      group.members.flatMap(({ assignment }) => assignment.topicPartitions.map(({ topicName }) => topicName)),
    )
    if (![...topics].every((topic) => mayOnTopic(context, AclOperation.DESCRIBE, topic))) {
      const errorMessage = 'The group has topics that the client is not authorized to describe.'
      return { ...NOTHING_SHOWN, groupId, errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED, errorMessage }
    }
    return {
      ...group,
      ...(request.includeAuthorizedOperations &&
        group.errorCode === ErrorCode.NONE && {
          authorizedOperations: authorizedOperations(context, 'GROUP', groupId),
        }),
    }
  }),
})

const NOTHING_SHOWN = { groupState: '', groupEpoch: 0, assignmentEpoch: 0, assignorName: '', members: [] }
