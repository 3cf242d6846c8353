/**
 * Tumbling and sliding windows. State is slice → key → accumulator: each event is added once, to its slice; when the
 * clock passes the end of a window, its slices are combined and answer for all keys at once, so there is no timer a key.
 *
 *   slices   |--s0--|--s1--|--s2--|--s3--|       windows of 3 slices, every slice:
 *            [   window 0         )              fires when the watermark reaches its end − 1
 *                   [   window 1         )
 *
 * Invariants: a window has fired exactly if its end − 1 ≤ `#watermarkMs`. A slice is held until its last window has
 * fired and the allowed lateness is over; an event that comes before then and after a firing fires that window again,
 * for its key, at once. The watermark is part of the state (`RestoredWatermark`).
 *
 * Processing-time windows are the same with the wall clock as time: events are stamped with it as they come.
 */
import { assert } from '../../../base/assert.ts'
import { MillraceError } from '../../../base/millrace-error.ts'
import type { StateTable, WriteEntries } from '../../state/keyed-state-backend.ts'
import { NO_TIMESTAMP, WATERMARK_END, WATERMARK_START } from '../operator.ts'
import type {
  EventBatch,
  Key,
  Operator,
  OperatorContext,
  PartialAggregates,
  ScheduledTask,
} from '../operator.ts'
import { EarlyFirings } from './early-firings.ts'
import { reportLate } from './late-events.ts'
import { RestoredWatermark } from './restored-watermark.ts'
import type { SliceStore } from './slice-store.ts'
import type { SliceTimes } from './slice-times.ts'
import { SLICE, WINDOW_STATE, WindowBytes, readWindowBytes } from './window-bytes.ts'
import type { WindowClock } from './window-spec.ts'

export interface SlicedWindowsOptions<Table> {
  readonly times: SliceTimes
  readonly clock: WindowClock
  readonly allowedLatenessMs: number
  /** Fires before the end too, so often in processing time, in ms; 0 for not. */
  readonly earlyEveryMs: number
  readonly createStore: (context: OperatorContext<unknown>) => SliceStore<Table>
}

export class SlicedWindowOperator<Table> implements Operator<unknown, unknown> {
  readonly #options: SlicedWindowsOptions<Table>
  readonly #times: SliceTimes
  readonly #latenessMs: number
  #context!: OperatorContext<unknown>
  #store!: SliceStore<Table>
  readonly #slices = new Map<number, Table>()
  /** The slices' starts, ascending. */
  #starts: number[] = []
  #watermarkMs: number = WATERMARK_START
  readonly #restored = new RestoredWatermark()
  #expectedKeys = 0
  // Events in [#from, #to) go to #table without another look: none of that slice's windows has fired yet.
  #from = NaN
  #to = NaN
  #table!: Table
  #wakeUp: ScheduledTask | undefined
  #early: EarlyFirings | undefined

  constructor(options: SlicedWindowsOptions<Table>) {
    this.#options = options
    this.#times = options.times
    this.#latenessMs = options.clock === 'event' ? options.allowedLatenessMs : 0
  }

