import { assert } from '../../base/assert.ts'
import { messageOf, MillraceError } from '../../base/millrace-error.ts'
import type { ReportLevel } from '../../base/report.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import {
  type BatchHeader,
  controlBatch,
  readBatchHeader,
  setBaseOffset,
  setLogAppendTime,
  setPartitionLeaderEpoch,
} from '../protocol/record-batch.ts'
import { LogCompaction } from './compaction/log-compaction.ts'
import { GroupCommit } from './group-commit.ts'
import type { LeaderEpochs } from './leader-epochs.ts'
import type { PartitionContext } from './partition-context.ts'
import { PartitionFiles } from './partition-files.ts'
import type { OpenedPartition } from './partition-recovery.ts'
import {
  type AppendResult,
  answerTo,
  appendedAt,
  type ReadOptions,
  type ReadResult,
  refusedBy,
} from './partition-results.ts'
import { applyMarker } from './producer-replay.ts'
import type { BatchOrigin, OpenTransaction, ProducerState, ProducerStates } from './producer-states.ts'
import { expiredSegments } from './retention.ts'
import { SegmentDeletion } from './segment-deletion.ts'
import { offsetForTimestamp, offsetOfMaxTimestamp, type TimestampedOffset } from './timestamp-lookup.ts'
import { timestampProblem } from './timestamp-policy.ts'
import type { TopicConfig } from './topic-config.ts'

export type { AppendResult, ReadResult } from './partition-results.ts'

/**
 * One partition: appends, reads, durability, transactions, retention.
 *
 * All state changes happen synchronously; only the device is waited for. Offsets that matter:
 *
 *     logStartOffset ≤ lastStableOffset ≤ endOffset (the high watermark: there is one replica)
 *     durableOffset ≤ endOffset
 *
 * A failed append changes nothing: the file is cut back, producers and offsets stay as they were. A failed sync ends the
 * partition's life as a place to write to, because nobody can know what the device kept.
 */
export class PartitionLog {
  readonly topic: string
  readonly partition: number
  readonly path: string
  readonly #context: PartitionContext
  readonly #files: PartitionFiles
  readonly #producers: ProducerStates
  readonly #leaderEpochs: LeaderEpochs
  readonly #commit: GroupCommit
  // Made when they are first needed, as most partitions of a large log are idle and have one segment.
  #deletion: SegmentDeletion | undefined
  #compaction: LogCompaction | undefined
  /** Where compaction was when the log was opened. */
  readonly #openedCleanedTo: number
  /** Replaced, not changed, so that those who are being told may come and go. */
  #listeners: readonly (() => void)[] = NOBODY
  #config: TopicConfig
  #endOffset: number
  /** Where the log ended when it was opened. */
  readonly openedEnd: number
  /** Recovery took something away from the end of the log. */
  readonly #wasCut: boolean
  #logStartOffset: number
  /** The partition's existence, or its leader epoch, has to reach the device before further records count as durable. */
  #metadataDirty: boolean
  /** Why appends and syncs are refused: the partition was deleted or closed. */
  #ended: MillraceError | undefined

