/**
 * Drives the group coordinators: one pure `GroupCoordinator` for each partition of `__consumer_offsets`. Appends what
 * they decide, applies it, waits until it is durable, answers; keeps their timers; compacts.
 *
 * What an answer shows is durable: reads wait for records that were applied but are still on their way to the device.
 */
import { ErrorCode } from '../../protocol/error-code.ts'
import type { Timer } from '../../../world/world.ts'
import {
  coordinatorPartition,
  type Instant,
  type StoredRecord,
} from '../../coordinator/coordinator-record.ts'
import type { Waiter } from '../../coordinator/group/consumer-group.ts'
import {
  refuse,
  type ConsumerHeartbeatRequest,
  type ConsumerHeartbeatResult,
} from '../../coordinator/group/consumer/consumer-heartbeat.ts'
import type { DescribedConsumerGroup } from '../../coordinator/group/consumer/describe-consumer-group.ts'
import type { DescribedGroup } from '../../coordinator/group/describe-classic-group.ts'
import { GroupCoordinator, type GroupListing } from '../../coordinator/group/group-coordinator.ts'
import type { FetchedTopic, OffsetCommitRequest, TopicErrors } from '../../coordinator/group/group-offsets.ts'
import {
  decodeGroupRecord,
  encodeGroupRecord,
  type GroupRecord,
} from '../../coordinator/group/group-record.ts'
import { joinError, syncError } from '../../coordinator/group/group-step.ts'
import type { DescribedShareGroup } from '../../coordinator/group/share/describe-share-group.ts'
import {
  refuseShare,
  type ShareHeartbeatRequest,
  type ShareHeartbeatResult,
} from '../../coordinator/group/share/share-heartbeat.ts'
import type { ShareTopics } from '../../coordinator/group/share/share-record.ts'
import type {
  GroupEffects,
  GroupSurroundings,
  JoinRequest,
  JoinResult,
  MemberIdentity,
  SyncRequest,
  SyncResult,
} from '../../coordinator/group/group-step.ts'
import type { DescribedStreamsGroup } from '../../coordinator/group/streams/describe-streams-group.ts'
import {
  refuseStreams,
  type StreamsHeartbeatRequest,
  type StreamsHeartbeatResult,
} from '../../coordinator/group/streams/streams-heartbeat.ts'
import type { CoordinatorEnvironment } from '../coordinator-services.ts'
import { CoordinatorLog, type TransactionOwner } from './coordinator-log.ts'
import { groupConfig, topicsOf } from './group-surroundings.ts'
import { CONSUMER_OFFSETS, internalTopic } from './internal-topics.ts'
import { Re2TopicRegexes } from './topic-regexes.ts'

/** What share groups have done with partitions, which is kept elsewhere. */
interface SharePartitions {
  deleteGroup(groupId: string): Promise<ErrorCode>
  memberLeft(groupId: string, memberId: string): void
}

interface Shard {
  readonly coordinator: GroupCoordinator
  readonly log: CoordinatorLog
}

const EXPIRY_BATCH_RECORDS = 1_000

export class GroupDriver {
  readonly #environment: CoordinatorEnvironment
  readonly #surroundings: GroupSurroundings
  readonly #sharePartitions: SharePartitions
  readonly #regexes = new Re2TopicRegexes()
  #shards: readonly Shard[] = []
  readonly #waiters = new Map<
    Waiter,
    { readonly refuse: JoinResult | SyncResult; resolve(result: JoinResult | SyncResult): void }
  >()
  #lastWaiter = 0
  readonly #timers = new Map<string, { readonly timer: Timer; readonly atMs: number }>()
  #expiryTimer: Timer | undefined
  #closed = false

