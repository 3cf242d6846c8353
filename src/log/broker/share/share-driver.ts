/**
 * Drives the share-partitions: appends what they decide to `__share_group_state`, applies it, waits until it is
 * durable, answers; ends acquisitions that last too long; compacts.
 *
 * As with the other coordinators a decision is applied as soon as it is appended, and an answer leaves only after it is
 * on the device. What a crash in between takes back nobody was told: records may be given out again.
 */
import type { Timer } from '../../../world/world.ts'
import { coordinatorPartition, type SnapshotPiece } from '../../coordinator/coordinator-record.ts'
import {
  SharePartition,
  type AcknowledgementBatch,
  type ShareLimits,
} from '../../coordinator/share/share-partition.ts'
import {
  decodeShareStateRecord,
  encodeShareStateRecord,
  sharePartitionName,
  type SharePartitionKey,
  type ShareStateRecord,
  type StateBatch,
} from '../../coordinator/share/share-state-record.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import type { PartitionLog } from '../../storage/partition-log.ts'
import { CoordinatorLog } from '../coordinators/coordinator-log.ts'
import { internalTopic, SHARE_GROUP_STATE } from '../coordinators/internal-topics.ts'
import type { CoordinatorEnvironment } from '../coordinator-services.ts'
import { ShareSessions } from './share-sessions.ts'

interface Shard {
  readonly log: CoordinatorLog
  readonly partitions: Map<string, SharePartition>
}

export interface AcknowledgeOutcome {
  readonly errorCode: ErrorCode
  readonly errorMessage: string | null
}

const ACKNOWLEDGED: AcknowledgeOutcome = { errorCode: ErrorCode.NONE, errorMessage: null }

export class ShareDriver {
  readonly sessions: ShareSessions
  readonly #environment: CoordinatorEnvironment
  #shards: readonly Shard[] = []
  /** Group → name → share-partition. */
  readonly #groups = new Map<string, Map<string, SharePartition>>()
  readonly #timers = new Map<string, { readonly timer: Timer; readonly atMs: number }>()
  /** Who wants to know when something of a share-partition has become available. */
  readonly #watchers = new Map<string, Set<() => void>>()
  #closed = false

  constructor(environment: CoordinatorEnvironment) {
    this.#environment = environment
    this.sessions = new ShareSessions({
      most: environment.config['group.share.max.share.sessions'],
      onEnd: ({ groupId, memberId }) => this.#release(groupId, memberId),
    })
  }

