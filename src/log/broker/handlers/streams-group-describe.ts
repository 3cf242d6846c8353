import type { DescribedStreamsGroup } from '../../coordinator/group/streams/describe-streams-group.ts'
import type {
  StreamsGroupDescribeRequest,
  StreamsGroupDescribeResponseInput,
} from '../../protocol/apis/streams-group-describe.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import type { Handler } from '../services.ts'
import { describeVisibleGroup, NOTHING_SHOWN } from './describe-visible-group.ts'

/** No description of the topology besides what the members need: Kafka has a plug-in for that, and none by default. */
const NOT_REQUESTED = 0
const NOT_STORED = 1

/** StreamsGroupDescribe: see `describeVisibleGroup`; the topics are those of the topology. */
export const handleStreamsGroupDescribe: Handler<
  StreamsGroupDescribeRequest,
  StreamsGroupDescribeResponseInput
> = ({ groupIds, includeAuthorizedOperations, includeTopologyDescription }, context) => ({
  groups: groupIds.map((groupId) => {
    const group = describeVisibleGroup(context, groupId, {
      includeAuthorizedOperations,
      nothing: NOTHING_SHOWN,
      describe: () => context.services.groups.describeStreamsGroup(groupId),
      topicsOf,
    })
    if (group.errorCode !== ErrorCode.NONE) return group
    return { ...group, topologyDescriptionStatus: includeTopologyDescription ? NOT_STORED : NOT_REQUESTED }
  }),
})

function topicsOf({ topology }: DescribedStreamsGroup): string[] {
  return (topology?.subtopologies ?? []).flatMap((subtopology) => [
    ...subtopology.sourceTopics,
    ...subtopology.repartitionSinkTopics,
    ...subtopology.repartitionSourceTopics.map(({ name }) => name),
    ...subtopology.stateChangelogTopics.map(({ name }) => name),
  ])
}