  constructor(environment: CoordinatorEnvironment, sharePartitions: SharePartitions) {
    this.#environment = environment
    this.#sharePartitions = sharePartitions
    this.#surroundings = {
      config: groupConfig(environment.config, environment.groupSettings),
      topics: topicsOf(environment.logDirectory),
      regexes: this.#regexes,
    }
  }

  /** Replays what is on disk. Transactions that were decided before a crash are completed afterwards. */
  async open(): Promise<void> {
    const topic = this.#environment.logDirectory.topic(CONSUMER_OFFSETS)
    if (topic !== undefined) {
      this.#openShards()
      let usesRegexes = false
      for (const { coordinator, log } of this.#shards) {
        log.replay({
          record: (stored, position) => {
            const record = decodeGroupRecord(stored)
            if (record !== undefined) coordinator.apply(record, position)
            usesRegexes ||= record?.kind === 'regex'
          },
          marker: (producerId, kind) => coordinator.applyMarker(producerId, kind),
        })
        // What was replayed may not have reached the device before the crash.
        await log.durable()
        for (const groupId of coordinator.restore(this.#now())) this.#arm(groupId)
      }
      if (usesRegexes) await this.#regexes.load()
    }
    this.#scheduleExpiry()
  }

  /** Creates `__consumer_offsets` on first use; false when that failed. */
  available(): boolean {
    return this.#openShards()
  }

  /** The partition of `__consumer_offsets` that keeps a group; undefined when the topic cannot be created. */
  partitionOf(groupId: string): number | undefined {
    return this.#openShards() ? coordinatorPartition(groupId, this.#shards.length) : undefined
  }

  join(request: JoinRequest): Promise<JoinResult> {
    const shard = this.#shardOf(request.groupId)
    if (shard === undefined)
      return Promise.resolve(joinError(ErrorCode.COORDINATOR_NOT_AVAILABLE, request.memberId))
    const { waiter, answer } = this.#wait(joinError(ErrorCode.NOT_COORDINATOR, request.memberId))
    this.#submit(shard, request.groupId, shard.coordinator.join(request, waiter, this.#now()))
    return answer
  }

  async consumerHeartbeat(request: ConsumerHeartbeatRequest): Promise<ConsumerHeartbeatResult> {
    const { subscribedTopicRegex } = request
    if (subscribedTopicRegex !== null && subscribedTopicRegex !== '') await this.#regexes.load()
    const shard = this.#shardOf(request.groupId)
    if (shard === undefined) return refuse(ErrorCode.COORDINATOR_NOT_AVAILABLE, null)
    const { result, effects } = shard.coordinator.consumerHeartbeat(request, this.#now())
    if (result.errorCode !== ErrorCode.NONE) return result
    const submitted = this.#submit(shard, request.groupId, effects)
    const failure = submitted === ErrorCode.NONE ? await shard.log.durable() : submitted
    return failure === ErrorCode.NONE ? result : refuse(failure, null)
  }

  async shareHeartbeat(request: ShareHeartbeatRequest): Promise<ShareHeartbeatResult> {
    const shard = this.#shardOf(request.groupId)
    if (shard === undefined) return refuseShare(ErrorCode.COORDINATOR_NOT_AVAILABLE, null)
    const { result, records } = shard.coordinator.shareHeartbeat(request, this.#now())
    if (result.errorCode !== ErrorCode.NONE) return result
    const failure = await this.#write(shard, records)
    this.#arm(request.groupId)
    return failure === ErrorCode.NONE ? result : refuseShare(failure, null)
  }

  async streamsHeartbeat(request: StreamsHeartbeatRequest): Promise<StreamsHeartbeatResult> {
    const shard = this.#shardOf(request.groupId)
    if (shard === undefined) return refuseStreams(ErrorCode.COORDINATOR_NOT_AVAILABLE, null)
    const { result, effects } = shard.coordinator.streamsHeartbeat(request, this.#now())
    if (result.errorCode !== ErrorCode.NONE) return result
    const submitted = this.#submit(shard, request.groupId, effects)
    const failure = submitted === ErrorCode.NONE ? await shard.log.durable() : submitted
    return failure === ErrorCode.NONE ? result : refuseStreams(failure, null)
  }

  sync(request: SyncRequest): Promise<SyncResult> {
    const shard = this.#existingShardOf(request.groupId)
    if (shard === undefined) return Promise.resolve(syncError(ErrorCode.UNKNOWN_MEMBER_ID))
    const { waiter, answer } = this.#wait(syncError(ErrorCode.NOT_COORDINATOR))
    this.#submit(shard, request.groupId, shard.coordinator.sync(request, waiter, this.#now()))
    return answer
  }

  heartbeat(
    request: MemberIdentity & { readonly groupId: string; readonly generationId: number },
  ): ErrorCode {
    const answer =
      this.#existingShardOf(request.groupId)?.coordinator.heartbeat(request, this.#now()) ??
      ErrorCode.UNKNOWN_MEMBER_ID
    // Otherwise it only ever moves the group's deadlines away: its timer finds that out when it fires.
    if (answer === ErrorCode.REBALANCE_IN_PROGRESS) this.#arm(request.groupId)
    return answer
  }

  async leave(request: {
    readonly groupId: string
    readonly members: readonly MemberIdentity[]
  }): Promise<{ errorCode: ErrorCode; memberErrors: ErrorCode[] }> {
    const shard = this.#existingShardOf(request.groupId)
    if (shard === undefined)
      return {
        errorCode: ErrorCode.NONE,
        memberErrors: request.members.map(() => ErrorCode.UNKNOWN_MEMBER_ID),
      }
    const { errorCode, memberErrors, effects } = shard.coordinator.leave(request, this.#now())
    const submitted = this.#submit(shard, request.groupId, effects)
    const failure =
      submitted === ErrorCode.NONE && effects.records.length > 0 ? await shard.log.durable() : submitted
    return failure === ErrorCode.NONE ? { errorCode, memberErrors } : { errorCode: failure, memberErrors: [] }
  }

  async commitOffsets(request: OffsetCommitRequest): Promise<TopicErrors[]> {
    const shard = this.#shardOf(request.groupId)
    if (shard === undefined) return refusedTopics(request.topics, ErrorCode.COORDINATOR_NOT_AVAILABLE)
    const { topics, records } = shard.coordinator.commitOffsets(request, this.#now())
    return answerTopics(topics, await this.#write(shard, records))
  }

  /** The producer's transaction must hold this group's partition already. */
  async commitTransactionalOffsets(
    request: OffsetCommitRequest,
    owner: TransactionOwner,
  ): Promise<TopicErrors[]> {
    const shard = this.#shardOf(request.groupId)
    if (shard === undefined) return refusedTopics(request.topics, ErrorCode.COORDINATOR_NOT_AVAILABLE)
    const { topics, records } = shard.coordinator.commitTransactionalOffsets(request, this.#now())
    return answerTopics(topics, await this.#write(shard, records, owner))
  }

  async fetchOffsets(
    request: Parameters<GroupCoordinator['fetchOffsets']>[0],
  ): Promise<{ errorCode: ErrorCode; topics: FetchedTopic[] }> {
    const shard = this.#existingShardOf(request.groupId)
    const answer = (shard?.coordinator ?? this.#noGroups()).fetchOffsets(request)
    if (answer.errorCode !== ErrorCode.NONE) return answer
    const errorCode = (await shard?.log.durable()) ?? ErrorCode.NONE
    return errorCode === ErrorCode.NONE ? answer : { errorCode, topics: [] }
  }

  /** For figures: nothing waits for the device. */
  committedOffsets(groupId: string): readonly FetchedTopic[] {
    const coordinator = this.#existingShardOf(groupId)?.coordinator ?? this.#noGroups()
    return coordinator.fetchOffsets({ groupId, topics: null, requireStable: false }).topics
  }

  describe(groupId: string): DescribedGroup {
    return (this.#existingShardOf(groupId)?.coordinator ?? this.#noGroups()).describe(groupId)
  }

  describeConsumerGroup(groupId: string): DescribedConsumerGroup {
    return (this.#existingShardOf(groupId)?.coordinator ?? this.#noGroups()).describeConsumerGroup(groupId)
  }

  describeShareGroup(groupId: string): DescribedShareGroup {
    return (this.#existingShardOf(groupId)?.coordinator ?? this.#noGroups()).describeShareGroup(groupId)
  }

  /** The topics of which a share group has share-partitions; undefined when there is no such group. */
  shareTopics(groupId: string): ShareTopics | undefined {
    return this.#existingShardOf(groupId)?.coordinator.shares.topicsOf(groupId)
  }

  /** Notes that a share group has share-partitions of other topics than before. */
  async changeShareTopics(groupId: string, topics: ShareTopics): Promise<ErrorCode> {
    const shard = this.#shardOf(groupId)
    if (shard === undefined) return ErrorCode.COORDINATOR_NOT_AVAILABLE
    return this.#write(shard, shard.coordinator.shares.changeTopics(groupId, topics))
  }

  describeStreamsGroup(groupId: string): DescribedStreamsGroup {
    return (this.#existingShardOf(groupId)?.coordinator ?? this.#noGroups()).describeStreamsGroup(groupId)
  }

  list(): GroupListing[] {
    return this.#shards.flatMap(({ coordinator }) => coordinator.list())
  }

  async deleteGroup(groupId: string): Promise<ErrorCode> {
    if (groupId === '') return ErrorCode.INVALID_GROUP_ID
    const shard = this.#existingShardOf(groupId)
    if (shard === undefined) return ErrorCode.GROUP_ID_NOT_FOUND
    const { errorCode, records } = shard.coordinator.deleteGroup(groupId, this.#now())
    if (errorCode !== ErrorCode.NONE) return errorCode
    if (!shard.coordinator.shares.has(groupId)) return await this.#write(shard, records)
    // First what it has done, so that a group of the same name cannot go on with it.
    const forgotten = await this.#sharePartitions.deleteGroup(groupId)
    if (forgotten !== ErrorCode.NONE) return forgotten
    // Somebody may have joined meanwhile.
    const now = shard.coordinator.deleteGroup(groupId, this.#now())
    return now.errorCode === ErrorCode.NONE ? await this.#write(shard, now.records) : now.errorCode
  }

  async deleteOffsets(
    groupId: string,
    topics: Parameters<GroupCoordinator['deleteOffsets']>[1],
  ): Promise<{ errorCode: ErrorCode; topics: TopicErrors[] }> {
    const shard = this.#existingShardOf(groupId)
    if (shard === undefined) return { errorCode: ErrorCode.GROUP_ID_NOT_FOUND, topics: [] }
    const answer = shard.coordinator.deleteOffsets(groupId, topics, this.#now())
    const written = await this.#write(shard, answer.records)
    return written === ErrorCode.NONE
      ? { errorCode: answer.errorCode, topics: answer.topics }
      : { errorCode: written, topics: [] }
  }

  topicDeleted(topic: string): void {
    for (const shard of this.#shards) this.#expire(shard, topic)
  }

  /** A marker was appended to this partition of `__consumer_offsets`. */
  applyMarker(partition: number, producerId: number, kind: 'commit' | 'abort'): void {
    const shard = this.#shards[partition]
    shard?.coordinator.applyMarker(producerId, kind)
    if (shard !== undefined) this.#compactWhenLarge(shard)
  }

  /** The broker is about to close: who waits for a rebalance is sent to look for a coordinator again. */
  release(): void {
    this.#closed = true
    this.#expiryTimer?.cancel()
    for (const { timer } of this.#timers.values()) timer.cancel()
    this.#timers.clear()
    for (const [waiter, { refuse }] of this.#waiters) this.#settle(waiter, refuse)
  }

  async close(): Promise<void> {
    this.release()
    await Promise.all(this.#shards.map(({ log }) => log.close()))
  }

  /** Creates the topic on first use; false when that failed. */
  #openShards(): boolean {
    if (this.#shards.length > 0) return true
    const topic = this.#closed ? undefined : internalTopic(this.#environment, CONSUMER_OFFSETS)
    if (topic === undefined) return false
    this.#shards = topic.partitions.map((log) => ({
      coordinator: this.#noGroups(),
      log: new CoordinatorLog(log, this.#environment),
    }))
    return true
  }

  #noGroups(): GroupCoordinator {
    return new GroupCoordinator(this.#surroundings)
  }

  #shardOf(groupId: string): Shard | undefined {
    const partition = this.partitionOf(groupId)
    return partition === undefined ? undefined : this.#shards[partition]
  }

  #existingShardOf(groupId: string): Shard | undefined {
    return this.#shards[coordinatorPartition(groupId, this.#shards.length)]
  }

  /** Appends, applies and waits: NONE once the records are durable. */
  async #write(shard: Shard, records: readonly GroupRecord[], owner?: TransactionOwner): Promise<ErrorCode> {
    if (records.length === 0) return ErrorCode.NONE
    const error = this.#append(shard, records, owner)
    return error === ErrorCode.NONE ? await shard.log.durable() : error
  }

  #append(shard: Shard, records: readonly GroupRecord[], owner?: TransactionOwner): ErrorCode {
    const stored = records.map(encodeGroupRecord)
    if (stored.some((each) => this.#isTooLarge(each))) return ErrorCode.UNKNOWN_SERVER_ERROR
    const result = shard.log.append(stored, owner)
    if (result.kind === 'refused') return result.errorCode
    records.forEach((record, index) => {
      shard.coordinator.apply(record, {
        offset: result.baseOffset + index,
        producerId: owner?.producerId,
        more: index < records.length - 1,
      })
      if (record.kind === 'share-member' && record.value === null)
        this.#sharePartitions.memberLeft(record.groupId, record.memberId)
    })
    this.#compactWhenLarge(shard)
    return ErrorCode.NONE
  }

  /** What members say of themselves is kept, and each field of it may be as long as a request. */
  #isTooLarge({ key, value }: StoredRecord): boolean {
    const most = this.#environment.logDirectory.topic(CONSUMER_OFFSETS)?.config.maxMessageBytes ?? Infinity
    return key.length + (value?.length ?? 0) > most
  }

  /** Carries out what a membership decision asks for; what the log said when it refused the records. */
  #submit(shard: Shard, groupId: string, effects: GroupEffects): ErrorCode {
    const { records, replies, conversion } = effects
    const error = records.length === 0 ? ErrorCode.NONE : this.#append(shard, records)
    if (error !== ErrorCode.NONE) {
      for (const reply of replies) this.#settle(reply.waiter, refusedReply(reply, error))
      this.#submit(shard, groupId, shard.coordinator.membershipLost(groupId, this.#now()))
      return error
    }
    if (conversion !== undefined)
      this.#submit(shard, groupId, shard.coordinator.converted(groupId, conversion, this.#now()))
    this.#arm(groupId)
    if (replies.length === 0) return ErrorCode.NONE
    // An assignment is told only when its generation is durable.
    if (!replies.some(({ kind }) => kind === 'sync') && records.length === 0) {
      for (const { waiter, result } of replies) this.#settle(waiter, result)
      return ErrorCode.NONE
    }
    void shard.log.durable().then((failure) => {
      for (const reply of replies) {
        this.#settle(reply.waiter, failure === ErrorCode.NONE ? reply.result : refusedReply(reply, failure))
      }
    })
    return ErrorCode.NONE
  }

  #wait<Result extends JoinResult | SyncResult>(refuse: Result): { waiter: Waiter; answer: Promise<Result> } {
    const waiter = ++this.#lastWaiter
    const { promise, resolve } = Promise.withResolvers<Result>()
    this.#waiters.set(waiter, { refuse, resolve: resolve as (result: JoinResult | SyncResult) => void })
    return { waiter, answer: promise }
  }

  #settle(waiter: Waiter, result: JoinResult | SyncResult): void {
    const waiting = this.#waiters.get(waiter)
    this.#waiters.delete(waiter)
    waiting?.resolve(result)
  }

  /** Sees to it that a timer fires no later than the group's next deadline. */
  #arm(groupId: string): void {
    const nextMs = this.#existingShardOf(groupId)?.coordinator.nextTickMs(groupId) ?? Infinity
    const armed = this.#timers.get(groupId)
    if (armed !== undefined && armed.atMs <= nextMs) return
    armed?.timer.cancel()
    this.#timers.delete(groupId)
    if (nextMs === Infinity || this.#closed) return
    const { clock } = this.#environment
    const delayMs = Math.max(0, Math.ceil(nextMs - clock.monotonicMs()))
    const timer = clock.schedule(delayMs, () => {
      this.#timers.delete(groupId)
      const shard = this.#existingShardOf(groupId)
      if (shard === undefined) return
      const now = this.#now()
      if (shard.coordinator.nextTickMs(groupId) <= now.monotonicMs) {
        this.#submit(shard, groupId, shard.coordinator.tick(groupId, now))
      } else {
        this.#arm(groupId)
      }
    })
    this.#timers.set(groupId, { timer, atMs: nextMs })
  }

  #scheduleExpiry(): void {
    if (this.#closed) return
    this.#expiryTimer = this.#environment.clock.schedule(
      this.#environment.config['offsets.retention.check.interval.ms'],
      () => {
        for (const shard of this.#shards) this.#expire(shard)
        this.#scheduleExpiry()
      },
    )
  }

  #expire(shard: Shard, deletedTopic?: string): void {
    const records = shard.coordinator.expireOffsets(this.#now(), deletedTopic)
    for (let index = 0; index < records.length; index += EXPIRY_BATCH_RECORDS) {
      if (this.#append(shard, records.slice(index, index + EXPIRY_BATCH_RECORDS)) !== ErrorCode.NONE) return
    }
  }

  #compactWhenLarge(shard: Shard): void {
    if (!shard.log.wantsSnapshot(() => shard.coordinator.sizeRecords)) return
    void shard.log.compact({
      pieces: shard.coordinator.snapshot(),
      encode: encodeGroupRecord,
      apply: (record, position) => shard.coordinator.apply(record, position),
    })
  }

  #now(): Instant {
    const { clock } = this.#environment
    return { wallMs: clock.nowMs(), monotonicMs: clock.monotonicMs() }
  }
}

function refusedReply(reply: GroupEffects['replies'][number], errorCode: ErrorCode): JoinResult | SyncResult {
  return reply.kind === 'join' ? joinError(errorCode, reply.result.memberId) : syncError(errorCode)
}

function refusedTopics(topics: OffsetCommitRequest['topics'], errorCode: ErrorCode): TopicErrors[] {
  return topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
  }))
}

/** The decided answer, or the log's error for every partition that was to be written. */
function answerTopics(topics: TopicErrors[], error: ErrorCode): TopicErrors[] {
  if (error === ErrorCode.NONE) return topics
  return topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex, errorCode }) => ({
      partitionIndex,
      errorCode: errorCode === ErrorCode.NONE ? error : errorCode,
    })),
  }))
}
