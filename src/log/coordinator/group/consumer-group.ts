import type { ConsumerGroupState, ConsumerMembership } from './consumer/consumer-membership.ts'
import { decodeSubscription } from './consumer/consumer-protocol.ts'
import { MemberDeadlines } from './consumer/member-deadlines.ts'
import type { MembershipValue, OffsetValue } from './group-record.ts'
import type { StreamsGroupState, StreamsMembership } from './streams/streams-membership.ts'
import { StreamsVolatile } from './streams/streams-volatile.ts'

/** The states of Kafka's classic group protocol, spelled as DescribeGroups shows them. */
export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead'

/** Names a request that will be answered later; the broker knows whose it is. */
export type Waiter = number

export interface JoinProtocol {
  readonly name: string
  readonly metadata: Buffer
}

export interface Member {
  id: string
  readonly instanceId: string | null
  clientId: string
  clientHost: string
  sessionTimeoutMs: number
  rebalanceTimeoutMs: number
  protocols: readonly JoinProtocol[]
  assignment: Buffer
  /** The JoinGroup and SyncGroup of this member that wait for the others. */
  joinWaiter: Waiter | undefined
  syncWaiter: Waiter | undefined
  /** Monotonic; the member is expelled then, unless a request of it is waiting. */
  deadlineMs: number
  /** In its first join: may not wait for ever, since clients of old versions do not say when they have gone. */
  isNew: boolean
}

/** An offset with the position of its record: a transactional commit never overwrites a later one. */
export interface CommittedOffset extends OffsetValue {
  readonly recordOffset: number
}

export type OffsetsByTopic = Map<string, Map<number, CommittedOffset>>

/**
 * One group with offsets: of the classic protocol, of the consumer protocol (KIP-848), or a streams group (KIP-1071). Two
 * kinds of state live here:
 *  - durable: `stored`, `consumer`, `streams`, `offsets` and `pendingOffsets`, changed by `apply` alone and rebuilt from the log;
 *  - volatile: in the classic protocol the rebalance in progress and who waits for what. It is lost in a crash, and
 *    members then rejoin; a generation becomes durable when its leader's SyncGroup has been written. In the consumer
 *    protocol only the members' deadlines: its rebalances go on after a restart.
 */
export class ConsumerGroup {
  readonly id: string

  /** In the classic protocol, once a generation was written. */
  stored: MembershipValue | undefined
  /** Set while the group uses the consumer protocol; what follows about members is unused then. */
  consumer: ConsumerMembership | undefined
  /** Set while it is a streams group; what follows about members is unused then, too. */
  streams: StreamsMembership | undefined
  readonly offsets: OffsetsByTopic = new Map()
  /** Offsets inside open transactions, by producer id. */
  readonly pendingOffsets = new Map<number, OffsetsByTopic>()

  state: GroupState = 'Empty'
  protocolType: string | null = null
  protocolName: string | null = null
  generationId = 0
  leaderId: string | null = null
  /** Wall clock; when the group came into its state. -1: never had members. */
  stateTimestampMs = -1
  /** In the order of joining. */
  readonly members = new Map<string, Member>()
  /** Group instance id → member id. */
  readonly staticMembers = new Map<string, string>()
  /** Member ids that were handed out (MEMBER_ID_REQUIRED) and not used yet → monotonic deadline. */
  readonly pendingMembers = new Map<string, number>()
  /** Members that have not asked for their assignment in this generation, and until when they may. */
  readonly pendingSync = new Set<string>()
  syncDeadlineMs = Infinity
  /** While preparing a rebalance: when the join phase ends at the latest. */
  joinDeadlineMs = Infinity
  /** While a group that was empty waits for more members: how much longer it may extend the wait; else undefined. */
  initialDelayLeftMs: number | undefined
  memberJoinedDuringDelay = false

  readonly streamsVolatile = new StreamsVolatile()
  /** Of the members of the consumer protocol, or of the streams group. */
  readonly deadlines = new MemberDeadlines()
  /** The topics' version when the group last looked whether its subscribed topics have changed. */
  topicsSeen: number | undefined

  constructor(id: string) {
    this.id = id
  }

  /** Whether nothing is left that anybody could ask for. */
  get isForgettable(): boolean {
    return (
      this.state === 'Empty' &&
      this.stored === undefined &&
      this.consumer === undefined &&
      this.streams === undefined &&
      this.members.size === 0 &&
      this.pendingMembers.size === 0 &&
      this.offsets.size === 0 &&
      this.pendingOffsets.size === 0
    )
  }

  get type(): 'classic' | 'consumer' | 'streams' {
    if (this.consumer !== undefined) return 'consumer'
    return this.streams === undefined ? 'classic' : 'streams'
  }

  /** The state as ListGroups shows it. */
  get shownState(): GroupState | ConsumerGroupState | StreamsGroupState {
    return this.consumer?.state ?? this.streams?.state ?? this.state
  }

