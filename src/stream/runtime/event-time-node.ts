/**
 * Makes watermarks out of the event times that pass: for each split, the latest time seen less the allowed
 * out-of-orderness; for the step, the smallest of the splits that are not idle.
 *
 * A split is idle when it has had no event for `idleAfterMs` although it could have: the time during which the subtask
 * was held up by its own output does not count, nor does a split whose reader knows that more is waiting.
 * Watermarks are part of checkpoints, so what was late before a restart is late after it.
 */
import { NO_TIMESTAMP, WATERMARK_END, WATERMARK_START, type EventBatch } from '../operators/operator.ts'
import type { SplitTime, StepSnapshot } from '../checkpoint/snapshot.ts'
import type { EventTimeOptions } from '../graph/plan.ts'
import type { Receiver } from './receiver.ts'
import { StepCounters, type SplitMetrics, type StepMetricsSnapshot } from './step-metrics.ts'

/** What the source in front tells about the split of the batch that is passing; a step without one has one split. */
export interface SplitOrigin {
  readonly splitIds: readonly string[]
  /** Index into `splitIds` of the batch at hand. */
  readonly currentSplit: number
  /** Whether the reader knows of events that it has not given yet. */
  hasMore(split: number): boolean
  /** Whether it has given the split's last event. */
  hasEnded(split: number): boolean
  lagOf(split: number): number | undefined
  /** Time for which the source could have given events, in ms: the clock of idleness. */
  openMs(): number
}

/* eslint-disable @typescript-eslint/no-explicit-any -- the builder has checked the types. */
export class EventTimeNode implements Receiver {
  readonly name: string
  readonly metrics: StepCounters
  readonly #outOfOrdernessMs: number
  readonly #idleAfterMs: number
  readonly #everyMs: number | undefined
  readonly #origin: SplitOrigin
  readonly #out: Receiver
  /** By split: the watermark of the split alone, when it last had events (clock of `openMs`), whether it is idle. */
  #watermarks: number[] = []
  #activeAtMs: number[] = []
  #idle: boolean[] = []
  #watermark = WATERMARK_START
  #allIdle = false
  #ended = false
  /** Watermarks of splits that this subtask got with its checkpoint. */
  #restored = new Map<string, number>()

  constructor(options: {
    readonly name: string
    readonly eventTime: EventTimeOptions<any>
    readonly origin: SplitOrigin
    readonly out: Receiver
  }) {
    this.name = options.name
    this.metrics = new StepCounters(options.name, 'event-time')
    this.#outOfOrdernessMs = options.eventTime.outOfOrdernessMs ?? 0
    this.#idleAfterMs = options.eventTime.idleAfterMs ?? Infinity
    this.#everyMs = options.eventTime.everyMs
    this.#origin = options.origin
    this.#out = options.out
  }

  /** Called once the source knows its splits. */
  open(): void {
    const { splitIds } = this.#origin
    this.#watermarks = splitIds.map((id) => this.#restored.get(id) ?? WATERMARK_START)
    this.#activeAtMs = splitIds.map(() => this.#origin.openMs())
    this.#idle = splitIds.map(() => false)
  }

