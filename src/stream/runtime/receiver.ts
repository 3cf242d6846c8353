/**
 * How nodes of one subtask are joined: direct calls. What a node gives on (batches, watermarks, idleness, the end) goes
 * to the receivers that read it, before the call returns.
 */
import { WATERMARK_START, type EventBatch, type PartialAggregates } from '../operators/operator.ts'

/* eslint-disable @typescript-eslint/no-explicit-any -- the builder has checked the types. */
export interface Receiver {
  batch(batch: EventBatch<any>): void
  /** Behind an exchange that combines. */
  partials?(partials: PartialAggregates): void
  watermark(watermarkMs: number): void
  /** An idle input does not hold the watermark back until it has events again. */
  idle(idle: boolean): void
  /** Nothing follows. */
  end(): void
}

/** Gives everything to several receivers. Batches are handed on as they are: receivers do not keep the arrays. */
export class FanOut implements Receiver {
  readonly #receivers: readonly Receiver[]

  constructor(receivers: readonly Receiver[]) {
    this.#receivers = receivers
  }

  batch(batch: EventBatch<any>): void {
    for (const receiver of this.#receivers) receiver.batch(batch)
  }

  watermark(watermarkMs: number): void {
    for (const receiver of this.#receivers) receiver.watermark(watermarkMs)
  }

  idle(idle: boolean): void {
    for (const receiver of this.#receivers) receiver.idle(idle)
  }

  end(): void {
    for (const receiver of this.#receivers) receiver.end()
  }
}

/** One receiver for what several read. */
export function fanOut(receivers: readonly Receiver[]): Receiver {
  return receivers.length === 1 ? receivers[0]! : new FanOut(receivers)
}

/**
 * Several inputs become one: a union, or the channels of an exchange. Its watermark is the smallest of the inputs that
 * are not idle; when all are idle, the largest, since nothing is held back any more. It never goes back.
 */
export class Merge {
  readonly #out: Receiver
  readonly #watermarks: number[]
  readonly #idle: boolean[]
  readonly #ended: boolean[]
  #watermark = WATERMARK_START
  #allIdle = false

  constructor(inputs: number, out: Receiver) {
    this.#out = out
    this.#watermarks = Array.from({ length: inputs }, () => WATERMARK_START)
    this.#idle = Array.from({ length: inputs }, () => false)
    this.#ended = Array.from({ length: inputs }, () => false)
  }

  /** The receiver of one of the inputs. */
  input(index: number): Receiver {
    return {
      batch: (batch) => this.#out.batch(batch),
      partials: (partials) => this.#out.partials!(partials),
      watermark: (watermarkMs) => {
        this.#watermarks[index] = watermarkMs
        this.#advance()
      },
      idle: (idle) => {
        this.#idle[index] = idle
        this.#advance()
      },
      end: () => {
        this.#ended[index] = true
        this.#watermarks[index] = Number.MAX_SAFE_INTEGER
        this.#advance()
        if (this.#ended.every(Boolean)) this.#out.end()
      },
    }
  }

  #advance(): void {
    let least = Infinity
    let most = WATERMARK_START
    let active = false
    for (let i = 0; i < this.#watermarks.length; i++) {
      const watermark = this.#watermarks[i]!
      if (watermark > most) most = watermark
      if (this.#idle[i]! && !this.#ended[i]!) continue
      if (!this.#ended[i]!) active = true
      if (watermark < least) least = watermark
    }
    const allIdle = !active && !this.#ended.every(Boolean)
    const watermark = allIdle ? this.#largestOfIdle(most) : least
    if (watermark > this.#watermark && watermark !== Infinity) {
      this.#watermark = watermark
      this.#out.watermark(watermark)
    }
    if (allIdle !== this.#allIdle) {
      this.#allIdle = allIdle
      this.#out.idle(allIdle)
    }
  }

  /** Inputs that ended do not count: their watermark is the end of time, which the idle ones have not reached. */
  #largestOfIdle(most: number): number {
    if (most !== Number.MAX_SAFE_INTEGER) return most
    let largest = WATERMARK_START
    for (let i = 0; i < this.#watermarks.length; i++) {
      if (!this.#ended[i]! && this.#watermarks[i]! > largest) largest = this.#watermarks[i]!
    }
    return largest
  }
}
