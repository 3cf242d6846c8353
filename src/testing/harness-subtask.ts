import type {
  EventBatch,
  JsonValue,
  Key,
  Operator,
  OperatorContext,
  Output,
  ScheduledTask,
} from '../stream/operators/operator.ts'
import { WATERMARK_START } from '../stream/operators/operator.ts'
import { HeapStateBackend, type KeyedSnapshotEntry } from '../stream/state/heap-state-backend.ts'
import { keyGroupRange } from '../stream/state/key-group.ts'
import { TimerQueue } from '../stream/time/timer-queue.ts'

/** What came out of an operator; `side` is the side output's name. */
export type Recorded =
  | {
      readonly kind: 'event'
      readonly side: string | undefined
      readonly value: unknown
      readonly timestampMs: number
    }
  | { readonly kind: 'watermark'; readonly watermarkMs: number }

export interface HarnessSnapshot {
  readonly entries: readonly KeyedSnapshotEntry[]
  readonly operator: JsonValue | undefined
}

interface Task {
  readonly atMs: number
  readonly run: () => void
  cancelled: boolean
}

/** One subtask of one step, with everything around it: state, timers, virtual time, outputs that record. */
export class HarnessSubtask<In, Out> {
  readonly #operator: Operator<In, Out>
  readonly #backend: HeapStateBackend
  readonly #timers: TimerQueue
  readonly #recorded: Recorded[]
  #tasks: Task[] = []
  #queued: (() => void)[] = []
  #nowMs: number
  #watermarkMs: number = WATERMARK_START
  #error: { readonly cause: unknown } | undefined

