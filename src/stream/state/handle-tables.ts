/**
 * The five kinds of state on `KeyedTable`. Formats: `value/1` [value, expiresAtMs?] · `list/1` [items, expiresAtMs[]?, 'append'?]
 * · `map/1` [[[key, value, expiresAtMs?] or [key] …], 'amend'?]. In `changes` mode a list writes what was appended and
 * a map the entries that changed, so that a long one costs no more than a short one.
 */
import { KeyedTable, type TableOptions, type ValueItem } from './keyed-table.ts'
import type { AggregatingHandle, ListHandle, MapHandle, ReducingHandle, ValueHandle } from './handles.ts'
import type { Aggregator } from './aggregators.ts'

export class ValueTable<T> extends KeyedTable<ValueItem<T>> {
  get(): T | undefined {
    const item = this.item()
    if (item === undefined) return undefined
    if (this.refreshOnRead) {
      item.expiresAtMs = this.nowMs() + this.ttlMs
      this.touch()
    }
    return item.value
  }

  set(value: T): void {
    const expiresAtMs = this.ttlMs === Infinity ? Infinity : this.nowMs() + this.ttlMs
    const item = this.item()
    if (item === undefined) return this.putItem({ value, expiresAtMs })
    item.value = value
    item.expiresAtMs = expiresAtMs
    this.touch()
  }

  clear(): void {
    this.removeItem()
  }

  protected override expire(item: ValueItem<T>, nowMs: number): boolean {
    return item.expiresAtMs <= nowMs
  }

  protected override encode(item: ValueItem<T>): readonly unknown[] {
    return item.expiresAtMs === Infinity ? [item.value] : [item.value, item.expiresAtMs]
  }

  protected override decode(record: readonly unknown[]): ValueItem<T> {
    return this.restoredValue<T>(record)
  }
}

interface ListItem<T> {
  items: T[]
  /** Of each item; with a TTL only. Never decreasing, even when the clock goes back, so that the expired are in front. */
  expiresAtMs: number[] | undefined
  /** So many of the items are in the last snapshot, unchanged; -1 when the list must be written whole. */
  saved: number
}

export class ListTable<T> extends KeyedTable<ListItem<T>> {
  get(): T[] {
    const item = this.item()
    if (item === undefined) return []
    if (this.refreshOnRead) {
      item.expiresAtMs?.fill(this.nowMs() + this.ttlMs)
      item.saved = -1
      this.touch()
    }
    return item.items.slice()
  }

  length(): number {
    return this.item()?.items.length ?? 0
  }

  add(value: T): void {
    const item = this.item()
    if (item === undefined) return this.set([value])
    item.items.push(value)
    item.expiresAtMs?.push(Math.max(this.nowMs() + this.ttlMs, item.expiresAtMs.at(-1) ?? 0))
    this.touch()
  }

  set(items: readonly T[]): void {
    if (items.length === 0) return this.removeItem()
    const expiresAtMs = this.ttlMs === Infinity ? undefined : items.map(() => this.nowMs() + this.ttlMs)
    this.putItem({ items: items.slice(), expiresAtMs, saved: -1 })
  }

  clear(): void {
    this.removeItem()
  }

  protected override expire(item: ListItem<T>, nowMs: number): boolean {
    const { expiresAtMs, items } = item
    if (expiresAtMs === undefined || expiresAtMs[0]! > nowMs) return false
    const live = expiresAtMs.findIndex((time) => time > nowMs)
    const expired = live < 0 ? items.length : live
    item.items = items.slice(expired)
    item.expiresAtMs = expiresAtMs.slice(expired)
    // Not marked as a change: whoever restores the longer list drops the same items by their time.
    item.saved = -1
    return item.items.length === 0
  }

  protected override encode(item: ListItem<T>, mode: 'full' | 'changes'): readonly unknown[] {
    const from = mode === 'full' || item.saved < 0 ? 0 : item.saved
    item.saved = item.items.length
    const record: unknown[] = [item.items.slice(from), item.expiresAtMs?.slice(from) ?? null]
    if (from > 0) record.push('append')
    return record
  }

  protected override decode(record: readonly unknown[], item: ListItem<T> | undefined): ListItem<T> {
    const items = record[0] as T[]
    const expiresAtMs = (record[1] as number[] | null) ?? undefined
    if (record[2] !== 'append' || item === undefined) return this.#restored(items, expiresAtMs)
    return this.#restored([...item.items, ...items], [...(item.expiresAtMs ?? []), ...(expiresAtMs ?? [])])
  }

  #restored(items: T[], expiresAtMs: readonly number[] | undefined): ListItem<T> {
    if (this.ttlMs === Infinity) return { items, expiresAtMs: undefined, saved: items.length }
    const times = items.map((_, i) => expiresAtMs?.[i] ?? this.nowMs() + this.ttlMs)
    return { items, expiresAtMs: times, saved: items.length }
  }
}

interface MapItem<V> {
  entries: Map<string | number, ValueItem<V>>
  /** The entries that changed since the last snapshot; undefined when the map must be written whole. */
  changed: Set<string | number> | undefined
  /** No entry expires before. */
  expiresAtMsMin: number
}

export class MapTable<K extends string | number, V> extends KeyedTable<MapItem<V>> {
  get(key: K): V | undefined {
    const item = this.itemUnchecked()
    const entry = this.#live(item, key)
    if (item === undefined || entry === undefined) return undefined
    if (this.refreshOnRead) {
      entry.expiresAtMs = this.nowMs() + this.ttlMs
      item.changed?.add(key)
      this.touch()
    }
    return entry.value
  }

