import { join } from 'node:path/posix'
import { AtomicFile } from './atomic-file.ts'
import { encodeLeaderEpochs } from './checkpoint-files.ts'
import type { LeaderEpochs } from './leader-epochs.ts'
import { LogReader } from './log-reader.ts'
import type { LogSegments } from './log-segments.ts'
import type { PartitionContext } from './partition-context.ts'
import type { OpenedPartition } from './partition-recovery.ts'
import { ProducerSnapshots } from './producer-snapshots.ts'
import type { ProducerStates } from './producer-states.ts'
import { RecentBatches } from './recent-batches.ts'
import { mustRoll } from './roll-policy.ts'
import { segmentFileName } from './segment-file-names.ts'
import { Segment, type SegmentPlace } from './segment.ts'
import type { TopicConfig } from './topic-config.ts'
import type { AbortedTransaction } from './transaction-index.ts'

/**
 * The files of a partition: writes at the end of the last segment, begins new ones, and knows what has still to reach the
 * device.
 *
 * Invariants:
 *  - A write that failed has changed nothing that a reader or a restart could see.
 *  - What was rolled reaches the device as a whole (log, indexes, snapshot, directory) before any later record counts as
 *    durable.
 */
export class PartitionFiles {
  readonly segments: LogSegments
  readonly snapshots: ProducerSnapshots
  readonly reader: LogReader
  readonly #context: PartitionContext
  readonly #path: string
  readonly #config: () => TopicConfig
  readonly #producers: ProducerStates
  readonly #leaderEpochs: LeaderEpochs
  #leaderEpochFile: AtomicFile | undefined
  readonly #recent: RecentBatches
  readonly #onSnapshotFailed: (error: unknown) => void
  /** Rolled, and not yet on the device as a whole. */
  #unsynced: Segment[]
  /** Files were created or removed since the directory was last synced. */
  #directoryDirty: boolean
  /** All is on disk as a clean shutdown leaves it: opened so, and not written to since. */
  #settled: boolean
  /** When the last sync was prepared, and the size of the active segment then. */
  #preparedMs = -Infinity
  #preparedBytes = 0
  /** A failed write left bytes behind the end of the active segment that could not be cut. */
  #rubbish = false
  /** No more batches come. */
  #finished = false

