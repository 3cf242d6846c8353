import { ErrorCode } from '../../../protocol/error-code.ts'
import type { ConsumerGroup } from '../consumer-group.ts'
import type { GroupSurroundings } from '../group-step.ts'
import type { StreamsMember, StreamsMembership } from './streams-membership.ts'
import type { Endpoint } from './streams-record.ts'
import { compare, listTasks, type ListedTasks, type TaskIds, type Tasks } from './tasks.ts'
import { type ConfiguredTopology, type InternalTopic, type Topology } from './topology.ts'

/** The one assignor that there is. */
const ASSIGNOR = 'sticky'

/** A group as StreamsGroupDescribe shows it. */
export interface DescribedStreamsGroup {
  readonly errorCode: ErrorCode
  readonly errorMessage: string | null
  readonly groupId: string
  readonly groupState: string
  readonly groupEpoch: number
  readonly assignmentEpoch: number
  readonly topology: DescribedTopology | null
  readonly members: readonly DescribedStreamsMember[]
  readonly assignorName: string | null
}

interface DescribedTopology {
  readonly epoch: number
  readonly subtopologies: readonly DescribedSubtopology[] | null
}

interface DescribedSubtopology {
  readonly subtopologyId: string
  readonly sourceTopics: readonly string[]
  readonly repartitionSinkTopics: readonly string[]
  readonly stateChangelogTopics: readonly InternalTopic[]
  readonly repartitionSourceTopics: readonly InternalTopic[]
}

interface DescribedStreamsMember {
  readonly memberId: string
  readonly memberEpoch: number
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly topologyEpoch: number
  readonly processId: string
  readonly userEndpoint: Endpoint | null
  readonly clientTags: readonly { readonly key: string; readonly value: string }[]
  readonly taskOffsets: readonly never[]
  readonly taskEndOffsets: readonly never[]
  readonly assignment: DescribedTasks
  readonly targetAssignment: DescribedTasks
  readonly isClassic: boolean
}

interface DescribedTasks {
  readonly activeTasks: readonly ListedTasks[]
  readonly standbyTasks: readonly ListedTasks[]
  readonly warmupTasks: readonly ListedTasks[]
}

export function describeStreamsGroup(
  groupId: string,
  group: ConsumerGroup | undefined,
  { topics }: GroupSurroundings,
): DescribedStreamsGroup {
  const membership = group?.streams
  if (group === undefined || membership === undefined) {
    return {
      errorCode: ErrorCode.GROUP_ID_NOT_FOUND,
      errorMessage:
        group === undefined ? `Group ${groupId} not found.` : `Group ${groupId} is not a streams group.`,
      groupId,
      groupState: '',
      groupEpoch: 0,
      assignmentEpoch: 0,
      topology: null,
      members: [],
      assignorName: null,
    }
  }
  const { topology } = membership
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    groupId,
    groupState: membership.state,
    groupEpoch: membership.groupEpoch,
    assignmentEpoch: membership.assignmentEpoch,
    topology: topology
      ? describeTopology(topology, group.streamsVolatile.configured(topology, topics))
      : null,
    members: Array.from(membership.members.values(), (member) => describeMember(membership, member)),
    assignorName: ASSIGNOR,
  }
}

/** With the numbers of partitions where they are decided. */
function describeTopology(topology: Topology, configured: ConfiguredTopology): DescribedTopology {
  const subtopologies = topology.subtopologies
    .toSorted((one, other) => compare(one.subtopologyId, other.subtopologyId))
    .map((subtopology) => {
      const known = configured.subtopologies?.get(subtopology.subtopologyId) ?? subtopology
      return {
        subtopologyId: subtopology.subtopologyId,
        sourceTopics: subtopology.sourceTopics.toSorted(),
        repartitionSinkTopics: subtopology.repartitionSinkTopics.toSorted(),
        stateChangelogTopics: byName(known.stateChangelogTopics),
        repartitionSourceTopics: byName(known.repartitionSourceTopics),
      }
    })
  return { epoch: topology.epoch, subtopologies }
}

function byName(topics: readonly InternalTopic[]): InternalTopic[] {
  return topics.toSorted((one, other) => compare(one.name, other.name))
}

function describeMember(
  membership: StreamsMembership,
  { id, value, current }: StreamsMember,
): DescribedStreamsMember {
  return {
    memberId: id,
    memberEpoch: current.memberEpoch,
    instanceId: value.instanceId,
    rackId: value.rackId,
    clientId: value.clientId,
    clientHost: value.clientHost,
    topologyEpoch: value.topologyEpoch,
    processId: value.processId,
    userEndpoint: value.userEndpoint,
    clientTags: value.clientTags,
    taskOffsets: [],
    taskEndOffsets: [],
    assignment: described(current.assigned),
    targetAssignment: described(membership.targetOf(id)),
    isClassic: false,
  }
}

function described(tasks: Tasks): DescribedTasks {
  const list = (ids: TaskIds): ListedTasks[] => listTasks(ids)
  return {
    activeTasks: list(tasks.active),
    standbyTasks: list(tasks.standby),
    warmupTasks: list(tasks.warmup),
  }
}
