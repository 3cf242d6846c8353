import type { Source, SourceBatch, SourceReader, Split } from '../stream/connector/source.ts'

/** A source whose events a test writes; it keeps them all, so a job that restarts reads them again. */
export class ScriptedSource implements Source<unknown> {
  readonly kind = 'scripted'
  readonly replayable = true
  readonly #splits: { readonly values: unknown[]; readonly timestamps: number[] }[]
  readonly #readers = new Set<ScriptedReader>()
  #ended = false

  constructor(splits: number) {
    this.#splits = Array.from({ length: splits }, () => ({ values: [], timestamps: [] }))
  }

  get splits(): number {
    return this.#splits.length
  }

  append(split: number, values: readonly unknown[], timestampMs: number): void {
    const log = this.#splits[split]
    if (log === undefined)
      throw new RangeError(`the source has ${this.#splits.length} splits, numbered from 0`)
    for (const value of values) {
      log.values.push(value)
      log.timestamps.push(timestampMs)
    }
    this.#wake()
  }

  end(): void {
    this.#ended = true
    this.#wake()
  }

  discoverSplits(): Promise<readonly Split[]> {
    return Promise.resolve(this.#splits.map((_, split) => ({ id: `${split}`, position: 0 })))
  }

  createReader(): SourceReader<unknown> {
    const reader = new ScriptedReader(
      (splits) => this.#take(splits),
      () => this.#readers.delete(reader),
    )
    this.#readers.add(reader)
    return reader
  }

  #take(splits: Map<string, number>): SourceBatch<unknown> | 'wait' | 'end' {
    for (const [splitId, position] of splits) {
      const log = this.#splits[Number(splitId)]!
      if (position >= log.values.length) continue
      const end = Math.min(log.values.length, position + 64)
      splits.set(splitId, end)
      return {
        splitId,
        values: log.values.slice(position, end),
        timestamps: log.timestamps.slice(position, end),
        rejected: [],
        caughtUp: end === log.values.length,
        lag: log.values.length - end,
      }
    }
    return this.#ended || splits.size === 0 ? 'end' : 'wait'
  }

  #wake(): void {
    for (const reader of this.#readers) reader.wake()
  }
}

class ScriptedReader implements SourceReader<unknown> {
  readonly #take: (splits: Map<string, number>) => SourceBatch<unknown> | 'wait' | 'end'
  readonly #onClose: () => void
  #positions = new Map<string, number>()
  #arrival: PromiseWithResolvers<void> | undefined
  #closed = false

  constructor(
    take: (splits: Map<string, number>) => SourceBatch<unknown> | 'wait' | 'end',
    onClose: () => void,
  ) {
    this.#take = take
    this.#onClose = onClose
  }

  open(splits: readonly Split[]): Promise<void> {
    this.#positions = new Map(splits.map((split) => [split.id, split.position as number]))
    return Promise.resolve()
  }

  async poll(): Promise<SourceBatch<unknown> | 'end'> {
    for (;;) {
      const batch = this.#closed ? 'end' : this.#take(this.#positions)
      if (batch !== 'wait') return batch
      this.#arrival ??= Promise.withResolvers()
      await this.#arrival.promise
    }
  }

  wake(): void {
    this.#arrival?.resolve()
    this.#arrival = undefined
  }

  snapshot(): readonly Split[] {
    return [...this.#positions].map(([id, position]) => ({ id, position }))
  }

  onCheckpointComplete(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    this.#closed = true
    this.#onClose()
    this.wake()
    return Promise.resolve()
  }
}
