/** Drives a `GroupCoordinator` as the broker does, without a broker: records go into a list that can be replayed. */
import { decodeGroupRecord, encodeGroupRecord, type GroupRecord } from './group-record.ts'
import { GroupCoordinator } from './group-coordinator.ts'
import type { OffsetCommitRequest, TopicErrors } from './group-offsets.ts'
import type {
  GroupConfig,
  GroupEffects,
  JoinRequest,
  JoinResult,
  SyncRequest,
  SyncResult,
} from './group-step.ts'
import type { SnapshotPiece, StoredRecord } from '../coordinator-record.ts'

export const CONFIG: GroupConfig = {
  initialRebalanceDelayMs: 100,
  minSessionTimeoutMs: 1_000,
  maxSessionTimeoutMs: 60_000,
  maxSize: 5,
  offsetsRetentionMs: 100_000,
  maxOffsetMetadataBytes: 20,
}

type LogEntry =
  | { readonly kind: 'record'; readonly stored: StoredRecord; readonly producerId: number | undefined }
  | { readonly kind: 'marker'; readonly producerId: number; readonly end: 'commit' | 'abort' }

export class GroupHarness {
  coordinator = new GroupCoordinator(CONFIG)
  nowMs = 1_000
  readonly log: LogEntry[] = []
  readonly answers = new Map<number, JoinResult | SyncResult>()
  refuseAppends = false
  #lastWaiter = 0
  #lastMember = 0

  get now(): { wallMs: number; monotonicMs: number } {
    return { wallMs: 1_700_000_000_000 + this.nowMs, monotonicMs: this.nowMs }
  }

  /** The answer comes with `joined`, perhaps later. */
  join(request: Partial<JoinRequest> = {}): number {
    const waiter = ++this.#lastWaiter
    const whole: JoinRequest = {
      groupId: 'g',
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 30_000,
      memberId: '',
      groupInstanceId: null,
      protocolType: 'consumer',
      protocols: protocols('range'),
      clientId: 'client',
      clientHost: '/127.0.0.1',
      newMemberId: `m${++this.#lastMember}`,
      requiresKnownMemberId: false,
      canSkipAssignment: true,
      ...request,
    }
    this.carryOut(whole.groupId, this.coordinator.join(whole, waiter, this.now))
    return waiter
  }

  sync(request: Partial<SyncRequest> & Pick<SyncRequest, 'memberId' | 'generationId'>): number {
    const waiter = ++this.#lastWaiter
    const whole = {
      groupId: 'g',
      groupInstanceId: null,
      protocolType: null,
      protocolName: null,
      assignments: [],
      ...request,
    }
    this.carryOut(whole.groupId, this.coordinator.sync(whole, waiter, this.now))
    return waiter
  }

  heartbeat(memberId: string, generationId: number, groupInstanceId: string | null = null): number {
    return this.coordinator.heartbeat({ groupId: 'g', memberId, generationId, groupInstanceId }, this.now)
  }

  leave(...memberIds: readonly string[]): number[] {
    const members = memberIds.map((memberId) => ({ memberId, groupInstanceId: null }))
    const { memberErrors, effects } = this.coordinator.leave({ groupId: 'g', members }, this.now)
    this.carryOut('g', effects)
    return memberErrors
  }

  joined(waiter: number): JoinResult | undefined {
    return this.answers.get(waiter) as JoinResult | undefined
  }

  synced(waiter: number): SyncResult | undefined {
    return this.answers.get(waiter) as SyncResult | undefined
  }

  /** A group `g` of so many members, stable, with their ids as assignments. */
  stable(count: number, request: Partial<JoinRequest> = {}): { memberIds: string[]; generationId: number } {
    const waiters = Array.from({ length: count }, () => this.join(request))
    this.pass(200)
    const results = waiters.map((waiter) => this.joined(waiter)!)
    const memberIds = results.map(({ memberId }) => memberId)
    this.settle(results)
    return { memberIds, generationId: results[0]!.generationId }
  }

  /** All members sync, the leader with everybody's id as assignment. */
  settle(results: readonly JoinResult[]): number[] {
    return results.map(({ memberId, generationId, leader, members }) =>
      this.sync({
        memberId,
        generationId,
        assignments:
          memberId === leader
            ? members.map((each) => ({ memberId: each.memberId, assignment: Buffer.from(each.memberId) }))
            : [],
      }),
    )
  }

  /** Lets time pass, with ticks when they are due. */
  pass(ms: number, groupId = 'g'): void {
    const untilMs = this.nowMs + ms
    for (;;) {
      const nextMs = this.coordinator.nextTickMs(groupId)
      if (nextMs > untilMs) break
      this.nowMs = Math.max(this.nowMs, nextMs)
      this.carryOut(groupId, this.coordinator.tick(groupId, this.now))
    }
    this.nowMs = untilMs
  }