  constructor(options: {
    readonly operator: Operator<In, Out>
    readonly subtask: number
    readonly parallelism: number
    readonly maxParallelism: number
    readonly nowMs: number
    readonly recorded: Recorded[]
    readonly counters: Map<string, number>
  }) {
    const { subtask, parallelism, maxParallelism, counters } = options
    this.#operator = options.operator
    this.#recorded = options.recorded
    this.#nowMs = options.nowMs
    const keyGroups = keyGroupRange({ subtask, parallelism, maxParallelism })
    this.#backend = new HeapStateBackend({ job: 'test', step: 'tested', keyGroups, maxParallelism })
    this.#timers = new TimerQueue(this.#backend)
    const context: OperatorContext<Out> = {
      job: 'test',
      step: 'tested',
      subtask,
      parallelism,
      state: this.#backend,
      timers: this.#timers,
      output: this.#output(undefined),
      sideOutput: (name) => this.#output(name),
      metrics: {
        count: (name, increment) => void counters.set(name, (counters.get(name) ?? 0) + increment),
        gauge: () => undefined,
        sample: () => undefined,
      },
      nowMs: () => this.#nowMs,
      watermarkMs: () => this.#watermarkMs,
      enqueue: (task) => void this.#queued.push(task),
      fail: (cause) => void (this.#error ??= { cause }),
      schedule: (delayMs, run) => this.#schedule(delayMs, run),
    }
    this.#operator.open(context)
  }

  restoreKeyed(entry: KeyedSnapshotEntry): void {
    this.#backend.restore(entry)
  }

  restoreOperator(parts: readonly JsonValue[]): void {
    this.#operator.restore?.(parts)
  }

  async process(events: readonly { value: In; key?: Key | undefined; timestampMs: number }[]): Promise<void> {
    await this.#unblocked()
    // Any arrays may be reused by their owner, so a fresh copy is made and spoiled afterwards.
    const values = events.map(({ value }) => value)
    const timestamps = events.map(({ timestampMs }) => timestampMs)
    const keys = events[0]?.key === undefined ? undefined : events.map(({ key }) => key!)
    const batch: EventBatch<In> = { values, timestamps, keys }
    this.#operator.processBatch(batch)
    values.fill(undefined as In)
    timestamps.fill(NaN)
    keys?.fill('spoiled')
    await this.settle()
  }

  watermark(watermarkMs: number): void {
    this.#watermarkMs = Math.max(this.#watermarkMs, watermarkMs)
    this.#timers.fireUntil('event', watermarkMs, (timer) => this.#operator.onTimer?.(timer))
    this.#operator.onWatermark(watermarkMs)
  }

  /** Runs what is due in the order of its time. */
  advanceTo(nowMs: number): void {
    for (;;) {
      const timerMs = this.#timers.nextTimeMs('processing') ?? Infinity
      const task = this.#nextTask()
      const nextMs = Math.min(timerMs, task?.atMs ?? Infinity)
      if (nextMs > nowMs) break
      this.#nowMs = Math.max(this.#nowMs, nextMs)
      if (timerMs <= nextMs)
        this.#timers.fireUntil('processing', timerMs, (timer) => this.#operator.onTimer?.(timer))
      else this.#runTask(task!)
    }
    this.#nowMs = Math.max(this.#nowMs, nowMs)
  }

  /** Lets promises that are ready have their say, and runs what they enqueue. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet++) {
      await new Promise<void>((resolve) => setImmediate(resolve))
      if (this.#queued.length > 0) quiet = 0
      for (const task of this.#queued.splice(0)) task()
    }
    if (this.#error !== undefined) throw this.#error.cause
  }

  async end(): Promise<void> {
    const ended = this.#operator.endOfInput?.()
    if (ended !== undefined) await this.#until(ended)
    await this.settle()
  }

  snapshot(mode: 'full' | 'changes'): HarnessSnapshot {
    const entries: KeyedSnapshotEntry[] = []
    // Through JSON and copies, as a store would: nothing is shared with the operator that goes on.
    this.#backend.snapshot(mode, (entry) => entries.push({ ...entry, entries: entry.entries.slice() }))
    const operator = this.#operator.snapshot?.()
    return {
      entries,
      operator: operator === undefined ? undefined : (JSON.parse(JSON.stringify(operator)) as JsonValue),
    }
  }

  stateSize(): number {
    return this.#backend.size()
  }

  close(): void {
    this.#operator.close?.()
    this.#tasks = []
    this.#queued = []
  }

  async #unblocked(): Promise<void> {
    for (
      let blocked = this.#operator.blocked?.();
      blocked !== undefined;
      blocked = this.#operator.blocked?.()
    ) {
      await this.#until(blocked)
    }
  }

  /** Waits; when nothing but time can help, lets time pass. */
  async #until(promise: Promise<void>): Promise<void> {
    let done = false
    void promise.then(() => (done = true))
    for (;;) {
      await this.settle()
      if (done) return
      const task = this.#nextTask()
      if (task === undefined) return promise
      this.advanceTo(Math.max(task.atMs, this.#nowMs))
    }
  }

  #nextTask(): Task | undefined {
    this.#tasks = this.#tasks.filter(({ cancelled }) => !cancelled)
    return this.#tasks.reduce<Task | undefined>(
      (first, each) => (first && first.atMs <= each.atMs ? first : each),
      undefined,
    )
  }

  #runTask(task: Task): void {
    task.cancelled = true
    task.run()
  }

  #schedule(delayMs: number, run: () => void): ScheduledTask {
    const task: Task = { atMs: this.#nowMs + delayMs, run, cancelled: false }
    this.#tasks.push(task)
    return { cancel: () => void (task.cancelled = true) }
  }

  #output<T>(side: string | undefined): Output<T> {
    return {
      emit: (value, timestampMs) =>
        void this.#recorded.push({ kind: 'event', side, value: copy(value), timestampMs }),
      emitBatch: ({ values, timestamps }) => {
        values.forEach((value, i) => {
          this.#recorded.push({ kind: 'event', side, value: copy(value), timestampMs: timestamps[i]! })
        })
      },
      watermark: (watermarkMs) => void this.#recorded.push({ kind: 'watermark', watermarkMs }),
    }
  }
}

/** What an operator does with an object after it was emitted must not show. */
function copy(value: unknown): unknown {
  return structuredClone(value)
}