  get hasMembers(): boolean {
    return (this.consumer?.members ?? this.streams?.members ?? this.members).size > 0
  }

  /** Forgets the rebalances and members of the classic protocol. */
  clearClassic(): void {
    this.state = 'Empty'
    this.protocolType = null
    this.protocolName = null
    this.generationId = 0
    this.leaderId = null
    this.stateTimestampMs = -1
    this.members.clear()
    this.staticMembers.clear()
    this.pendingMembers.clear()
    this.pendingSync.clear()
    this.syncDeadlineMs = Infinity
    this.joinDeadlineMs = Infinity
    this.initialDelayLeftMs = undefined
    this.memberJoinedDuringDelay = false
  }

  /** Rebuilds the volatile part from what was stored: every member gets a whole session to show up. */
  restore(nowMs: number): void {
    const stored = this.stored
    if (stored === undefined) return
    this.protocolType = stored.protocolType === '' ? null : stored.protocolType
    this.protocolName = stored.protocolName
    this.generationId = stored.generationId
    this.leaderId = stored.leaderId
    this.stateTimestampMs = stored.stateTimestampMs
    this.state = stored.members.length === 0 ? 'Empty' : 'Stable'
    this.members.clear()
    this.staticMembers.clear()
    for (const member of stored.members) {
      this.members.set(member.memberId, {
        id: member.memberId,
        instanceId: member.groupInstanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        sessionTimeoutMs: member.sessionTimeoutMs,
        rebalanceTimeoutMs: member.rebalanceTimeoutMs,
        protocols: [{ name: stored.protocolName ?? '', metadata: member.subscription }],
        assignment: member.assignment,
        joinWaiter: undefined,
        syncWaiter: undefined,
        deadlineMs: nowMs + member.sessionTimeoutMs,
        isNew: false,
      })
      if (member.groupInstanceId !== null) this.staticMembers.set(member.groupInstanceId, member.memberId)
    }
  }

  /** The volatile part as the record that would restore it. */
  membership(stateTimestampMs: number): MembershipValue {
    return {
      protocolType: this.protocolType ?? '',
      generationId: this.generationId,
      protocolName: this.protocolName,
      leaderId: this.leaderId,
      stateTimestampMs,
      members: [...this.members.values()].map((member) => ({
        memberId: member.id,
        groupInstanceId: member.instanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        rebalanceTimeoutMs: member.rebalanceTimeoutMs,
        sessionTimeoutMs: member.sessionTimeoutMs,
        subscription: metadataFor(member, this.protocolName),
        assignment: member.assignment,
      })),
    }
  }

  /** Whether an open transaction holds an offset of this partition. */
  hasPendingOffset(topic: string, partition: number): boolean {
    for (const offsets of this.pendingOffsets.values()) {
      if (offsets.get(topic)?.has(partition) === true) return true
    }
    return false
  }

  /** Topics that members consume, as their subscriptions say; undefined when the group is not one of consumers. */
  subscribedTopics(): ReadonlySet<string> | undefined {
    if (this.consumer !== undefined) return this.consumer.subscribedTopics()
    if (this.streams !== undefined) return this.streams.sourceTopics()
    if (this.protocolType !== 'consumer' || this.protocolName === null) return undefined
    const topics = new Set<string>()
    for (const member of this.members.values()) {
      const subscription = decodeSubscription(metadataFor(member, this.protocolName))
      if (subscription === undefined) return undefined
      for (const topic of subscription.topics) topics.add(topic)
    }
    return topics
  }
}

export function metadataFor(member: Member, protocolName: string | null): Buffer {
  return member.protocols.find((protocol) => protocol.name === protocolName)?.metadata ?? NO_BYTES
}

export const NO_BYTES: Buffer = Buffer.alloc(0)

export function putOffset(
  offsets: OffsetsByTopic,
  topic: string,
  partition: number,
  value: CommittedOffset,
): void {
  let partitions = offsets.get(topic)
  if (partitions === undefined) offsets.set(topic, (partitions = new Map<number, CommittedOffset>()))
  partitions.set(partition, value)
}

/** Whether both are one commit, told twice: in the same millisecond nobody commits the same again for another reason. */
export function isSameCommit(a: OffsetValue, b: OffsetValue): boolean {
  return (
    a.offset === b.offset &&
    a.commitTimestampMs === b.commitTimestampMs &&
    a.leaderEpoch === b.leaderEpoch &&
    a.expireTimestampMs === b.expireTimestampMs &&
    a.metadata === b.metadata
  )
}

export function removeOffset(offsets: OffsetsByTopic, topic: string, partition: number): void {
  const partitions = offsets.get(topic)
  if (partitions === undefined) return
  partitions.delete(partition)
  if (partitions.size === 0) offsets.delete(topic)
}
