import { encodeJson, decodeJson } from './json-codec.ts'
import { keyGroupOf } from './key-group.ts'
import type { Key } from '../operators/operator.ts'
import type { KeyedStateBackend, WriteEntries } from './keyed-state-backend.ts'

/** What a JSON table writes: one array of records a key group; the record `CLEAR` empties the group first. */
export const CLEAR = null

/** Sorts records by key group while a table writes a snapshot. */
export class KeyGroupEntries {
  readonly #backend: KeyedStateBackend
  readonly #groups: (unknown[] | undefined)[] = []

  constructor(backend: KeyedStateBackend) {
    this.#backend = backend
  }

  add(key: Key, record: readonly unknown[]): void {
    this.of(keyGroupOf(key, this.#backend.maxParallelism)).push(record)
  }

  /** Makes every group that the subtask owns begin anew when its entries are restored. */
  clearAll(): void {
    for (let group = this.#backend.keyGroups.first; group <= this.#backend.keyGroups.last; group++) {
      this.of(group).unshift(CLEAR)
    }
  }

  of(keyGroup: number): unknown[] {
    return (this.#groups[keyGroup] ??= [])
  }

  writeTo(write: WriteEntries): void {
    this.#groups.forEach((records, keyGroup) => {
      if (records !== undefined) write(keyGroup, new TextEncoder().encode(encodeJson(records)))
    })
  }
}

/** The records of one key group's bytes. */
export function decodeRecords(entries: Uint8Array): unknown[] {
  return decodeJson(new TextDecoder().decode(entries)) as unknown[]
}
