/**
 * The watermark of a source subtask: the least of its splits' watermarks, idle ones left out. A split's watermark is its
 * largest event time minus the out-of-orderness it may have, minus 1.
 *
 * A split is idle once it has been silent for `idleAfterMs`. Silence is not slowness: the time counts only while the
 * split has nothing more to give (`caughtUp`) and the source is being read; while the job is back-pressured (`pause`)
 * events may be waiting that nobody has looked at. A split that has never given anything counts as caught up.
 *
 * Times `nowMs` are processing time; a monotonic clock is best.
 */
import { WATERMARK_START } from '../operators/operator.ts'
import type { JsonValue } from '../operators/operator.ts'

export interface WatermarkOptions {
  /** How much earlier than its split's latest an event may be and not be late, in ms. */
  readonly outOfOrdernessMs: number
  /** A split that is silent for so long holds nobody back any more; never, when absent. */
  readonly idleAfterMs?: number
}

/** Where a split stands; `state` says what the source's watermark makes of it. */
export interface SplitStatus {
  readonly splitId: string
  /** `WATERMARK_START` before the first event. */
  readonly watermarkMs: number
  readonly state: 'active' | 'idle' | 'ended'
  /** The source's watermark would be further if this split were. */
  readonly holdsBack: boolean
  /** How long it has been silent, in ms. */
  readonly silentMs: number
}

interface Split {
  eventTimeMsMax: number
  caughtUp: boolean
  /** Silence before `sinceMs`, and the moment from which more is counted. */
  silentMs: number
  sinceMs: number
  ended: boolean
}

export class SplitWatermarks {
  readonly #options: WatermarkOptions
  readonly #splits = new Map<string, Split>()
  #watermarkMs: number = WATERMARK_START
  #paused = false

  constructor(options: WatermarkOptions) {
    this.#options = options
  }

  addSplit(splitId: string, nowMs: number): void {
    if (this.#splits.has(splitId)) return
    const eventTimeMsMax = WATERMARK_START
    this.#splits.set(splitId, { eventTimeMsMax, caughtUp: true, silentMs: 0, sinceMs: nowMs, ended: false })
  }

  /** A batch of the split was read. `timestamps` are event times; `caughtUp` is the source's word. */
  observe(splitId: string, batch: { timestamps: readonly number[]; caughtUp: boolean }, nowMs: number): void {
    this.addSplit(splitId, nowMs)
    const split = this.#splits.get(splitId)!
    const { timestamps } = batch
    let max = split.eventTimeMsMax
    for (let i = 0; i < timestamps.length; i++) if (timestamps[i]! > max) max = timestamps[i]!
    split.eventTimeMsMax = max
    split.caughtUp = batch.caughtUp
    if (timestamps.length === 0) return
    split.silentMs = 0
    split.sinceMs = nowMs
  }

  /** The split has ended and will never be read again. */
  endSplit(splitId: string): void {
    const split = this.#splits.get(splitId)
    if (split !== undefined) split.ended = true
  }

  /** The source is not read from now on, because what comes after it is slow. */
  pause(nowMs: number): void {
    if (this.#paused) return
    for (const split of this.#splits.values()) split.silentMs = this.#silentMs(split, nowMs)
    this.#paused = true
  }

  resume(nowMs: number): void {
    if (!this.#paused) return
    this.#paused = false
    for (const split of this.#splits.values()) split.sinceMs = nowMs
  }

  /**
   * The source's watermark now; never decreases. While every split is idle (or has ended) it is the largest of theirs,
   * and `idle` is true: the source should hold no other input back.
   */
  current(nowMs: number): { readonly watermarkMs: number; readonly idle: boolean } {
    let least = Infinity
    let most: number = WATERMARK_START
    for (const split of this.#splits.values()) {
      const watermarkMs = this.#watermarkOf(split)
      most = Math.max(most, watermarkMs)
      if (!split.ended && !this.#isIdle(split, nowMs)) least = Math.min(least, watermarkMs)
    }
    const idle = least === Infinity
    this.#watermarkMs = Math.max(this.#watermarkMs, idle ? most : least)
    return { watermarkMs: this.#watermarkMs, idle }
  }

  /** How long until some split becomes idle if nothing comes, in ms; when to look at `current` again. */
  idleInMs(nowMs: number): number | undefined {
    const { idleAfterMs } = this.#options
    if (idleAfterMs === undefined || this.#paused) return undefined
    let least: number | undefined
    for (const split of this.#splits.values()) {
      if (split.ended || !split.caughtUp || this.#isIdle(split, nowMs)) continue
      least = Math.min(least ?? Infinity, idleAfterMs - this.#silentMs(split, nowMs))
    }
    return least
  }

  /** Every split, those that hold the watermark back first. */
  status(nowMs: number): SplitStatus[] {
    const splits = [...this.#splits].map(([splitId, split]) => ({
      splitId,
      watermarkMs: this.#watermarkOf(split),
      state: split.ended
        ? ('ended' as const)
        : this.#isIdle(split, nowMs)
          ? ('idle' as const)
          : ('active' as const),
      silentMs: this.#silentMs(split, nowMs),
    }))
    const active = splits.filter(({ state }) => state === 'active').map(({ watermarkMs }) => watermarkMs)
    const least = Math.min(...active)
    const uneven = active.length < splits.length || active.some((watermarkMs) => watermarkMs > least)
    return splits
      .map((split) => ({
        ...split,
        holdsBack: split.state === 'active' && split.watermarkMs === least && uneven,
      }))
      .sort(
        (left, right) =>
          Number(right.holdsBack) - Number(left.holdsBack) || left.watermarkMs - right.watermarkMs,
      )
  }

  /** For a checkpoint: how far each split's event time has come, so that what was late stays late. */
  snapshot(): JsonValue {
    return Object.fromEntries([...this.#splits].map(([splitId, split]) => [splitId, split.eventTimeMsMax]))
  }

  /** Takes back what `snapshot` gave for the splits that this subtask now reads. */
  restore(snapshot: JsonValue, nowMs: number): void {
    for (const [splitId, eventTimeMsMax] of Object.entries(snapshot as Record<string, number>)) {
      this.addSplit(splitId, nowMs)
      this.#splits.get(splitId)!.eventTimeMsMax = eventTimeMsMax
    }
  }

  #watermarkOf(split: Split): number {
    if (split.eventTimeMsMax === WATERMARK_START) return WATERMARK_START
    return split.eventTimeMsMax - this.#options.outOfOrdernessMs - 1
  }

  #isIdle(split: Split, nowMs: number): boolean {
    const { idleAfterMs } = this.#options
    return idleAfterMs !== undefined && split.caughtUp && this.#silentMs(split, nowMs) >= idleAfterMs
  }

  #silentMs(split: Split, nowMs: number): number {
    return split.silentMs + (this.#paused ? 0 : Math.max(0, nowMs - split.sinceMs))
  }
}
