/**
 * One life of a mirror's connections: reads off the target what was copied, goes on from there, and ends with the first
 * thing that goes wrong. The next session does the same, so recovering from a crash, a cut network and a broker's restart
 * is one path.
 *
 *   take over ids ▶ read what is remembered ▶ find topics ▶ each partition: kept or translated, and from where
 *      ▶ fetch ─▶ a queue a partition ─▶ its copy ─▶ target
 *
 * Memory: the fetcher's and the sender's bounds, and `QUEUED_BYTES_MAX` of batches in between.
 */
import { listOffsets } from '../log/client/admin.ts'
import { BatchSender } from '../log/client/batch-sender.ts'
import type { TopicMetadata } from '../log/client/cluster-metadata.ts'
import type { FetchedRecords } from '../log/client/fetched-records.ts'
import { Fetcher } from '../log/client/fetcher.ts'
import { producerClosed } from '../log/client/kafka-error.ts'
import type { LogClient } from '../log/client/log-client.ts'
import { newProducerIdentity, type ProducerRecord } from '../log/client/producer.ts'
import { sleep } from '../world/world.ts'
import { GapFiller } from './gap-filler.ts'
import { carryGroups } from './group-offsets.ts'
import { noTopicFits, takenOver } from './mirror-errors.ts'
import { type MirrorState, ensureStateTopic, readState, stateRecords, stateTopicOf } from './mirror-state.ts'
import { MirrorTransactions } from './mirror-transactions.ts'
import { matcher } from './name-patterns.ts'
import { PartitionOpener } from './open-partition.ts'
import type { PartitionCopy, PartitionProgress } from './partition-copy.ts'
import type { MirrorSetting } from './start-mirror.ts'
import { ensureTopicCopy } from './topic-copy.ts'
import { selectTopics } from './topic-selection.ts'

/** Batches that wait between fetching and writing. */
const QUEUED_BYTES_MAX = 32 * 1024 * 1024
/** How long a cut connection is taken for a short one; then the mirror says that it waits, and begins anew. */
const DELIVERY_TIMEOUT_MS = 10_000
/** What may be under way to the target: a slow line must carry it well before a request or a transaction times out. */
const UNDER_WAY_BYTES_MAX = 2 * 1024 * 1024
/** Partitions that are looked at side by side when a session begins. */
const OPENED_TOGETHER = 16

interface OpenPartition {
  readonly copy: PartitionCopy
  readonly progress: PartitionProgress
  /** Resolves when all that was queued is taken. */
  queue: Promise<void>
}

export class MirrorSession {
  readonly #setting: MirrorSetting
  readonly #source: LogClient
  readonly #target: LogClient
  readonly #stateTopic: string
  readonly #partitions = new Map<string, OpenPartition>()
  /** What is skipped has been told of once. */
  readonly #told = new Set<string>()
  readonly #failure = Promise.withResolvers<never>()
  #state!: MirrorState
  #transactions!: MirrorTransactions
  #gaps!: GapFiller
  #opener!: PartitionOpener
  #fetcher!: Fetcher
  #mirrorRecord!: ProducerRecord
  readonly #owned: { close(): void }[] = []
  #queuedBytes = 0
  #roomFor: (() => void) | undefined
  #stopping = false
  #closed = false

  constructor(setting: MirrorSetting, clients: { readonly source: LogClient; readonly target: LogClient }) {
    this.#setting = setting
    this.#source = clients.source
    this.#target = clients.target
    this.#stateTopic = stateTopicOf(setting.name)
    this.#failure.promise.catch(() => undefined)
  }