  constructor(options: {
    readonly context: PartitionContext
    readonly path: string
    readonly config: () => TopicConfig
    readonly opened: OpenedPartition
    /** The directory was made just now. */
    readonly created: boolean
    readonly onSnapshotFailed: (error: unknown) => void
  }) {
    const { context, path, opened } = options
    this.#context = context
    this.#path = path
    this.#config = options.config
    this.#producers = opened.producers
    this.#leaderEpochs = opened.leaderEpochs
    this.#onSnapshotFailed = options.onSnapshotFailed
    this.segments = opened.segments
    this.snapshots = new ProducerSnapshots({
      files: context.files,
      directory: path,
      offsets: opened.snapshotOffsets,
      synced: !opened.recovered,
    })
    this.#recent = new RecentBatches(opened.endOffset)
    this.reader = new LogReader(opened.segments, this.#recent, context.clock)
    this.#unsynced = [...opened.unsynced]
    this.#directoryDirty = options.created || opened.recovered
    this.#settled = !options.created && !opened.recovered
  }

  /** Whether a clean shutdown has nothing to do here. */
  get isSettled(): boolean {
    return this.#settled
  }

  /** Writes a batch at the end, rolling first when it is time. Throws what the disk throws, with nothing changed. */
  write(
    batch: Buffer,
    placed: {
      readonly baseOffset: number
      readonly lastOffset: number
      readonly maxTimestampMs: number
      readonly nowMs: number
    },
  ): void {
    const { lastOffset, maxTimestampMs, nowMs } = placed
    this.#settled = false
    if (this.#rubbish) this.#cutRubbish()
    const next = { sizeBytes: batch.length, lastOffset, maxTimestampMs }
    if (mustRoll(this.segments.active, next, { config: this.#config(), nowMs }))
      this.roll(placed.baseOffset, nowMs)
    const { active } = this.segments
    const position = active.sizeBytes
    try {
      active.append(batch, { lastOffset, maxTimestampMs })
    } catch (error) {
      this.#rubbish = true
      try {
        this.#cutRubbish()
      } catch {
        // Tried again before the next write; until then nothing looks behind the end.
      }
      throw error
    }
    this.#recent.add(lastOffset, position)
  }

  /** Written to the active segment since the last sync was prepared. */
  get unsyncedBytes(): number {
    return this.segments.active.sizeBytes - this.#preparedBytes
  }

  /** Closes the active segment and begins a new one; what was closed reaches the device with the next sync. */
  roll(endOffset: number, nowMs: number): void {
    this.#settled = false
    const closed = this.segments.active
    const created = Segment.create(this.placeOf(endOffset), nowMs)
    this.segments.add(created)
    this.#preparedBytes = 0
    this.#recent.restartAt(endOffset)
    this.#unsynced.push(closed)
    this.#directoryDirty = true
    try {
      this.snapshots.take(endOffset, this.#producers)
    } catch (error) {
      // An older snapshot and the log itself tell the same, only slower.
      this.#onSnapshotFailed(error)
    }
  }

  /** Writes what a sync needs written, and returns what waits for the device: what was rolled, as a whole, and the tail. */
  prepareSync(): () => Promise<void> {
    const rolled = this.#unsynced
    const { active } = this.segments
    for (const segment of [...rolled, active]) segment.rewriteDoubtful()
    for (const segment of rolled) {
      segment.cutRoom()
      segment.seal()
    }
    this.#makeRoom(active)
    const directoryDirty = this.#directoryDirty
    return async () => {
      const syncs = [active.log.sync()]
      if (rolled.length > 0) syncs.push(this.snapshots.sync(), ...rolled.map((segment) => segment.syncAll()))
      if (directoryDirty) syncs.push(this.#context.files.disk.syncDirectory(this.#path))
      this.#directoryDirty = false
      this.#unsynced = []
      await Promise.all(syncs)
    }
  }

  /** Resolves when the leader epochs of a moment after this call are on the device. */
  saveLeaderEpochs(): Promise<void> {
    this.#leaderEpochFile ??= new AtomicFile({
      disk: this.#context.files.disk,
      path: join(this.#path, 'leader-epoch-checkpoint'),
      render: () => encodeLeaderEpochs(this.#leaderEpochs.all()),
    })
    return this.#leaderEpochFile.save()
  }

  /** Resolves when no save is under way. */
  async idle(): Promise<void> {
    await this.#leaderEpochFile?.idle()
  }

  /**
   * Where one sync follows another, the one that has to wait for the file's new size and blocks makes room for the next
   * ones: they wait for their own bytes, and not for the file system's journal, behind which other files' bytes stand.
   * Measured on ext4, 4 KiB a sync: 0.11 ms in place of 0.37 on a quiet disk, a mean of 1.0 in place of 12.8 on a busy one.
   */
  #makeRoom(active: Segment): void {
    const nowMs = this.#context.clock.monotonicMs()
    const sinceLastMs = nowMs - this.#preparedMs
    const bytes = this.unsyncedBytes
    this.#preparedMs = nowMs
    this.#preparedBytes = active.sizeBytes
    if (this.#finished || sinceLastMs > SYNCS_FOLLOW_MS || bytes <= 0) return
    const wanted = Math.min(ROOM_BYTES_MAX, Math.max(ROOM_BYTES_MIN, ROOM_SYNCS * bytes))
    active.makeRoom(Math.min(wanted, this.#config().segmentBytes - active.sizeBytes))
  }

  /** Removes the segments below the one that begins at `offset`; returns how many. */
  removeBelow(offset: number): number {
    this.#settled = false
    const removed = this.segments.takeFirst(this.segments.indexOf(offset))
    for (const segment of removed) segment.remove()
    this.#directoryDirty = true
    return removed.length
  }

  /** Where a segment's files lie. */
  placeOf(baseOffset: number): SegmentPlace {
    return {
      files: this.#context.files,
      directory: this.#path,
      baseOffset,
      indexIntervalBytes: () => this.#config().indexIntervalBytes,
    }
  }

  /** Whether a compaction's outcome that begins at the place was decided on and has not got its name. */
  isSwapPending({ directory, baseOffset }: SegmentPlace): boolean {
    const path = join(directory, `${segmentFileName(baseOffset, 'log')}.swap`)
    return this.#context.files.disk.stat(path) !== undefined
  }

  /** Reads go to `replacement` from now on. */
  replaceSegments(old: readonly Segment[], replacement: Segment): void {
    this.segments.replace(old, replacement)
    this.reader.forgetPlaces()
  }

  abortedTransactions(range: { readonly from: number; readonly to: number }): readonly AbortedTransaction[] {
    const found: AbortedTransaction[] = []
    const { segments } = this
    for (let index = segments.indexOf(range.from); index < segments.count; index++) {
      if (segments.at(index)!.transactions.collect(range, found)) break
    }
    return found
  }

  /** Brings everything to the device, so that the next start need not look at the tail. `settle` does a round of syncs. */
  async finish(endOffset: number, settle: () => Promise<void>): Promise<void> {
    if (this.#rubbish) this.#cutRubbish()
    this.snapshots.take(endOffset, this.#producers)
    const { active } = this.segments
    this.#finished = true
    active.cutRoom()
    active.seal()
    this.#directoryDirty = true
    await Promise.all([settle(), active.syncIndexes(), this.snapshots.sync()])
    this.snapshots.removeBetween(active.baseOffset, endOffset)
  }

  close(): void {
    for (const segment of this.segments.all()) segment.close()
    this.snapshots.close()
  }

  #cutRubbish(): void {
    this.segments.active.cut()
    this.#rubbish = false
  }
}

/** Room is made where syncs are not further apart. */
const SYNCS_FOLLOW_MS = 100
/** Room is for about so many syncs like the last one. */
const ROOM_SYNCS = 64
const ROOM_BYTES_MIN = 16_384
/** Zeros are written to the device too: more would delay the sync that waits for them. */
const ROOM_BYTES_MAX = 2_097_152
