import type { StreamsCurrentValue, StreamsMemberValue, StreamsRecord } from './streams-record.ts'
import { NO_TASKS, NOTHING_HELD, type TaskId, type TaskRole, type Tasks } from './tasks.ts'
import { sourcesOf, type Topology } from './topology.ts'

/** A member of a streams group: one thread of an application, what it is like and what it has. */
export interface StreamsMember {
  readonly id: string
  readonly value: StreamsMemberValue
  readonly current: StreamsCurrentValue
}

/** The member epoch of a static member that has gone and may come back within its session. */
export const LEFT_FOR_NOW_EPOCH = -2

/** The states of a streams group, as ListGroups and StreamsGroupDescribe spell them. */
export type StreamsGroupState = 'Empty' | 'NotReady' | 'Assigning' | 'Reconciling' | 'Stable'

/** Which processes have a task in some role, or have not given it up yet. */
export type TaskHolders = Readonly<Record<TaskRole, ReadonlyMap<TaskId, ReadonlySet<string>>>>

/**
 * What is durable of a streams group (KIP-1071). Its epochs are those of a group of the consumer protocol
 * (`ConsumerMembership`), with tasks in place of partitions; besides it keeps the topology that its members run.
 *
 * `apply` alone changes it; a decision works on a `copy` and applies its own records to that.
 */
export class StreamsMembership {
  groupEpoch = 1
  metadataHash = 0
  /** The epoch of the topology whose topics were all there when it was looked last; -1 when some were not. */
  validatedTopologyEpoch = -1
  assignmentConfigs: ReadonlyMap<string, string> = new Map()
  assignmentEpoch = 1
  assignmentTimestampMs = 0
  topology: Topology | undefined
  readonly members = new Map<string, StreamsMember>()
  /** Group instance id → member id. */
  readonly staticMembers = new Map<string, string>()
  readonly targets = new Map<string, Tasks>()

  apply(record: StreamsRecord): void {
    switch (record.kind) {
      case 'streams-group-epoch':
        this.groupEpoch = record.value?.epoch ?? 1
        this.metadataHash = record.value?.metadataHash ?? 0
        this.validatedTopologyEpoch = record.value?.validatedTopologyEpoch ?? -1
        this.assignmentConfigs = record.value?.assignmentConfigs ?? new Map()
        return
      case 'streams-assignment-epoch':
        this.assignmentEpoch = record.value?.epoch ?? 1
        this.assignmentTimestampMs = record.value?.timestampMs ?? 0
        return
      case 'streams-topology':
        this.topology = record.value ?? undefined
        return
      case 'streams-member':
        if (record.value === null) this.#remove(record.memberId)
        else this.#put({ ...this.#member(record.memberId), value: record.value })
        return
      case 'streams-current':
        if (record.value !== null || this.members.has(record.memberId))
          this.#put({ ...this.#member(record.memberId), current: record.value ?? NEW_STREAMS_MEMBER })
        return
      case 'streams-target':
        if (record.value === null) this.targets.delete(record.memberId)
        else this.targets.set(record.memberId, record.value)
        return
    }
  }

  copy(): StreamsMembership {
    const copy = new StreamsMembership()
    copy.groupEpoch = this.groupEpoch
    copy.metadataHash = this.metadataHash
    copy.validatedTopologyEpoch = this.validatedTopologyEpoch
    copy.assignmentConfigs = this.assignmentConfigs
    copy.assignmentEpoch = this.assignmentEpoch
    copy.assignmentTimestampMs = this.assignmentTimestampMs
    copy.topology = this.topology
    for (const [id, member] of this.members) copy.members.set(id, member)
    for (const [instanceId, id] of this.staticMembers) copy.staticMembers.set(instanceId, id)
    for (const [id, target] of this.targets) copy.targets.set(id, target)
    return copy
  }

  get state(): StreamsGroupState {
    if (this.members.size === 0) return 'Empty'
    if (this.topology === undefined || this.validatedTopologyEpoch !== this.topology.epoch) return 'NotReady'
    if (this.groupEpoch > this.assignmentEpoch) return 'Assigning'
    for (const { current } of this.members.values()) {
      if (current.state !== 'stable' || current.memberEpoch !== this.assignmentEpoch) return 'Reconciling'
    }
    return 'Stable'
  }

  staticMember(instanceId: string): StreamsMember | undefined {
    const id = this.staticMembers.get(instanceId)
    return id === undefined ? undefined : this.members.get(id)
  }

  targetOf(memberId: string): Tasks {
    return this.targets.get(memberId) ?? NO_TASKS
  }

