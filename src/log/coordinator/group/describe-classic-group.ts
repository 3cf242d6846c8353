import { ErrorCode } from '../../protocol/error-code.ts'
import { metadataFor, NO_BYTES, type ConsumerGroup } from './consumer-group.ts'

/** A group as DescribeGroups shows it. */
export interface DescribedGroup {
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly groupId: string
  readonly groupState: string
  readonly protocolType: string
  readonly protocolData: string
  readonly members: readonly {
    readonly memberId: string
    readonly groupInstanceId: string | null
    readonly clientId: string
    readonly clientHost: string
    readonly memberMetadata: Buffer
    readonly memberAssignment: Buffer
  }[]
}

/** `group` is undefined when there is none of the name. Those of the consumer protocol and streams groups have requests of their own. */
export function describeClassicGroup(groupId: string, group: ConsumerGroup | undefined): DescribedGroup {
  if (group === undefined || group.consumer !== undefined || group.streams !== undefined) {
    return {
      errorCode: ErrorCode.GROUP_ID_NOT_FOUND,
      errorMessage:
        group === undefined ? `Group ${groupId} not found.` : `Group ${groupId} is not a classic group.`,
      groupId,
      groupState: 'Dead',
      protocolType: '',
      protocolData: '',
      members: [],
    }
  }
  const stable = group.state === 'Stable'
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    groupId,
    groupState: group.state,
    protocolType: group.protocolType ?? '',
    protocolData: stable ? (group.protocolName ?? '') : '',
    members: [...group.members.values()].map((member) => ({
      memberId: member.id,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: stable ? metadataFor(member, group.protocolName) : NO_BYTES,
      memberAssignment: member.assignment,
    })),
  }
}
