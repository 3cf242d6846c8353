/**
 * The state a keyed step declares, and the handles its callbacks get for it:
 *
 *   state: { total: value<number>(), seen: map<string, number>({ ttlMs: 60_000 }) }
 *   onEvent(event, { state }) { state.total.set((state.total.get() ?? 0) + event.amount) }
 *
 * A handle always acts on the key of the event or timer at hand. What is stored must be data: JSON values, also
 * `undefined` members left out, non-finite numbers, bigint, Date, Map, Set and Uint8Array. A handle hands out the
 * stored object itself: to change it, change it and `set` it again.
 */
/* eslint-disable @typescript-eslint/no-explicit-any -- types are the builder's; here any of them will do. */
import type { Aggregator } from './aggregators.ts'

export interface TtlOptions {
  /** How long an entry lives, in ms of processing time; for ever when absent. An expired entry is never seen again. */
  readonly ttlMs?: number
  /** What starts the time again: only writing (default), or reading too. */
  readonly ttlRefresh?: 'on-write' | 'on-read'
}

export interface ValueDescriptor<T> extends TtlOptions {
  readonly kind: 'value'
  /** Carries the type; never set. */
  readonly type?: T
}

export interface ListDescriptor<T> extends TtlOptions {
  readonly kind: 'list'
  readonly type?: T
}

export interface MapDescriptor<K extends string | number, V> extends TtlOptions {
  readonly kind: 'map'
  readonly type?: readonly [K, V]
}

export interface ReducingDescriptor<T> extends TtlOptions {
  readonly kind: 'reducing'
  readonly reduce: (left: T, right: T) => T
}

export interface AggregatingDescriptor<In, Out> extends TtlOptions {
  readonly kind: 'aggregating'
  readonly aggregator: Aggregator<In, any, Out>
}

export type StateDescriptor =
  | ValueDescriptor<any>
  | ListDescriptor<any>
  | MapDescriptor<any, any>
  | ReducingDescriptor<any>
  | AggregatingDescriptor<any, any>

/** The `state: { … }` of a step: names are part of savepoints. */
export type StateShape = Readonly<Record<string, StateDescriptor>>

export interface ValueHandle<T> {
  get(): T | undefined
  set(value: T): void
  clear(): void
}

export interface ListHandle<T> {
  /** In the order they were added; empty when there is none. A copy. */
  get(): T[]
  add(item: T): void
  /** Replaces the whole list. */
  set(items: readonly T[]): void
  readonly length: number
  clear(): void
}

export interface MapHandle<K extends string | number, V> {
  get(key: K): V | undefined
  has(key: K): boolean
  set(key: K, value: V): void
  delete(key: K): void
  /** In the order in which keys were first set. */
  entries(): [K, V][]
  readonly size: number
  clear(): void
}

export interface ReducingHandle<T> {
  get(): T | undefined
  add(value: T): void
  clear(): void
}

export interface AggregatingHandle<In, Out> {
  get(): Out | undefined
  add(value: In): void
  clear(): void
}

export type HandleOf<D> = D extends ValueDescriptor<infer T> & { readonly kind: 'value' }
  ? ValueHandle<T>
  : D extends ListDescriptor<infer T> & { readonly kind: 'list' }
    ? ListHandle<T>
    : D extends MapDescriptor<infer K, infer V> & { readonly kind: 'map' }
      ? MapHandle<K, V>
      : D extends ReducingDescriptor<infer T> & { readonly kind: 'reducing' }
        ? ReducingHandle<T>
        : D extends AggregatingDescriptor<infer In, infer Out> & { readonly kind: 'aggregating' }
          ? AggregatingHandle<In, Out>
          : never

export type Handles<S extends StateShape> = { readonly [Name in keyof S]: HandleOf<S[Name]> }

/** One value per key. */
export function value<T>(options: TtlOptions = {}): ValueDescriptor<T> {
  return { ...options, kind: 'value' }
}

/** A list per key; with a TTL each item has its own. */
export function list<T>(options: TtlOptions = {}): ListDescriptor<T> {
  return { ...options, kind: 'list' }
}

/** A map per key; with a TTL each of its entries has its own. */
export function map<K extends string | number, V>(options: TtlOptions = {}): MapDescriptor<K, V> {
  return { ...options, kind: 'map' }
}

/** One value per key into which each added one is folded. */
export function reducing<T>(
  reduce: (left: T, right: T) => T,
  options: TtlOptions = {},
): ReducingDescriptor<T> {
  return { ...options, kind: 'reducing', reduce }
}

/** The result of an aggregator per key. */
export function aggregating<In, Out>(
  aggregator: Aggregator<In, any, Out>,
  options: TtlOptions = {},
): AggregatingDescriptor<In, Out> {
  return { ...options, kind: 'aggregating', aggregator }
}