  /** Replays what is on disk. */
  async open(): Promise<void> {
    if (this.#environment.logDirectory.topic(SHARE_GROUP_STATE) === undefined) return
    this.#openShards()
    for (const shard of this.#shards) {
      shard.log.replay({
        record: (stored) => {
          const record = decodeShareStateRecord(stored)
          if (record !== undefined) this.#apply(shard, record)
        },
        marker: () => undefined,
      })
      // What was replayed may not have reached the device before the crash.
      await shard.log.durable()
    }
  }

  find(key: SharePartitionKey): SharePartition | undefined {
    return this.#groups.get(key.groupId)?.get(sharePartitionName(key))
  }

  /** A share-partition that begins where the group's settings say, once that is durable. */
  async begin(key: SharePartitionKey, log: PartitionLog): Promise<SharePartition | ErrorCode> {
    const startOffset = this.#startOffset(key.groupId, log)
    // If a power cut took back what lies before it, other records would come there, and be taken for older ones.
    const isDurable = await log.sync().then(
      () => true,
      () => false,
    )
    if (!isDurable) return ErrorCode.KAFKA_STORAGE_ERROR
    const begun = this.find(key)
    if (begun !== undefined && begun.startOffset >= 0) return begun
    const outcome = await this.reset(key, { startOffset, log })
    return outcome === ErrorCode.NONE ? (this.find(key) ?? ErrorCode.KAFKA_STORAGE_ERROR) : outcome
  }

  /** Sets where a share-partition goes on, whatever was done with it. */
  async reset(
    key: SharePartitionKey,
    { startOffset, log }: { readonly startOffset: number; readonly log: PartitionLog },
  ): Promise<ErrorCode> {
    const shard = this.#shardOf(key)
    if (shard === undefined) return ErrorCode.COORDINATOR_NOT_AVAILABLE
    const partition = this.find(key) ?? new SharePartition(key, startOffset)
    const options = { leaderEpoch: log.leaderEpoch, wallMs: this.#environment.clock.nowMs() }
    return this.#write(shard, [partition.resetRecord(startOffset, options)])
  }

  limitsOf(groupId: string): ShareLimits {
    return this.#environment.groupSettings.shareLimits(groupId)
  }

  /** Something was acquired: its end has to be watched. */
  acquired(partition: SharePartition): void {
    this.#arm(partition)
  }

  /** Resolves when the acknowledgements are durable. */
  async acknowledge(
    partition: SharePartition,
    memberId: string,
    options: { readonly batches: readonly AcknowledgementBatch[]; readonly log: PartitionLog },
  ): Promise<AcknowledgeOutcome> {
    const { clock } = this.#environment
    const limits = this.limitsOf(partition.key.groupId)
    const decided = partition.acknowledge(memberId, options.batches, { limits, nowMs: clock.monotonicMs() })
    if (decided.kind === 'refused') return { errorCode: decided.errorCode, errorMessage: decided.message }
    partition.renew(decided.renewed)
    this.#arm(partition)
    if (decided.changes.length === 0) return ACKNOWLEDGED
    const record = partition.updateRecord(decided.changes, options.log.leaderEpoch)
    const errorCode = await this.#write(this.#shardOf(partition.key)!, [record])
    return { errorCode, errorMessage: null }
  }

  /** Calls `look` whenever something of the share-partitions may have become available, until it is told to stop. */
  watch(keys: readonly SharePartitionKey[], look: () => void): () => void {
    const names = keys.map(sharePartitionName)
    for (const name of names) {
      const watchers = this.#watchers.get(name) ?? new Set()
      this.#watchers.set(name, watchers.add(look))
    }
    return () => {
      for (const name of names) {
        const watchers = this.#watchers.get(name)
        watchers?.delete(look)
        if (watchers?.size === 0) this.#watchers.delete(name)
      }
    }
  }

  memberLeft(groupId: string, memberId: string): void {
    this.sessions.end({ groupId, memberId })
    // It may have acquired something in a session that was lost.
    this.#release(groupId, memberId)
  }

  deleteGroup(groupId: string): Promise<ErrorCode> {
    return this.#forget([...(this.#groups.get(groupId)?.values() ?? [])])
  }

  deleteTopic(groupId: string, topicId: string): Promise<ErrorCode> {
    const partitions = [...(this.#groups.get(groupId)?.values() ?? [])]
    return this.#forget(partitions.filter(({ key }) => key.topicId === topicId))
  }

  topicDeleted(topicId: string): void {
    for (const groupId of this.#groups.keys()) void this.deleteTopic(groupId, topicId)
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const { timer } of this.#timers.values()) timer.cancel()
    this.#timers.clear()
    await Promise.all(this.#shards.map(({ log }) => log.close()))
  }

  #startOffset(groupId: string, log: PartitionLog): number {
    const { groupSettings, clock } = this.#environment
    const start = groupSettings.shareStart(groupId)
    switch (start.kind) {
      case 'earliest':
        return log.logStartOffset
      case 'latest':
        return log.endOffset
      case 'by-duration':
        return log.offsetForTimestamp(clock.nowMs() - start.durationMs)?.offset ?? log.endOffset
    }
  }

  #openShards(): boolean {
    if (this.#shards.length > 0) return true
    const topic = this.#closed ? undefined : internalTopic(this.#environment, SHARE_GROUP_STATE)
    if (topic === undefined) return false
    this.#shards = topic.partitions.map((log) => ({
      log: new CoordinatorLog(log, this.#environment),
      partitions: new Map(),
    }))
    return true
  }

  #shardOf(key: SharePartitionKey): Shard | undefined {
    if (!this.#openShards()) return undefined
    return this.#shards[coordinatorPartition(sharePartitionName(key), this.#shards.length)]
  }

  /** What a member has acquired and will not acknowledge any more. */
  #release(groupId: string, memberId: string): void {
    const limits = this.limitsOf(groupId)
    for (const partition of this.#groups.get(groupId)?.values() ?? [])
      this.#giveUp(partition, partition.release(memberId, limits))
  }

  /**
   * Acquisitions end whether that can be written down or not: a crash would end them, too. Nobody waits for it, and
   * what is lost of it is that a delivery was counted.
   */
  #giveUp(partition: SharePartition, changes: readonly StateBatch[]): void {
    if (changes.length === 0) return
    const { key } = partition
    const leaderEpoch =
      this.#environment.logDirectory.topicById(key.topicId)?.partitions[key.partition]?.leaderEpoch ?? 0
    const shard = this.#shardOf(key)
    const record = partition.updateRecord(changes, leaderEpoch)
    if (shard === undefined || this.#append(shard, [record]) !== ErrorCode.NONE) {
      partition.apply(record)
      this.#changed(partition)
      return
    }
    void shard.log.durable()
  }

  /** Waits once for all of them: a group may have thousands. */
  async #forget(partitions: readonly SharePartition[]): Promise<ErrorCode> {
    const written = new Set<Shard>()
    for (const { key } of partitions) {
      const shard = this.#shardOf(key)!
      const records = (['snapshot', 'update'] as const).map((kind): ShareStateRecord => ({
        kind,
        key,
        value: null,
      }))
      const errorCode = this.#append(shard, records)
      if (errorCode !== ErrorCode.NONE) return errorCode
      written.add(shard)
    }
    const outcomes = await Promise.all(Array.from(written, ({ log }) => log.durable()))
    return outcomes.find((errorCode) => errorCode !== ErrorCode.NONE) ?? ErrorCode.NONE
  }

  /** Appends, applies and waits: NONE once the records are durable. */
  async #write(shard: Shard, records: readonly ShareStateRecord[]): Promise<ErrorCode> {
    const error = this.#append(shard, records)
    return error === ErrorCode.NONE ? await shard.log.durable() : error
  }

