import { nodeWorld } from '../world/node.ts'
import type { Clock, Timer } from '../world/world.ts'

interface Alarm {
  readonly timeMs: number
  readonly sequence: number
  readonly callback: () => void
}

/** A clock that stands still until it is advanced. */
export class ManualClock implements Clock {
  readonly #real = nodeWorld().clock
  readonly #startMs: number
  #elapsedMs = 0
  #sequence = 0
  #alarms: Alarm[] = []

  constructor(startMs: number) {
    this.#startMs = startMs
  }

  nowMs(): number {
    return Math.floor(this.#startMs + this.#elapsedMs)
  }

  monotonicMs(): number {
    return this.#elapsedMs
  }

  schedule(delayMs: number, callback: () => void): Timer {
    const alarm = { timeMs: this.#elapsedMs + Math.max(0, delayMs), sequence: this.#sequence++, callback }
    this.#alarms.push(alarm)
    return {
      cancel: () => {
        this.#alarms = this.#alarms.filter((other) => other !== alarm)
      },
    }
  }

  defer(callback: () => void): void {
    this.#real.defer(callback)
  }

  /** Lets `ms` pass; after each timer that fires, `settle` is awaited before time goes on. */
  async advance(ms: number, settle: () => Promise<void>): Promise<void> {
    const target = this.#elapsedMs + ms
    for (;;) {
      const due = this.#alarms.filter((alarm) => alarm.timeMs <= target)
      const next = due.sort((a, b) => a.timeMs - b.timeMs || a.sequence - b.sequence)[0]
      if (next === undefined) break
      this.#alarms = this.#alarms.filter((alarm) => alarm !== next)
      this.#elapsedMs = Math.max(this.#elapsedMs, next.timeMs)
      next.callback()
      await settle()
    }
    this.#elapsedMs = target
    await settle()
  }
}
