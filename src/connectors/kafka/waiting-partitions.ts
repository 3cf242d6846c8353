/**
 * Fetched records of which some partitions' wait for what it takes to decode them, while the others go on. The partition
 * itself is not fetched meanwhile, so that its order is kept and no more than one answer of it waits.
 */
import type { Fetcher, FetchedRecords } from '../../log/client/fetcher.ts'

export class WaitingPartitions {
  readonly #fetcher: Pick<Fetcher, 'assign' | 'unassign' | 'poll'>
  readonly #waiting = new Map<Promise<void>, FetchedRecords>()
  #polling: Promise<FetchedRecords | undefined> | undefined

  constructor(fetcher: Pick<Fetcher, 'assign' | 'unassign' | 'poll'>) {
    this.#fetcher = fetcher
  }

  /** The next records of some partition: as `Fetcher.poll`, or those that waited. Throws what made waiting end in vain. */
  async next(): Promise<FetchedRecords | undefined> {
    const polling = (this.#polling ??= this.#fetcher.poll())
    const { first } =
      this.#waiting.size === 0
        ? { first: polling }
        : await firstSettled<unknown>([...this.#waiting.keys(), polling])
    if (first === polling) {
      this.#polling = undefined
      return polling
    }
    const ready = first as Promise<void>
    const waited = this.#waiting.get(ready)!
    this.#waiting.delete(ready)
    await ready
    const { topic, partition, nextOffset } = waited
    this.#fetcher.assign([{ topic, partition, offset: nextOffset }])
    return waited
  }

  /** Gives these records again, and what follows them, once they can be decoded. */
  setAside(records: FetchedRecords, ready: Promise<void>): void {
    this.#fetcher.unassign([records])
    // Each has a promise of its own: many may wait for one thing.
    const own = ready.then(() => {})
    own.catch(() => {})
    this.#waiting.set(own, records)
  }
}

/** In an object, for a promise that resolves with a promise would wait for that one too. */
function firstSettled<T>(promises: readonly Promise<T>[]): Promise<{ readonly first: Promise<T> }> {
  return Promise.race(
    promises.map((first) =>
      first.then(
        () => ({ first }),
        () => ({ first }),
      ),
    ),
  )
}