  /** Topics that the application reads. */
  sourceTopics(): Set<string> {
    return new Set(this.topology?.subtopologies.flatMap(sourcesOf))
  }

  holders(): TaskHolders {
    const holders = {
      active: new Map<TaskId, Set<string>>(),
      standby: new Map<TaskId, Set<string>>(),
      warmup: new Map<TaskId, Set<string>>(),
    }
    for (const { value, current } of this.members.values()) {
      for (const held of [current.assigned, current.pendingRevocation]) {
        for (const role of ['active', 'standby', 'warmup'] as const) {
          for (const task of held[role].keys()) {
            const processes = holders[role].get(task)
            if (processes === undefined) holders[role].set(task, new Set([value.processId]))
            else processes.add(value.processId)
          }
        }
      }
    }
    return holders
  }

  #member(id: string): StreamsMember {
    return this.members.get(id) ?? newStreamsMember(id)
  }

  #put(member: StreamsMember): void {
    this.members.set(member.id, member)
    const { instanceId } = member.value
    if (instanceId !== null) this.staticMembers.set(instanceId, member.id)
  }

  #remove(id: string): void {
    const instanceId = this.members.get(id)?.value.instanceId ?? null
    this.members.delete(id)
    if (instanceId !== null && this.staticMembers.get(instanceId) === id)
      this.staticMembers.delete(instanceId)
  }
}

/** What a member is before it has been given anything. */
const NEW_STREAMS_MEMBER: StreamsCurrentValue = {
  memberEpoch: 0,
  previousMemberEpoch: -1,
  state: 'stable',
  assigned: NOTHING_HELD,
  pendingRevocation: NOTHING_HELD,
}

const UNKNOWN_STREAMS_MEMBER: StreamsMemberValue = {
  instanceId: null,
  rackId: null,
  clientId: '',
  clientHost: '',
  rebalanceTimeoutMs: -1,
  topologyEpoch: -1,
  processId: '',
  userEndpoint: null,
  clientTags: [],
}

export function newStreamsMember(id: string): StreamsMember {
  return { id, value: UNKNOWN_STREAMS_MEMBER, current: NEW_STREAMS_MEMBER }
}

/** The records that would make a streams group what it is. */
export function streamsRecords(groupId: string, membership: StreamsMembership): StreamsRecord[] {
  const { members, targets, topology } = membership
  return [
    ...Array.from(members.values(), ({ id, value }): StreamsRecord => ({
      kind: 'streams-member',
      groupId,
      memberId: id,
      value,
    })),
    epochRecord(groupId, membership),
    ...(topology === undefined ? [] : [{ kind: 'streams-topology', groupId, value: topology } as const]),
    ...Array.from(targets, ([memberId, value]): StreamsRecord => ({
      kind: 'streams-target',
      groupId,
      memberId,
      value,
    })),
    {
      kind: 'streams-assignment-epoch',
      groupId,
      value: { epoch: membership.assignmentEpoch, timestampMs: membership.assignmentTimestampMs },
    },
    ...Array.from(members.values(), ({ id, current }): StreamsRecord => ({
      kind: 'streams-current',
      groupId,
      memberId: id,
      value: current,
    })),
  ]
}

export function epochRecord(
  groupId: string,
  membership: Pick<
    StreamsMembership,
    'groupEpoch' | 'metadataHash' | 'validatedTopologyEpoch' | 'assignmentConfigs'
  >,
): StreamsRecord {
  const { groupEpoch, metadataHash, validatedTopologyEpoch, assignmentConfigs } = membership
  return {
    kind: 'streams-group-epoch',
    groupId,
    value: { epoch: groupEpoch, metadataHash, validatedTopologyEpoch, assignmentConfigs },
  }
}

/** Tombstones for one member, in the order in which Kafka's replay wants them. */
export function streamsMemberTombstones(groupId: string, memberId: string): StreamsRecord[] {
  return (['streams-current', 'streams-target', 'streams-member'] as const).map((kind) => ({
    kind,
    groupId,
    memberId,
    value: null,
  }))
}

/** Tombstones for everything that a streams group consists of. */
export function streamsTombstones(groupId: string, membership: StreamsMembership): StreamsRecord[] {
  const memberIds = [...membership.members.keys()]
  const each = (kind: 'streams-current' | 'streams-target' | 'streams-member'): StreamsRecord[] =>
    memberIds.map((memberId) => ({ kind, groupId, memberId, value: null }))
  return [
    ...each('streams-current'),
    ...each('streams-target'),
    { kind: 'streams-assignment-epoch', groupId, value: null },
    ...each('streams-member'),
    { kind: 'streams-topology', groupId, value: null },
    { kind: 'streams-group-epoch', groupId, value: null },
  ]
}