  open(context: OperatorContext<unknown>): void {
    this.#context = context
    this.#store = this.#options.createStore(context)
    context.state.register(this.#stateTable())
    const { clock, earlyEveryMs } = this.#options
    // The first look comes after a restore, if there is one.
    if (clock === 'processing') this.#wakeUp = context.schedule(0, () => this.#onWakeUp())
    if (earlyEveryMs > 0) this.#early = new EarlyFirings(context, earlyEveryMs, () => this.#fireEarly())
  }

  processBatch(batch: EventBatch<unknown>): void {
    const { values, keys } = batch
    assert(keys !== undefined, 'a keyed step gets keyed batches')
    this.#settleRestored()
    const timestamps = this.#options.clock === 'event' ? batch.timestamps : this.#stamp(values.length)
    const count = values.length
    let i = 0
    while (i < count) {
      const timeMs = timestamps[i]!
      if (timeMs >= this.#from && timeMs < this.#to) {
        const from = this.#from
        const to = this.#to
        let end = i + 1
        while (end < count && timestamps[end]! >= from && timestamps[end]! < to) end++
        this.#store.addRun(this.#table, keys, values, i, end)
        this.#early?.touched(from, keys, i, end)
        i = end
      } else if (!this.#enterSlice(timeMs)) {
        this.#addSlowly(keys, values, timeMs, i++)
      }
    }
    if (this.#options.clock === 'processing') this.#scheduleWakeUp()
  }

  /** Senders combine only what is not late at their own watermark, which ours cannot have passed. */
  processPartials(partials: PartialAggregates): void {
    this.#settleRestored()
    const { sliceStart } = partials
    assert(!this.#hasFired(this.#times.firstWindow(sliceStart)), 'events that are combined are never late')
    this.#store.addPartials!(this.#tableOf(sliceStart), partials)
  }

  onWatermark(watermarkMs: number): void {
    this.#settleRestored()
    if (this.#options.clock === 'event') this.#advance(watermarkMs)
    this.#context.output.watermark(watermarkMs)
  }

  endOfInput(): undefined {
    this.#settleRestored()
    if (this.#options.clock === 'processing') this.#advance(WATERMARK_END)
    return undefined
  }

  close(): void {
    this.#wakeUp?.cancel()
    this.#early?.close()
  }

  /** Makes the slice of `timeMs` the current one if it may take events without another look. */
  #enterSlice(timeMs: number): boolean {
    if (timeMs === NO_TIMESTAMP) throw noEventTime(this.#context)
    const start = this.#times.sliceOf(timeMs)
    const first = this.#times.firstWindow(start)
    if (first > this.#times.lastWindow(start) || this.#hasFired(first)) return false
    this.#from = start
    this.#to = start + this.#times.sliceMs
    this.#table = this.#tableOf(start)
    return true
  }

  /** An event outside all windows, a late one, or one whose first windows have fired. */
  #addSlowly(keys: readonly Key[], values: readonly unknown[], timeMs: number, i: number): void {
    const times = this.#times
    const start = times.sliceOf(timeMs)
    const last = times.lastWindow(start)
    if (times.firstWindow(start) > last) return this.#context.metrics.count('outsideWindows', 1)
    const key = keys[i]!
    if (this.#isOver(last)) {
      return reportLate(this.#context, {
        key,
        value: values[i],
        timestampMs: timeMs,
        watermarkMs: this.#watermarkMs,
      })
    }
    this.#store.addRun(this.#tableOf(start), keys, values, i, i + 1)
    this.#early?.touched(start, keys, i, i + 1)
    for (
      let window = times.firstWindow(start);
      window <= last && this.#hasFired(window);
      window += times.slideMs
    ) {
      if (!this.#isOver(window)) this.#fireKey(window, key, 'late')
    }
  }

  #hasFired(windowStart: number): boolean {
    return windowStart + this.#times.sizeMs - 1 <= this.#watermarkMs
  }

  /** The window has fired and its allowed lateness is over. */
  #isOver(windowStart: number): boolean {
    return windowStart + this.#times.sizeMs - 1 + this.#latenessMs <= this.#watermarkMs
  }

  #tableOf(start: number): Table {
    let table = this.#slices.get(start)
    if (table !== undefined) return table
    table = this.#store.createTable(this.#expectedKeys)
    this.#slices.set(start, table)
    let place = this.#starts.length
    while (place > 0 && this.#starts[place - 1]! > start) place--
    this.#starts.splice(place, 0, start)
    return table
  }

  /** Fires what is due, in the order of the windows' ends, and lets go of what is over. */
  #advance(watermarkMs: number): void {
    if (watermarkMs <= this.#watermarkMs) return
    for (const windowStart of this.#windowsEnding(this.#watermarkMs, watermarkMs)) {
      const bounds = { windowStart, windowEnd: windowStart + this.#times.sizeMs, firing: 'on-time' as const }
      this.#store.fire(this.#tablesOf(windowStart), bounds, this.#context.output)
    }
    this.#watermarkMs = watermarkMs
    this.#dropOver()
  }

  /** Starts of the windows that hold something and whose end − 1 is in (afterMs, untilMs]. */
  #windowsEnding(afterMs: number, untilMs: number): number[] {
    const { sizeMs, slideMs } = this.#times
    const windows = new Set<number>()
    const earliest = this.#times.firstWindowFrom(afterMs - sizeMs + 2)
    for (const start of this.#starts) {
      const last = this.#times.lastWindow(start)
      const first = this.#times.firstWindow(start)
      if (first + sizeMs - 1 > untilMs) break
      for (let window = Math.max(first, earliest); window <= last; window += slideMs) {
        if (window + sizeMs - 1 > untilMs) break
        windows.add(window)
      }
    }
    return [...windows].sort((left, right) => left - right)
  }

  #tablesOf(windowStart: number): Table[] {
    const windowEnd = windowStart + this.#times.sizeMs
    return this.#starts
      .filter((start) => start >= windowStart && start < windowEnd)
      .map((start) => this.#slices.get(start)!)
  }

  #dropOver(): void {
    this.#from = this.#to = NaN
    let dropped = 0
    while (dropped < this.#starts.length && this.#isOver(this.#times.lastWindow(this.#starts[dropped]!))) {
      const start = this.#starts[dropped++]!
      this.#expectedKeys = this.#store.sizeOf(this.#slices.get(start)!)
      this.#slices.delete(start)
      this.#early?.forget(start)
    }
    this.#starts = this.#starts.slice(dropped)
    this.#store.windowState?.dropBefore(this.#watermarkMs - this.#latenessMs - this.#times.sizeMs + 2)
  }

  #fireKey(windowStart: number, key: Key, firing: 'early' | 'late'): void {
    const bounds = { windowStart, windowEnd: windowStart + this.#times.sizeMs, firing }
    this.#store.fireKey(this.#tablesOf(windowStart), key, bounds, this.#context.output)
  }

  #fireEarly(): void {
    this.#settleRestored()
    const changed = new Map<number, Set<Key>>()
    for (const [start, keys] of this.#early!.take()) {
      const last = this.#times.lastWindow(start)
      for (let window = this.#times.firstWindow(start); window <= last; window += this.#times.slideMs) {
        if (!this.#hasFired(window)) changed.set(window, new Set([...(changed.get(window) ?? []), ...keys]))
      }
    }
    for (const [window, keys] of [...changed].sort(([left], [right]) => left - right)) {
      for (const key of keys) this.#fireKey(window, key, 'early')
    }
  }

  // Processing time

  #stamp(count: number): number[] {
    this.#advance(this.#context.nowMs() - 1)
    // A clock that went back must not make events late.
    const timeMs = Math.max(this.#context.nowMs(), this.#watermarkMs + 1)
    return Array.from({ length: count }, () => timeMs)
  }

  #onWakeUp(): void {
    this.#wakeUp = undefined
    this.#settleRestored()
    this.#advance(this.#context.nowMs() - 1)
    this.#scheduleWakeUp()
  }

  #scheduleWakeUp(): void {
    const start = this.#starts[0]
    if (this.#wakeUp !== undefined || start === undefined) return
    let window = this.#times.firstWindow(start)
    while (this.#hasFired(window)) window += this.#times.slideMs
    const delayMs = Math.max(0, window + this.#times.sizeMs - this.#context.nowMs())
    this.#wakeUp = this.#context.schedule(delayMs, () => this.#onWakeUp())
  }

  // State

  #settleRestored(): void {
    const watermarkMs = this.#restored.take()
    if (watermarkMs === undefined) return
    this.#watermarkMs = Math.max(this.#watermarkMs, watermarkMs)
    this.#dropOver()
  }

  #stateTable(): StateTable {
    const { sizeMs, slideMs, offsetMs } = this.#times
    return {
      name: '$windows',
      format: `windows/1 size=${sizeMs} slide=${slideMs} offset=${offsetMs} clock=${this.#options.clock} ${this.#store.format}`,
      size: () => [...this.#slices.values()].reduce((total, table) => total + this.#store.sizeOf(table), 0),
      snapshot: (mode, write) => this.#snapshotSlices(mode, write),
      restore: (keyGroup, entries) => this.#restoreSlices(keyGroup, entries),
    }
  }

  #snapshotSlices(mode: 'full' | 'changes', write: WriteEntries): void {
    this.#settleRestored()
    const bytes = new WindowBytes(this.#context.state)
    if (this.#restored.mustWrite(this.#watermarkMs, mode)) bytes.watermark(this.#watermarkMs)
    for (const [start, table] of this.#slices) {
      this.#store.write(table, mode, (key) => bytes.entry(SLICE, start, key))
    }
    this.#store.windowState?.write(mode, (windowStart, key) => bytes.entry(WINDOW_STATE, windowStart, key))
    bytes.writeTo(write)
  }

  #restoreSlices(keyGroup: number, entries: Uint8Array): void {
    readWindowBytes(entries, {
      watermark: (watermarkMs) => this.#restored.restore(keyGroup, watermarkMs),
      entry: (tag, timeMs, reader) => {
        if (tag === SLICE) this.#store.read(this.#tableOf(timeMs), reader)
        else this.#store.windowState?.read(timeMs, reader)
      },
    })
  }
}

export function noEventTime(context: OperatorContext<unknown>): MillraceError {
  return new MillraceError({
    code: 'MR_EVENT_TIME',
    job: context.job,
    step: context.step,
    message: 'An event without an event time came to an event-time window.',
    fix: 'Call eventTime after the source, or use a window with clock: "processing".',
  })
}
