import type { DescribedStreamsGroup } from '../../coordinator/group/streams/describe-streams-group.ts'
import type {
  StreamsGroupDescribeRequest,
  StreamsGroupDescribeResponseInput,
} from '../../protocol/apis/streams-group-describe.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { AclOperation, authorizedOperations, mayOnGroup, mayOnTopic } from '../security/access.ts'
import type { Handler } from '../services.ts'

/** No description of the topology besides what the members need: Kafka has a plug-in for that, and none by default. */
const NOT_REQUESTED = 0
const NOT_STORED = 1

/** StreamsGroupDescribe: whoever may not describe a topic of the topology is shown nothing of the group. */
export const handleStreamsGroupDescribe: Handler<
  StreamsGroupDescribeRequest,
  StreamsGroupDescribeResponseInput
> = (request, context) => ({
  groups: request.groupIds.map((groupId) => {
    if (!mayOnGroup(context, AclOperation.DESCRIBE, groupId))
      return { ...NOTHING_SHOWN, groupId, errorCode: ErrorCode.GROUP_AUTHORIZATION_FAILED }
    const group = context.services.groups.describeStreamsGroup(groupId)
    if (!topicsOf(group).every((topic) => mayOnTopic(context, AclOperation.DESCRIBE, topic))) {
      const errorMessage = 'The group has topics that the client is not authorized to describe.'
      return { ...NOTHING_SHOWN, groupId, errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED, errorMessage }
    }
    if (group.errorCode !== ErrorCode.NONE) return group
    return {
      ...group,
      topologyDescriptionStatus: request.includeTopologyDescription ? NOT_STORED : NOT_REQUESTED,
      ...(request.includeAuthorizedOperations && {
        authorizedOperations: authorizedOperations(context, 'GROUP', groupId),
      }),
    }
  }),
})

function topicsOf({ topology }: DescribedStreamsGroup): string[] {
  const topics = (topology?.subtopologies ?? []).flatMap((subtopology) => [
    ...subtopology.sourceTopics,
    ...subtopology.repartitionSinkTopics,
    ...subtopology.repartitionSourceTopics.map(({ name }) => name),
    ...subtopology.stateChangelogTopics.map(({ name }) => name),
  ])
  return [...new Set(topics)]
}

const NOTHING_SHOWN = { groupState: '', groupEpoch: 0, assignmentEpoch: 0, members: [] }
