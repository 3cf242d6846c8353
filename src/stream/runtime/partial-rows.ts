/**
 * Where an exchange combines the events of a key instead of gathering them: for each slice of time and each target, rows
 * of a key and its columns. A row is found by the hash that deals keys out to key groups, which is there already.
 */
import type { Combiner } from '../operators/windows/create-combiner.ts'
import type { Key, PartialAggregates } from '../operators/operator.ts'

/** Keys of one target and slice that are worth a frame: as many as stay in the processor's second cache. */
const ROWS_MAX = 4096
const SLOTS_MASK = 2 * ROWS_MAX - 1
/** Slices of which the rows are kept for use again. */
const SLICES_KEPT = 4

/** The rows of one target and slice. */
export class PartialRows {
  readonly #combiner: Combiner
  /** Row + 1 by hash, open-addressed; 0 is free. */
  readonly #slots = new Int32Array(SLOTS_MASK + 1)
  readonly #slotOfRow = new Int32Array(ROWS_MAX)
  readonly #keys: Key[] = []
  readonly #columns: readonly Float64Array[]
  #events = 0

  constructor(combiner: Combiner) {
    this.#combiner = combiner
    this.#columns = combiner.initial.map(() => new Float64Array(ROWS_MAX))
  }

  get isEmpty(): boolean {
    return this.#keys.length === 0
  }

  get isFull(): boolean {
    return this.#keys.length === ROWS_MAX
  }

  /** Not when it is full. A throwing function of the user becomes `MR_USER_FUNCTION`. */
  add(hash: number, key: Key, value: unknown): void {
    const slots = this.#slots
    const keys = this.#keys
    let slot = hash & SLOTS_MASK
    for (; ; slot = (slot + 1) & SLOTS_MASK) {
      const row = slots[slot]! - 1
      if (row < 0) break
      if (keys[row] === key) {
        this.#events++
        return this.#combiner.add(this.#columns, row, value)
      }
    }
    const row = keys.length
    const { initial } = this.#combiner
    for (let n = 0; n < initial.length; n++) this.#columns[n]![row] = initial[n]!
    this.#combiner.add(this.#columns, row, value)
    this.#events++
    keys.push(key)
    slots[slot] = row + 1
    this.#slotOfRow[row] = slot
  }

  /** What has been combined; valid until the next call of `add` or `clear`. */
  partials(sliceStart: number): PartialAggregates {
    const keys = this.#keys
    const columns = this.#columns.map((column) => column.subarray(0, keys.length))
    return { sliceStart, events: this.#events, keys, columns }
  }

  clear(): void {
    for (let row = 0; row < this.#keys.length; row++) this.#slots[this.#slotOfRow[row]!] = 0
    this.#keys.length = 0
    this.#events = 0
  }
}

/** The rows of all slices, by target. */
export class PartialSlices {
  readonly #combiner: Combiner
  readonly #targets: number
  readonly #slices = new Map<number, readonly PartialRows[]>()
  #watermarkMs = -Infinity
  /** The slice at hand, [from, to), and its rows by target; events in it need no further look. */
  from = NaN
  to = NaN
  rows: readonly PartialRows[] = []

  constructor(combiner: Combiner, targets: number) {
    this.#combiner = combiner
    this.#targets = targets
  }

  /** Windows that end by then may have fired: the sender's watermark, or that of the step it restores. */
  advance(watermarkMs: number): void {
    this.#watermarkMs = Math.max(this.#watermarkMs, watermarkMs)
    this.from = this.to = NaN
  }

  /** Makes the slice of an event the one at hand; false when the event must be sent as it is. */
  enter(timeMs: number): boolean {
    const start = this.#combiner.sliceOf(timeMs, this.#watermarkMs)
    if (start === undefined) return false
    let rows = this.#slices.get(start)
    if (rows === undefined) {
      rows = this.#free() ?? Array.from({ length: this.#targets }, () => new PartialRows(this.#combiner))
      this.#slices.set(start, rows)
    }
    this.rows = rows
    this.from = start
    this.to = start + this.#combiner.sliceMs
    return true
  }

  isEmpty(target: number): boolean {
    for (const rows of this.#slices.values()) if (!rows[target]!.isEmpty) return false
    return true
  }

  /** Visits what there is for a target, oldest slice first come, and empties it. */
  take(target: number, visit: (partials: PartialAggregates) => void): void {
    for (const [start, slice] of this.#slices) {
      const rows = slice[target]!
      if (rows.isEmpty) continue
      visit(rows.partials(start))
      rows.clear()
    }
  }

  /** The rows of a slice that nothing waits in, when there are many. */
  #free(): readonly PartialRows[] | undefined {
    if (this.#slices.size < SLICES_KEPT) return undefined
    for (const [start, slice] of this.#slices) {
      if (!slice.every((rows) => rows.isEmpty)) continue
      this.#slices.delete(start)
      return slice
    }
    return undefined
  }
}
