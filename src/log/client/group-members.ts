/** The members of a group of any protocol, and which partitions each has. */
import { ByteReader, WireError } from '../../base/byte-reader.ts'
import {
  consumerGroupDescribeApi,
  type ConsumerGroupDescribeResponse,
} from '../protocol/apis/consumer-group-describe.ts'
import { shareGroupDescribeApi } from '../protocol/apis/share-group-describe.ts'
import {
  streamsGroupDescribeApi,
  type StreamsGroupDescribeResponse,
} from '../protocol/apis/streams-group-describe.ts'
import { describeGroups, type ListedGroup } from './group-admin.ts'
import { throwIfError } from './kafka-error.ts'
import type { LogClient } from './log-client.ts'

export interface GroupMember {
  readonly memberId: string
  /** Of a static member. */
  readonly instanceId: string | null
  readonly clientId: string
  readonly host: string
  readonly partitions: readonly { readonly topic: string; readonly partition: number }[]
}

export interface GroupDescription {
  readonly groupId: string
  /** `classic`, `consumer` for the protocol of KIP-848, `share` or `streams`; empty when the broker is too old to tell. */
  readonly type: string
  readonly protocolType: string
  readonly state: string
  /** The classic protocol's strategy, or the server's assignor; empty when there is none. */
  readonly assignor: string
  /** The generation of a consumer group; -1 for a classic one, whose broker does not say. */
  readonly epoch: number
  readonly members: readonly GroupMember[]
}

/** A listed group; its coordinator is asked. */
export async function describeGroup(client: LogClient, listed: ListedGroup): Promise<GroupDescription> {
  const { groupId } = listed
  const request = { groupIds: [groupId], includeAuthorizedOperations: false }
  const to = { node: { group: groupId } }
  switch (listed.type.toLowerCase()) {
    case 'consumer': {
      const ask = () => client.request(consumerGroupDescribeApi, request, to)
      return describeAssigned(listed, await coordinatorOn(client, groupId, ask), partitionsOfTopics)
    }
    case 'share': {
      const ask = () => client.request(shareGroupDescribeApi, request, to)
      return describeAssigned(listed, await coordinatorOn(client, groupId, ask), partitionsOfTopics)
    }
    case 'streams': {
      const ask = () => client.request(streamsGroupDescribeApi, request, to)
      const group = await coordinatorOn(client, groupId, ask)
      return describeAssigned(listed, group, ({ assignment }) =>
        partitionsOfTasks(group, assignment.activeTasks),
      )
    }
    default:
      return describeClassicGroup(client, listed)
  }
}

async function describeClassicGroup(
  client: LogClient,
  { groupId, type, protocolType }: ListedGroup,
): Promise<GroupDescription> {
  const [group] = await describeGroups(client, [groupId])
  return {
    groupId,
    type,
    protocolType,
    state: group!.groupState,
    assignor: group!.protocolData,
    epoch: -1,
    members: group!.members.map((member) => ({
      memberId: member.memberId,
      instanceId: member.groupInstanceId,
      clientId: member.clientId,
      host: member.clientHost.replace(/^\//, ''),
      partitions: protocolType === 'consumer' ? assignedPartitions(member.memberAssignment) : [],
    })),
  }
}

interface AssignedGroup<Member> {
  readonly groupState: string
  readonly groupEpoch: number
  readonly assignorName: string | null
  readonly members: readonly Member[]
}

/** Members of share groups have no instances. */
interface AssignedMember {
  readonly memberId: string
  readonly instanceId?: string | null
  readonly clientId: string
  readonly clientHost: string
}

/** Asks a group's coordinator about it. */
function coordinatorOn<Group extends { readonly errorCode: number; readonly errorMessage: string | null }>(
  client: LogClient,
  groupId: string,
  ask: () => Promise<{ readonly groups: readonly Group[] }>,
): Promise<Group> {
  return client.retry(async () => {
    const group = (await ask()).groups[0]!
    if (group.errorCode !== 0) client.forgetCoordinator({ group: groupId })
    throwIfError(group.errorCode, { doing: `describing the group ${groupId}`, detail: group.errorMessage })
    return group
  })
}

/** A group whose broker decides who has which partitions. */
function describeAssigned<Member extends AssignedMember>(
  { groupId, type, protocolType }: ListedGroup,
  group: AssignedGroup<Member>,
  partitionsOf: (member: Member) => GroupMember['partitions'],
): GroupDescription {
  return {
    groupId,
    type,
    protocolType,
    state: group.groupState,
    assignor: group.assignorName ?? '',
    epoch: group.groupEpoch,
    members: group.members.map((member) => ({
      memberId: member.memberId,
      instanceId: member.instanceId ?? null,
      clientId: member.clientId,
      host: member.clientHost.replace(/^\//, ''),
      partitions: partitionsOf(member),
    })),
  }
}

function partitionsOfTopics({
  assignment,
}: Pick<ConsumerGroupDescribeResponse['groups'][number]['members'][number], 'assignment'>) {
  return assignment.topicPartitions.flatMap(({ topicName: topic, partitions }) =>
    partitions.map((partition) => ({ topic, partition })),
  )
}

/** A task of a subtopology reads its partition of each topic that the subtopology reads. */
function partitionsOfTasks(
  { topology }: StreamsGroup,
  tasks: StreamsGroup['members'][number]['assignment']['activeTasks'],
): GroupMember['partitions'] {
  return tasks.flatMap(({ subtopologyId, partitions }) => {
    const subtopology = topology?.subtopologies?.find((one) => one.subtopologyId === subtopologyId)
    const topics = [
      ...(subtopology?.sourceTopics ?? []),
      ...(subtopology?.repartitionSourceTopics ?? []).map(({ name }) => name),
    ]
    return topics.flatMap((topic) => partitions.map((partition) => ({ topic, partition })))
  })
}

type StreamsGroup = StreamsGroupDescribeResponse['groups'][number]

/** Reads a ConsumerProtocolAssignment; members may hold anything, which then is no partition. */
function assignedPartitions(assignment: Buffer): { topic: string; partition: number }[] {
  if (assignment.length === 0) return []
  try {
    const reader = new ByteReader(assignment)
    reader.int16()
    const partitions: { topic: string; partition: number }[] = []
    for (let topics = reader.int32(); topics > 0; topics--) {
      const topic = reader.string()
      for (let count = reader.int32(); count > 0; count--)
        partitions.push({ topic, partition: reader.int32() })
    }
    return partitions
  } catch (error) {
    if (error instanceof WireError) return []
    throw error
  }
}
