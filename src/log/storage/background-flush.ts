import { messageOf } from '../../base/millrace-error.ts'
import type { Report } from '../../base/report.ts'
import type { Clock, Timer } from '../../world/world.ts'
import type { PartitionLog } from './partition-log.ts'

/** Partitions that are synced side by side. */
const AT_A_TIME = 4

/** Syncs partitions that nobody waits for, so that a power cut takes back only the last seconds of acks=1 records. */
export class BackgroundFlush {
  readonly #clock: Clock
  readonly #report: Report
  readonly #intervalMs: number
  /** When each waiting partition is due, on the monotonic clock. */
  readonly #due = new Map<PartitionLog, number>()
  #timer: Timer | undefined
  #timerDue = Infinity
  #stopped = false

  constructor(options: { readonly clock: Clock; readonly report: Report; readonly intervalMs: number }) {
    this.#clock = options.clock
    this.#report = options.report
    this.#intervalMs = options.intervalMs
  }

  /** Called at every append. */
  dirty(partition: PartitionLog): void {
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
