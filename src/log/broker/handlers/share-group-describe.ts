import type {
  ShareGroupDescribeRequest,
  ShareGroupDescribeResponseInput,
} from '../../protocol/apis/share-group-describe.ts'
import type { Handler } from '../services.ts'
import { describeVisibleGroup, NOTHING_SHOWN } from './describe-visible-group.ts'

/** ShareGroupDescribe: see `describeVisibleGroup`. */
export const handleShareGroupDescribe: Handler<ShareGroupDescribeRequest, ShareGroupDescribeResponseInput> = (
  { groupIds, includeAuthorizedOperations },
  context,
) => ({
  groups: groupIds.map((groupId) =>
    describeVisibleGroup(context, groupId, {
      includeAuthorizedOperations,
      nothing: { ...NOTHING_SHOWN, assignorName: '' },
      describe: () => context.services.groups.describeShareGroup(groupId),
      topicsOf: ({ members }) =>
        members.flatMap(({ assignment }) => assignment.topicPartitions.map(({ topicName }) => topicName)),
    }),
  ),
})
