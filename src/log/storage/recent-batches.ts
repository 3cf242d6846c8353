/**
 * Where the newest batches of the active segment lie, so that a reader at the tail needs no look into a file. A ring:
 * the oldest entry makes room for the newest.
 */
const CAPACITY = 256

export class RecentBatches {
  /** Allocated with the first batch: most partitions of a large log are idle. */
  #lastOffsets: Float64Array | undefined
  #positions: Float64Array | undefined
  /** How many were ever added since `restartAt`. */
  #added = 0
  /** The first offset that the ring can answer for. */
  #firstOffset: number

  constructor(nextOffset: number) {
    this.#firstOffset = nextOffset
  }

  /** Forgets everything; the next batch to be added begins at `nextOffset` or above. */
  restartAt(nextOffset: number): void {
    this.#added = 0
    this.#firstOffset = nextOffset
  }

  add(lastOffset: number, position: number): void {
    const lastOffsets = (this.#lastOffsets ??= new Float64Array(CAPACITY))
    const positions = (this.#positions ??= new Float64Array(CAPACITY))
    const slot = this.#added % CAPACITY
    if (this.#added >= CAPACITY) this.#firstOffset = lastOffsets[slot]! + 1
    lastOffsets[slot] = lastOffset
    positions[slot] = position
    this.#added++
  }

  /** Position of the batch that holds `offset` or, where offsets skip, of the next one; −1 when it is not known here. */
  find(offset: number): number {
    const lastOffsets = this.#lastOffsets
    if (offset < this.#firstOffset || this.#added === 0 || lastOffsets === undefined) return -1
    let low = Math.max(0, this.#added - CAPACITY)
    let high = this.#added
    while (low < high) {
      const middle = (low + high) >>> 1
      if (lastOffsets[middle % CAPACITY]! < offset) low = middle + 1
      else high = middle
    }
    return low === this.#added ? -1 : this.#positions![low % CAPACITY]!
  }
}
