/**
 * Windows whose accumulators are objects: reductions, aggregates beyond plain numbers, and functions that see every
 * event. A `Map` a slice; entries as JSON after the key.
 */
import type { Aggregator } from '../../state/aggregators.ts'
import type { EntryReader, EntryWriter } from '../../state/entry-bytes.ts'
import { decodeJson, encodeJson } from '../../state/json-codec.ts'
import type { Key, Output } from '../operator.ts'
import type { EntryWriterOf, SliceStore, WindowBounds, WindowStates } from './slice-store.ts'
import type { WindowContext, WindowFunction, WindowLogic } from './window-spec.ts'

/**
 * What the three kinds of logic have in common. The types of events and accumulators are known to the logic alone; its
 * parameters are checked both ways (methods), so that everything else can hold them as `unknown`.
 */
export interface ObjectLogic<Accumulator = unknown> {
  readonly format: string
  create(value: unknown): Accumulator
  add(accumulator: Accumulator, value: unknown): Accumulator
  /** Leaves both as they are. */
  merge(left: Accumulator, right: Accumulator): Accumulator
  /** The user's function's role, for errors. */
  readonly role: string
  emit(accumulator: Accumulator, key: Key, bounds: WindowBounds, output: Output<unknown>): void
  readonly windowState?: WindowStateTable
  /** True when `add` only appends to an array, so that changes are written as what was appended. */
  readonly appends: boolean
}

interface Entry {
  accumulator: unknown
  dirty: boolean
  /** So many of an appended array's items are in the last snapshot. */
  saved: number
}

interface ObjectTable {
  readonly entries: Map<Key, Entry>
  dirty: Key[]
}

const WHOLE = 0
const APPENDED = 1

type WrapError = (role: string, cause: unknown, event: unknown) => Error

export class ObjectSlices implements SliceStore<ObjectTable> {
  readonly format: string
  readonly windowState?: WindowStates
  readonly #logic: ObjectLogic
  readonly #wrapError: WrapError

  constructor(logic: ObjectLogic, wrapError: WrapError) {
    this.#logic = logic
    this.#wrapError = wrapError
    this.format = logic.format
    if (logic.windowState !== undefined) this.windowState = logic.windowState
  }

  createTable(): ObjectTable {
    return { entries: new Map(), dirty: [] }
  }

  sizeOf(table: ObjectTable): number {
    return table.entries.size
  }

  addRun(
    table: ObjectTable,
    keys: readonly Key[],
    values: readonly unknown[],
    from: number,
    to: number,
  ): void {
    const logic = this.#logic
    let i = from
    try {
      for (; i < to; i++) {
        const key = keys[i]!
        let entry = table.entries.get(key)
        if (entry === undefined) {
          entry = { accumulator: logic.create(values[i]), dirty: false, saved: 0 }
          table.entries.set(key, entry)
        } else {
          entry.accumulator = logic.add(entry.accumulator, values[i])
        }
        if (entry.dirty) continue
        entry.dirty = true
        table.dirty.push(key)
      }
    } catch (cause) {
      throw this.#wrapError(logic.role, cause, values[i])
    }
  }

  fire(tables: readonly ObjectTable[], bounds: WindowBounds, output: Output<unknown>): void {
    const [first, ...others] = tables
    if (first === undefined) return
    for (const key of first.entries.keys()) this.fireKey(tables, key, bounds, output)
    others.forEach((table, n) => {
      for (const key of table.entries.keys()) {
        const seen = tables.slice(0, n + 1).some(({ entries }) => entries.has(key))
        if (!seen) this.fireKey(tables.slice(n + 1), key, bounds, output)
      }
    })
  }

  fireKey(tables: readonly ObjectTable[], key: Key, bounds: WindowBounds, output: Output<unknown>): void {
    const logic = this.#logic
    let combined: { accumulator: unknown } | undefined
    try {
      for (const { entries } of tables) {
        const entry = entries.get(key)
        if (entry === undefined) continue
        combined =
          combined === undefined
            ? entry
            : { accumulator: logic.merge(combined.accumulator, entry.accumulator) }
      }
      if (combined !== undefined) logic.emit(combined.accumulator, key, bounds, output)
    } catch (cause) {
      throw this.#wrapError(logic.role, cause, { key, ...bounds })
    }
  }

  write(table: ObjectTable, mode: 'full' | 'changes', writerOf: EntryWriterOf): void {
    for (const key of mode === 'full' ? table.entries.keys() : table.dirty) {
      const entry = table.entries.get(key)!
      const writer = writerOf(key)
      writer.key(key)
      // What only appends is an array.
      const items = this.#logic.appends ? (entry.accumulator as unknown[]) : undefined
      const from = mode === 'changes' ? entry.saved : 0
      writer.uint8(from > 0 ? APPENDED : WHOLE)
      writeJson(writer, from > 0 ? items?.slice(from) : entry.accumulator)
      entry.saved = items?.length ?? 0
      entry.dirty = false
    }
    table.dirty = []
  }

