/** One step's operator in one subtask: gives it batches, timers and watermarks, and hands on what it emits. */
import { createOperator, type StepDescription } from '../operators/logical-step.ts'
import {
  WATERMARK_START,
  type EventBatch,
  type Operator,
  type OperatorContext,
  type Output,
  type PartialAggregates,
  type ScheduledTask,
} from '../operators/operator.ts'
import { HeapStateBackend } from '../state/heap-state-backend.ts'
import { keyGroupRange } from '../state/key-group.ts'
import { TimerQueue } from '../time/timer-queue.ts'
import type { FiredTimer } from '../time/timer-service.ts'
import type { StateFileBuilder } from '../checkpoint/state-file.ts'
import type { CheckpointMode } from '../checkpoint/coordinator.ts'
import type { StepSnapshot } from '../checkpoint/snapshot.ts'
import type { Receiver } from './receiver.ts'
import { StepCounters, type StepMetricsSnapshot } from './step-metrics.ts'
import type { TaskContext } from './task-context.ts'

/** Events that are emitted one by one are handed on when there are so many, and when the operator's call is over. */
const OUTPUT_BATCH = 1024

/* eslint-disable @typescript-eslint/no-explicit-any -- the builder has checked the types. */
export class StepNode implements Receiver {
  readonly name: string
  readonly kind: string
  readonly metrics: StepCounters
  readonly backend: HeapStateBackend
  readonly operator: Operator<any, any>
  /** Whether it has state that savepoints hold. */
  readonly stateful: boolean
  readonly #keyed: boolean
  readonly #task: TaskContext
  readonly #timers: TimerQueue
  readonly #fire: (timer: FiredTimer) => void
  readonly #main: NodeOutput
  readonly #sides = new Map<string, NodeOutput>()
  #watermark = WATERMARK_START
  #output!: Receiver
  /** Whether all its input has come and all its results are out. */
  ended = false

