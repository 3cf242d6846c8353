/** Drives a `GroupCoordinator` as the broker does, without a broker: records go into a list that can be replayed. */
import { decodeGroupRecord, encodeGroupRecord, type GroupRecord } from './group-record.ts'
import { GroupCoordinator } from './group-coordinator.ts'
import type { TopicRegexes, TopicShape, TopicsView } from './consumer/topics-view.ts'
import type { OffsetCommitRequest, TopicErrors } from './group-offsets.ts'
import type {
  ConsumerGroupTimes,
  GroupConfig,
  GroupEffects,
  StreamsGroupSettings,
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
  consumer: {
    maxSize: 5,
    assignors: ['uniform', 'range'],
    regexRefreshIntervalMs: 600_000,
    mayUpgrade: true,
    mayDowngrade: true,
    ofGroup: () => ({ sessionTimeoutMs: 10_000, heartbeatIntervalMs: 1_000, assignmentIntervalMs: 0 }),
  },
  streams: {
    maxSize: 5,
    ofGroup: () => ({
      sessionTimeoutMs: 10_000,
      heartbeatIntervalMs: 1_000,
      assignmentIntervalMs: 0,
      initialRebalanceDelayMs: 0,
      standbyReplicas: 0,
      rackAwareTags: [],
      taskOffsetIntervalMs: 60_000,
      acceptableRecoveryLag: 10_000,
    }),
  },
  share: {
    maxSize: 5,
    ofGroup: () => ({ sessionTimeoutMs: 10_000, heartbeatIntervalMs: 1_000, assignmentIntervalMs: 0 }),
  },
}

/** Topics that tests create, grow and delete. */
export class TestTopics implements TopicsView {
  version = 0
  readonly #topics = new Map<string, TopicShape>()
  #lastId = 0

  topic(name: string): TopicShape | undefined {
    return this.#topics.get(name)
  }

  topicById(id: string): TopicShape | undefined {
    return [...this.#topics.values()].find((topic) => topic.id === id)
  }

  names(): Iterable<string> {
    return this.#topics.keys()
  }

  /** Creates a topic, or makes it as large. */
  put(name: string, partitionCount: number): string {
    const id = this.#topics.get(name)?.id ?? `${'A'.repeat(19)}${String(++this.#lastId).padStart(2, '0')}A`
    this.#topics.set(name, { id, name, partitionCount })
    this.version += 1
    return id
  }

  delete(name: string): void {
    this.#topics.delete(name)
    this.version += 1
  }
}

/** JavaScript's own expressions, which agree with RE2's in what tests use. */
const regexes: TopicRegexes = {
  compile(source) {
    try {
      const regex = new RegExp(`^(?:${source})$`, 'u')
      return { kind: 'compiled', matches: (topic) => regex.test(topic) }
    } catch {
      return { kind: 'invalid', reason: 'it does not compile' }
    }
  },
}

type LogEntry =
  | { readonly kind: 'record'; readonly stored: StoredRecord; readonly producerId: number | undefined }
  | { readonly kind: 'marker'; readonly producerId: number; readonly end: 'commit' | 'abort' }

export class GroupHarness {
  readonly topics = new TestTopics()
  coordinator = this.noGroups()
  nowMs = 1_000
  readonly log: LogEntry[] = []
  readonly answers = new Map<number, JoinResult | SyncResult>()
  refuseAppends = false
  #lastWaiter = 0
  #lastMember = 0

  consumerTimes: ConsumerGroupTimes | undefined
  streamsSettings: Partial<StreamsGroupSettings> = {}

  noGroups(): GroupCoordinator {
    const ofGroup = (groupId: string): ConsumerGroupTimes =>
      this.consumerTimes ?? CONFIG.consumer.ofGroup(groupId)
    const ofStreamsGroup = (groupId: string): StreamsGroupSettings => ({
      ...CONFIG.streams.ofGroup(groupId),
      ...this.streamsSettings,
    })
    const config = {
      ...CONFIG,
      consumer: { ...CONFIG.consumer, ofGroup },
      streams: { ...CONFIG.streams, ofGroup: ofStreamsGroup },
    }
    return new GroupCoordinator({ config, topics: this.topics, regexes })
  }

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
      apiVersion: 8,
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
    const { topics } = this.coordinator.fetchOffsets({
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

  carryOut(groupId: string, { records, replies, conversion }: GroupEffects): void {
    if (this.refuseAppends && records.length > 0) {
      this.carryOut(groupId, this.coordinator.membershipLost(groupId, this.now))
      return
    }
    this.append(records)
    if (conversion !== undefined)
      this.carryOut(groupId, this.coordinator.converted(groupId, conversion, this.now))
    for (const { waiter, result } of replies) this.answers.set(waiter, result)
  }

  append(records: readonly GroupRecord[], producerId?: number): void {
    records.forEach((record, index) => {
      const stored = encodeGroupRecord(record)
      const more = index < records.length - 1
      this.coordinator.apply(decodeGroupRecord(stored)!, { offset: this.log.length, producerId, more })
      this.log.push({ kind: 'record', stored, producerId })
    })
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
    const coordinator = this.noGroups()
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
