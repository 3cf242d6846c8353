import { messageOf } from '../../base/millrace-error.ts'
import type { Report } from '../../base/report.ts'
import type { Clock, Timer } from '../../world/world.ts'
import type { PartitionLog } from './partition-log.ts'

/** Partitions that are synced side by side. */
const AT_A_TIME = 4

/**
 * As much as a partition may have unsynced. What gathers in 5 s at full load keeps the device busy for so long that writes
 * stand behind it: acks=1 at 100 MB/s, p99 147–623 ms and 0.88–1.24 M records/s, against 6–19 ms and 1.26–1.35 M where each
 * sync has a quarter of a second's or a second's.
 */
const UNSYNCED_BYTES_MAX = 16_777_216

/** Syncs partitions that nobody waits for, so that a power cut takes back only the last seconds of acks=1 records. */
export class BackgroundFlush {
  readonly #clock: Clock
  readonly #report: Report
  readonly #intervalMs: number
  /** When each waiting partition is due, on the monotonic clock. */
  readonly #due = new Map<PartitionLog, number>()
  /** Those that are synced before they are due. */
  readonly #syncing = new Set<PartitionLog>()
  #timer: Timer | undefined
  #timerDue = Infinity
  #stopped = false

  constructor(options: { readonly clock: Clock; readonly report: Report; readonly intervalMs: number }) {
    this.#clock = options.clock
    this.#report = options.report
    this.#intervalMs = options.intervalMs
  }

  /** Called at every append. */
  dirty(partition: PartitionLog, unsyncedBytes: number): void {
    if (unsyncedBytes >= UNSYNCED_BYTES_MAX) this.#syncNow(partition)
    if (this.#due.has(partition) || this.#stopped) return
    const due = this.#clock.monotonicMs() + Math.min(this.#intervalMs, partition.flushMs)
    this.#due.set(partition, due)
    if (due < this.#timerDue) this.#schedule(due)
  }

  forget(partition: PartitionLog): void {
    this.#due.delete(partition)
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  #syncNow(partition: PartitionLog): void {
    if (this.#syncing.has(partition) || this.#stopped) return
    this.#syncing.add(partition)
    void this.#sync(partition).finally(() => this.#syncing.delete(partition))
  }

  #schedule(due: number): void {
    this.#timer?.cancel()
    this.#timerDue = due
    this.#timer = this.#clock.schedule(Math.max(0, due - this.#clock.monotonicMs()), () => void this.#flush())
  }

  async #flush(): Promise<void> {
    this.#timerDue = Infinity
    const now = this.#clock.monotonicMs()
    const ready: PartitionLog[] = []
    let next = Infinity
    for (const [partition, due] of this.#due) {
      if (due <= now) ready.push(partition)
      else next = Math.min(next, due)
    }
    for (const partition of ready) this.#due.delete(partition)
    if (next < Infinity) this.#schedule(next)
    for (let index = 0; index < ready.length && !this.#stopped; index += AT_A_TIME) {
      await Promise.all(ready.slice(index, index + AT_A_TIME).map((partition) => this.#sync(partition)))
    }
  }

  async #sync(partition: PartitionLog): Promise<void> {
    if (partition.refusal !== undefined) return
    try {
      await partition.sync()
    } catch (error) {
      this.#report('warn', 'background sync failed', {
        topic: partition.topic,
        partition: partition.partition,
        reason: messageOf(error),
      })
    }
  }
}