  constructor(task: TaskContext, name: string, step: StepDescription) {
    this.name = name
    this.kind = step.kind
    this.#task = task
    this.stateful = step.kind !== 'stateless'
    this.#keyed = step.kind === 'process' || step.kind === 'window'
    this.metrics = new StepCounters(name, step.kind)
    const { job, subtask, parallelism, maxParallelism } = task
    const keyGroups = keyGroupRange({ subtask, parallelism, maxParallelism })
    this.backend = new HeapStateBackend({ job, step: name, keyGroups, maxParallelism })
    this.operator = createOperator(step)
    this.#timers = new TimerQueue(this.backend)
    this.#fire = (timer) => this.operator.onTimer?.(timer)
    this.#main = new NodeOutput(this.metrics, (watermarkMs) => {
      for (const side of this.#sides.values()) side.watermark(watermarkMs)
    })
  }

  /** Who reads the main output, and the side outputs by name. Before `open`. */
  connect(main: Receiver, sides: ReadonlyMap<string, Receiver>): void {
    this.#output = main
    this.#main.to = main
    for (const [name, receiver] of sides) this.#side(name).to = receiver
  }

  open(): void {
    const task = this.#task
    const context: OperatorContext<any> = {
      job: task.job,
      step: this.name,
      subtask: task.subtask,
      parallelism: task.parallelism,
      state: this.backend,
      timers: this.#timers,
      output: this.#main,
      sideOutput: (name) => this.#side(name),
      metrics: this.metrics,
      nowMs: () => task.world.clock.nowMs(),
      watermarkMs: () => this.#watermark,
      enqueue: (work) => task.enqueue(() => this.#run(work)),
      fail: (error) => task.fail(error),
      schedule: (delayMs, work) => this.#schedule(delayMs, work),
    }
    this.operator.open(context)
  }

  batch(batch: EventBatch<any>): void {
    this.metrics.eventsIn += batch.values.length
    this.operator.processBatch(batch)
    this.#flush()
  }

  partials(partials: PartialAggregates): void {
    this.metrics.eventsIn += partials.events
    this.operator.processPartials!(partials)
  }

  watermark(watermarkMs: number): void {
    if (watermarkMs <= this.#watermark) return
    this.#watermark = watermarkMs
    if (this.#keyed) {
      this.#timers.fireUntil('event', watermarkMs, this.#fire)
      this.#flush()
    }
    this.operator.onWatermark(watermarkMs)
    this.#flush()
  }

  idle(idle: boolean): void {
    this.#output.idle(idle)
    for (const side of this.#sides.values()) side.to?.idle(idle)
  }

  end(): void {
    const finish = (): void => {
      this.#flush()
      this.ended = true
      this.#output.end()
      for (const side of this.#sides.values()) side.to?.end()
    }
    const pending = this.operator.endOfInput?.()
    if (pending === undefined) return finish()
    pending.then(
      () => this.#task.enqueue(finish),
      (error: unknown) => this.#task.fail(error),
    )
  }

  close(): void {
    this.operator.close?.()
  }

  /** Fires the processing-time timers that are due. */
  fireProcessingTimers(nowMs: number): void {
    if (!this.#keyed) return
    this.#timers.fireUntil('processing', nowMs, this.#fire)
    this.#flush()
  }

  nextProcessingTimerMs(): number | undefined {
    return this.#keyed ? this.#timers.nextTimeMs('processing') : undefined
  }

  snapshot(mode: CheckpointMode, file: StateFileBuilder): StepSnapshot {
    const operator = this.operator.snapshot?.()
    const tables = this.#keyed ? [...this.backend.tables()].map(({ name, format }) => ({ name, format })) : []
    let open: string | undefined
    if (this.#keyed) {
      this.backend.snapshot(mode, ({ table, keyGroup, entries }) => {
        if (open !== table) file.table(this.name, table)
        open = table
        file.add(keyGroup, entries)
      })
    }
    return { ...(operator === undefined ? {} : { operator }), tables, watermarkMs: this.#watermark }
  }

  /** After the tables were restored, before the first batch; inputs first, so that watermarks meet restored steps. */
  restoreWatermark(watermarkMs: number): void {
    this.watermark(watermarkMs)
  }

  report(): StepMetricsSnapshot {
    if (this.#keyed) this.metrics.gauge('stateEntries', this.backend.size())
    return this.metrics.snapshot({ watermarkMs: this.#watermark })
  }

  #run(work: () => void): void {
    work()
    this.#flush()
  }

  #schedule(delayMs: number, work: () => void): ScheduledTask {
    let cancelled = false
    const timer = this.#task.world.clock.schedule(delayMs, () => {
      this.#task.enqueue(() => {
        if (!cancelled) this.#run(work)
      })
    })
    return {
      cancel: () => {
        cancelled = true
        timer.cancel()
      },
    }
  }

  #side(name: string): NodeOutput {
    let side = this.#sides.get(name)
    if (side === undefined) {
      side = new NodeOutput(undefined, () => {})
      this.#sides.set(name, side)
    }
    return side
  }

  #flush(): void {
    this.#main.flush()
    if (this.#sides.size > 0) for (const side of this.#sides.values()) side.flush()
  }
}

/** Collects what an operator emits into batches. A side output that nobody reads drops its events. */
class NodeOutput implements Output<any> {
  readonly #metrics: StepCounters | undefined
  readonly #onWatermark: (watermarkMs: number) => void
  readonly #values: any[] = []
  readonly #timestamps: number[] = []
  readonly #batch: EventBatch<any> = { values: this.#values, timestamps: this.#timestamps, keys: undefined }
  to: Receiver | undefined

  constructor(metrics: StepCounters | undefined, onWatermark: (watermarkMs: number) => void) {
    this.#metrics = metrics
    this.#onWatermark = onWatermark
  }

  emit(value: any, timestampMs: number): void {
    if (this.to === undefined) return
    this.#values.push(value)
    this.#timestamps.push(timestampMs)
    if (this.#values.length >= OUTPUT_BATCH) this.flush()
  }

  emitBatch(batch: EventBatch<any>): void {
    this.flush()
    if (this.#metrics !== undefined) this.#metrics.eventsOut += batch.values.length
    this.to?.batch(batch)
  }

  watermark(watermarkMs: number): void {
    this.flush()
    this.#onWatermark(watermarkMs)
    this.to?.watermark(watermarkMs)
  }

  flush(): void {
    if (this.#values.length === 0) return
    if (this.#metrics !== undefined) this.#metrics.eventsOut += this.#values.length
    this.to?.batch(this.#batch)
    this.#values.length = 0
    this.#timestamps.length = 0
  }
}