  read(table: ObjectTable, reader: EntryReader): void {
    const key = reader.key()
    const how = reader.uint8()
    const written = readJson(reader)
    const before =
      how === APPENDED ? (table.entries.get(key)?.accumulator as unknown[] | undefined) : undefined
    const accumulator = before === undefined ? written : [...before, ...(written as unknown[])]
    const saved = this.#logic.appends ? (accumulator as unknown[]).length : 0
    table.entries.set(key, { accumulator, dirty: false, saved })
  }
}

export function objectLogicOf(logic: WindowLogic): ObjectLogic {
  switch (logic.kind) {
    case 'reduce':
      return reduceLogic(logic.reduce)
    case 'aggregate':
      return aggregateLogic(logic.aggregators)
    case 'process':
      return processLogic(logic.process, logic.initialState)
  }
}

function reduceLogic(reduce: (left: unknown, right: unknown) => unknown): ObjectLogic {
  return {
    format: 'reduce/1',
    role: 'reduce',
    appends: false,
    create: (value) => value,
    add: reduce,
    merge: reduce,
    emit(value, key, { windowStart, windowEnd }, output) {
      output.emit({ key, windowStart, windowEnd, value }, windowEnd - 1)
    },
  }
}

function aggregateLogic(
  aggregators: Readonly<Record<string, Aggregator<unknown, unknown, unknown>>>,
): ObjectLogic<unknown[]> {
  const named: readonly (readonly [string, Aggregator<unknown, unknown, unknown>])[] =
    Object.entries(aggregators)
  return {
    format: `aggregate/1 ${named.map(([name, { kind }]) => `${name}=${kind}`).join(' ')}`,
    role: 'aggregate',
    appends: false,
    create: (value) => named.map(([, aggregator]) => aggregator.add(aggregator.create(), value)),
    add(accumulators, value) {
      for (let i = 0; i < named.length; i++) accumulators[i] = named[i]![1].add(accumulators[i], value)
      return accumulators
    },
    merge: (left, right) => named.map(([, aggregator], i) => aggregator.merge(left[i], right[i])),
    emit(accumulators, key, { windowStart, windowEnd }, output) {
      const result: Record<string, unknown> = { key, windowStart, windowEnd }
      named.forEach(([name, aggregator], i) => (result[name] = aggregator.result(accumulators[i])))
      output.emit(result, windowEnd - 1)
    },
  }
}

function processLogic(
  process: WindowFunction<unknown, unknown, unknown>,
  initialState?: () => unknown,
): ObjectLogic<unknown[]> {
  const windowState = initialState === undefined ? undefined : new WindowStateTable(initialState)
  return {
    format: 'process/1',
    role: 'window process',
    appends: true,
    create: (value) => [value],
    add(events, value) {
      events.push(value)
      return events
    },
    merge: (left, right) => [...left, ...right],
    emit(events, key, { windowStart, windowEnd, firing }, output) {
      const state = windowState?.of(windowStart, key)
      const window: WindowContext<unknown> = { key, windowStart, windowEnd, firing, state }
      for (const result of process(window, events) ?? []) output.emit(result, windowEnd - 1)
    },
    ...(windowState === undefined ? {} : { windowState }),
  }
}

/** One object per key and window, changed by the user's function whenever the window fires. */
export class WindowStateTable implements WindowStates {
  readonly #initialState: () => unknown
  readonly #windows = new Map<number, Map<Key, { state: unknown; dirty: boolean }>>()
  #dirty: (readonly [windowStart: number, key: Key])[] = []

  constructor(initialState: () => unknown) {
    this.#initialState = initialState
  }

  of(windowStart: number, key: Key): unknown {
    const states = this.#statesOf(windowStart)
    let held = states.get(key)
    if (held === undefined) states.set(key, (held = { state: this.#initialState(), dirty: false }))
    if (!held.dirty) this.#dirty.push([windowStart, key])
    held.dirty = true
    return held.state
  }

  write(mode: 'full' | 'changes', writerOf: (windowStart: number, key: Key) => EntryWriter): void {
    const write = (windowStart: number, key: Key): void => {
      const held = this.#windows.get(windowStart)?.get(key)
      if (held === undefined) return
      held.dirty = false
      const writer = writerOf(windowStart, key)
      writer.key(key)
      writeJson(writer, held.state)
    }
    if (mode === 'changes') for (const [windowStart, key] of this.#dirty) write(windowStart, key)
    else for (const [start, states] of this.#windows) for (const key of states.keys()) write(start, key)
    this.#dirty = []
  }

  read(windowStart: number, reader: EntryReader): void {
    const key = reader.key()
    this.#statesOf(windowStart).set(key, { state: readJson(reader), dirty: false })
  }

  dropBefore(windowStart: number): void {
    for (const start of this.#windows.keys()) if (start < windowStart) this.#windows.delete(start)
    if (this.#dirty.length > 0) this.#dirty = this.#dirty.filter(([start]) => start >= windowStart)
  }

  #statesOf(windowStart: number): Map<Key, { state: unknown; dirty: boolean }> {
    let states = this.#windows.get(windowStart)
    if (states === undefined)
      this.#windows.set(windowStart, (states = new Map<Key, { state: unknown; dirty: boolean }>()))
    return states
  }
}

export function writeJson(writer: EntryWriter, value: unknown): void {
  writer.key(encodeJson(value))
}

export function readJson(reader: EntryReader): unknown {
  return decodeJson(reader.key() as string)
}
