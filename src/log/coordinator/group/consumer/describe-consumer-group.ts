import { ErrorCode } from '../../../protocol/error-code.ts'
import type { ConsumerGroup } from '../consumer-group.ts'
import type { GroupSurroundings } from '../group-step.ts'
import { NO_ASSIGNMENT, type ConsumerMember, type ConsumerMembership } from './consumer-membership.ts'
import type { CurrentValue } from './consumer-record.ts'
import { type DescribedAssignment, describeAssignment } from './described-assignment.ts'
import type { TopicsView } from './topics-view.ts'

/** A group as ConsumerGroupDescribe shows it. */
export interface DescribedConsumerGroup {
  readonly errorCode: ErrorCode
  readonly errorMessage: string | null
  readonly groupId: string
  readonly groupState: string
  readonly groupEpoch: number
  readonly assignmentEpoch: number
  readonly assignorName: string
  readonly members: readonly DescribedConsumerMember[]
}

interface DescribedConsumerMember {
  readonly memberId: string
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly memberEpoch: number
  readonly clientId: string
  readonly clientHost: string
  readonly subscribedTopicNames: readonly string[]
  readonly subscribedTopicRegex: string | null
  readonly assignment: DescribedAssignment
  readonly targetAssignment: DescribedAssignment
  /** 0: of the classic protocol, 1: of the consumer protocol. */
  readonly memberType: number
}

export function describeConsumerGroup(
  groupId: string,
  group: ConsumerGroup | undefined,
  { config, topics }: GroupSurroundings,
): DescribedConsumerGroup {
  const membership = group?.consumer
  if (membership === undefined) {
    return {
      errorCode: ErrorCode.GROUP_ID_NOT_FOUND,
      errorMessage:
        group === undefined ? `Group ${groupId} not found.` : `Group ${groupId} is not a consumer group.`,
      groupId,
      groupState: '',
      groupEpoch: 0,
      assignmentEpoch: 0,
      assignorName: '',
      members: [],
    }
  }
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    groupId,
    groupState: membership.state,
    groupEpoch: membership.groupEpoch,
    assignmentEpoch: membership.assignmentEpoch,
    assignorName: membership.preferredAssignor() ?? config.consumer.assignors[0]!,
    members: Array.from(membership.members.values(), (member) => describeMember(membership, member, topics)),
  }
}

function describeMember(
  membership: ConsumerMembership,
  { id, value, current }: ConsumerMember,
  topics: TopicsView,
): DescribedConsumerMember {
  return {
    memberId: id,
    instanceId: value.instanceId,
    rackId: value.rackId,
    memberEpoch: current.memberEpoch,
    clientId: value.clientId,
    clientHost: value.clientHost,
    subscribedTopicNames: value.subscribedTopicNames,
    subscribedTopicRegex: value.subscribedTopicRegex,
    assignment: describeAssignment(topics, held(current)),
    targetAssignment: describeAssignment(topics, membership.targets.get(id) ?? NO_ASSIGNMENT),
    memberType: value.classic === null ? 1 : 0,
  }
}

/** What a member has, and what it is to give up and has not yet. */
function held({ assigned, pendingRevocation }: CurrentValue): Map<string, number[]> {
  const partitions = new Map<string, number[]>()
  for (const owned of [assigned, pendingRevocation]) {
    for (const [topicId, epochs] of owned)
      partitions.set(
        topicId,
        [...(partitions.get(topicId) ?? []), ...epochs.keys()].toSorted((one, other) => one - other),
      )
  }
  return partitions
}
