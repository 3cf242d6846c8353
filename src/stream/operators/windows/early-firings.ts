import type { Key, OperatorContext, ScheduledTask } from '../operator.ts'

/**
 * The `early` trigger: which keys changed in which slice since the last early firing, and the clock for the next. Not
 * part of snapshots: at worst an early answer is left out after a restart, never the final one.
 */
export class EarlyFirings {
  readonly #context: OperatorContext<unknown>
  readonly #everyMs: number
  readonly #fire: () => void
  #keysBySlice = new Map<number, Set<Key>>()
  #next: ScheduledTask | undefined

  constructor(context: OperatorContext<unknown>, everyMs: number, fire: () => void) {
    this.#context = context
    this.#everyMs = everyMs
    this.#fire = fire
  }

  /** The keys [from, to) got events in the slice. */
  touched(sliceStart: number, keys: readonly Key[], from: number, to: number): void {
    let changed = this.#keysBySlice.get(sliceStart)
    if (changed === undefined) this.#keysBySlice.set(sliceStart, (changed = new Set()))
    for (let i = from; i < to; i++) changed.add(keys[i]!)
    this.#next ??= this.#context.schedule(this.#everyMs, () => {
      this.#next = undefined
      this.#fire()
    })
  }

  forget(sliceStart: number): void {
    this.#keysBySlice.delete(sliceStart)
  }

  /** What changed since the last call. */
  take(): Map<number, Set<Key>> {
    const changed = this.#keysBySlice
    this.#keysBySlice = new Map()
    return changed
  }

  close(): void {
    this.#next?.cancel()
  }
}
