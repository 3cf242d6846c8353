/**
 * The groups that one partition of `__consumer_offsets` keeps, as a replayable state machine: every method but `apply…`,
 * `restore` and the readers decides, and returns records for the log. See `coordinator-record.ts` for the contract and
 * `consumer-group.ts` for what is durable and what is not.
 */
import { ErrorCode } from '../../protocol/error-code.ts'
import type { Instant, SnapshotPiece } from '../coordinator-record.ts'
import { applyRecord, type RecordPosition } from './apply-record.ts'
import { ConsumerGroup, putOffset, type Waiter } from './consumer-group.ts'
import {
  heartbeatAsClassic,
  joinAsClassic,
  leaveConsumerGroup,
  syncAsClassic,
} from './consumer/classic-members.ts'
import {
  consumerHeartbeat,
  refuse,
  type ConsumerHeartbeatRequest,
  type ConsumerHeartbeatResult,
} from './consumer/consumer-heartbeat.ts'
import { membershipTombstones } from './consumer/consumer-membership.ts'
import { describeConsumerGroup, type DescribedConsumerGroup } from './consumer/describe-consumer-group.ts'
import { expireMembers, renewDeadlines } from './consumer/member-expiry.ts'
import { describeClassicGroup, type DescribedGroup } from './describe-classic-group.ts'
import {
  commitError,
  commitOffsets,
  deleteGroup,
  deleteOffsets,
  expireOffsets,
  fetchError,
  fetchOffsets,
} from './group-offsets.ts'
import type { FetchedTopic, OffsetCommitRequest, OffsetReader, TopicErrors } from './group-offsets.ts'
import type { GroupRecord } from './group-record.ts'
import { groupSnapshot } from './group-snapshot.ts'
import { joinError, noEffects, syncError } from './group-step.ts'
import type {
  Conversion,
  GroupEffects,
  GroupStep,
  GroupSurroundings,
  JoinRequest,
  MemberIdentity,
  SyncRequest,
} from './group-step.ts'
import * as membership from './membership.ts'
import type { DescribedShareGroup } from './share/describe-share-group.ts'
import { ShareGroups } from './share/share-groups.ts'
import type { ShareHeartbeatRequest } from './share/share-heartbeat.ts'
import { isShareRecord } from './share/share-record.ts'
import { answerJoin, answerSync, prepareRebalance } from './rebalance.ts'
import { describeStreamsGroup, type DescribedStreamsGroup } from './streams/describe-streams-group.ts'
import { nextStreamsTickMs, renewStreamsDeadlines, tickStreamsGroup } from './streams/streams-fence.ts'
import {
  refuseStreams,
  streamsHeartbeat,
  type StreamsHeartbeatRequest,
  type StreamsHeartbeatResult,
} from './streams/streams-heartbeat.ts'
import { streamsTombstones } from './streams/streams-membership.ts'

export interface GroupListing {
  readonly groupId: string
  readonly protocolType: string
  readonly groupState: string
  readonly groupType: string
}

export class GroupCoordinator {
  /** Groups of another kind, under names of their own. */
  readonly shares: ShareGroups
  readonly #surroundings: GroupSurroundings
  readonly #groups = new Map<string, ConsumerGroup>()
  /** Producers with pending offsets here → the groups they touch. */
  readonly #openTransactions = new Map<number, Set<ConsumerGroup>>()

  constructor(surroundings: GroupSurroundings) {
    this.#surroundings = surroundings
    this.shares = new ShareGroups(surroundings)
  }

