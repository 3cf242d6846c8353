/**
 * What a sliced window operator keeps and computes, apart from when: one table a slice, from keys to accumulators.
 * Two implementations: `numeric-slices.ts` for aggregates that are a few numbers, `object-slices.ts` for all others.
 */
import type { Key, Output, PartialAggregates } from '../operator.ts'
import type { EntryReader, EntryWriter } from '../../state/entry-bytes.ts'

export interface WindowBounds {
  readonly windowStart: number
  readonly windowEnd: number
  readonly firing: 'early' | 'on-time' | 'late'
}

/** Writes the entries of one slice, by key group. */
export type EntryWriterOf = (key: Key) => EntryWriter

export interface SliceStore<Table> {
  /** Identity of accumulators and their bytes; part of the state's format. */
  readonly format: string
  /** `expectedKeys` is a guess: what a slice before had. */
  createTable(expectedKeys: number): Table
  sizeOf(table: Table): number
  /** Adds the events [from, to). A throwing function of the user becomes `MR_USER_FUNCTION`. */
  addRun(table: Table, keys: readonly Key[], values: readonly unknown[], from: number, to: number): void
  /** Adds what another subtask has made of its events; where the step has a combiner. */
  addPartials?(table: Table, partials: PartialAggregates): void
  /** Emits the window's result of every key that is in one of the slices; these are in order of time. */
  fire(tables: readonly Table[], bounds: WindowBounds, output: Output<unknown>): void
  /** The same for one key. */
  fireKey(tables: readonly Table[], key: Key, bounds: WindowBounds, output: Output<unknown>): void
  /** Writes every entry, or those that changed since the last call; begins a new round. */
  write(table: Table, mode: 'full' | 'changes', writerOf: EntryWriterOf): void
  /** Takes back one entry that `write` wrote. */
  read(table: Table, reader: EntryReader): void
  /** State of whole windows, where the logic has such. */
  readonly windowState?: WindowStates
}

/** State that belongs to a key's window and not to its slices. */
export interface WindowStates {
  write(mode: 'full' | 'changes', writerOf: (windowStart: number, key: Key) => EntryWriter): void
  read(windowStart: number, reader: EntryReader): void
  /** Forgets windows that begin before. */
  dropBefore(windowStart: number): void
}
