import type { Clock, Timer } from '../world.ts'
import type { Life, Scheduler } from './scheduler.ts'

/** Reading the monotonic clock takes this long, so that a loop which works until some time has passed does end. */
const READING_TAKES_MS = 0.001

/** The virtual clock as one life sees it. */
export class SimulatedClock implements Clock {
  readonly #scheduler: Scheduler
  readonly #life: Life
  readonly #epochMs: () => number

  /** `epochMs` gives the wall-clock time of virtual moment 0; it changes when a clock is set. */
  constructor(scheduler: Scheduler, life: Life, epochMs: () => number) {
    this.#scheduler = scheduler
    this.#life = life
    this.#epochMs = epochMs
  }

  nowMs(): number {
    return Math.floor(this.#epochMs() + this.#scheduler.nowMs)
  }

  monotonicMs(): number {
    this.#scheduler.nowMs += READING_TAKES_MS
    return this.#scheduler.nowMs
  }

  /** As Node's: a delay below 1 ms is 1 ms. */
  schedule(delayMs: number, callback: () => void): Timer {
    const event = this.#scheduler.schedule(this.#life, Math.max(1, delayMs), callback)
    return {
      cancel: () => {
        event.cancelled = true
      },
    }
  }

  defer(callback: () => void): void {
    this.#scheduler.schedule(this.#life, 0, callback)
  }
}
