import { ErrorCode } from '../../../protocol/error-code.ts'
import { type DescribedAssignment, describeAssignment } from '../consumer/described-assignment.ts'
import type { TopicsView } from '../consumer/topics-view.ts'
import type { ShareGroup } from './share-group.ts'

/** A group as ShareGroupDescribe shows it. */
export interface DescribedShareGroup {
  readonly errorCode: ErrorCode
  readonly errorMessage: string | null
  readonly groupId: string
  readonly groupState: string
  readonly groupEpoch: number
  readonly assignmentEpoch: number
  readonly assignorName: string
  readonly members: readonly {
    readonly memberId: string
    readonly rackId: string | null
    readonly memberEpoch: number
    readonly clientId: string
    readonly clientHost: string
    readonly subscribedTopicNames: readonly string[]
    readonly assignment: DescribedAssignment
  }[]
}

/** `isOther`: the name belongs to a group of another type. */
export function describeShareGroup(
  groupId: string,
  group: ShareGroup | undefined,
  { isOther, topics }: { readonly isOther: boolean; readonly topics: TopicsView },
): DescribedShareGroup {
  if (group === undefined) {
    return {
      errorCode: ErrorCode.GROUP_ID_NOT_FOUND,
      errorMessage: isOther ? `Group ${groupId} is not a share group.` : `Group ${groupId} not found.`,
      groupId,
      groupState: '',
      groupEpoch: 0,
      assignmentEpoch: 0,
      assignorName: '',
      members: [],
    }
  }
  const { membership } = group
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    groupId,
    groupState: group.state,
    groupEpoch: membership.groupEpoch,
    assignmentEpoch: membership.assignmentEpoch,
    assignorName: 'simple',
    members: Array.from(membership.members.values(), ({ id, value, current }) => ({
      memberId: id,
      rackId: value.rackId,
      memberEpoch: current.memberEpoch,
      clientId: value.clientId,
      clientHost: value.clientHost,
      subscribedTopicNames: value.subscribedTopicNames,
      assignment: describeAssignment(topics, current.assigned),
    })),
  }
}
