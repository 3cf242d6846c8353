import { join } from 'node:path/posix'
import { messageOf, MillraceError } from '../../base/millrace-error.ts'
import type { Report } from '../../base/report.ts'
import { makeDurableDirectory, writeAtomically, writeWhole } from '../../world/files.ts'
import type { DiskLock, Timer, World } from '../../world/world.ts'
import { BackgroundFlush } from './background-flush.ts'
import { CLEAN_SHUTDOWN_TEXT, encodePartitionMetadata } from './checkpoint-files.ts'
import { openIdentity, randomId } from './directory-identity.ts'
import { inGroups } from './in-groups.ts'
import { LogCheckpoints } from './log-checkpoints.ts'
import { LOG_CONFIG_DEFAULTS, type LogConfig } from './log-config.ts'
import { OpenFiles } from './open-files.ts'
import { arrangeTopicDirectories, removeDirectories, retireDirectory } from './partition-directories.ts'
import type { PartitionContext } from './partition-context.ts'
import { PartitionLog } from './partition-log.ts'
import { openPartition } from './partition-recovery.ts'
import { ProducerIds } from './producer-ids.ts'
import { settleRecovered } from './settle-recovered.ts'
import { parseTopicConfig, type TopicConfig } from './topic-config.ts'
import { MutableTopic, type Topic } from './topic.ts'
import { type TopicEntry, TopicRegistry } from './topic-registry.ts'

export type { Topic } from './topic.ts'

/**
 * A data directory: all topics of a log, in Kafka's layout.
 *
 *     meta.properties                    cluster, node and directory id
 *     millrace-topics.json               which topics exist, and their settings
 *     recovery-point-offset-checkpoint   per partition: below is on the device
 *     log-start-offset-checkpoint        per partition: below is deleted
 *     .kafka_cleanshutdown               there while the log is closed in order
 *     orders-0/                          a partition: segments, partition.metadata, leader-epoch-checkpoint
 *
 * Topics change at once in memory and in the page cache; `topicsSynced` says when that has reached the device. A crash
 * in between leaves a topic as it was before the change or as it is after it.
 */
export class LogDirectory {
  readonly path: string
  readonly clusterId: string
  readonly nodeId: number
  readonly #world: Pick<World, 'clock' | 'disk' | 'random'>
  readonly #config: Required<Omit<LogConfig, 'clusterId' | 'nodeId'>>
  readonly #report: Report
  readonly #lock: DiskLock
  readonly #registry: TopicRegistry
  readonly #topics = new Map<string, MutableTopic>()
  readonly #topicsById = new Map<string, MutableTopic>()
  #topicsVersion = 0
  readonly #files: OpenFiles
  readonly #flush: BackgroundFlush
  readonly #context: PartitionContext
  readonly #checkpoints: LogCheckpoints
  #producerIds!: ProducerIds
  #compacting = false
  #checkpointTimer: Timer | undefined
  #removals: Promise<void> = Promise.resolve()
  #closed: Promise<void> | undefined

