import { MillraceError } from '../../base/millrace-error.ts'
import type { Key } from '../operators/operator.ts'
import {
  DEFAULT_KEY_GROUPS,
  type KeyGroupRange,
  type KeyedStateBackend,
  type StateTable,
} from './keyed-state-backend.ts'

/** Receives a snapshot, a call for each table and key group that has something to write. The bytes are the receiver's. */
export type WriteSnapshot = (entry: KeyedSnapshotEntry) => void

/** One table's entries of one key group, as a checkpoint keeps them. */
export interface KeyedSnapshotEntry {
  readonly table: string
  readonly format: string
  readonly keyGroup: number
  readonly entries: Uint8Array
}

/**
 * Keyed state on the heap, of one subtask of one step. It knows the tables and the current key; the tables keep the
 * state and track what changed.
 */
export class HeapStateBackend implements KeyedStateBackend {
  readonly keyGroups: KeyGroupRange
  readonly maxParallelism: number
  readonly #place: { readonly job: string; readonly step: string }
  readonly #tables = new Map<string, StateTable>()
  #key: Key | undefined

  constructor(options: {
    readonly job: string
    readonly step: string
    /** All of them by default. */
    readonly keyGroups?: KeyGroupRange
    readonly maxParallelism?: number
  }) {
    this.maxParallelism = options.maxParallelism ?? DEFAULT_KEY_GROUPS
    this.keyGroups = options.keyGroups ?? { first: 0, last: this.maxParallelism - 1 }
    this.#place = { job: options.job, step: options.step }
  }

  setCurrentKey(key: Key): void {
    this.#key = key
  }

  currentKey(): Key {
    if (this.#key !== undefined) return this.#key
    throw new MillraceError({
      code: 'MR_NO_KEY',
      ...this.#place,
      message: 'Keyed state was used outside of an event or a timer, so there is no current key.',
      fix: 'Use state only inside onEvent and onTimer, synchronously, of a step after keyBy.',
    })
  }

  register(table: StateTable): void {
    if (this.#tables.has(table.name)) {
      throw new MillraceError({
        code: 'MR_STATE_NAME',
        ...this.#place,
        message: `The step has two states named "${table.name}".`,
        fix: 'Give each state of a step a name of its own.',
      })
    }
    this.#tables.set(table.name, table)
  }

  tables(): Iterable<StateTable> {
    return this.#tables.values()
  }

  /** Entries held in all tables, for metrics. */
  size(): number {
    let entries = 0
    for (const table of this.#tables.values()) entries += table.size()
    return entries
  }

  /** Writes all state (`full`), or what changed since the last snapshot or restore; begins a new round of tracking. */
  snapshot(mode: 'full' | 'changes', write: WriteSnapshot): void {
    for (const table of this.#tables.values()) {
      const { name, format } = table
      table.snapshot(mode, (keyGroup, entries) => write({ table: name, format, keyGroup, entries }))
    }
  }

  /**
   * Takes back what `snapshot` wrote: a full one, then the changes after it, in order. Call it after `open`, when the
   * tables are registered. Key groups of other subtasks are an error of the caller.
   */
  restore(entry: KeyedSnapshotEntry): void {
    const table = this.#tables.get(entry.table)
    if (table === undefined) {
      throw new MillraceError({
        code: 'MR_STATE_UNKNOWN',
        ...this.#place,
        message: `The checkpoint has state "${entry.table}", which this step does not have.`,
        fix: 'Declare the state again, or restore without this step’s state.',
      })
    }
    if (table.format !== entry.format) {
      throw new MillraceError({
        code: 'MR_STATE_FORMAT',
        ...this.#place,
        message: `State "${entry.table}" was written as "${entry.format}"; this job reads "${table.format}".`,
        fix: 'Keep the state’s kind and its aggregates and window sizes, or give the changed state a new name.',
      })
    }
    table.restore(entry.keyGroup, entry.entries)
  }
}
