/**
 * Events computed from their number: event `i` is `generate(i)`, so any of them can be made again, and a job that
 * resumes goes on with exactly the next one. Split `s` of `n` holds the numbers s, s + n, s + 2n, …; their number does
 * not depend on the parallelism, so a job may be restored with another one.
 */
import { MillraceError } from '../../base/millrace-error.ts'
import type {
  Source,
  SourceBatch,
  SourceContext,
  SourceReader,
  Split,
} from '../../stream/connector/source.ts'
import { NO_TIMESTAMP } from '../../stream/operators/operator.ts'
import { sleep, type Clock } from '../../world/world.ts'

export interface GeneratorOptions<T> {
  /** Must depend on `index` alone, and be cheap: it runs once an event. */
  readonly generate: (index: number) => T
  /** How many events; without it the generator never ends. */
  readonly count?: number
  /** Events per second over all splits; without it as fast as the job takes them. */
  readonly ratePerSecond?: number
  /** Units of parallelism. Default: 1. */
  readonly splits?: number
  /** Largest number of events handed over at once. Default: 1,024. */
  readonly batchSize?: number
}

/** Makes events out of their numbers; for tests, benchmarks and demonstrations. */
export function generator<T>(options: GeneratorOptions<T>): Source<T> {
  const splits = options.splits ?? 1
  for (const [name, value, smallest] of [
    ['count', options.count ?? 0, 0],
    ['splits', splits, 1],
    ['batchSize', options.batchSize ?? 1, 1],
  ] as const) {
    if (Number.isSafeInteger(value) && value >= smallest) continue
    throw new MillraceError({
      code: 'MR_CONFIG_INVALID',
      message: `the generator's ${name} must be an integer of at least ${smallest}; it is ${value}.`,
    })
  }
  if (options.ratePerSecond !== undefined && !(options.ratePerSecond > 0)) {
    throw new MillraceError({
      code: 'MR_CONFIG_INVALID',
      message: `the generator's ratePerSecond must be above 0; it is ${options.ratePerSecond}.`,
    })
  }
  return {
    kind: 'generator',
    replayable: true,
    discoverSplits: () =>
      Promise.resolve(Array.from({ length: splits }, (_, split) => ({ id: `${split}`, position: split }))),
    createReader: (context) => new GeneratorReader({ splits, batchSize: 1024, ...options }, context),
  }
}

/**
 * A uniform number in [0, 1) that depends on `index` and `seed` only (a finalizer of MurmurHash3): randomness for
 * `generate` functions that can be computed again.
 */
export function randomAt(index: number, seed = 0): number {
  let hash =
    Math.imul((index % 4_294_967_296) ^ seed, 0x9e3779b1) ^
    Math.imul(Math.floor(index / 4_294_967_296), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 4_294_967_296
}

type Options<T> = GeneratorOptions<T> & { readonly splits: number; readonly batchSize: number }

class GeneratorReader<T> implements SourceReader<T> {
  readonly #options: Options<T>
  readonly #clock: Clock
  readonly #signal: AbortSignal
  readonly #values: T[] = []
  readonly #timestamps: number[] = []
  #ids: string[] = []
  /** The number of the next event of each split. */
  #next: number[] = []
  /** Splits that had ended when the reader was opened, and have not been told. */
  #ended: number[] = []
  #turn = 0
  #startMs = 0
  #paced = 0

  constructor(options: Options<T>, context: SourceContext) {
    this.#options = options
    this.#clock = context.world.clock
    this.#signal = context.signal
  }

  open(splits: readonly Split[]): Promise<void> {
    this.#ids = splits.map((split) => split.id)
    this.#next = splits.map((split) => split.position as number)
    const { count = Number.MAX_SAFE_INTEGER } = this.#options
    this.#ended = this.#next.flatMap((next, split) => (next < count ? [] : [split]))
    this.#startMs = this.#clock.monotonicMs()
    return Promise.resolve()
  }

  async poll(): Promise<SourceBatch<T> | 'end'> {
    const { generate, count = Number.MAX_SAFE_INTEGER, splits } = this.#options
    const ended = this.#ended.pop()
    if (ended !== undefined) return this.#batch(ended, 0, true)
    const turn = this.#nextTurn(count)
    if (turn === undefined) return 'end'
    const size = await this.#allowance()
    const values = this.#values
    const first = this.#next[turn]!
    const length = Math.min(size, Math.ceil((count - first) / splits))
    values.length = length
    let index = first
    for (let i = 0; i < length; i++, index += splits) values[i] = generate(index)
    this.#next[turn] = index
    return this.#batch(turn, length, index >= count)
  }

  #batch(split: number, length: number, splitEnded: boolean): SourceBatch<T> {
    this.#values.length = length
    while (this.#timestamps.length < length) this.#timestamps.push(NO_TIMESTAMP)
    this.#timestamps.length = length
    return {
      splitId: this.#ids[split]!,
      values: this.#values,
      timestamps: this.#timestamps,
      rejected: [],
      caughtUp: this.#options.ratePerSecond !== undefined,
      splitEnded,
    }
  }

  /** The splits take turns; undefined once all have ended. */
  #nextTurn(count: number): number | undefined {
    for (let i = 0; i < this.#next.length; i++) {
      const turn = (this.#turn + i) % this.#next.length
      if (this.#next[turn]! >= count) continue
      this.#turn = turn + 1
      return turn
    }
    return undefined
  }

  /** How many events may be made now; waits until it is at least one. */
  async #allowance(): Promise<number> {
    const { ratePerSecond, batchSize, splits } = this.#options
    if (ratePerSecond === undefined) return batchSize
    const mine = (ratePerSecond * this.#ids.length) / splits
    for (;;) {
      const due = Math.floor(((this.#clock.monotonicMs() - this.#startMs) * mine) / 1000) - this.#paced
      if (due >= 1 || this.#signal.aborted) {
        const size = Math.max(1, Math.min(due, batchSize))
        this.#paced += size
        return size
      }
      const waitMs = Math.ceil(
        ((this.#paced + 1) * 1000) / mine - (this.#clock.monotonicMs() - this.#startMs),
      )
      await sleep(this.#clock, Math.max(1, waitMs), this.#signal)
    }
  }

  snapshot(): readonly Split[] {
    return this.#ids.map((id, i) => ({ id, position: this.#next[i]! }))
  }

  onCheckpointComplete(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