  constructor(options: {
    readonly topic: string
    readonly partition: number
    readonly path: string
    readonly context: PartitionContext
    readonly config: TopicConfig
    readonly opened: OpenedPartition
    /** The directory was made just now. */
    readonly created: boolean
    /** Compaction was here before, up to this offset. */
    readonly cleanedTo: number
  }) {
    const { opened } = options
    this.topic = options.topic
    this.partition = options.partition
    this.path = options.path
    this.#context = options.context
    this.#config = options.config
    this.#producers = opened.producers
    this.#files = new PartitionFiles({
      ...options,
      config: () => this.#config,
      onSnapshotFailed: (error) =>
        this.#report('warn', 'producers were not saved', { reason: messageOf(error) }),
    })
    this.#leaderEpochs = opened.leaderEpochs
    this.#endOffset = opened.endOffset
    this.openedEnd = opened.endOffset
    this.#wasCut = opened.cut !== undefined
    this.#logStartOffset = opened.logStartOffset
    this.#metadataDirty = options.created
    if (this.#leaderEpochs.all().length === 0) this.#leaderEpochs.begin(0, opened.logStartOffset)
    this.#openedCleanedTo = options.cleanedTo
    this.#commit = new GroupCommit(opened.durableOffset, {
      place: { topic: options.topic, partition: options.partition },
      endOffset: () => this.#endOffset,
      before: () => (this.#metadataDirty ? this.#syncMetadata() : undefined),
      prepare: () => this.#files.prepareSync(),
      onDurable: () => this.#notify(),
      onFailure: (error) =>
        this.#report('error', 'partition takes no more writes', { reason: error.message }),
    })
  }

  /** First offset that can be read. */
  get logStartOffset(): number {
    return this.#logStartOffset
  }

  /** The offset that the next record gets; also the high watermark. */
  get endOffset(): number {
    return this.#endOffset
  }

  /** Everything below is on the device. */
  get durableOffset(): number {
    return this.#commit.durableOffset
  }

  /** First offset of the oldest open transaction, or the end. */
  get lastStableOffset(): number {
    return Math.max(this.#producers.oldestOpenOffset() ?? this.#endOffset, this.#logStartOffset)
  }

  get leaderEpoch(): number {
    return this.#leaderEpochs.current
  }

  /** Compaction has been below. */
  get cleanedTo(): number {
    return this.#compaction?.cleanedTo ?? this.#openedCleanedTo
  }

  /** Bytes of all segment files. */
  get sizeBytes(): number {
    return this.#files.segments.sizeBytes()
  }

  get segmentCount(): number {
    return this.#files.segments.count
  }

  /** Why the partition takes no writes, undefined while it does. */
  get refusal(): MillraceError | undefined {
    return this.#ended ?? this.#commit.failure
  }

  set config(config: TopicConfig) {
    this.#config = config
  }

  /**
   * Appends one batch whose CRC and magic the caller has checked. `batch` is exactly the batch; its base offset and
   * leader epoch (and, with LogAppendTime, its timestamp and CRC) are set in place, and it must not be changed before
   * the call returns. From clients, producers' sequence numbers are checked.
   */
  append(batch: Buffer, header: BatchHeader, options: { readonly origin: BatchOrigin }): AppendResult {
    assert(batch.length === header.sizeBytes, 'append takes exactly one batch')
    const refusal = this.refusal
    if (refusal !== undefined) return refusedBy(refusal)
    const nowMs = this.#context.clock.nowMs()
    const stampsTime = this.#config.timestampType === 'LogAppendTime'
    if (options.origin !== 'coordinator' && !stampsTime) {
      const problem = timestampProblem(batch, header, { config: this.#config, nowMs })
      if (problem !== undefined) return { kind: 'rejected', error: ErrorCode.INVALID_TIMESTAMP, ...problem }
    }
    const verdict = this.#producers.check(header, options.origin)
    if (verdict.kind !== 'accepted') return answerTo(verdict, this, stampsTime)
    if (stampsTime) setLogAppendTime(batch, 0, nowMs)
    const baseOffset = this.#endOffset
    const maxTimestampMs = stampsTime ? nowMs : header.maxTimestamp
    const failure = this.#write(batch, { lastOffsetDelta: header.lastOffsetDelta, maxTimestampMs, nowMs })
    if (failure !== undefined) return failure
    this.#producers.apply(stampsTime ? { ...header, maxTimestamp: nowMs } : header, { baseOffset, nowMs })
    this.#advanced()
    return appendedAt(baseOffset, this, stampsTime ? nowMs : -1)
  }

  /** Appends the control batch that ends a producer's transaction here. */
  appendMarker(marker: {
    readonly kind: 'commit' | 'abort'
    readonly producerId: number
    readonly producerEpoch: number
    readonly coordinatorEpoch: number
  }): AppendResult {
    const refusal = this.refusal
    if (refusal !== undefined) return refusedBy(refusal)
    const verdict = this.#producers.checkMarker(marker)
    if (verdict.kind !== 'accepted') return answerTo(verdict, this, false)
    const nowMs = this.#context.clock.nowMs()
    const batch = controlBatch({ ...marker, timestampMs: nowMs })
    const { lastOffsetDelta } = readBatchHeader(batch, 0)
    const baseOffset = this.#endOffset
    const failure = this.#write(batch, { lastOffsetDelta, maxTimestampMs: nowMs, nowMs })
    if (failure !== undefined) return failure
    const aborted = applyMarker(this.#producers, marker, { offset: baseOffset, nowMs })
    if (aborted !== undefined) this.#files.segments.active.transactions.append(aborted)
    this.#advanced()
    return appendedAt(baseOffset, this, -1)
  }

  /**
   * Whole batches from `offset` on. A read_committed reader sees nothing of or after an open transaction, and nothing
   * that a power cut could take back; nobody syncs on its behalf, so whoever serves it calls `sync` when
   * `durableOffset` holds it up. Throws `MR_DISK_IO` when the device fails, `MR_PARTITION_CLOSED` after deletion.
   */
  read(options: ReadOptions): ReadResult {
    if (this.#ended !== undefined) throw this.#ended
    const { offset, maxBytes, minOneBatch, buffers } = options
    const bounds = {
      highWatermark: this.#endOffset,
      lastStableOffset: this.lastStableOffset,
      logStartOffset: this.#logStartOffset,
    }
    if (offset < this.#logStartOffset || offset > this.#endOffset) return { kind: 'out-of-range', ...bounds }
    const committedOnly = options.isolation === 'read_committed'
    const upperOffset = committedOnly
      ? Math.min(bounds.lastStableOffset, this.durableOffset)
      : bounds.highWatermark
    const wanted = { offset, upperOffset, maxBytes, minOneBatch, buffers }
    const { records, nextOffset } = this.#files.reader.read(wanted)
    if (!committedOnly) return { kind: 'data', records, abortedTransactions: null, ...bounds }
    const abortedTransactions =
      records.length === 0 ? [] : this.#files.abortedTransactions({ from: offset, to: nextOffset })
    return { kind: 'data', records, abortedTransactions, ...bounds }
  }

  /** What to wait for before `read` of the same records, lest everybody waits for the device; undefined: for nothing. */
  preload(options: { readonly offset: number; readonly maxBytes: number }): Promise<void> | undefined {
    if (this.#ended !== undefined || options.offset < this.#logStartOffset) return undefined
    return this.#files.reader.preload({ ...options, upperOffset: this.#endOffset })
  }

  /**
   * Resolves when everything appended before the call is on the device; concurrent callers share one fdatasync. Rejects
   * with `MR_SYNC_FAILED` for good when the device refused, with `MR_DISK_FULL` or `MR_DISK_IO` when it may be tried
   * again, with `MR_PARTITION_CLOSED` after deletion.
   */
  sync(): Promise<void> {
    return this.#commit.sync()
  }

  /** Calls back after every append, after records became durable, and when the log start moved. Returns what ends it. */
  onAdvance(callback: () => void): () => void {
    this.#listeners = this.#listeners.concat(callback)
    return () => {
      this.#listeners = this.#listeners.filter((each) => each !== callback)
    }
  }

  /** The first record whose timestamp (ms) is the given one or later, looked for inside compressed batches. */
  offsetForTimestamp(timestamp: number): TimestampedOffset | undefined {
    return offsetForTimestamp(this.#files.segments, timestamp, this.#logStartOffset)
  }

  /** The first record with the largest timestamp. */
  offsetOfMaxTimestamp(): TimestampedOffset | undefined {
    return offsetOfMaxTimestamp(this.#files.segments, this.#logStartOffset)
  }

  /** Where the log of a leader epoch ends; −1 and −1 when the epoch is not known. */
  offsetForLeaderEpoch(epoch: number): { readonly epoch: number; readonly endOffset: number } {
    return this.#leaderEpochs.endOffsetFor(epoch, this.#endOffset)
  }

  openTransactions(): readonly OpenTransaction[] {
    return this.#producers.openTransactions()
  }

  /** What is known about the partition's idempotent and transactional producers. */
  producers(): Iterable<ProducerState> {
    return this.#producers.producers()
  }

  producer(producerId: number): ProducerState | undefined {
    return this.#producers.producer(producerId)
  }

  /**
   * Moves the start of the log up; segments wholly below it are deleted in the background. False when the offset is out
   * of range.
   */
  deleteRecordsBefore(offset: number): boolean {
    if (offset < 0 || offset > this.#endOffset) return false
    if (offset <= this.#logStartOffset) return true
    this.#moveStart(offset)
    void this.#deleting().run(() => this.#expired({ retentionMs: -1, retentionBytes: -1, nowMs: 0 }))
    return true
  }

  /**
   * Deletes segments by age and size and those below the log start, and forgets silent producers. Resolves when the files
   * are gone, with how many segments that were.
   */
  async applyRetention(nowMs: number): Promise<number> {
    this.#producers.expire(nowMs, this.#context.producerIdExpirationMs)
    const { cleanupDeletes, retentionMs, retentionBytes } = this.#config
    const limits = cleanupDeletes
      ? { retentionMs, retentionBytes, nowMs }
      : { retentionMs: -1, retentionBytes: -1, nowMs }
    const expired = (): number => this.#expired(limits)
    if (this.refusal === undefined && expired() === this.#files.segments.count) this.#tryRoll(nowMs)
    return expired() === 0 ? 0 : await this.#deleting().run(expired)
  }

  /** Compacts the closed segments when it is time (`cleanup.policy=compact`); resolves with the bytes that it freed. */
  async compact(nowMs: number): Promise<number> {
    const isDue =
      this.#config.cleanupCompacts || this.#files.segments.all().some(({ isSwapped }) => isSwapped)
    return isDue ? await this.#deleting().exclusively(() => this.#compacting().run(nowMs)) : 0
  }

  /** Makes sure that what was found or changed outside of appends is on the device: after recovery, before closing. */
  settle(): Promise<void> {
    return this.#commit.settle()
  }

  /** How long appended records may stay unsynced, by the topic's configuration. */
  get flushMs(): number {
    return this.#config.flushMs
  }

  /** Begins a new leader epoch: consumers may have seen what is gone. True when it was cut: `settle` before appending. */
  afterCrash(): boolean {
    this.#leaderEpochs.begin(this.#leaderEpochs.current + 1, this.#endOffset)
    this.#metadataDirty = true
    return this.#wasCut
  }

  /** The recovery point `offset` is on disk: older snapshots of the producers are not needed any more. */
  recoveryPointSaved(offset: number): void {
    if (this.#ended !== undefined) return
    const { segments, snapshots } = this.#files
    snapshots.prune(segments.at(segments.indexOf(offset - 1))!.baseOffset)
  }

  /**
   * Syncs everything, indexes and a snapshot of the producers included, and closes the files. True when the partition can be
   * opened again without looking at its tail.
   */
  async close(): Promise<boolean> {
    const isWhole = this.refusal === undefined
    this.#refuse('the log is closed')
    let clean = false
    try {
      if (isWhole && !this.#metadataDirty && this.#files.isSettled) clean = true
      else if (isWhole) {
        await this.#files.finish(this.#endOffset, () => this.settle())
        clean = true
      }
    } catch (error) {
      this.#report('error', 'partition could not be closed in order', { reason: messageOf(error) })
    }
    await Promise.all([this.#deletion?.idle(), this.#files.idle()])
    this.#closeFiles()
    return clean
  }

  /** Refuses everything from now on and closes the files; the caller moves the directory away. */
  deleted(): void {
    this.#refuse('the topic was deleted')
    this.#closeFiles()
    this.#notify()
  }

  #refuse(reason: string): void {
    const { topic, partition } = this
    this.#ended ??= new MillraceError({
      code: 'MR_PARTITION_CLOSED',
      message: `${reason}.`,
      topic,
      partition,
    })
  }

  #closeFiles(): void {
    this.#commit.fail(this.#ended!)
    this.#files.close()
  }

  /** Writes a batch at the end of the log, rolling first when it is time; undefined when it is in. */
  #write(
    batch: Buffer,
    written: { readonly lastOffsetDelta: number; readonly maxTimestampMs: number; readonly nowMs: number },
  ): AppendResult | undefined {
    const baseOffset = this.#endOffset
    const lastOffset = baseOffset + written.lastOffsetDelta
    setBaseOffset(batch, 0, baseOffset)
    setPartitionLeaderEpoch(batch, 0, this.#leaderEpochs.current)
    const { maxTimestampMs, nowMs } = written
    try {
      this.#files.write(batch, { baseOffset, lastOffset, maxTimestampMs, nowMs })
    } catch (error) {
      const reason = messageOf(error)
      this.#report('error', 'append failed', { reason })
      const message = `${this.topic}-${this.partition}: the batch was not written: ${reason}`
      return { kind: 'rejected', error: ErrorCode.KAFKA_STORAGE_ERROR, message }
    }
    this.#endOffset = lastOffset + 1
    return undefined
  }

  #advanced(): void {
    const unsyncedRecords = this.#endOffset - this.#commit.durableOffset
    this.#context.onDirty(this, this.#files.unsyncedBytes)
    if (unsyncedRecords >= this.#config.flushMessages) this.#commit.sync().catch(ignoreReported)
    this.#notify()
  }

  #notify(): void {
    for (const listener of this.#listeners) listener()
  }

  /** False when there is no room for a new segment. */
  #tryRoll(nowMs: number): boolean {
    try {
      this.#files.roll(this.#endOffset, nowMs)
      return true
    } catch (error) {
      this.#report('warn', 'segment was not closed', { reason: messageOf(error) })
      return false
    }
  }

  async #syncMetadata(): Promise<void> {
    const metadata = this.#context.files.file(this.path, 'partition.metadata')
    await Promise.all([this.#context.topicsSynced(), metadata.sync(), this.#files.saveLeaderEpochs()])
    metadata.close()
    this.#metadataDirty = false
  }

  #deleting(): SegmentDeletion {
    this.#deletion ??= new SegmentDeletion({
      files: this.#files,
      isWritable: () => this.refusal === undefined,
      settle: () => this.settle(),
      moveStart: (offset) => this.#moveStart(offset),
      startSaved: () => this.#context.logStartsSaved(),
      onFailure: (reason) => this.#report('warn', 'segments were not deleted', { reason }),
    })
    return this.#deletion
  }

  #compacting(): LogCompaction {
    this.#compaction ??= new LogCompaction({
      topic: this.topic,
      partition: this.partition,
      context: this.#context,
      files: this.#files,
      producers: this.#producers,
      cleanedTo: this.#openedCleanedTo,
      config: () => this.#config,
      log: this,
      onBroken: (reason) => this.#refuse(`compaction was interrupted: ${reason}`),
    })
    return this.#compaction
  }

  #moveStart(offset: number): void {
    if (offset <= this.#logStartOffset) return
    this.#logStartOffset = offset
    if (this.#leaderEpochs.advanceStartTo(offset)) this.#files.saveLeaderEpochs().catch(ignoreReported)
    this.#notify()
  }

  #expired(limits: {
    readonly retentionMs: number
    readonly retentionBytes: number
    readonly nowMs: number
  }): number {
    return expiredSegments(this.#files.segments.all(), { ...limits, logStartOffset: this.#logStartOffset })
  }

  #report(level: ReportLevel, event: string, fields: Readonly<Record<string, unknown>>): void {
    this.#context.report(level, event, { topic: this.topic, partition: this.partition, ...fields })
  }
}

const NOBODY: readonly (() => void)[] = []

/** For work that nobody waits for; its failure is reported and kept where it happens. */
function ignoreReported(): void {}
