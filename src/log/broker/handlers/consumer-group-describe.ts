import type {
  ConsumerGroupDescribeRequest,
  ConsumerGroupDescribeResponseInput,
} from '../../protocol/apis/consumer-group-describe.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { AclOperation, authorizedOperations, mayOnGroup } from '../security/access.ts'
import type { Handler } from '../services.ts'

/** ConsumerGroupDescribe: groups of the consumer protocol; those of the classic one have DescribeGroups. */
export const handleConsumerGroupDescribe: Handler<
  ConsumerGroupDescribeRequest,
  ConsumerGroupDescribeResponseInput
> = (request, context) => ({
  groups: request.groupIds.map((groupId) => {
    if (!mayOnGroup(context, AclOperation.DESCRIBE, groupId))
      return { ...NOTHING_SHOWN, groupId, errorCode: ErrorCode.GROUP_AUTHORIZATION_FAILED }
    const group = context.services.groups.describeConsumerGroup(groupId)
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