  batch(batch: EventBatch<any>): void {
    const { timestamps } = batch
    let latest = NO_TIMESTAMP
    for (let i = 0; i < timestamps.length; i++) if (timestamps[i]! > latest) latest = timestamps[i]!
    const split = this.#origin.currentSplit
    if (timestamps.length > 0) {
      this.metrics.eventsIn += timestamps.length
      this.metrics.eventsOut += timestamps.length
      if (this.#idleAfterMs !== Infinity) this.#activeAtMs[split] = this.#origin.openMs()
      if (this.#idle[split]!) {
        this.#idle[split] = false
        this.#advance()
      }
      if (this.#everyMs !== undefined) return this.#giveStepwise(batch, split, this.#everyMs)
      this.#out.batch(batch)
    }
    const watermark = latest - this.#outOfOrdernessMs - 1
    if (latest !== NO_TIMESTAMP && watermark > this.#watermarks[split]!) {
      this.#watermarks[split] = watermark
      this.#advance()
    }
  }

  /** Cuts the batch behind every event that brings the watermark to its next step. */
  #giveStepwise(batch: EventBatch<any>, split: number, everyMs: number): void {
    const { timestamps } = batch
    let start = 0
    for (let i = 0; i < timestamps.length; i++) {
      // Steps lie one before multiples of `everyMs`, where windows end.
      const watermark = Math.floor((timestamps[i]! - this.#outOfOrdernessMs) / everyMs) * everyMs - 1
      if (timestamps[i] === NO_TIMESTAMP || watermark <= this.#watermarks[split]!) continue
      this.#out.batch(slice(batch, start, i + 1))
      start = i + 1
      this.#watermarks[split] = watermark
      this.#advance()
    }
    if (start < timestamps.length)
      this.#out.batch(start === 0 ? batch : slice(batch, start, timestamps.length))
  }

  /** Watermarks of what is in front are not events'; only the end of all counts. */
  watermark(watermarkMs: number): void {
    if (watermarkMs !== WATERMARK_END || this.#ended) return
    this.#ended = true
    this.#watermark = watermarkMs
    this.#out.watermark(watermarkMs)
  }

  idle(): void {}

  end(): void {
    this.#out.end()
  }

  /** The source has given the last event of a split. */
  splitEnded(): void {
    this.#advance()
  }

  /** Raises the watermark of every split. */
  advanceTo(watermarkMs: number): void {
    this.#watermarks = this.#watermarks.map((watermark) => Math.max(watermark, watermarkMs))
    this.#advance()
  }

  /** Looks for splits that have become idle; true when there was one. */
  checkIdle(): boolean {
    if (this.#idleAfterMs === Infinity || this.#ended) return false
    const nowMs = this.#origin.openMs()
    let changed = false
    for (let split = 0; split < this.#watermarks.length; split++) {
      if (this.#idle[split]! || nowMs < this.#activeAtMs[split]! + this.#idleAfterMs) continue
      if (this.#origin.hasMore(split)) {
        this.#activeAtMs[split] = nowMs
        continue
      }
      this.#idle[split] = true
      changed = true
    }
    if (changed) this.#advance()
    return changed
  }

  /** In how many ms `checkIdle` may find something; Infinity for never. */
  nextIdleMs(): number {
    if (this.#idleAfterMs === Infinity || this.#ended) return Infinity
    let oldest = Infinity
    for (let split = 0; split < this.#watermarks.length; split++) {
      if (!this.#idle[split]!) oldest = Math.min(oldest, this.#activeAtMs[split]!)
    }
    return oldest + this.#idleAfterMs - this.#origin.openMs()
  }

  snapshot(): StepSnapshot {
    const splitTimes = this.#origin.splitIds.map((split, i) => ({ split, watermarkMs: this.#watermarks[i]! }))
    return { splitTimes, watermarkMs: this.#watermark }
  }

  /** Before `open`. */
  restore(splits: readonly SplitTime[]): void {
    this.#restored = new Map(splits.map(({ split, watermarkMs }) => [split, watermarkMs]))
  }

  /** After `open`: gives on the watermark that the restored splits make. */
  emitRestored(): void {
    this.#advance()
  }

  report(): StepMetricsSnapshot {
    const splits = this.#origin.splitIds.map((split, i): SplitMetrics => {
      const watermarkMs = this.#watermarks[i]!
      return {
        split,
        watermarkMs: watermarkMs === WATERMARK_START ? undefined : watermarkMs,
        idle: this.#idle[i]!,
        holdsBack: !this.#ended && !this.#idle[i]! && watermarkMs <= this.#watermark,
        lag: this.#origin.lagOf(i),
      }
    })
    return this.metrics.snapshot({ watermarkMs: this.#watermark, splits })
  }

  #advance(): void {
    if (this.#ended) return
    let least = Infinity
    let most = WATERMARK_START
    for (let i = 0; i < this.#watermarks.length; i++) {
      const watermark = this.#watermarks[i]!
      if (watermark > most) most = watermark
      if (!this.#idle[i]! && !this.#origin.hasEnded(i) && watermark < least) least = watermark
    }
    const allIdle = least === Infinity
    const watermark = allIdle ? most : least
    if (watermark > this.#watermark) {
      this.#watermark = watermark
      this.#out.watermark(watermark)
    }
    if (allIdle !== this.#allIdle) {
      this.#allIdle = allIdle
      this.#out.idle(allIdle)
    }
  }
}

function slice({ values, timestamps, keys }: EventBatch<any>, start: number, end: number): EventBatch<any> {
  return {
    values: values.slice(start, end),
    timestamps: timestamps.slice(start, end),
    keys: keys?.slice(start, end),
  }
}
