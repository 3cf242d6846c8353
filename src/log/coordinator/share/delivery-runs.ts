/** How far the delivery of a record has come. `acknowledged` and `archived` are final. */
type DeliveryState = 'available' | 'acquired' | 'acknowledged' | 'archived'

/** Neighbouring offsets whose records are equally far. */
export interface DeliveryRun {
  readonly first: number
  /** Inclusive. */
  readonly last: number
  readonly state: DeliveryState
  /** How often the records have been given to a member. */
  readonly deliveryCount: number
  /** Who has acquired them; empty for nobody. */
  readonly memberId: string
  /** When the acquisition ends by itself (monotonic); Infinity when there is none. */
  readonly deadlineMs: number
}

/**
 * A window of offsets, all of it covered by runs in ascending order. Offsets leave it at the front once they are final,
 * and come in at the end. Neighbours that are equal are one run, so that what has been worked through in order takes
 * hardly any room.
 */
export class DeliveryRuns {
  #runs: DeliveryRun[] = []
  #startOffset: number

  constructor(startOffset: number) {
    this.#startOffset = startOffset
  }

  /** The first offset that is not final, or the end. */
  get startOffset(): number {
    return this.#startOffset
  }

  /** One more than the last offset. */
  get endOffset(): number {
    return this.#runs.at(-1) === undefined ? this.#startOffset : this.#runs.at(-1)!.last + 1
  }

  get runs(): readonly DeliveryRun[] {
    return this.#runs
  }

  /** The runs from the one that holds `first` to the one that holds `last`, not cut. */
  between(first: number, last: number): readonly DeliveryRun[] {
    const from = this.#indexOf(first)
    let to = from
    while (to < this.#runs.length && this.#runs[to]!.first <= last) to += 1
    return this.#runs.slice(from, to)
  }

  /** Makes the offsets from `first` on what the run says; what lies between the end and it becomes available. */
  set(run: DeliveryRun): void {
    const first = Math.max(run.first, this.#startOffset)
    if (first > run.last) return
    if (first > this.endOffset) this.set({ ...NOTHING_DONE, first: this.endOffset, last: first - 1 })
    const from = this.#indexOf(first)
    let to = from
    const replacing: DeliveryRun[] = []
    while (to < this.#runs.length && this.#runs[to]!.first <= run.last) {
      const present = this.#runs[to]!
      if (present.first < first) replacing.push({ ...present, last: first - 1 })
      to += 1
    }
    replacing.push({ ...run, first })
    const behind = this.#runs[to - 1]
    if (to > from && behind!.last > run.last) replacing.push({ ...behind!, first: run.last + 1 })
    // The neighbours may have become equal.
    const before = this.#runs[from - 1]
    const after = this.#runs[to]
    const joined = joinEqual([...(before ? [before] : []), ...replacing, ...(after ? [after] : [])])
    const start = before ? from - 1 : from
    this.#runs.splice(start, to + (after ? 1 : 0) - start, ...joined)
  }

  /** Lets go of what is final at the front. */
  trim(): void {
    let gone = 0
    while (gone < this.#runs.length && isFinal(this.#runs[gone]!.state)) gone += 1
    if (gone === 0) return
    this.#startOffset = this.#runs[gone - 1]!.last + 1
    this.#runs.splice(0, gone)
  }

  /** Lets go of what lies before an offset, whatever its state. */
  startAt(offset: number): void {
    if (offset <= this.#startOffset) return
    this.#startOffset = offset
    this.#runs = this.#runs
      .filter(({ last }) => last >= offset)
      .map((run) => (run.first < offset ? { ...run, first: offset } : run))
  }

  /** The index of the run that holds the offset; the number of runs when none does. */
  #indexOf(offset: number): number {
    let low = 0
    let high = this.#runs.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#runs[middle]!.last < offset) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** What nobody has been given yet. */
const NOTHING_DONE = { state: 'available', deliveryCount: 0, memberId: '', deadlineMs: Infinity } as const

export function isFinal(state: DeliveryState): boolean {
  return state === 'acknowledged' || state === 'archived'
}

function joinEqual(runs: readonly DeliveryRun[]): DeliveryRun[] {
  const joined: DeliveryRun[] = []
  for (const run of runs) {
    const before = joined.at(-1)
    if (before !== undefined && isAlike(before, run))
      joined[joined.length - 1] = { ...before, last: run.last }
    else joined.push(run)
  }
  return joined
}

function isAlike(one: DeliveryRun, other: DeliveryRun): boolean {
  return (
    one.state === other.state &&
    one.deliveryCount === other.deliveryCount &&
    one.memberId === other.memberId &&
    one.deadlineMs === other.deadlineMs
  )
}
