/**
 * Keyed state: named tables of entries under (key, and for windows a namespace), split into key groups so that a
 * snapshot can be dealt out to another number of subtasks.
 */
import type { Key } from '../operators/operator.ts'

/** The maximum parallelism, and the number of parts that a keyed snapshot can be split into. */
export const DEFAULT_KEY_GROUPS = 128

/** The key groups a subtask owns: [first, last]. */
export interface KeyGroupRange {
  readonly first: number
  readonly last: number
}

export interface KeyedStateBackend {
  readonly keyGroups: KeyGroupRange
  /** How many key groups the job has; never changes over its life. */
  readonly maxParallelism: number
  /** Makes `key` the one that handles act on. */
  setCurrentKey(key: Key): void
  currentKey(): Key
  /** Hands the table to the backend, which snapshots and restores it; the same name twice is a configuration error. */
  register(table: StateTable): void
}

/**
 * One named piece of keyed state. Entries are opaque bytes to all but the table; a change is "this entry now has these
 * bytes" or "this entry is gone", so that replaying a base and then its changes in order gives the state.
 */
export interface StateTable {
  /** Unique within the step; part of savepoints. */
  readonly name: string
  /** Identity and version of the byte format, checked on restore: `json/1`, `window-slices/1` … */
  readonly format: string
  /**
   * Writes every entry (`full`) or the entries that changed since the last snapshot (`changes`), and begins a new
   * round of change tracking. Called between two driver calls; must not wait.
   */
  snapshot(mode: 'full' | 'changes', write: WriteEntries): void
  /** Adds entries that `snapshot` wrote, of one key group, in the order of their snapshots. */
  restore(keyGroup: number, entries: Uint8Array): void
  /** How many entries are held, for metrics. */
  size(): number
}

/** Receives the entries of one key group; at most one call a key group and snapshot. The bytes are the receiver's. */
export type WriteEntries = (keyGroup: number, entries: Uint8Array) => void