  /** Resolves when it was stopped or is done; rejects with what went wrong. Nothing runs any more then. */
  async run(stopped: Promise<void>): Promise<void> {
    const ended = new AbortController()
    try {
      const opened = this.#open().then(() => this.#refresh())
      opened.catch(() => undefined)
      const wasStopped = await Promise.race([opened.then(() => false), stopped.then(() => true)])
      if (wasStopped) return
      this.#setting.copying()
      const stopSign = stopped.then(() => {
        this.#stopping = true
        this.#fetcher.close()
      })
      const work = this.#setting.once ? this.#copyUntilEnd(stopSign) : stopSign
      const copied = Promise.all([work, this.#pump()])
      await Promise.race([this.#failure.promise, this.#keepUp(ended.signal), copied])
      await Promise.race([this.#failure.promise, this.#finish()])
    } finally {
      ended.abort()
      this.#close()
    }
  }

  /** The order matters: when the ids are taken over, nothing of an earlier run changes any more what is read then. */
  async #open(): Promise<void> {
    const { name, instance } = this.#setting
    const failed = this.#failure.reject
    await ensureStateTopic(this.#target, this.#stateTopic)
    const before = await readState(this.#target, this.#stateTopic)
    // Who has been the owner and is none any more was replaced, and must not take it back.
    if (this.#setting.wasOwner() && before.mirror !== undefined && before.mirror.instance !== instance)
      throw takenOver(name)
    const transactionalId = this.#stateTopic
    this.#transactions = this.#own(
      await MirrorTransactions.create(this.#target, {
        transactionalId,
        intervalMs: this.#setting.commitIntervalMs,
        maxBufferedBytes: UNDER_WAY_BYTES_MAX,
        failed,
      }),
    )
    this.#gaps = this.#own(await GapFiller.create(this.#target, transactionalId))
    this.#state = await readState(this.#target, this.#stateTopic)
    const producer = this.#state.mirror?.producer ?? (await newProducerIdentity(this.#target))
    const { sourceClusterId } = this.#setting
    this.#mirrorRecord = stateRecords.mirror(this.#stateTopic, { instance, sourceClusterId, producer })
    await this.#transactions.remember([this.#mirrorRecord])
    this.#setting.owned()
    const sender = new BatchSender(this.#target, producer, {
      hooks: {},
      deliveryTimeoutMs: DELIVERY_TIMEOUT_MS,
      maxBufferedBytes: UNDER_WAY_BYTES_MAX,
    })
    this.#own({ close: () => sender.fail(producerClosed()) })
    this.#opener = new PartitionOpener({
      source: this.#source,
      target: this.#target,
      setting: this.#setting,
      state: this.#state,
      stateTopic: this.#stateTopic,
      producer,
      sender,
      gaps: this.#gaps,
      transactions: this.#transactions,
      failed,
    })
    this.#fetcher = this.#own(new Fetcher(this.#source, { isolation: 'read_committed', outOfRange: 'fail' }))
  }

  /** Begins with topics and partitions that are new. */
  async #refresh(): Promise<void> {
    const setting = this.#setting
    const selected = await selectTopics({
      source: this.#source,
      setting,
      skipped: (topic, why) => {
        if (this.#told.has(topic)) return
        this.#told.add(topic)
        setting.report('info', 'mirror: topic is not copied', { topic, why })
      },
      fitting: (names) => this.#tellUnfitting(names),
    })
    for (const { topic, origins } of selected) {
      const known = topic.partitions.every(({ partition }) =>
        this.#partitions.has(`${topic.name}/${partition}`),
      )
      if (known) continue
      const target = await ensureTopicCopy({
        source: this.#source,
        target: this.#target,
        topic,
        name: setting.prefix + topic.name,
        report: setting.report,
      })
      if (!this.#state.origins.has(target.name)) {
        await this.#transactions.remember([stateRecords.origins(this.#stateTopic, target.name, origins)])
        this.#state.origins.set(target.name, origins)
      }
      await this.#openPartitions(topic, target)
    }
  }

  /** A pattern that nothing fits may be a slip of the pen, or of the access rules: each is told of once. */
  #tellUnfitting(names: readonly string[]): void {
    const { patterns, unfitting, once, report } = this.#setting
    if (once && names.length === 0) throw noTopicFits(patterns)
    for (const pattern of patterns) {
      if (names.some(matcher([pattern]))) unfitting.delete(pattern)
      else if (!unfitting.has(pattern)) {
        unfitting.add(pattern)
        report('warn', 'mirror: no topic fits, or none that may be described', { pattern })
      }
    }
  }

  async #openPartitions(topic: TopicMetadata, target: TopicMetadata): Promise<void> {
    const added = topic.partitions.filter(
      ({ partition }) => !this.#partitions.has(`${topic.name}/${partition}`),
    )
    const joinedBytesMax = await this.#opener.batchBytesMax(target.name)
    for (let at = 0; at < added.length; at += OPENED_TOGETHER) {
      const group = added.slice(at, at + OPENED_TOGETHER)
      const opened = await Promise.all(
        group.map(async ({ partition }) => {
          const progress = this.#setting.progressOf({ topic: topic.name, target: target.name, partition })
          const copy = await this.#opener.open({ topic, target, progress, joinedBytesMax })
          return { copy, progress, queue: Promise.resolve() }
        }),
      )
      for (const one of opened) this.#partitions.set(`${topic.name}/${one.copy.place.partition}`, one)
      this.#fetcher.assign(
        opened.map(({ copy, progress }) => ({
          topic: topic.name,
          partition: copy.place.partition,
          offset: progress.position,
        })),
      )
    }
  }