  private constructor(
    options: OpenOptions & {
      readonly lock: DiskLock
      readonly registry: TopicRegistry
      readonly clusterId: string
      readonly nodeId: number
    },
  ) {
    const { world, path, report } = options
    this.path = path
    this.clusterId = options.clusterId
    this.nodeId = options.nodeId
    this.#world = world
    this.#config = { ...LOG_CONFIG_DEFAULTS, ...options.config }
    this.#report = report
    this.#lock = options.lock
    this.#registry = options.registry
    this.#files = new OpenFiles(world.disk, this.#config.maxOpenFiles)
    this.#flush = new BackgroundFlush({
      clock: world.clock,
      report,
      intervalMs: this.#config.flushIntervalMs,
    })
    this.#checkpoints = new LogCheckpoints({
      disk: world.disk,
      directory: path,
      report,
      partitions: () => this.#partitions(),
    })
    this.#context = {
      clock: world.clock,
      files: this.#files,
      report,
      producerIdExpirationMs: this.#config.producerIdExpirationMs,
      topicsSynced: () => this.#registry.synced(),
      onDirty: (partition, unsyncedBytes) => this.#flush.dirty(partition, unsyncedBytes),
      recoveryPointsSaved: () => this.#checkpoints.saveRecoveryPoints(),
      logStartsSaved: () => this.logStartsSaved(),
    }
  }

  /**
   * Takes the lock, opens all partitions, and recovers them when the last shutdown was not clean. Throws
   * `MR_DATA_DIR_IN_USE`, `MR_DATA_DIR_MISMATCH`, `MR_DATA_DIR_DAMAGED`, and what the disk throws.
   */
  static async open(options: OpenOptions): Promise<LogDirectory> {
    const { disk } = options.world
    await makeDurableDirectory(disk, options.path)
    const lock = disk.lock(join(options.path, '.lock'))
    try {
      const identity = await openIdentity(options.world, options.path, options.config)
      const { registry, existed } = TopicRegistry.open(disk, options.path)
      const directory = new LogDirectory({
        ...options,
        lock,
        registry,
        clusterId: identity.clusterId,
        nodeId: identity.nodeId,
      })
      await directory.#load({ adoptAll: !existed })
      // Before any topic is made: half of one that a crash leaves must not be taken for one that was brought here.
      if (!existed) await registry.establish()
      return directory
    } catch (error) {
      lock.release()
      throw error
    }
  }

  /** Another number whenever a topic has come, gone or grown. */
  get topicsVersion(): number {
    return this.#topicsVersion
  }

  topics(): Iterable<Topic> {
    return this.#topics.values()
  }

  topic(name: string): Topic | undefined {
    return this.#topics.get(name)
  }

  topicById(id: string): Topic | undefined {
    return this.#topicsById.get(id)
  }

  /**
   * Makes a topic; the caller has checked name, count and configuration. Throws what the disk throws, and nothing is left
   * of the topic then.
   */
  createTopic(options: {
    readonly name: string
    readonly partitions: number
    readonly config: Readonly<Record<string, string>>
    readonly internal?: boolean
  }): Topic {
    this.#mustBeOpen()
    if (this.#topics.has(options.name)) throw this.#invalid(`topic ${options.name} exists`)
    const id = randomId(this.#world.random)
    const entry: TopicEntry = {
      name: options.name,
      id,
      partitions: options.partitions,
      internal: options.internal ?? false,
      config: { ...options.config },
    }
    const topic = new MutableTopic(entry, this.#typedConfig(entry.config))
    this.#createPartitions(topic, { from: 0, to: options.partitions })
    this.#registry.put(entry)
    this.#add(topic)
    this.#saveTopics()
    return topic
  }

  /** Removes a topic at once; its files go in the background. */
  deleteTopic(name: string): void {
    this.#mustBeOpen()
    const topic = this.#topics.get(name)
    if (topic === undefined) return
    this.#topics.delete(name)
    this.#topicsById.delete(topic.id)
    this.#topicsVersion += 1
    this.#registry.delete(name)
    const retired: string[] = []
    for (const partition of topic.partitions) {
      partition.deleted()
      this.#flush.forget(partition)
      retired.push(retireDirectory(this.#world, partition.path, 'delete'))
    }
    this.#removals = this.#removals.then(() => this.#removeTopic(topic.id, retired))
    this.#saveTopics()
  }

  /** Grows a topic to `totalCount` partitions. */
  addPartitions(name: string, totalCount: number): void {
    this.#mustBeOpen()
    const topic = this.#mustHave(name)
    if (totalCount <= topic.partitions.length) return
    this.#createPartitions(topic, { from: topic.partitions.length, to: totalCount })
    this.#topicsVersion += 1
    this.#registry.put({ ...this.#registry.get(name)!, partitions: totalCount })
    this.#saveTopics()
  }

  /** Replaces a topic's own configuration; the caller has checked it. */
  setTopicConfig(name: string, config: Readonly<Record<string, string>>): void {
    this.#mustBeOpen()
    const topic = this.#mustHave(name)
    topic.configure(this.#typedConfig({ ...config }))
    this.#registry.put({ ...this.#registry.get(name)!, config: { ...config } })
    this.#saveTopics()
  }

  /** Resolves when all topics that were created, changed or deleted before the call are so on the device. */
  topicsSynced(): Promise<void> {
    return this.#registry.synced()
  }

  /** Resolves when the starts of all partitions, as they are now, are on the device. */
  logStartsSaved(): Promise<void> {
    return this.#checkpoints.saveLogStarts()
  }

  /** A producer id that was never given out before, restarts included. Throws `MR_PRODUCER_ID_UNAVAILABLE`. */
  nextProducerId(): number {
    return this.#producerIds.next()
  }

  /**
   * Deletes old segments and forgets silent producers in all partitions; to be called every few minutes. What fails is
   * reported, and tried again by the next call.
   */
  async applyRetention(nowMs: number): Promise<void> {
    for (const partition of [...this.#partitions()]) {
      try {
        await partition.applyRetention(nowMs)
      } catch (error) {
        const { topic, partition: index } = partition
        this.#report('error', 'retention failed', { topic, partition: index, reason: messageOf(error) })
      }
    }
  }

  /**
   * Compacts the partitions where it is time, in the background and one after the other; to be called every few seconds.
   * Not the internal topics, whose coordinators write their state anew. What fails is reported.
   */
  async compact(nowMs: number): Promise<void> {
    if (this.#compacting) return
    this.#compacting = true
    let compacted = false
    for (const topic of [...this.#topics.values()]) {
      if (topic.internal) continue
      for (const partition of topic.partitions) {
        try {
          if ((await partition.compact(nowMs)) > 0) compacted = true
        } catch (error) {
          this.#report('error', 'compaction failed', {
            topic: topic.name,
            partition: partition.partition,
            reason: messageOf(error),
          })
        }
      }
    }
    if (compacted) await this.#attempt('how far compaction is was not saved', this.#checkpoints.saveCleaned())
    this.#compacting = false
  }

  /** Writes recovery points down. Happens by itself from time to time and at `close`. */
  checkpoint(): Promise<void> {
    return this.#checkpoints.saveRecoveryPoints()
  }

  /** Syncs and closes everything, so that the next start need not look for torn tails; gives the lock back. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#flush.stop()
    this.#checkpointTimer?.cancel()
    await this.#removals
    try {
      const closed = await inGroups([...this.#partitions()], (partition) => partition.close())
      await Promise.all([this.#registry.synced(), this.checkpoint(), this.#checkpoints.saveLogStarts()])
      if (closed.every((clean) => clean)) {
        await writeAtomically(this.#world.disk, this.#cleanShutdownPath, CLEAN_SHUTDOWN_TEXT)
      }
    } catch (error) {
      const reason = messageOf(error)
      this.#report('error', 'the log could not be closed in order', { path: this.path, reason })
    } finally {
      // Whoever takes the lock next must be the only one who writes.
      const writers = [this.#registry, this.#checkpoints, this.#producerIds]
      await Promise.all(writers.map((writer) => writer.idle()))
      this.#lock.release()
    }
  }

  async #load(options: { readonly adoptAll: boolean }): Promise<void> {
    const { disk } = this.#world
    const cleanShutdown = disk.stat(this.#cleanShutdownPath) !== undefined
    if (cleanShutdown) {
      disk.remove(this.#cleanShutdownPath)
      await disk.syncDirectory(this.path)
    }
    arrangeTopicDirectories({
      world: this.#world,
      report: this.#report,
      path: this.path,
      registry: this.#registry,
      adoptAll: options.adoptAll,
    })
    const { recoveryPoints, logStarts, cleaned } = this.#checkpoints.read()
    for (const entry of this.#registry.topics()) {
      const topic = new MutableTopic(entry, this.#typedConfig(entry.config))
      for (let partition = 0; partition < entry.partitions; partition++) {
        const key = `${entry.name}-${partition}`
        topic.partitions.push(
          this.#openPartition(topic, partition, {
            cleanShutdown,
            recoveryPoint: recoveryPoints.get(key) ?? 0,
            logStartOffset: logStarts.get(key) ?? 0,
            cleanedTo: cleaned.get(key) ?? 0,
          }),
        )
      }
      this.#add(topic)
    }
    const topics = this.#topics.values()
    if (!cleanShutdown) await settleRecovered({ topics, flush: this.#flush, report: this.#report })
    // A full disk must not keep the log from being read: what cannot be written now is written later.
    await this.#attempt('the list of topics was not saved', this.#registry.synced())
    await this.#attempt('recovery points were not saved', this.checkpoint())
    this.#producerIds = await ProducerIds.open({
      disk,
      directory: this.path,
      report: this.#report,
      atLeast: this.#largestProducerId() + 1,
    })
    this.#scheduleCheckpoint()
  }

  #openPartition(
    topic: MutableTopic,
    partition: number,
    known: {
      readonly cleanShutdown: boolean
      readonly recoveryPoint: number
      readonly logStartOffset: number
      readonly cleanedTo: number
    },
  ): PartitionLog {
    const path = join(this.path, `${topic.name}-${partition}`)
    const created = this.#world.disk.stat(path) === undefined
    if (created) this.#makePartitionDirectory(path, topic.id)
    const opened = openPartition({
      context: this.#context,
      path,
      indexIntervalBytes: () => topic.config.indexIntervalBytes,
      ...known,
    })
    if (opened.cut !== undefined) {
      const { offset, bytesCut, segmentsRemoved, problem } = opened.cut
      this.#report('warn', 'log tail cut', {
        topic: topic.name,
        partition,
        offset,
        bytesCut,
        segmentsRemoved,
        problem,
      })
    }
    return new PartitionLog({
      topic: topic.name,
      partition,
      path,
      context: this.#context,
      config: topic.config,
      opened,
      created,
      cleanedTo: known.cleanedTo,
    })
  }

  #createPartitions(topic: MutableTopic, range: { readonly from: number; readonly to: number }): void {
    const made: PartitionLog[] = []
    try {
      for (let partition = range.from; partition < range.to; partition++) {
        const path = join(this.path, `${topic.name}-${partition}`)
        if (this.#world.disk.stat(path) !== undefined) retireDirectory(this.#world, path, 'stray')
        made.push(
          this.#openPartition(topic, partition, {
            cleanShutdown: true,
            recoveryPoint: 0,
            logStartOffset: 0,
            cleanedTo: 0,
          }),
        )
      }
    } catch (error) {
      for (const partition of made) partition.deleted()
      for (let partition = range.from; partition < range.to; partition++)
        this.#world.disk.remove(join(this.path, `${topic.name}-${partition}`))
      throw error
    }
    topic.partitions.push(...made)
  }

  #makePartitionDirectory(path: string, topicId: string): void {
    this.#world.disk.makeDirectory(path)
    writeWhole(this.#world.disk, join(path, 'partition.metadata'), encodePartitionMetadata(topicId))
  }

  #add(topic: MutableTopic): void {
    this.#topics.set(topic.name, topic)
    this.#topicsById.set(topic.id, topic)
    this.#topicsVersion += 1
  }

  async #removeTopic(id: string, directories: readonly string[]): Promise<void> {
    try {
      // Not before the deletion is on the device: until then a crash brings the topic back.
      await this.#registry.synced()
      await removeDirectories(this.#world, directories)
      await this.#world.disk.syncDirectory(this.path)
      this.#registry.forgetDeleted(id)
    } catch (error) {
      this.#report('warn', 'a deleted topic’s files stay until the next start', {
        path: this.path,
        reason: messageOf(error),
      })
    }
  }

  #saveTopics(): void {
    void this.#attempt('the list of topics was not saved', this.#registry.synced())
  }

  /** Waits for work whose failure is reported and harmless. */
  async #attempt(event: string, work: Promise<void>): Promise<void> {
    try {
      await work
    } catch (error) {
      this.#report('error', event, { path: this.path, reason: messageOf(error) })
    }
  }

  #scheduleCheckpoint(): void {
    this.#checkpointTimer = this.#world.clock.schedule(this.#config.checkpointIntervalMs, () => {
      void this.#attempt('recovery points were not saved', this.checkpoint())
      this.#scheduleCheckpoint()
    })
  }

  *#partitions(): Iterable<PartitionLog> {
    for (const topic of this.#topics.values()) yield* topic.partitions
  }

  #largestProducerId(): number {
    let largest = -1
    for (const partition of this.#partitions())
      for (const producer of partition.producers()) largest = Math.max(largest, producer.producerId)
    return largest
  }

  #typedConfig(overrides: Readonly<Record<string, string>>): TopicConfig {
    const parsed = parseTopicConfig(overrides, this.#config.topicDefaults)
    if (parsed.kind === 'invalid') throw this.#invalid(parsed.message)
    return parsed.config
  }

  get #cleanShutdownPath(): string {
    return join(this.path, '.kafka_cleanshutdown')
  }

  #mustHave(name: string): MutableTopic {
    const topic = this.#topics.get(name)
    if (topic === undefined) throw this.#invalid(`there is no topic ${name}`)
    return topic
  }

  #mustBeOpen(): void {
    if (this.#closed !== undefined) throw this.#invalid('the log is closed')
  }

  #invalid(message: string): MillraceError {
    return new MillraceError({ code: 'MR_CONFIG_INVALID', message: `${message}.`, path: this.path })
  }
}

interface OpenOptions {
  readonly world: Pick<World, 'clock' | 'disk' | 'random'>
  readonly path: string
  readonly config: LogConfig
  readonly report: Report
}
