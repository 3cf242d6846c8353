/**
 * The groups that one partition of `__consumer_offsets` keeps, as a replayable state machine: every method but `apply…`,
 * `restore` and the readers decides, and returns records for the log. See `coordinator-record.ts` for the contract and
 * `consumer-group.ts` for what is durable and what is not.
 */
import { assert } from '../../../base/assert.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import type { Instant, SnapshotPiece } from '../coordinator-record.ts'
import {
  type CommittedOffset,
  ConsumerGroup,
  putOffset,
  removeOffset,
  metadataFor,
  NO_BYTES,
  type Waiter,
} from './consumer-group.ts'
import {
  commitError,
  commitOffsets,
  deleteGroup,
  deleteOffsets,
  expireOffsets,
  fetchOffsets,
} from './group-offsets.ts'
import type { FetchedTopic, OffsetCommitRequest, TopicErrors } from './group-offsets.ts'
import type { GroupRecord } from './group-record.ts'
import { joinError, noEffects, syncError } from './group-step.ts'
import type {
  GroupConfig,
  GroupEffects,
  GroupStep,
  JoinRequest,
  MemberIdentity,
  SyncRequest,
} from './group-step.ts'
import * as membership from './membership.ts'
import { prepareRebalance } from './rebalance.ts'

/** Where a record lies in the log, and the transaction it belongs to. */
export interface RecordPosition {
  readonly offset: number
  /** The producer's id when the record is part of a transaction. */
  readonly producerId: number | undefined
}

export interface GroupListing {
  readonly groupId: string
  readonly protocolType: string
  readonly groupState: string
  readonly groupType: string
}

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

export class GroupCoordinator {
  readonly #config: GroupConfig
  readonly #groups = new Map<string, ConsumerGroup>()
  /** Producers with pending offsets here → the groups they touch. */
  readonly #openTransactions = new Map<number, Set<ConsumerGroup>>()

  constructor(config: GroupConfig) {
    this.#config = config
  }

