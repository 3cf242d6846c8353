import type { Sink } from 'millrace'
import { baseMs } from './bids.ts'

export interface WindowCount {
  readonly key: number
  readonly windowEnd: number
  readonly count: number
}

/** Adds up what it is given and writes nothing; both sides of a benchmark must come to the same `checksum`. */
export class ChecksumSink implements Sink<WindowCount> {
  readonly kind = 'checksum'
  readonly guarantee = 'at-least-once'
  #results = 0
  #byAuction = 0
  #byWindow = 0

  get checksum(): string {
    return `${this.#results}/${this.#byAuction}/${this.#byWindow}`
  }

  createWriter(): ReturnType<Sink<WindowCount>['createWriter']> {
    return {
      recover: async () => {},
      write: ({ values }) => {
        for (const { key, windowEnd, count } of values) {
          this.#results++
          this.#byAuction += (key + 1) * count
          this.#byWindow += ((windowEnd - baseMs) / 10_000) * count
        }
      },
      blocked: () => undefined,
      prepareCommit: async () => undefined,
      commit: async () => {},
      close: async () => {},
    }
  }
}