  /** Hands what is fetched to the partitions' copies. */
  async #pump(): Promise<void> {
    for (;;) {
      const fetched = await this.#fetcher.poll()
      if (fetched === undefined) return
      const open = this.#partitions.get(`${fetched.topic}/${fetched.partition}`)
      if (open === undefined) continue
      this.#queuedBytes += fetched.sizeBytes
      open.queue = open.queue.then(() => this.#take(open, fetched))
      open.queue.catch(this.#failure.reject)
      while (this.#queuedBytes > QUEUED_BYTES_MAX && !this.#stopping)
        await new Promise<void>((resolve) => (this.#roomFor = resolve))
    }
  }

  async #take({ copy, progress }: OpenPartition, fetched: FetchedRecords): Promise<void> {
    const { highWatermark, lastStableOffset } = fetched
    progress.end = Math.max(progress.end, lastStableOffset >= 0 ? lastStableOffset : highWatermark)
    if (!this.#stopping) await copy.take(fetched)
    this.#queuedBytes -= fetched.sizeBytes
    this.#roomFor?.()
  }

  /** Ends when everything is copied that was there when this began. */
  async #copyUntilEnd(stopSign: Promise<void>): Promise<void> {
    const { clock } = this.#source.world
    const queries = [...this.#partitions.values()].map(({ copy: { place } }) => ({
      topic: place.topic,
      partition: place.partition,
      at: 'latest' as const,
    }))
    const ends =
      queries.length === 0 ? [] : await listOffsets(this.#source, queries, { isolation: 'read_committed' })
    const waiting = ends.map(({ topic, partition, offset }) => ({
      progress: this.#partitions.get(`${topic}/${partition}`)!.progress,
      offset,
    }))
    const done = async (): Promise<void> => {
      while (!this.#stopping && waiting.some(({ progress, offset }) => progress.position < offset))
        await sleep(clock, 50)
    }
    await Promise.race([done(), stopSign])
    this.#stopping = true
    this.#fetcher.close()
  }

  /** Looks for what is new, and carries the groups' offsets over, again and again. Never resolves by itself. */
  async #keepUp(signal: AbortSignal): Promise<never> {
    const { refreshIntervalMs } = this.#setting
    for (;;) {
      await sleep(this.#source.world.clock, refreshIntervalMs, signal)
      if (signal.aborted) return new Promise(() => undefined)
      // Fails when another instance has taken over: copies whose offsets are kept would not notice by themselves.
      await this.#transactions.remember([this.#mirrorRecord])
      await this.#refresh()
      await this.#carryGroups()
    }
  }

  async #finish(): Promise<void> {
    await Promise.all([...this.#partitions.values()].map((open) => open.queue))
    await Promise.all([...this.#partitions.values()].map(({ copy }) => copy.finish()))
    await this.#transactions.commit()
    await this.#carryGroups()
  }

  async #carryGroups(): Promise<void> {
    const setting = this.#setting
    if (setting.groups === undefined) return
    const copies = new Map(
      [...this.#partitions.values()].map(({ copy }) => [`${copy.place.topic}/${copy.place.partition}`, copy]),
    )
    await carryGroups({
      source: this.#source,
      target: this.#target,
      matches: setting.groups,
      copies,
      written: setting.groupOffsets,
      report: setting.report,
    })
  }

  /** Closes it with the session, also when that has ended meanwhile. */
  #own<T extends { close(): void }>(part: T): T {
    this.#owned.push(part)
    if (this.#closed) this.#close()
    return part
  }

  #close(): void {
    this.#stopping = true
    this.#closed = true
    for (const part of this.#owned.splice(0)) part.close()
    this.#roomFor?.()
  }
}
