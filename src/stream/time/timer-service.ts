import type { Key } from '../operators/operator.ts'

export type TimeDomain = 'event' | 'processing'

/** A timer that fires now. Timers are unique per domain, key, name and time. */
export interface FiredTimer {
  readonly domain: TimeDomain
  readonly key: Key
  /** What the timer is for, chosen by who registered it; '' by default. */
  readonly name: string
  readonly timeMs: number
}

/** Timers of the current key of one keyed operator. They are part of its snapshot. */
export interface TimerService {
  register(domain: TimeDomain, timeMs: number, name?: string): void
  delete(domain: TimeDomain, timeMs: number, name?: string): void
}
