import type {
  Assignment,
  ConsumerRecord,
  CurrentValue,
  MemberValue,
  OwnedPartitions,
  RegexValue,
} from './consumer-record.ts'

/** A member of a group of the consumer protocol: what it asked for, and what it has. */
export interface ConsumerMember {
  readonly id: string
  readonly value: MemberValue
  readonly current: CurrentValue
}

/** The states of a group of the consumer protocol, as ListGroups and ConsumerGroupDescribe spell them. */
export type ConsumerGroupState = 'Empty' | 'Assigning' | 'Reconciling' | 'Stable'

/** The member epoch of a static member that has gone and may come back within its session. */
export const LEFT_FOR_NOW_EPOCH = -2

export const NO_ASSIGNMENT: Assignment = new Map()
export const NOTHING_OWNED: OwnedPartitions = new Map()

/**
 * What is durable of a group that uses the consumer protocol (KIP-848): three epochs move it on.
 *  - The group epoch is raised whenever the subscriptions or the topics change.
 *  - A target assignment is computed for a group epoch, which becomes the assignment epoch.
 *  - Each member moves from its current assignment to its target by itself, and has reached the member epoch of the
 *    assignment then. A partition goes to its new owner when the old one has given it up.
 *
 * `apply` alone changes it; a decision works on a `copy` and applies its own records to that.
 */
export class ConsumerMembership {
  groupEpoch = 0
  metadataHash = 0
  assignmentEpoch = 0
  assignmentTimestampMs = 0
  readonly members = new Map<string, ConsumerMember>()
  /** Group instance id → member id. */
  readonly staticMembers = new Map<string, string>()
  readonly targets = new Map<string, Assignment>()
  /** Regular expressions that members are subscribed to, with the topics that they stood for. */
  readonly regexes = new Map<string, RegexValue>()
  /** Topic id → partition → the member that has it, or has not given it up yet. */
  readonly owners = new Map<string, Map<number, string>>()

  apply(record: ConsumerRecord): void {
    switch (record.kind) {
      case 'group-epoch':
        this.groupEpoch = record.value?.epoch ?? 0
        this.metadataHash = record.value?.metadataHash ?? 0
        return
      case 'assignment-epoch':
        this.assignmentEpoch = record.value?.epoch ?? 0
        this.assignmentTimestampMs = record.value?.timestampMs ?? 0
        return
      case 'member':
        if (record.value === null) this.#remove(record.memberId)
        else this.#put({ ...this.#member(record.memberId), value: record.value })
        return
      case 'current':
        if (record.value !== null || this.members.has(record.memberId))
          this.#put({ ...this.#member(record.memberId), current: record.value ?? NEW_MEMBER })
        return
      case 'target':
        if (record.value === null) this.targets.delete(record.memberId)
        else this.targets.set(record.memberId, record.value)
        return
      case 'regex':
        if (record.value === null) this.regexes.delete(record.regex)
        else this.regexes.set(record.regex, record.value)
        return
    }
  }

  copy(): ConsumerMembership {
    const copy = new ConsumerMembership()
    copy.groupEpoch = this.groupEpoch
    copy.metadataHash = this.metadataHash
    copy.assignmentEpoch = this.assignmentEpoch
    copy.assignmentTimestampMs = this.assignmentTimestampMs
    for (const [id, member] of this.members) copy.members.set(id, member)
    for (const [instanceId, id] of this.staticMembers) copy.staticMembers.set(instanceId, id)
    for (const [id, target] of this.targets) copy.targets.set(id, target)
    for (const [regex, value] of this.regexes) copy.regexes.set(regex, value)
    for (const [topicId, owners] of this.owners) copy.owners.set(topicId, new Map(owners))
    return copy
  }

  get state(): ConsumerGroupState {
    if (this.members.size === 0) return 'Empty'
    if (this.groupEpoch > this.assignmentEpoch) return 'Assigning'
    for (const { current } of this.members.values()) {
      if (current.state !== 'stable' || current.memberEpoch !== this.assignmentEpoch) return 'Reconciling'
    }
    return 'Stable'
  }

  staticMember(instanceId: string): ConsumerMember | undefined {
    const id = this.staticMembers.get(instanceId)
    return id === undefined ? undefined : this.members.get(id)
  }

  ownerOf(topicId: string, partition: number): string | undefined {
    return this.owners.get(topicId)?.get(partition)
  }

  /** The assignor that most members ask for; undefined when nobody asks for one. */
  preferredAssignor(): string | undefined {
    const votes = new Map<string, number>()
    for (const { value } of this.members.values()) {
      if (value.serverAssignor !== null)
        votes.set(value.serverAssignor, (votes.get(value.serverAssignor) ?? 0) + 1)
    }
    let winner: string | undefined
    for (const [name, count] of votes) if (winner === undefined || count > votes.get(winner)!) winner = name
    return winner
  }

  /** Names of the topics that one member is subscribed to, by name or by regular expression. */
  topicsOf({ value }: ConsumerMember): ReadonlySet<string> {
    const topics = new Set(value.subscribedTopicNames)
    const matched = value.subscribedTopicRegex ? this.regexes.get(value.subscribedTopicRegex) : undefined
    for (const topic of matched?.topics ?? []) topics.add(topic)
    return topics
  }

