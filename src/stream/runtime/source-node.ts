/**
 * Reads one source in one subtask, a batch ahead of the rest: while a batch is processed nothing is read, while the
 * subtask does other things the next `poll` is under way.
 *
 * Positions are taken before each `poll`, not at the barrier: a reader may have moved on inside a poll whose batch has
 * not been processed yet, and that batch belongs after the barrier.
 */
import type { EventBatch } from '../operators/operator.ts'
import { REJECTED_OUTPUT } from '../graph/plan.ts'
import type { RejectedRecord, Source, SourceBatch, SourceReader, Split } from '../connector/source.ts'
import type { StepSnapshot } from '../checkpoint/snapshot.ts'
import type { EventTimeNode, SplitOrigin } from './event-time-node.ts'
import type { Receiver } from './receiver.ts'
import { StepCounters, type StepMetricsSnapshot } from './step-metrics.ts'
import { connectorContext, type TaskContext } from './task-context.ts'
import { NO_TIMESTAMP, WATERMARK_END } from '../operators/operator.ts'

/* eslint-disable @typescript-eslint/no-explicit-any -- the builder has checked the types. */
export class SourceNode implements SplitOrigin {
  readonly name: string
  readonly metrics: StepCounters
  readonly #task: TaskContext
  readonly #source: Source<any>
  readonly #openClock: () => number
  #reader: SourceReader<any> | undefined
  #out!: Receiver
  #rejected: Receiver | undefined
  #eventTime: readonly EventTimeNode[] = []
  #splitIds: string[] = []
  #caughtUp: boolean[] = []
  #splitEnded: boolean[] = []
  #lag: (number | undefined)[] = []
  #positions: readonly Split[] = []
  #ready: SourceBatch<any> | 'end' | undefined
  #onReady: () => void = () => {}
  #ended = false
  #polling = false
  #stopped = false
  currentSplit = 0

  constructor(options: {
    readonly task: TaskContext
    readonly name: string
    readonly source: Source<any>
    /** The time for which the subtask was not held up by its outputs, in ms. */
    readonly openMs: () => number
  }) {
    this.#task = options.task
    this.#openClock = options.openMs
    this.name = options.name
    this.#source = options.source
    this.metrics = new StepCounters(options.name, 'source')
  }

  connect(out: Receiver, sides: ReadonlyMap<string, Receiver>, eventTime: readonly EventTimeNode[]): void {
    this.#out = out
    this.#rejected = sides.get(REJECTED_OUTPUT)
    this.#eventTime = eventTime
  }

  /** Opens the reader; `onReady` is called when a batch waits. The first poll begins with `start`. */
  async open(splits: readonly Split[], onReady: () => void): Promise<void> {
    this.#onReady = onReady
    this.#splitIds = splits.map((split) => split.id)
    this.#caughtUp = splits.map(() => true)
    this.#splitEnded = splits.map(() => false)
    this.#lag = splits.map(() => undefined)
    this.#positions = splits
    this.#reader = this.#source.createReader(connectorContext(this.#task, this.name))
    await this.#reader.open(splits)
  }

  start(): void {
    this.#poll()
  }

  /** Whether `process` has something to do. */
  get ready(): boolean {
    return this.#ready !== undefined
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Takes no more batches, for a job that stops; the positions stay what they are. */
  stop(): void {
    this.#stopped = true
    this.#ready = undefined
  }

  /** Gives on the batch that waits and reads on. */
  process(): void {
    const batch = this.#ready
    this.#ready = undefined
    if (batch === undefined) return
    if (batch === 'end') {
      this.#ended = true
      this.#positions = this.#reader?.snapshot() ?? this.#positions
      this.#out.watermark(WATERMARK_END)
      this.#out.end()
      this.#rejected?.watermark(WATERMARK_END)
      this.#rejected?.end()
      return
    }
    const split = this.#splitIds.indexOf(batch.splitId)
    this.currentSplit = split
    this.#caughtUp[split] = batch.caughtUp
    this.#lag[split] = batch.lag
    if (batch.rejected.length > 0) this.#reject(batch.rejected)
    const count = batch.values.length
    if (count > 0) {
      this.metrics.eventsIn += count
      this.metrics.eventsOut += count
      const events: EventBatch<any> = { values: batch.values, timestamps: batch.timestamps, keys: undefined }
      this.#out.batch(events)
    }
    if (batch.splitEnded === true) {
      this.#splitEnded[split] = true
      for (const node of this.#eventTime) node.splitEnded()
    }
    this.#poll()
  }

  /** For tests: event time has come so far, as if an event had said so. */
  advanceWatermark(watermarkMs: number): void {
    for (const node of this.#eventTime) node.advanceTo(watermarkMs)
    if (this.#eventTime.length === 0) this.#out.watermark(watermarkMs)
  }

  snapshot(): StepSnapshot {
    return { splits: this.#positions }
  }

  async checkpointComplete(positions: readonly Split[]): Promise<void> {
    await this.#reader?.onCheckpointComplete(positions)
  }

  async close(): Promise<void> {
    this.#stopped = true
    await this.#reader?.close()
  }

  get splitIds(): readonly string[] {
    return this.#splitIds
  }

  hasMore(split: number): boolean {
    return !this.#caughtUp[split]!
  }

  hasEnded(split: number): boolean {
    return this.#splitEnded[split]!
  }

  lagOf(split: number): number | undefined {
    return this.#lag[split]
  }

  openMs(): number {
    return this.#openClock()
  }

  report(): StepMetricsSnapshot {
    const splits = this.#splitIds.map((split, i) => ({
      split,
      watermarkMs: undefined,
      idle: false,
      holdsBack: false,
      lag: this.#lag[i],
    }))
    return this.metrics.snapshot({ splits })
  }

  #poll(): void {
    if (this.#stopped || this.#polling || this.#reader === undefined) return
    this.#positions = this.#reader.snapshot()
    this.#polling = true
    this.#reader.poll().then(
      (batch) => {
        this.#polling = false
        if (this.#stopped) return
        this.#ready = batch
        this.#onReady()
      },
      (error: unknown) => {
        this.#polling = false
        if (!this.#stopped) this.#task.fail(error)
      },
    )
  }

  #reject(records: readonly RejectedRecord[]): void {
    this.metrics.count('rejected', records.length)
    for (const { topic, partition, offset, reason } of records.slice(0, 8)) {
      this.metrics.sample('rejected', { topic, partition, offset, reason })
    }
    this.#rejected?.batch({ values: records, timestamps: records.map(() => NO_TIMESTAMP), keys: undefined })
  }
}