  has(key: K): boolean {
    return this.#live(this.itemUnchecked(), key) !== undefined
  }

  set(key: K, value: V): void {
    const entry = { value, expiresAtMs: this.ttlMs === Infinity ? Infinity : this.nowMs() + this.ttlMs }
    const item = this.itemUnchecked()
    if (item === undefined) {
      return this.putItem({
        entries: new Map([[key, entry]]),
        changed: undefined,
        expiresAtMsMin: entry.expiresAtMs,
      })
    }
    if (this.#live(item, key) === undefined) item.entries.delete(key)
    item.entries.set(key, entry)
    item.expiresAtMsMin = Math.min(item.expiresAtMsMin, entry.expiresAtMs)
    item.changed?.add(key)
    this.touch()
  }

  delete(key: K): void {
    const item = this.itemUnchecked()
    if (item === undefined || !item.entries.delete(key)) return
    if (item.entries.size === 0) return this.removeItem()
    item.changed?.add(key)
    this.touch()
  }

  entries(): [K, V][] {
    const item = this.item()
    if (item === undefined) return []
    if (this.refreshOnRead) {
      for (const entry of item.entries.values()) entry.expiresAtMs = this.nowMs() + this.ttlMs
      item.changed = undefined
      this.touch()
    }
    return [...item.entries].map(([key, entry]) => [key as K, entry.value])
  }

  count(): number {
    return this.item()?.entries.size ?? 0
  }

  clear(): void {
    this.removeItem()
  }

  #live(item: MapItem<V> | undefined, key: K): ValueItem<V> | undefined {
    const entry = item?.entries.get(key)
    if (entry === undefined || entry.expiresAtMs === Infinity || entry.expiresAtMs > this.nowMs())
      return entry
    return undefined
  }

  protected override expire(item: MapItem<V>, nowMs: number): boolean {
    if (item.expiresAtMsMin > nowMs) return false
    let least = Infinity
    for (const [key, entry] of item.entries) {
      if (entry.expiresAtMs > nowMs) {
        least = Math.min(least, entry.expiresAtMs)
        continue
      }
      item.entries.delete(key)
      item.changed?.add(key)
    }
    item.expiresAtMsMin = least
    return item.entries.size === 0
  }

  protected override encode(item: MapItem<V>, mode: 'full' | 'changes'): readonly unknown[] {
    const { changed, entries } = item
    item.changed = new Set()
    if (mode === 'full' || changed === undefined)
      return [[...entries].map(([key, entry]) => encodeEntry(key, entry))]
    return [[...changed].map((key) => encodeEntry(key, entries.get(key))), 'amend']
  }

  protected override decode(record: readonly unknown[], item: MapItem<V> | undefined): MapItem<V> {
    const entries =
      (record[1] === 'amend' ? item?.entries : undefined) ?? new Map<string | number, ValueItem<V>>()
    let least = Infinity
    for (const [key, ...rest] of record[0] as [string | number, V?, number?][]) {
      if (rest.length === 0) entries.delete(key)
      else entries.set(key, this.restoredValue(rest))
    }
    for (const entry of entries.values()) least = Math.min(least, entry.expiresAtMs)
    return { entries, changed: new Set(), expiresAtMsMin: least }
  }
}

function encodeEntry<V>(key: string | number, entry: ValueItem<V> | undefined): readonly unknown[] {
  if (entry === undefined) return [key]
  return entry.expiresAtMs === Infinity ? [key, entry.value] : [key, entry.value, entry.expiresAtMs]
}

// The handles are objects of their own, so that a callback sees state and not the table's machinery.

export function valueHandle<T>(options: TableOptions): ValueHandle<T> {
  const table = new ValueTable<T>(options)
  return { get: () => table.get(), set: (value) => table.set(value), clear: () => table.clear() }
}

export function listHandle<T>(options: TableOptions): ListHandle<T> {
  const table = new ListTable<T>(options)
  return {
    get: () => table.get(),
    add: (item) => table.add(item),
    set: (items) => table.set(items),
    get length() {
      return table.length()
    },
    clear: () => table.clear(),
  }
}

export function mapHandle<K extends string | number, V>(options: TableOptions): MapHandle<K, V> {
  const table = new MapTable<K, V>(options)
  return {
    get: (key) => table.get(key),
    has: (key) => table.has(key),
    set: (key, value) => table.set(key, value),
    delete: (key) => table.delete(key),
    entries: () => table.entries(),
    get size() {
      return table.count()
    },
    clear: () => table.clear(),
  }
}

export function reducingHandle<T>(
  options: TableOptions,
  reduce: (left: T, right: T) => T,
): ReducingHandle<T> {
  const table = new ValueTable<T>(options)
  return {
    get: () => table.get(),
    add(value) {
      const before = table.get()
      table.set(before === undefined ? value : reduce(before, value))
    },
    clear: () => table.clear(),
  }
}

export function aggregatingHandle<In, Accumulator, Out>(
  options: TableOptions,
  aggregator: Aggregator<In, Accumulator, Out>,
): AggregatingHandle<In, Out> {
  const table = new ValueTable<{ accumulator: Accumulator }>(options)
  return {
    get() {
      const held = table.get()
      return held === undefined ? undefined : aggregator.result(held.accumulator)
    },
    add(value) {
      const before = table.get()?.accumulator ?? aggregator.create()
      table.set({ accumulator: aggregator.add(before, value) })
    },
    clear: () => table.clear(),
  }
}
