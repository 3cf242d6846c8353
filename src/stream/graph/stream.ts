/** The streams a job is built of: immutable descriptions. Nothing runs before `runJob`. */
import type { Sink } from '../connector/sink.ts'
import type { Source } from '../connector/source.ts'
import type { ProcessContext } from '../operators/keyed-process.ts'
import type { AsyncFunction, AsyncMapOptions } from '../operators/map-async.ts'
import type { Key } from '../operators/operator.ts'
import type {
  AggregateResult,
  ReduceResult,
  WindowAssigner,
  WindowContext,
  WindowOptions,
} from '../operators/windows/window-spec.ts'
import type { Aggregator } from '../state/aggregators.ts'
import type { StateShape } from '../state/handles.ts'
import type { FiredTimer } from '../time/timer-service.ts'
import type { EventTimeOptions } from './plan.ts'

/** What `job(name, (flow) => …)` hands to the function that builds the job. */
export interface Flow {
  /** Events from outside. The name identifies the source's positions in checkpoints and savepoints. */
  source<T>(name: string, source: Source<T>): Stream<T>
}

export interface Stream<T> {
  /** Says when events happened, and how long to wait for those that come out of order. */
  eventTime(options: EventTimeOptions<T>): Stream<T>
  map<R>(map: (event: T) => R): Stream<R>
  filter<S extends T>(accept: (event: T) => event is S): Stream<S>
  filter(accept: (event: T) => boolean): Stream<T>
  /** Any number of events for each one, all with its time. */
  flatMap<R>(expand: (event: T) => Iterable<R>): Stream<R>
  /** Calls an asynchronous function for each event, several at a time. */
  mapAsync<R>(name: string, call: AsyncFunction<T, R>, options?: AsyncMapOptions): Stream<R>
  /** Partitions by a key: what follows has state, timers and windows for each key. Needs a string or a number. */
  keyBy<K extends Key>(key: (event: T) => K): KeyedStream<T, K>
  /** The events of all the streams, in no particular order between them. */
  union(...others: readonly Stream<T>[]): Stream<T>
  /**
   * Deals the events out: each goes to the stream that `route` names. Every name that it can return must be listed;
   * events with another one are dropped and counted as `filtered`.
   */
  split<Name extends string>(
    names: readonly Name[],
    route: (event: T) => Name,
  ): { readonly [N in Name]: Stream<T> }
  /** Ends the stream in a sink. The name identifies what the sink has prepared in checkpoints. */
  sink(name: string, sink: Sink<T>): void
}

export interface KeyedStream<T, K extends Key> {
  /** State and timers by hand. What `onEvent` and `onTimer` return, and what they pass to `emit`, is emitted. */
  process<
    OnEvent extends ProcessResult,
    OnTimer extends ProcessResult = undefined,
    S extends StateShape = Record<never, never>,
    Emitted = never,
  >(
    name: string,
    process: ProcessDescription<T, K, S, Emitted, OnEvent, OnTimer>,
  ): StepStream<Emitted | ItemOf<OnEvent> | ItemOf<OnTimer>>
  /** Emits, for each event, all of its key's events so far reduced to one value. */
  reduce(name: string, reduce: (left: T, right: T) => T): StepStream<T>
  window(assigner: WindowAssigner, options?: WindowOptions): WindowedStream<T, K>
  /** The events of several streams that are keyed alike; what follows sees them as one stream of each key. */
  union<U, L extends Key>(other: KeyedStream<U, L>): KeyedStream<T | U, K | L>
}

/** What a callback of `process` may return: events to emit, or nothing. */
// eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- a callback without a return statement.
export type ProcessResult = readonly unknown[] | undefined | void

export type ItemOf<Result> = Result extends readonly (infer Item)[] ? Item : never

/** A keyed step by hand; see `KeyedProcess` for what each callback may do. */
export interface ProcessDescription<T, K extends Key, S extends StateShape, Emitted, OnEvent, OnTimer> {
  /** The state of a key, by name; the names are part of savepoints. */
  readonly state?: S
  /** Needed only where `context.emit` is used: `emits: type<Alert>()`. Returned events bring their type along. */
  readonly emits?: TypeMarker<Emitted>
  onEvent(event: T, context: ProcessContext<Emitted, S, K>): OnEvent
  onTimer?(timer: FiredTimer, context: ProcessContext<Emitted, S, K>): OnTimer
}

/** A type as a value; carries nothing. */
export interface TypeMarker<T> {
  readonly of?: T
}

export interface WindowedStream<T, K extends Key> {
  /** One result a key and window: a field for each aggregator, beside `key`, `windowStart` and `windowEnd`. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- accumulator and result are each aggregator's own.
  aggregate<A extends Readonly<Record<string, Aggregator<T, any, any>>>>(
    name: string,
    aggregators: A,
  ): WindowResults<AggregateResult<A, K>, T>
  /** The window's events reduced to one, as `value`. */
  reduce(name: string, reduce: (left: T, right: T) => T): WindowResults<ReduceResult<T, K>, T>
  /** Sees all events of a window at once; holds them until then. */
  process<Out>(
    name: string,
    process: (window: WindowContext<undefined>, events: readonly T[]) => Iterable<Out> | void,
  ): WindowResults<Out, T>
  /** The same with an object per key and window that lives until the window can no longer fire. */
  process<Out, State>(
    name: string,
    process: (window: WindowContext<State>, events: readonly T[]) => Iterable<Out> | void,
    options: { readonly initialState: () => State },
  ): WindowResults<Out, T>
}

/** What a named step emits. */
export interface StepStream<T> extends Stream<T> {
  /** What the step emitted with `side(name, …)`; the type is the caller's promise. */
  sideOutput<S = unknown>(name: string): Stream<S>
}

export interface WindowResults<T, In> extends StepStream<T> {
  /** Events that came after their window, with its allowed lateness, was over. Counted even when nobody reads them. */
  readonly late: Stream<In>
}
