import type { Clock } from '../../../world/world.ts'

/** As long as others may have to wait for the log's thread. */
const SLICE_MS = 0.5

/** Long work in the background of a thread that has better things to do: a slice, then everybody else, then the next. */
export class WorkSlices {
  readonly #clock: Clock
  #startedMs: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#startedMs = clock.monotonicMs()
  }

  isOver(): boolean {
    return this.#clock.monotonicMs() - this.#startedMs >= SLICE_MS
  }

  async pause(): Promise<void> {
    await new Promise<void>((resolve) => this.#clock.schedule(0, resolve))
    this.#startedMs = this.#clock.monotonicMs()
  }
}
