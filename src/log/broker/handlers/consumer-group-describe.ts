import type {
  ConsumerGroupDescribeRequest,
  ConsumerGroupDescribeResponseInput,
} from '../../protocol/apis/consumer-group-describe.ts'
import type { Handler } from '../services.ts'
import { describeVisibleGroup, NOTHING_SHOWN } from './describe-visible-group.ts'

/** ConsumerGroupDescribe: groups of the consumer protocol; those of the classic one have DescribeGroups. */
export const handleConsumerGroupDescribe: Handler<
  ConsumerGroupDescribeRequest,
  ConsumerGroupDescribeResponseInput
> = ({ groupIds, includeAuthorizedOperations }, context) => ({
  groups: groupIds.map((groupId) =>
    describeVisibleGroup(context, groupId, {
      includeAuthorizedOperations,
      nothing: { ...NOTHING_SHOWN, assignorName: '' },
      describe: () => context.services.groups.describeConsumerGroup(groupId),
      topicsOf: ({ members }) =>
        members.flatMap(({ assignment, targetAssignment }) =>
          [assignment, targetAssignment].flatMap(({ topicPartitions }) =>
            topicPartitions.map(({ topicName }) => topicName),
          ),
        ),
    }),
  ),
})
