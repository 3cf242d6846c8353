/** What a window step is made of, as data: which windows there are, when they answer, and what they compute. */
/* eslint-disable @typescript-eslint/no-explicit-any -- types are the builder's; here any of them will do. */
import type { Key } from '../operator.ts'
import type { Aggregator, ResultOf } from '../../state/aggregators.ts'

/** Event time by default; `processing` windows go by the wall clock and know no late events. */
export type WindowClock = 'event' | 'processing'

export type WindowAssigner =
  | {
      readonly kind: 'tumbling'
      readonly sizeMs: number
      readonly offsetMs: number
      readonly clock: WindowClock
    }
  | {
      readonly kind: 'sliding'
      readonly sizeMs: number
      readonly slideMs: number
      readonly offsetMs: number
      readonly clock: WindowClock
    }
  | { readonly kind: 'session'; readonly gapMs: number; readonly clock: WindowClock }

export interface WindowOptions {
  /** Event-time windows stay open this long after their end; an event that still comes fires them again. 0 by default. */
  readonly allowedLatenessMs?: number
  /** When a window answers; `{ kind: 'at-end' }` by default. */
  readonly trigger?: WindowTrigger
}

/**
 * `at-end`: once, when the clock passes the end, and again for each late event within the allowed lateness.
 * `early`: also before the end, every `everyMs` of processing time, for the keys that changed since.
 */
export type WindowTrigger = { readonly kind: 'at-end' } | { readonly kind: 'early'; readonly everyMs: number }

/** `reduce` must give a new value and leave its arguments as they are: slices share them between windows. */
export type WindowLogic =
  | { readonly kind: 'reduce'; readonly reduce: (left: any, right: any) => any }
  | { readonly kind: 'aggregate'; readonly aggregators: Readonly<Record<string, Aggregator<any, any, any>>> }
  | {
      readonly kind: 'process'
      readonly process: WindowFunction<any, any, any>
      readonly initialState?: () => unknown
    }

/** Sees every event of one key in one window; what it returns is emitted. Must not change `events`. */
export type WindowFunction<In, Out, State = undefined> = (
  window: WindowContext<State>,
  events: readonly In[],
) => Iterable<Out> | void

export interface WindowContext<State> extends WindowOf {
  /** One object per key and window, made by `initialState`, kept while the window may fire again; yours to change. */
  readonly state: State
  /** How often this window of this key has fired before, early firings counted. */
  readonly firing: 'early' | 'on-time' | 'late'
}

/** The window [windowStart, windowEnd) of a key, in ms since the epoch. Results have the event time windowEnd − 1. */
export interface WindowOf<K extends Key = Key> {
  readonly key: K
  readonly windowStart: number
  readonly windowEnd: number
}

/** What `aggregate` emits: the window and a field for each aggregator. */
export type AggregateResult<A, K extends Key = Key> = WindowOf<K> & {
  readonly [Name in keyof A]: ResultOf<A[Name]>
}

/** What `reduce` emits. */
export interface ReduceResult<T, K extends Key = Key> extends WindowOf<K> {
  readonly value: T
}

/** Windows of one size side by side: [0, size), [size, 2 size) … from the epoch, shifted by `offsetMs`. */
export function tumbling(options: {
  readonly sizeMs: number
  readonly offsetMs?: number
  readonly clock?: WindowClock
}): WindowAssigner {
  return { kind: 'tumbling', offsetMs: 0, clock: 'event', ...options }
}

/** Windows of `sizeMs` that begin every `slideMs`; an event belongs to size / slide of them. */
export function sliding(options: {
  readonly sizeMs: number
  readonly slideMs: number
  readonly offsetMs?: number
  readonly clock?: WindowClock
}): WindowAssigner {
  return { kind: 'sliding', offsetMs: 0, clock: 'event', ...options }
}

/** A window per burst of a key's events: it ends `gapMs` after the last of them. */
export function session(options: { readonly gapMs: number; readonly clock?: WindowClock }): WindowAssigner {
  return { kind: 'session', clock: 'event', ...options }
}
