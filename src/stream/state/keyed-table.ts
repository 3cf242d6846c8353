/**
 * A table of JSON entries, one a key: what the state handles stand on.
 *
 * Change tracking: `#dirty` holds the keys whose entry changed or went since the last snapshot. While nothing has been
 * snapshotted yet, or when more keys are dirty than would be worth keeping apart (a job without checkpoints must not
 * collect them for ever), `#allDirty` is set instead, and the next snapshot of changes clears and rewrites everything.
 *
 * TTL: an expired entry is never seen, removed when it is met, and, whenever something is written, a cursor that goes
 * round the table looks at two more entries; so what nobody touches any more goes too.
 *
 * Bytes, a key group: a JSON array of records. `null` empties the group, `[key]` removes an entry, longer ones set or
 * amend it, as the kind of table says.
 */
import type { Key } from '../operators/operator.ts'
import { CLEAR, KeyGroupEntries, decodeRecords } from './key-group-entries.ts'
import { keyGroupOf } from './key-group.ts'
import type { KeyedStateBackend, StateTable, WriteEntries } from './keyed-state-backend.ts'
import type { TtlOptions } from './handles.ts'

/** More dirty keys than twice the entries held, and than this, are not tracked one by one. */
const DIRTY_KEYS_MIN = 4096

const SWEEP_STEP = 2

export interface TableOptions extends TtlOptions {
  readonly name: string
  readonly format: string
  readonly backend: KeyedStateBackend
  readonly nowMs: () => number
}

/** A value that may end; `expiresAtMs` is `Infinity` without a TTL. */
export interface ValueItem<T> {
  value: T
  expiresAtMs: number
}

/** `Item` is one entry: what the table holds for one key. */
export abstract class KeyedTable<Item extends object> implements StateTable {
  readonly name: string
  readonly format: string
  protected readonly backend: KeyedStateBackend
  protected readonly nowMs: () => number
  protected readonly ttlMs: number
  protected readonly refreshOnRead: boolean
  readonly #items = new Map<Key, Item>()
  readonly #dirty = new Set<Key>()
  #allDirty = true
  #sweep: MapIterator<[Key, Item]> | undefined
  #cachedKey: Key | undefined
  #cachedItem: Item | undefined

  constructor(options: TableOptions) {
    this.name = options.name
    this.format = options.format
    this.backend = options.backend
    this.nowMs = options.nowMs
    this.ttlMs = options.ttlMs ?? Infinity
    this.refreshOnRead = options.ttlRefresh === 'on-read' && this.ttlMs !== Infinity
    options.backend.register(this)
  }

  /** Removes what has expired from an item; true when nothing is left of it. Called only when there is a TTL. */
  protected abstract expire(item: Item, nowMs: number): boolean
  /** The record without its key; in `changes` mode perhaps only what changed. Begins a new round of the item's tracking. */
  protected abstract encode(item: Item, mode: 'full' | 'changes'): readonly unknown[]
  /** Applies a record (without its key) to the item of that key. */
  protected abstract decode(record: readonly unknown[], item: Item | undefined): Item

  /** The current key's item, without what has expired. */
  protected item(): Item | undefined {
    const item = this.itemUnchecked()
    if (item === undefined || this.ttlMs === Infinity || !this.expire(item, this.nowMs())) return item
    this.removeItem()
    return undefined
  }

  /** The current key's item, for callers that look at the times themselves. */
  protected itemUnchecked(): Item | undefined {
    const key = this.backend.currentKey()
    if (key !== this.#cachedKey) {
      this.#cachedKey = key
      this.#cachedItem = this.#items.get(key)
    }
    return this.#cachedItem
  }

  /** State that was written without a TTL gets one from now on, and the other way round. */
  protected restoredValue<T>(record: readonly unknown[]): ValueItem<T> {
    const written = record[1] as number | undefined
    const expiresAtMs = this.ttlMs === Infinity ? Infinity : (written ?? this.nowMs() + this.ttlMs)
    return { value: record[0] as T, expiresAtMs }
  }

  protected putItem(item: Item): void {
    const key = this.backend.currentKey()
    this.#items.set(key, item)
    this.#cachedKey = key
    this.#cachedItem = item
    this.touch()
  }

  /** Says that the current key's item has changed. */
  protected touch(): void {
    this.#markDirty(this.backend.currentKey())
    if (this.ttlMs !== Infinity) this.#sweepSome()
  }

  protected removeItem(): void {
    const key = this.backend.currentKey()
    if (!this.#items.delete(key)) return
    this.#cachedKey = key
    this.#cachedItem = undefined
    this.#markDirty(key)
  }

  size(): number {
    return this.#items.size
  }

  snapshot(mode: 'full' | 'changes', write: WriteEntries): void {
    const groups = new KeyGroupEntries(this.backend)
    if (mode === 'full' || this.#allDirty) {
      if (mode === 'changes') groups.clearAll()
      for (const [key, item] of this.#items) groups.add(key, [key, ...this.encode(item, 'full')])
    } else {
      for (const key of this.#dirty) {
        const item = this.#items.get(key)
        groups.add(key, item === undefined ? [key] : [key, ...this.encode(item, 'changes')])
      }
    }
    groups.writeTo(write)
    this.#allDirty = false
    this.#dirty.clear()
  }

  restore(keyGroup: number, entries: Uint8Array): void {
    this.#allDirty = false
    this.#cachedKey = undefined
    this.#cachedItem = undefined
    for (const record of decodeRecords(entries)) {
      if (record === CLEAR) {
        this.#clearGroup(keyGroup)
        continue
      }
      const [key, ...rest] = record as [Key, ...unknown[]]
      if (rest.length === 0) this.#items.delete(key)
      else this.#items.set(key, this.decode(rest, this.#items.get(key)))
    }
  }

  #clearGroup(keyGroup: number): void {
    for (const key of this.#items.keys()) {
      if (keyGroupOf(key, this.backend.maxParallelism) === keyGroup) this.#items.delete(key)
    }
  }

  #markDirty(key: Key): void {
    if (this.#allDirty) return
    this.#dirty.add(key)
    if (this.#dirty.size > DIRTY_KEYS_MIN && this.#dirty.size > 2 * this.#items.size) {
      this.#allDirty = true
      this.#dirty.clear()
    }
  }

  #sweepSome(): void {
    // A little behind the time, so that an item with many parts is not gone through for each of them.
    const nowMs = this.nowMs() - this.ttlMs / 8
    for (let step = 0; step < SWEEP_STEP; step++) {
      const next = (this.#sweep ??= this.#items.entries()).next()
      if (next.done === true) {
        this.#sweep = undefined
        return
      }
      const [key, item] = next.value
      if (!this.expire(item, nowMs)) continue
      this.#items.delete(key)
      if (key === this.#cachedKey) this.#cachedItem = undefined
      this.#markDirty(key)
    }
  }
}