  /** Names of the topics that anybody is subscribed to. */
  subscribedTopics(): Set<string> {
    const topics = new Set<string>()
    for (const member of this.members.values()) {
      for (const topic of member.value.subscribedTopicNames) topics.add(topic)
    }
    for (const { topics: matched } of this.regexes.values()) for (const topic of matched) topics.add(topic)
    return topics
  }

  classicMemberCount(): number {
    let count = 0
    for (const { value } of this.members.values()) if (value.classic !== null) count += 1
    return count
  }

  #member(id: string): ConsumerMember {
    return this.members.get(id) ?? { id, value: UNKNOWN_MEMBER, current: NEW_MEMBER }
  }

  #put(member: ConsumerMember): void {
    const before = this.members.get(member.id)
    if (before !== undefined && before.current !== member.current) this.#release(before)
    if (before?.current !== member.current) this.#own(member)
    this.members.set(member.id, member)
    const { instanceId } = member.value
    if (instanceId !== null) this.staticMembers.set(instanceId, member.id)
  }

  #remove(id: string): void {
    const member = this.members.get(id)
    if (member === undefined) return
    this.#release(member)
    this.members.delete(id)
    const { instanceId } = member.value
    if (instanceId !== null && this.staticMembers.get(instanceId) === id)
      this.staticMembers.delete(instanceId)
  }

  #own({ id, current }: ConsumerMember): void {
    for (const owned of [current.assigned, current.pendingRevocation]) {
      for (const [topicId, partitions] of owned) {
        let owners = this.owners.get(topicId)
        if (owners === undefined) this.owners.set(topicId, (owners = new Map<number, string>()))
        for (const partition of partitions.keys()) owners.set(partition, id)
      }
    }
  }

  #release({ id, current }: ConsumerMember): void {
    for (const owned of [current.assigned, current.pendingRevocation]) {
      for (const [topicId, partitions] of owned) {
        const owners = this.owners.get(topicId)
        if (owners === undefined) continue
        for (const partition of partitions.keys()) if (owners.get(partition) === id) owners.delete(partition)
        if (owners.size === 0) this.owners.delete(topicId)
      }
    }
  }
}

/** What a member is before it has been given anything. */
export const NEW_MEMBER: CurrentValue = {
  memberEpoch: 0,
  previousMemberEpoch: -1,
  state: 'stable',
  assigned: NOTHING_OWNED,
  pendingRevocation: NOTHING_OWNED,
}

/** Before a member's own record has been read. */
export const UNKNOWN_MEMBER: MemberValue = {
  instanceId: null,
  rackId: null,
  clientId: '',
  clientHost: '',
  subscribedTopicNames: [],
  subscribedTopicRegex: '',
  rebalanceTimeoutMs: -1,
  serverAssignor: null,
  classic: null,
}

/** The records that would make a membership what it is. */
export function membershipRecords(groupId: string, membership: ConsumerMembership): ConsumerRecord[] {
  const { members, regexes, targets, groupEpoch, metadataHash, assignmentEpoch, assignmentTimestampMs } =
    membership
  return [
    ...Array.from(members.values(), ({ id, value }): ConsumerRecord => ({
      kind: 'member',
      groupId,
      memberId: id,
      value,
    })),
    { kind: 'group-epoch', groupId, value: { epoch: groupEpoch, metadataHash } },
    ...Array.from(regexes, ([regex, value]): ConsumerRecord => ({ kind: 'regex', groupId, regex, value })),
    ...Array.from(targets, ([memberId, value]): ConsumerRecord => ({
      kind: 'target',
      groupId,
      memberId,
      value,
    })),
    {
      kind: 'assignment-epoch',
      groupId,
      value: { epoch: assignmentEpoch, timestampMs: assignmentTimestampMs },
    },
    ...Array.from(members.values(), ({ id, current }): ConsumerRecord => ({
      kind: 'current',
      groupId,
      memberId: id,
      value: current,
    })),
  ]
}

/** Tombstones for one member, in the order in which Kafka's replay wants them. */
export function memberTombstones(groupId: string, memberId: string): ConsumerRecord[] {
  return (['current', 'target', 'member'] as const).map((kind) => ({ kind, groupId, memberId, value: null }))
}

/** Tombstones for everything that a membership consists of. */
export function membershipTombstones(groupId: string, membership: ConsumerMembership): ConsumerRecord[] {
  const memberIds = [...membership.members.keys()]
  const each = (kind: 'current' | 'target' | 'member'): ConsumerRecord[] =>
    memberIds.map((memberId) => ({ kind, groupId, memberId, value: null }))
  return [
    ...each('current'),
    ...each('target'),
    { kind: 'assignment-epoch', groupId, value: null },
    ...Array.from(membership.regexes.keys(), (regex): ConsumerRecord => ({
      kind: 'regex',
      groupId,
      regex,
      value: null,
    })),
    ...each('member'),
    { kind: 'group-epoch', groupId, value: null },
  ]
}