  join(request: JoinRequest, waiter: Waiter, now: Instant): GroupEffects {
    const effects = noEffects()
    const refuse = (errorCode: number): GroupEffects => {
      effects.replies.push({ kind: 'join', waiter, result: joinError(errorCode, request.memberId) })
      return effects
    }
    if (request.groupId === '') return refuse(ErrorCode.INVALID_GROUP_ID)
    if (this.shares.has(request.groupId)) return refuse(ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
    const { minSessionTimeoutMs, maxSessionTimeoutMs } = this.#surroundings.config
    if (request.sessionTimeoutMs < minSessionTimeoutMs || request.sessionTimeoutMs > maxSessionTimeoutMs) {
      return refuse(ErrorCode.INVALID_SESSION_TIMEOUT)
    }
    let group = this.#groups.get(request.groupId)
    if (group === undefined) {
      if (request.memberId !== '') return refuse(ErrorCode.UNKNOWN_MEMBER_ID)
      this.#groups.set(request.groupId, (group = new ConsumerGroup(request.groupId)))
    }
    const step = this.#step(group, now, effects)
    if (group.consumer !== undefined && group.consumer.members.size > 0) {
      joinAsClassic(step, request, waiter)
      return onlyIfAccepted(effects)
    }
    if (group.streams !== undefined && group.streams.members.size > 0)
      return refuse(ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
    // A group that nobody is in takes on the protocol of who comes next.
    if (group.consumer !== undefined) effects.records.push(...membershipTombstones(group.id, group.consumer))
    if (group.streams !== undefined) effects.records.push(...streamsTombstones(group.id, group.streams))
    membership.join(step, request, waiter)
    this.#forgetIfIdle(group)
    return effects
  }

  /** ConsumerGroupHeartbeat; the result is to be sent when the effects have been carried out. */
  consumerHeartbeat(
    request: ConsumerHeartbeatRequest,
    now: Instant,
  ): { result: ConsumerHeartbeatResult; effects: GroupEffects } {
    const known = this.#groups.get(request.groupId)
    if (this.shares.has(request.groupId)) {
      const message = `Group ${request.groupId} is not a consumer group.`
      return { result: refuse(ErrorCode.GROUP_ID_NOT_FOUND, message), effects: noEffects() }
    }
    const group = known ?? new ConsumerGroup(request.groupId)
    const step = this.#step(group, now)
    const result = consumerHeartbeat(step, request, known !== undefined)
    if (result.errorCode !== ErrorCode.NONE) return { result, effects: noEffects() }
    this.#groups.set(group.id, group)
    return { result, effects: step.effects }
  }

  /** ShareGroupHeartbeat; the result is to be sent when the records are durable. */
  shareHeartbeat(request: ShareHeartbeatRequest, now: Instant): ReturnType<ShareGroups['heartbeat']> {
    return this.shares.heartbeat(request, { now, isOther: this.#groups.has(request.groupId) })
  }

  describeShareGroup(groupId: string): DescribedShareGroup {
    return this.shares.describe(groupId, this.#groups.has(groupId))
  }

  /** StreamsGroupHeartbeat; the result is to be sent when the effects have been carried out. */
  streamsHeartbeat(
    request: StreamsHeartbeatRequest,
    now: Instant,
  ): { result: StreamsHeartbeatResult; effects: GroupEffects } {
    if (this.shares.has(request.groupId)) {
      const message = `Group ${request.groupId} is not a streams group.`
      return { result: refuseStreams(ErrorCode.GROUP_ID_NOT_FOUND, message), effects: noEffects() }
    }
    const known = this.#groups.get(request.groupId)
    const group = known ?? new ConsumerGroup(request.groupId)
    const step = this.#step(group, now)
    const result = streamsHeartbeat(step, request, known !== undefined)
    if (result.errorCode !== ErrorCode.NONE) return { result, effects: noEffects() }
    this.#groups.set(group.id, group)
    return { result, effects: step.effects }
  }

  sync(request: SyncRequest, waiter: Waiter, now: Instant): GroupEffects {
    const effects = noEffects()
    const group = this.#groups.get(request.groupId)
    if (request.groupId === '' || group === undefined) {
      const errorCode = request.groupId === '' ? ErrorCode.INVALID_GROUP_ID : ErrorCode.UNKNOWN_MEMBER_ID
      effects.replies.push({ kind: 'sync', waiter, result: syncError(errorCode) })
      return effects
    }
    const step = this.#step(group, now, effects)
    if (group.consumer === undefined) membership.sync(step, request, waiter)
    else syncAsClassic(step, request, waiter)
    return effects
  }

  heartbeat(
    request: MemberIdentity & { readonly groupId: string; readonly generationId: number },
    now: Instant,
  ): ErrorCode {
    if (request.groupId === '') return ErrorCode.INVALID_GROUP_ID
    const group = this.#groups.get(request.groupId)
    if (group === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
    const step = this.#step(group, now)
    return group.consumer === undefined
      ? membership.heartbeat(step, request)
      : heartbeatAsClassic(step, request)
  }

  leave(
    request: { readonly groupId: string; readonly members: readonly MemberIdentity[] },
    now: Instant,
  ): { errorCode: ErrorCode; memberErrors: ErrorCode[]; effects: GroupEffects } {
    const effects = noEffects()
    if (request.groupId === '') return { errorCode: ErrorCode.INVALID_GROUP_ID, memberErrors: [], effects }
    const group = this.#groups.get(request.groupId)
    if (group === undefined) {
      return {
        errorCode: ErrorCode.NONE,
        memberErrors: request.members.map(() => ErrorCode.UNKNOWN_MEMBER_ID),
        effects,
      }
    }
    const step = this.#step(group, now, effects)
    const memberErrors =
      group.consumer === undefined
        ? request.members.map((identity) => membership.leave(step, identity))
        : leaveConsumerGroup(step, request.members)
    this.#forgetIfIdle(group)
    return { errorCode: ErrorCode.NONE, memberErrors, effects }
  }

  /** When `tick` wants to be called for the group at the latest (monotonic); Infinity when it need not be. */
  nextTickMs(groupId: string): number {
    const group = this.#groups.get(groupId)
    if (group === undefined) return this.shares.nextTickMs(groupId)
    if (group.streams !== undefined) return nextStreamsTickMs(group)
    return group.consumer === undefined ? membership.nextTickMs(group) : group.deadlines.next()
  }

  tick(groupId: string, now: Instant): GroupEffects {
    const effects = noEffects()
    const group = this.#groups.get(groupId)
    if (group === undefined) {
      effects.records.push(...this.shares.tick(groupId, now))
      return effects
    }
    const step = this.#step(group, now, effects)
    if (group.streams !== undefined) tickStreamsGroup(step)
    else if (group.consumer === undefined) membership.tick(step)
    else expireMembers(step)
    this.#forgetIfIdle(group)
    return effects
  }

  /**
   * The log refused the records of a decision. The members of a new generation begin another one; a group of the
   * consumer protocol is as it was.
   */
  membershipLost(groupId: string, now: Instant): GroupEffects {
    const effects = noEffects()
    const group = this.#groups.get(groupId)
    if (group === undefined) return effects
    const step = this.#step(group, now, effects)
    if (group.consumer !== undefined || group.streams !== undefined) {
      group.topicsSeen = undefined
      // Somebody who was about to turn it into one of the classic protocol.
      for (const member of group.members.values())
        answerJoin(step, member, joinError(ErrorCode.COORDINATOR_NOT_AVAILABLE, member.id))
      group.clearClassic()
    } else if (group.members.size > 0 && group.state !== 'PreparingRebalance') {
      prepareRebalance(step)
    }
    this.#forgetIfIdle(group)
    return effects
  }

  /** The records that brought a group over to the other protocol have been applied: what is volatile follows. */
  converted(groupId: string, conversion: Conversion, now: Instant): GroupEffects {
    const effects = noEffects()
    const group = this.#groups.get(groupId)
    if (group === undefined) return effects
    const step = this.#step(group, now, effects)
    switch (conversion.kind) {
      case 'upgraded':
        for (const member of group.members.values()) {
          answerJoin(step, member, joinError(ErrorCode.REBALANCE_IN_PROGRESS, member.id))
          answerSync(step, member, ErrorCode.REBALANCE_IN_PROGRESS)
        }
        group.clearClassic()
        renewDeadlines(step, 'classic')
        break
      case 'downgraded':
        group.restore(now.monotonicMs)
        for (const member of group.members.values())
          member.protocols = conversion.protocols.get(member.id) ?? member.protocols
        if (conversion.rebalance) prepareRebalance(step)
        break
    }
    return effects
  }

  commitOffsets(
    request: OffsetCommitRequest,
    now: Instant,
  ): { topics: TopicErrors[]; records: GroupRecord[] } {
    return this.#commit(request, now, false)
  }

  /** The records belong into a transactional batch of the producer. */
  commitTransactionalOffsets(
    request: OffsetCommitRequest,
    now: Instant,
  ): { topics: TopicErrors[]; records: GroupRecord[] } {
    return this.#commit(request, now, true)
  }

  #commit(
    request: OffsetCommitRequest,
    now: Instant,
    transactional: boolean,
  ): { topics: TopicErrors[]; records: GroupRecord[] } {
    const group = this.#groups.get(request.groupId)
    const errorCode =
      request.groupId === '' && transactional
        ? ErrorCode.INVALID_GROUP_ID
        : this.shares.has(request.groupId)
          ? ErrorCode.GROUP_ID_NOT_FOUND
          : commitError(group, request, { transactional, topics: this.#surroundings.topics })
    if (errorCode !== ErrorCode.NONE) return { topics: allPartitions(request.topics, errorCode), records: [] }
    const member = group?.consumer === undefined ? group?.members.get(request.memberId) : undefined
    if (member !== undefined) member.deadlineMs = now.monotonicMs + member.sessionTimeoutMs
    return commitOffsets(request, this.#surroundings.config, now.wallMs)
  }

  fetchOffsets(request: {
    readonly groupId: string
    readonly topics: readonly { readonly name: string; readonly partitionIndexes: readonly number[] }[] | null
    readonly requireStable: boolean
    readonly reader?: OffsetReader
  }): { errorCode: ErrorCode; topics: FetchedTopic[] } {
    const group = this.#groups.get(request.groupId)
    const errorCode = request.reader === undefined ? ErrorCode.NONE : fetchError(group, request.reader)
    if (errorCode !== ErrorCode.NONE) return { errorCode, topics: [] }
    return { errorCode, topics: fetchOffsets(group, request.topics, request.requireStable) }
  }

  describeConsumerGroup(groupId: string): DescribedConsumerGroup {
    const described = describeConsumerGroup(groupId, this.#groups.get(groupId), this.#surroundings)
    if (!this.shares.has(groupId)) return described
    return { ...described, errorMessage: `Group ${groupId} is not a consumer group.` }
  }

  describeStreamsGroup(groupId: string): DescribedStreamsGroup {
    const described = describeStreamsGroup(groupId, this.#groups.get(groupId), this.#surroundings)
    if (!this.shares.has(groupId)) return described
    return { ...described, errorMessage: `Group ${groupId} is not a streams group.` }
  }

  /** A group of the classic protocol as DescribeGroups shows it. */
  describe(groupId: string): DescribedGroup {
    const described = describeClassicGroup(groupId, this.#groups.get(groupId))
    if (!this.shares.has(groupId)) return described
    return { ...described, errorMessage: `Group ${groupId} is not a classic group.` }
  }

  list(): GroupListing[] {
    const groups = Array.from(this.#groups.values(), (group) => ({
      groupId: group.id,
      protocolType: group.type === 'classic' ? (group.protocolType ?? '') : group.type,
      groupState: group.shownState,
      groupType: group.type,
    }))
    return [...groups, ...this.shares.list()]
  }

  deleteGroup(groupId: string, now: Instant): { errorCode: ErrorCode; records: GroupRecord[] } {
    if (this.shares.has(groupId)) return this.shares.delete(groupId)
    const group = this.#groups.get(groupId)
    if (groupId === '') return { errorCode: ErrorCode.INVALID_GROUP_ID, records: [] }
    if (group === undefined) return { errorCode: ErrorCode.GROUP_ID_NOT_FOUND, records: [] }
    const step = this.#step(group, now)
    const errorCode = deleteGroup(step)
    return { errorCode, records: step.effects.records }
  }

  deleteOffsets(
    groupId: string,
    topics: readonly {
      readonly name: string
      readonly partitions: readonly { readonly partitionIndex: number }[]
    }[],
    now: Instant,
  ): { errorCode: ErrorCode; topics: TopicErrors[]; records: GroupRecord[] } {
    const group = this.#groups.get(groupId)
    if (groupId === '') return { errorCode: ErrorCode.INVALID_GROUP_ID, topics: [], records: [] }
    if (group === undefined) return { errorCode: ErrorCode.GROUP_ID_NOT_FOUND, topics: [], records: [] }
    const step = this.#step(group, now)
    return { ...deleteOffsets(step, topics), records: step.effects.records }
  }

  /** Tombstones for all groups' offsets that have outlived their retention, or for those of a deleted topic. */
  expireOffsets(now: Instant, deletedTopic?: string): GroupRecord[] {
    const effects = noEffects()
    for (const group of this.#groups.values()) expireOffsets(this.#step(group, now, effects), deletedTopic)
    return effects.records
  }

  /** The one place where durable state changes, live and in replay alike. */
  apply(record: GroupRecord, position: RecordPosition): void {
    if (isShareRecord(record)) {
      this.shares.apply(record)
      return
    }
    const group = this.#groups.get(record.groupId) ?? new ConsumerGroup(record.groupId)
    this.#groups.set(group.id, group)
    applyRecord(group, record, position)
    if (record.kind === 'offset' && position.producerId !== undefined) {
      const groups = this.#openTransactions.get(position.producerId) ?? new Set()
      this.#openTransactions.set(position.producerId, groups.add(group))
    }
    if (position.more !== true) this.#forgetIfIdle(group)
  }

  /** A transaction's marker has reached this partition: its offsets become visible, or vanish. */
  applyMarker(producerId: number, kind: 'commit' | 'abort'): void {
    const groups = this.#openTransactions.get(producerId)
    if (groups === undefined) return
    this.#openTransactions.delete(producerId)
    for (const group of groups) {
      const pending = group.pendingOffsets.get(producerId)
      group.pendingOffsets.delete(producerId)
      for (const [topic, partitions] of kind === 'commit' ? (pending ?? []) : []) {
        for (const [partition, value] of partitions) {
          const present = group.offsets.get(topic)?.get(partition)
          // A commit that was appended after this one has said something newer.
          if (present !== undefined && present.recordOffset > value.recordOffset) continue
          putOffset(group.offsets, topic, partition, value)
        }
      }
      this.#forgetIfIdle(group)
    }
  }

  /** Ends a replay: groups with members wait one session for them. */
  restore(now: Instant): string[] {
    for (const group of this.#groups.values()) {
      if (group.streams !== undefined) renewStreamsDeadlines(this.#step(group, now))
      else if (group.consumer === undefined) group.restore(now.monotonicMs)
      else renewDeadlines(this.#step(group, now), 'all')
    }
    return [...this.#groups.keys(), ...this.shares.restore(now)]
  }

  /**
   * All durable state as records, in pieces: once all are appended, they make everything from before the first one
   * superfluous, except what belongs to open transactions. Between pieces the state may change: what changes is in the
   * log behind the snapshot's beginning anyway.
   */
  *snapshot(): Generator<SnapshotPiece<GroupRecord>, void, void> {
    for (const group of this.#groups.values()) yield* groupSnapshot(group)
    yield* this.shares.snapshot()
  }

  /** How many records a snapshot would have, about. */
  get sizeRecords(): number {
    let size = this.shares.sizeRecords
    for (const group of this.#groups.values()) {
      size += 1 + 3 * (group.consumer?.members.size ?? group.streams?.members.size ?? 0)
      for (const partitions of group.offsets.values()) size += partitions.size
    }
    return size
  }

  #step(group: ConsumerGroup, now: Instant, effects: GroupEffects = noEffects()): GroupStep {
    return { ...this.#surroundings, group, now, effects }
  }

  #forgetIfIdle(group: ConsumerGroup): void {
    if (group.isForgettable) this.#groups.delete(group.id)
  }
}

/** A refused JoinGroup changes nothing, whatever was decided before it was refused. */
function onlyIfAccepted(effects: GroupEffects): GroupEffects {
  const refused = effects.replies.some(({ result }) => result.errorCode !== ErrorCode.NONE)
  return refused ? { ...noEffects(), replies: effects.replies } : effects
}

function allPartitions(topics: OffsetCommitRequest['topics'], errorCode: number): TopicErrors[] {
  return topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
  }))
}
