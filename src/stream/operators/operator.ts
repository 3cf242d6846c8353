/**
 * The narrow waist of the engine: every step that transforms events is an `Operator`, and everything that runs steps
 * (the embedded task, the test harness, the worker inside Flink) is a driver of this interface. They agree because
 * there is nothing else to agree on.
 *
 * What a driver does, per operator instance (one subtask of one step), always in one thread:
 *
 *   open → restore? → (processBatch | onTimer | onWatermark | snapshot)* → endOfInput? → close
 *
 *  - Calls never overlap. Between two calls the operator's state, with its tables, timers and `snapshot()`, is
 *    everything it needs to go on elsewhere: a driver may snapshot and restore between any two of them.
 *  - A driver gives no further batch while `blocked()` returns a promise that has not resolved.
 *  - Timers whose time has come are fired (`onTimer`, in order of time, then of registration) before `onWatermark`.
 *  - The operator forwards watermarks itself (`context.output.watermark`), so that one which holds events back
 *    (asynchronous calls, buffers) can hold the watermark back too.
 */
import type { KeyedStateBackend } from '../state/keyed-state-backend.ts'
import type { TimerService, FiredTimer } from '../time/timer-service.ts'

/** A key of a keyed stream. Equal keys are equal under `===`; `1` and `'1'` are two keys. */
export type Key = string | number

/**
 * Events that travel together: parallel arrays of one length. `timestamps` are event times in ms since the epoch
 * (`NO_TIMESTAMP` before `eventTime` assigned one); `keys` is there on keyed streams only. The receiver of a batch may
 * keep the events but not the arrays: the sender reuses them.
 */
export interface EventBatch<T> {
  readonly values: readonly T[]
  readonly timestamps: readonly number[]
  readonly keys: readonly Key[] | undefined
}

/**
 * What another subtask has made of its events before it sent them: for each key, columns of numbers that the operator
 * itself has described (`createCombiner`). The arrays are valid during the call.
 */
export interface PartialAggregates {
  /** Of the slice of time that all the events are in, in ms since the epoch. */
  readonly sliceStart: number
  /** How many events went into it. */
  readonly events: number
  readonly keys: readonly Key[]
  readonly columns: readonly Float64Array[]
}

/** Event time of an event that has none. Smaller than every time; never late. */
export const NO_TIMESTAMP: number = Number.MIN_SAFE_INTEGER

/** The watermark before any event was seen, and the one after the last. */
export const WATERMARK_START: number = Number.MIN_SAFE_INTEGER
export const WATERMARK_END: number = Number.MAX_SAFE_INTEGER

/** What an operator leaves out it has no part in. */
export interface Operator<In, Out> {
  open(context: OperatorContext<Out>): void
  processBatch(batch: EventBatch<In>): void
  /** Events that were combined before they came here; only for a step that has a combiner. */
  processPartials?(partials: PartialAggregates): void
  onTimer?(timer: FiredTimer): void
  onWatermark(watermarkMs: number): void
  /** State that is not keyed, as a JSON value; `undefined` when there is none. Keyed state is the backend's. */
  snapshot?(): JsonValue | undefined
  /**
   * Gives back what `snapshot` returned. After rescaling there may be none, one or several parts; the parts of all
   * subtasks are dealt out so that each lands on exactly one.
   */
  restore?(parts: readonly JsonValue[]): void
  /** A promise while no further input can be taken, `undefined` when it can. */
  blocked?(): Promise<void> | undefined
  /** All input has come: emit what is still held. Resolves when nothing is in flight. */
  endOfInput?(): Promise<void> | undefined
  close?(): void
}

export interface OperatorContext<Out> {
  readonly job: string
  readonly step: string
  readonly subtask: number
  readonly parallelism: number
  /** Handles for the state of the current key; a step after `keyBy` only. */
  readonly state: KeyedStateBackend
  readonly timers: TimerService
  readonly output: Output<Out>
  /** A named second output, for example `late`. The same name gives the same output. */
  sideOutput<T>(name: string): Output<T>
  readonly metrics: StepMetrics
  /** Wall clock in ms; virtual in tests. */
  nowMs(): number
  /** How far event time has come: the last watermark, in `onTimer` the one that makes the timers due. */
  watermarkMs(): number
  /** Runs `task` in the operator's thread between two calls of the driver; the way back for asynchronous work. */
  enqueue(task: () => void): void
  /** Stops the job with an error; the driver restarts it from its last checkpoint. */
  fail(error: unknown): void
  /**
   * Runs `task` in the operator's thread between two calls of the driver, `delayMs` of processing time later or as
   * soon after as it can. Not part of snapshots: the operator schedules again what it needs after a restore.
   */
  schedule(delayMs: number, task: () => void): ScheduledTask
}

export interface ScheduledTask {
  cancel(): void
}

export interface Output<T> {
  emit(value: T, timestampMs: number): void
  /** Emits all events of a batch, in order. As with every batch, only the events may be kept, not the arrays. */
  emitBatch(batch: EventBatch<T>): void
  watermark(watermarkMs: number): void
}

export interface StepMetrics {
  /** Adds to a counter of this subtask; the counters `late`, `filtered`, `rejected` feed the job's "why no output". */
  count(name: string, increment: number): void
  /** Sets a gauge of this subtask. */
  gauge(name: string, value: number): void
  /** Keeps a few recent examples under a name, for a person to look at. */
  sample(name: string, example: JsonValue): void
}

export type JsonValue =
  null | boolean | number | string | readonly JsonValue[] | { readonly [name: string]: JsonValue | undefined }
