/**
 * The bytes of one subtask's keyed state in one checkpoint:
 *
 *   │ "MRSTATE1" │ length of index (uint32 LE) │ index: JSON │ entries … │
 *
 * The index lists each table's key groups in the order in which their entries follow. The file's CRC is in the manifest.
 */
import { MillraceError, messageOf } from '../../base/millrace-error.ts'

const MAGIC = Buffer.from('MRSTATE1', 'latin1')

interface TableIndex {
  readonly step: string
  readonly table: string
  /** Key group, length of its entries, key group, length … */
  readonly groups: readonly number[]
}

/** Collects the tables of a snapshot into one buffer. */
export class StateFileBuilder {
  readonly #index: TableIndex[] = []
  readonly #entries: Uint8Array[] = []
  #groups: number[] = []

  /** Begins a table; the entries of its key groups follow. */
  table(step: string, table: string): void {
    this.#groups = []
    this.#index.push({ step, table, groups: this.#groups })
  }

  add(keyGroup: number, entries: Uint8Array): void {
    if (entries.length === 0) return
    this.#groups.push(keyGroup, entries.length)
    this.#entries.push(entries)
  }

  /** The file, or undefined when no table had an entry to write. */
  build(): Buffer | undefined {
    if (this.#entries.length === 0) return undefined
    const index = Buffer.from(JSON.stringify(this.#index.filter((table) => table.groups.length > 0)))
    const length = Buffer.alloc(4)
    length.writeUInt32LE(index.length)
    return Buffer.concat([MAGIC, length, index, ...this.#entries])
  }
}

/** Visits every key group of every table. Throws `MR_CHECKPOINT_CORRUPT` when the bytes are not such a file. */
export function readStateFile(
  bytes: Uint8Array,
  path: string,
  visit: (step: string, table: string, keyGroup: number, entries: Uint8Array) => void,
): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  try {
    if (!buffer.subarray(0, 8).equals(MAGIC)) throw new Error('it does not begin with MRSTATE1')
    let at = 12 + buffer.readUInt32LE(8)
    const index = JSON.parse(buffer.toString('utf8', 12, at)) as readonly TableIndex[]
    for (const { step, table, groups } of index) {
      for (let i = 0; i < groups.length; i += 2) {
        const end = at + groups[i + 1]!
        if (end > buffer.length) throw new Error('it ends before its entries')
        visit(step, table, groups[i]!, buffer.subarray(at, end))
        at = end
      }
    }
  } catch (error) {
    if (error instanceof MillraceError) throw error
    throw new MillraceError({
      code: 'MR_CHECKPOINT_CORRUPT',
      path,
      message: `the state file cannot be read: ${messageOf(error)}.`,
      cause: error,
    })
  }
}