  join(request: JoinRequest, waiter: Waiter, now: Instant): GroupEffects {
    const effects = noEffects()
    const refuse = (errorCode: number): GroupEffects => {
      effects.replies.push({ kind: 'join', waiter, result: joinError(errorCode, request.memberId) })
      return effects
    }
    if (request.groupId === '') return refuse(ErrorCode.INVALID_GROUP_ID)
    const { minSessionTimeoutMs, maxSessionTimeoutMs } = this.#config
    if (request.sessionTimeoutMs < minSessionTimeoutMs || request.sessionTimeoutMs > maxSessionTimeoutMs) {
      return refuse(ErrorCode.INVALID_SESSION_TIMEOUT)
    }
    let group = this.#groups.get(request.groupId)
    if (group === undefined) {
      if (request.memberId !== '') return refuse(ErrorCode.UNKNOWN_MEMBER_ID)
      this.#groups.set(request.groupId, (group = new ConsumerGroup(request.groupId)))
    }
    membership.join(this.#step(group, now, effects), request, waiter)
    this.#forgetIfIdle(group)
    return effects
  }

  sync(request: SyncRequest, waiter: Waiter, now: Instant): GroupEffects {
    const effects = noEffects()
    const group = this.#groups.get(request.groupId)
    if (request.groupId === '' || group === undefined) {
      const errorCode = request.groupId === '' ? ErrorCode.INVALID_GROUP_ID : ErrorCode.UNKNOWN_MEMBER_ID
      effects.replies.push({ kind: 'sync', waiter, result: syncError(errorCode) })
      return effects
    }
    membership.sync(this.#step(group, now, effects), request, waiter)
    return effects
  }

  heartbeat(
    request: MemberIdentity & { readonly groupId: string; readonly generationId: number },
    now: Instant,
  ): ErrorCode {
    if (request.groupId === '') return ErrorCode.INVALID_GROUP_ID
    const group = this.#groups.get(request.groupId)
    if (group === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
    return membership.heartbeat(this.#step(group, now), request)
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
    const memberErrors = request.members.map((identity) => membership.leave(step, identity))
    this.#forgetIfIdle(group)
    return { errorCode: ErrorCode.NONE, memberErrors, effects }
  }

  /** When `tick` wants to be called for the group at the latest (monotonic); Infinity when it need not be. */
  nextTickMs(groupId: string): number {
    const group = this.#groups.get(groupId)
    return group === undefined ? Infinity : membership.nextTickMs(group)
  }

  tick(groupId: string, now: Instant): GroupEffects {
    const effects = noEffects()
    const group = this.#groups.get(groupId)
    if (group === undefined) return effects
    membership.tick(this.#step(group, now, effects))
    this.#forgetIfIdle(group)
    return effects
  }

  /** The log refused the records of a new generation: its members begin another one. */
  membershipLost(groupId: string, now: Instant): GroupEffects {
    const effects = noEffects()
    const group = this.#groups.get(groupId)
    if (group !== undefined && group.members.size > 0 && group.state !== 'PreparingRebalance') {
      prepareRebalance(this.#step(group, now, effects))
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
        : commitError(group, request, transactional)
    if (errorCode !== ErrorCode.NONE) return { topics: allPartitions(request.topics, errorCode), records: [] }
    const member = group?.members.get(request.memberId)
    if (member !== undefined) member.deadlineMs = now.monotonicMs + member.sessionTimeoutMs
    return commitOffsets(request, this.#config, now.wallMs)
  }

  fetchOffsets(request: {
    readonly groupId: string
    readonly topics: readonly { readonly name: string; readonly partitionIndexes: readonly number[] }[] | null
    readonly requireStable: boolean
  }): FetchedTopic[] {
    return fetchOffsets(this.#groups.get(request.groupId), request.topics, request.requireStable)
  }

  describe(groupId: string): DescribedGroup {
    const group = this.#groups.get(groupId)
    if (group === undefined) {
      return {
        errorCode: ErrorCode.GROUP_ID_NOT_FOUND,
        errorMessage: `Group ${groupId} not found.`,
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
        memberAssignment: stable ? member.assignment : NO_BYTES,
      })),
    }
  }

  list(): GroupListing[] {
    return [...this.#groups.values()].map((group) => ({
      groupId: group.id,
      protocolType: group.protocolType ?? '',
      groupState: group.state,
      groupType: 'classic',
    }))
  }

  deleteGroup(groupId: string, now: Instant): { errorCode: ErrorCode; records: GroupRecord[] } {
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
    const group = this.#groups.get(record.groupId) ?? new ConsumerGroup(record.groupId)
    this.#groups.set(group.id, group)
    if (record.kind === 'membership') {
      group.stored = record.value ?? undefined
    } else if (position.producerId !== undefined) {
      assert(record.value !== null, 'a transaction does not delete offsets')
      this.#applyPending(group, position.producerId, {
        ...record,
        value: { ...record.value, recordOffset: position.offset },
      })
    } else if (record.value === null) {
      removeOffset(group.offsets, record.topic, record.partition)
    } else {
      putOffset(group.offsets, record.topic, record.partition, {
        ...record.value,
        recordOffset: position.offset,
      })
    }
    this.#forgetIfIdle(group)
  }

  #applyPending(
    group: ConsumerGroup,
    producerId: number,
    { topic, partition, value }: { topic: string; partition: number; value: Parameters<typeof putOffset>[3] },
  ): void {
    let offsets = group.pendingOffsets.get(producerId)
    if (offsets === undefined) group.pendingOffsets.set(producerId, (offsets = new Map()))
    putOffset(offsets, topic, partition, value)
    let groups = this.#openTransactions.get(producerId)
    if (groups === undefined) this.#openTransactions.set(producerId, (groups = new Set()))
    groups.add(group)
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
    for (const group of this.#groups.values()) group.restore(now.monotonicMs)
    return [...this.#groups.keys()]
  }

  /**
   * All durable state as records, in pieces: once all are appended, they make everything from before the first one
   * superfluous, except what belongs to open transactions. Between pieces the state may change: what changes is in the
   * log behind the snapshot's beginning anyway.
   */
  *snapshot(): Generator<SnapshotPiece<GroupRecord>, void, void> {
    for (const group of this.#groups.values()) {
      const topics = new Set(group.offsets.keys())
      for (const offsets of group.pendingOffsets.values())
        for (const topic of offsets.keys()) topics.add(topic)
      for (const topic of topics) yield offsetsPiece(group, topic)
      if (group.stored !== undefined) {
        const record: GroupRecord = { kind: 'membership', groupId: group.id, value: group.stored }
        yield { records: [record], pending: NOTHING_PENDING }
      }
    }
  }

  /** How many records a snapshot would have, about. */
  get sizeRecords(): number {
    let size = 0
    for (const group of this.#groups.values()) {
      size += 1
      for (const partitions of group.offsets.values()) size += partitions.size
    }
    return size
  }

  #step(group: ConsumerGroup, now: Instant, effects: GroupEffects = noEffects()): GroupStep {
    return { group, config: this.#config, now, effects }
  }

  #forgetIfIdle(group: ConsumerGroup): void {
    if (group.isForgettable) this.#groups.delete(group.id)
  }
}

const NOTHING_PENDING: ReadonlyMap<number, readonly GroupRecord[]> = new Map()

/**
 * A group's offsets of one topic. Those of open transactions come again behind the committed ones, which they would
 * otherwise seem to be older than, unless a newer commit has overtaken them.
 */
function offsetsPiece(group: ConsumerGroup, topic: string): SnapshotPiece<GroupRecord> {
  const committed = group.offsets.get(topic)
  const recordOf = (partition: number, value: CommittedOffset): GroupRecord => ({
    kind: 'offset',
    groupId: group.id,
    topic,
    partition,
    value,
  })
  const pending = new Map<number, GroupRecord[]>()
  for (const [producerId, offsets] of group.pendingOffsets) {
    const again: GroupRecord[] = []
    for (const [partition, value] of offsets.get(topic) ?? []) {
      const present = committed?.get(partition)
      if (present === undefined || present.recordOffset <= value.recordOffset)
        again.push(recordOf(partition, value))
    }
    if (again.length > 0) pending.set(producerId, again)
  }
  return { records: Array.from(committed ?? [], ([partition, value]) => recordOf(partition, value)), pending }
}

function allPartitions(topics: OffsetCommitRequest['topics'], errorCode: number): TopicErrors[] {
  return topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
  }))
}
