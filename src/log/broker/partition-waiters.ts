import type { Clock } from '../../world/world.ts'
import type { PartitionLog } from '../storage/partition-log.ts'

/**
 * Fetches that wait for partitions to grow.
 *
 * An append only marks its partition, once per turn of the event loop; after the turn's I/O every waiting fetch of the
 * marked partitions is looked at once. So a thousand appends in a turn cost a thousand flag checks and one look.
 */
export class PartitionWaiters {
  readonly #clock: Clock
  readonly #partitions = new Map<PartitionLog, Watched>()
  readonly #all = new Set<Waiter>()
  #advanced: Watched[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Calls `waiter.look` after any of the partitions advanced (not inside the append itself), and `waiter.giveUp` when
   * the broker closes, until the returned function is called.
   */
  wait(partitions: readonly PartitionLog[], waiter: Waiter): () => void {
    const watched = partitions.map((partition) => this.#watch(partition))
    for (const { waiting } of watched) waiting.add(waiter)
    this.#all.add(waiter)
    return () => {
      for (const { waiting } of watched) waiting.delete(waiter)
      this.#all.delete(waiter)
    }
  }

  /** The broker closes: nobody waits any longer. */
  close(): void {
    for (const waiter of [...this.#all]) waiter.giveUp()
    for (const { unsubscribe } of this.#partitions.values()) unsubscribe()
    this.#partitions.clear()
  }

  /** Lets those who wait for a partition look, and forgets it: it has been deleted. */
  partitionDeleted(partition: PartitionLog): void {
    const watched = this.#partitions.get(partition)
    if (watched === undefined) return
    this.#mark(watched)
    watched.unsubscribe()
    this.#partitions.delete(partition)
  }

  #watch(partition: PartitionLog): Watched {
    let watched = this.#partitions.get(partition)
    if (watched === undefined) {
      const created: Watched = {
        waiting: new Set(),
        marked: false,
        unsubscribe: partition.onAdvance(() => this.#mark(created)),
      }
      this.#partitions.set(partition, (watched = created))
    }
    return watched
  }

  #mark(watched: Watched): void {
    if (watched.marked || watched.waiting.size === 0) return
    watched.marked = true
    this.#advanced.push(watched)
    if (this.#advanced.length === 1) this.#clock.defer(() => this.#look())
  }

  #look(): void {
    const advanced = this.#advanced
    this.#advanced = []
    const awake = new Set<Waiter>()
    for (const watched of advanced) {
      watched.marked = false
      for (const waiter of watched.waiting) awake.add(waiter)
    }
    for (const waiter of awake) waiter.look()
  }
}

export interface Waiter {
  look(): void
  giveUp(): void
}

interface Watched {
  readonly waiting: Set<Waiter>
  marked: boolean
  readonly unsubscribe: () => void
}
