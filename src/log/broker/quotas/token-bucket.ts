/**
 * A rate that may be exceeded for a moment and is then waited out: so many tokens a second, up to a capacity that is
 * saved up. What is taken beyond that is a debt, and paying it off takes `debt / rate`: for a capacity of rate × window
 * that is just how long Kafka's quotas let a client wait that had `rate` exceeded over its window.
 */
export class TokenBucket {
  #perSecond: number
  #capacity: number
  #tokens: number
  #atMs: number

  constructor(limit: Limit, nowMs: number) {
    this.#perSecond = limit.perSecond
    this.#capacity = limit.perSecond * limit.windowSeconds
    this.#tokens = this.#capacity
    this.#atMs = nowMs
  }

  /** Goes on with another rate; a debt stays one. */
  setLimit(limit: Limit): void {
    if (limit.perSecond === this.#perSecond) return
    this.#perSecond = limit.perSecond
    this.#capacity = limit.perSecond * limit.windowSeconds
    this.#tokens = Math.min(this.#tokens, this.#capacity)
  }

  /** Takes so many, also where that makes a debt; how long the debt takes to pay off, 0 when there is none. */
  take(amount: number, nowMs: number): number {
    this.#refill(nowMs)
    this.#tokens -= amount
    return this.#debtMs()
  }

  /** Takes so many unless there is a debt already. */
  tryTake(amount: number, nowMs: number): boolean {
    this.#refill(nowMs)
    if (this.#tokens < 0) return false
    this.#tokens -= amount
    return true
  }

  /** Takes so many if they are there, never into debt. */
  takeWhole(amount: number, nowMs: number): boolean {
    this.#refill(nowMs)
    if (this.#tokens < amount) return false
    this.#tokens -= amount
    return true
  }

  /** How long the debt takes to pay off. */
  debtMs(nowMs: number): number {
    this.#refill(nowMs)
    return this.#debtMs()
  }

  #debtMs(): number {
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.#perSecond) * 1000
  }

  #refill(nowMs: number): void {
    const passedMs = Math.max(0, nowMs - this.#atMs)
    this.#tokens = Math.min(this.#capacity, this.#tokens + (passedMs / 1000) * this.#perSecond)
    this.#atMs = nowMs
  }
}

export interface Limit {
  readonly perSecond: number
  /** So many seconds' worth may be saved up. */
  readonly windowSeconds: number
}
