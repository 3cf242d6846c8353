/**
 * The batches that a producer has taken and not yet delivered: how much memory they hold, who waits for room, who waits
 * for them to be delivered, and the first loss that nobody has been told of.
 */
import type { PendingBatch } from './pending-batch.ts'

interface FlushWaiter {
  readonly left: Set<PendingBatch>
  done(): void
}

export class OutstandingBatches {
  /** The first loss since `takeFailure`. */
  failure: Error | undefined
  bufferedBytes = 0
  readonly #maxBufferedBytes: number
  readonly #batches = new Set<PendingBatch>()
  readonly #flushes = new Set<FlushWaiter>()
  readonly #roomWaiters: (() => void)[] = []

  constructor(options: { readonly maxBufferedBytes: number }) {
    this.#maxBufferedBytes = options.maxBufferedBytes
  }

  get count(): number {
    return this.#batches.size
  }

  get hasRoom(): boolean {
    return this.bufferedBytes < this.#maxBufferedBytes
  }

  add(batch: PendingBatch): void {
    this.#batches.add(batch)
  }

  /** Resolves when there is room again, or nothing can be sent any more. */
  room(): Promise<void> {
    return new Promise((resolve) => this.#roomWaiters.push(resolve))
  }

  /** Resolves when all batches of now are delivered or lost. */
  allOfNow(): Promise<void> {
    if (this.#batches.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const waiter: FlushWaiter = {
        left: new Set(this.#batches),
        done: () => {
          this.#flushes.delete(waiter)
          resolve()
        },
      }
      this.#flushes.add(waiter)
    })
  }

  /** Settles a batch, once; what comes later for it is ignored. */
  finish(batch: PendingBatch, end: BatchEnd): void {
    if (!this.#batches.delete(batch)) return
    this.bufferedBytes -= batch.sizeBytes
    if (end.error !== undefined && end.expected !== true) this.failure ??= end.error
    batch.settle(end.error, end)
    for (const waiter of this.#flushes) {
      waiter.left.delete(batch)
      if (waiter.left.size === 0) waiter.done()
    }
    if (this.hasRoom) this.releaseWaiters()
  }

  releaseWaiters(): void {
    for (const resolve of this.#roomWaiters.splice(0)) resolve()
  }

  takeFailure(): Error | undefined {
    const { failure } = this
    this.failure = undefined
    return failure
  }
}

export interface BatchEnd {
  readonly partition: number
  /** Undefined when it was stored. */
  readonly error: Error | undefined
  /** Of the first record; -1 when it is not known or there is none. */
  readonly baseOffset: number
  /** Whether the loss is what was asked for. */
  readonly expected?: boolean
}