  #append(shard: Shard, records: readonly ShareStateRecord[]): ErrorCode {
    const result = shard.log.append(records.map(encodeShareStateRecord))
    if (result.kind === 'refused') return result.errorCode
    for (const record of records) this.#apply(shard, record)
    this.#compactWhenLarge(shard)
    return ErrorCode.NONE
  }

  #apply(shard: Shard, record: ShareStateRecord): void {
    const { groupId } = record.key
    const name = sharePartitionName(record.key)
    const known = shard.partitions.get(name)
    if (record.value === null) {
      if (record.kind === 'snapshot') this.#remove(shard, groupId, name)
      return
    }
    const partition = known ?? new SharePartition(record.key, record.value.startOffset)
    if (known === undefined) {
      shard.partitions.set(name, partition)
      const group = this.#groups.get(groupId) ?? new Map<string, SharePartition>()
      this.#groups.set(groupId, group.set(name, partition))
    }
    partition.apply(record)
    this.#changed(partition)
  }

  #remove(shard: Shard, groupId: string, name: string): void {
    shard.partitions.delete(name)
    const group = this.#groups.get(groupId)
    group?.delete(name)
    if (group?.size === 0) this.#groups.delete(groupId)
    this.#timers.get(name)?.timer.cancel()
    this.#timers.delete(name)
  }

  #changed(partition: SharePartition): void {
    const { clock } = this.#environment
    for (const look of this.#watchers.get(sharePartitionName(partition.key)) ?? []) clock.defer(look)
  }

  /** Sees to it that a timer fires no later than the next acquisition ends. */
  #arm(partition: SharePartition): void {
    const name = sharePartitionName(partition.key)
    const nextMs = partition.nextDeadlineMs
    const armed = this.#timers.get(name)
    if (armed !== undefined && armed.atMs <= nextMs) return
    armed?.timer.cancel()
    this.#timers.delete(name)
    if (nextMs === Infinity || this.#closed) return
    const { clock } = this.#environment
    const timer = clock.schedule(Math.max(0, Math.ceil(nextMs - clock.monotonicMs())), () => {
      this.#timers.delete(name)
      if (this.find(partition.key) !== partition) return
      this.#giveUp(partition, partition.expire(clock.monotonicMs(), this.limitsOf(partition.key.groupId)))
      this.#arm(partition)
    })
    this.#timers.set(name, { timer, atMs: nextMs })
  }

  #compactWhenLarge(shard: Shard): void {
    if (!shard.log.wantsSnapshot(() => shard.partitions.size)) return
    void shard.log.compact({
      pieces: this.#snapshot(shard),
      encode: encodeShareStateRecord,
      apply: (record) => this.find(record.key)?.rewritten(record),
    })
  }

  *#snapshot(shard: Shard): Generator<SnapshotPiece<ShareStateRecord>, void, void> {
    const { clock, logDirectory } = this.#environment
    for (const partition of shard.partitions.values()) {
      const { topicId, partition: index } = partition.key
      const leaderEpoch = logDirectory.topicById(topicId)?.partitions[index]?.leaderEpoch ?? 0
      const record = partition.snapshotRecord({ leaderEpoch, wallMs: clock.nowMs() })
      yield { records: [record], pending: new Map() }
    }
  }
}