  commit(request: Partial<OffsetCommitRequest> = {}, offset = 1, producerId?: number): TopicErrors[] {
    const whole: OffsetCommitRequest = {
      groupId: 'g',
      memberId: '',
      groupInstanceId: null,
      generationId: -1,
      retentionTimeMs: -1,
      topics: [topicOffset('t', 0, offset)],
      ...request,
    }
    const { topics, records } =
      producerId === undefined
        ? this.coordinator.commitOffsets(whole, this.now)
        : this.coordinator.commitTransactionalOffsets(whole, this.now)
    this.append(records, producerId)
    return topics
  }

  fetch(topic = 't', partition = 0, requireStable = false): { offset: number; errorCode: number } {
    const topics = this.coordinator.fetchOffsets({
      groupId: 'g',
      topics: [{ name: topic, partitionIndexes: [partition] }],
      requireStable,
    })
    const { committedOffset, errorCode } = topics[0]!.partitions[0]!
    return { offset: committedOffset, errorCode }
  }

  endTransaction(producerId: number, end: 'commit' | 'abort'): void {
    this.log.push({ kind: 'marker', producerId, end })
    this.coordinator.applyMarker(producerId, end)
  }

  carryOut(groupId: string, { records, replies }: GroupEffects): void {
    if (this.refuseAppends && records.length > 0) {
      this.carryOut(groupId, this.coordinator.membershipLost(groupId, this.now))
      return
    }
    this.append(records)
    for (const { waiter, result } of replies) this.answers.set(waiter, result)
  }

  append(records: readonly GroupRecord[], producerId?: number): void {
    for (const record of records) {
      const stored = encodeGroupRecord(record)
      this.coordinator.apply(decodeGroupRecord(stored)!, { offset: this.log.length, producerId })
      this.log.push({ kind: 'record', stored, producerId })
    }
  }

  /** Appends a snapshot; what lies before may be forgotten, but for what `keepFrom` (the oldest open transaction) says. */
  compact(): { readonly snapshotAt: number } {
    const snapshotAt = this.log.length
    for (const piece of this.coordinator.snapshot()) this.appendPiece(piece)
    return { snapshotAt }
  }

  appendPiece({ records, pending }: SnapshotPiece<GroupRecord>): void {
    this.append(records)
    for (const [producerId, list] of pending) this.append(list, producerId)
  }

  /** A coordinator that was given the log from `from` on. */
  replayed(from = 0): GroupCoordinator {
    const coordinator = new GroupCoordinator(CONFIG)
    this.log.forEach((entry, offset) => {
      if (offset < from) return
      if (entry.kind === 'marker') coordinator.applyMarker(entry.producerId, entry.end)
      else coordinator.apply(decodeGroupRecord(entry.stored)!, { offset, producerId: entry.producerId })
    })
    return coordinator
  }

  restart(): void {
    this.coordinator = this.replayed()
    this.coordinator.restore(this.now)
  }
}

/** Protocols in order of preference; `metadata` stands for the subscription of each. */
export function protocols(...names: readonly string[]): JoinRequest['protocols'] {
  return names.map((name) => ({ name, metadata: Buffer.from(`${name} metadata`) }))
}

/** A subscription as consumers send it. */
export function subscription(...topics: readonly string[]): Buffer {
  const parts = [Buffer.from([0, 0, 0, 0, 0, topics.length])]
  for (const topic of topics) parts.push(Buffer.from([0, topic.length]), Buffer.from(topic))
  return Buffer.concat([...parts, Buffer.from([0, 0, 0, 0])])
}

export function topicOffset(
  name: string,
  partitionIndex: number,
  committedOffset: number,
  committedMetadata = '',
): OffsetCommitRequest['topics'][number] {
  return {
    name,
    partitions: [{ partitionIndex, committedOffset, committedLeaderEpoch: -1, committedMetadata }],
  }
}

/** All durable state, comparable: what a snapshot would hold, without regard to order or log positions. */
export function durableState(coordinator: GroupCoordinator): unknown {
  const records: GroupRecord[] = []
  const pending = new Map<number, GroupRecord[]>()
  for (const piece of coordinator.snapshot()) {
    records.push(...piece.records)
    for (const [producerId, list] of piece.pending)
      pending.set(producerId, [...(pending.get(producerId) ?? []), ...list])
  }
  const texts = (list: readonly GroupRecord[]): string[] =>
    list
      .map(encodeGroupRecord)
      .map(({ key, value }) => `${key.toString('hex')}=${value?.toString('hex') ?? ''}`)
      .toSorted()
  const open = [...pending].filter(([, list]) => list.length > 0).toSorted(([one], [other]) => one - other)
  return {
    records: texts(records),
    pending: open.map(([producerId, list]) => ({ producerId, records: texts(list) })),
  }
}
