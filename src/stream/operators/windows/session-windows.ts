/**
 * Session windows: a key's events that are at most `gapMs` apart form one window, from the first event to the last plus
 * the gap. An event joins every session it touches into one (as in Flink, also when it only touches: at a distance of
 * exactly the gap).
 *
 * State is key → sessions, a few each, in order of start. To find what a watermark ends, a calendar holds the keys by
 * the time of their next visit, in pages of a quarter of the gap; sessions mostly grow, so a key is not moved when its
 * session does, but looked at when its old page comes up and put on a later one.
 *
 * Invariants: a session has fired exactly if its end − 1 ≤ `#watermarkMs`; it is forgotten when the allowed lateness is
 * over too. Each key with sessions is on the page `visit` or an earlier one. Calendar and firings follow from sessions
 * and watermark, so those two are all that a snapshot holds.
 */
import { assert } from '../../../base/assert.ts'
import type { EntryReader } from '../../state/entry-bytes.ts'
import type { StateTable, WriteEntries } from '../../state/keyed-state-backend.ts'
import { NO_TIMESTAMP, WATERMARK_END, WATERMARK_START } from '../operator.ts'
import type { EventBatch, Key, Operator, OperatorContext, ScheduledTask } from '../operator.ts'
import { userFunctionError } from '../user-function-error.ts'
import { EarlyFirings } from './early-firings.ts'
import { reportLate } from './late-events.ts'
import { readJson, writeJson, type ObjectLogic } from './object-slices.ts'
import { RestoredWatermark } from './restored-watermark.ts'
import { noEventTime } from './sliced-windows.ts'
import { SLICE, WindowBytes, readWindowBytes } from './window-bytes.ts'
import type { WindowClock } from './window-spec.ts'

export interface SessionWindowsOptions {
  readonly gapMs: number
  readonly clock: WindowClock
  readonly allowedLatenessMs: number
  readonly earlyEveryMs: number
  readonly logic: ObjectLogic
}

interface Session {
  start: number
  end: number
  accumulator: unknown
}

interface KeySessions {
  readonly key: Key
  sessions: Session[]
  /** The page of the calendar that counts for this key. */
  visit: number
  dirty: boolean
}

export class SessionWindowOperator implements Operator<unknown, unknown> {
  readonly #options: SessionWindowsOptions
  readonly #logic: ObjectLogic
  readonly #latenessMs: number
  readonly #pageMs: number
  #context!: OperatorContext<unknown>
  readonly #keys = new Map<Key, KeySessions>()
  readonly #calendar = new Map<number, Set<KeySessions>>()
  #dirty: KeySessions[] = []
  #watermarkMs: number = WATERMARK_START
  readonly #restored = new RestoredWatermark()
  #early: EarlyFirings | undefined
  #wakeUp: ScheduledTask | undefined

  constructor(options: SessionWindowsOptions) {
    this.#options = options
    this.#logic = options.logic
    this.#latenessMs = options.clock === 'event' ? options.allowedLatenessMs : 0
    this.#pageMs = Math.max(1, Math.floor(options.gapMs / 4))
  }

  open(context: OperatorContext<unknown>): void {
    this.#context = context
    context.state.register(this.#stateTable())
    const { clock, earlyEveryMs } = this.#options
    if (clock === 'processing') this.#wakeUp = context.schedule(0, () => this.#onWakeUp())
    if (earlyEveryMs > 0) this.#early = new EarlyFirings(context, earlyEveryMs, () => this.#fireEarly())
  }

  processBatch(batch: EventBatch<unknown>): void {
    const { values, timestamps, keys } = batch
    assert(keys !== undefined, 'a keyed step gets keyed batches')
    this.#settleRestored()
    const processing = this.#options.clock === 'processing'
    if (processing) this.#advance(this.#context.nowMs() - 1)
    const nowMs = Math.max(this.#context.nowMs(), this.#watermarkMs + 1)
    let i = 0
    try {
      for (; i < values.length; i++) this.#add(keys[i]!, values[i], processing ? nowMs : timestamps[i]!)
    } catch (cause) {
      throw this.#error(cause, values[i])
    }
    this.#early?.touched(0, keys, 0, values.length)
    if (processing) this.#scheduleWakeUp()
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

  #add(key: Key, value: unknown, timeMs: number): void {
    if (timeMs === NO_TIMESTAMP) throw noEventTime(this.#context)
    const { gapMs } = this.#options
    let held = this.#keys.get(key)
    const last = held?.sessions.at(-1)
    let session: Session
    if (last !== undefined && timeMs >= last.start && timeMs <= last.end) {
      // The usual case: the event prolongs the key's last session, or lies within it.
      session = last
      session.accumulator = this.#logic.add(session.accumulator, value)
      session.end = Math.max(session.end, timeMs + gapMs)
    } else {
      const isJoined = ({ start, end }: Session): boolean => start <= timeMs + gapMs && timeMs <= end
      const joined = held?.sessions.filter(isJoined) ?? []
      if (joined.length === 0 && this.#isOver(timeMs + gapMs)) {
        const watermarkMs = this.#watermarkMs
        return reportLate(this.#context, { key, value, timestampMs: timeMs, watermarkMs })
      }
      held ??= this.#newKey(key)
      session = this.#join(joined, value, timeMs)
      const others = held.sessions.filter((other) => !joined.includes(other))
      held.sessions = [...others, session].sort((left, right) => left.start - right.start)
    }
    this.#markDirty(held!)
    if (session.end - 1 <= this.#watermarkMs) this.#fire(key, session, 'late')
    this.#schedule(held!)
  }

  /** One session of all those an event touches, the event itself added. */
  #join(joined: readonly Session[], value: unknown, timeMs: number): Session {
    const end = timeMs + this.#options.gapMs
    const [first, ...rest] = joined
    if (first === undefined) return { start: timeMs, end, accumulator: this.#logic.create(value) }
    const accumulator = rest.reduce(
      (merged, each) => this.#logic.merge(merged, each.accumulator),
      first.accumulator,
    )
    return {
      start: Math.min(first.start, timeMs),
      end: joined.reduce((most, each) => Math.max(most, each.end), end),
      accumulator: this.#logic.add(accumulator, value),
    }
  }

  #isOver(end: number): boolean {
    return end - 1 + this.#latenessMs <= this.#watermarkMs
  }

  #newKey(key: Key): KeySessions {
    const held = { key, sessions: [], visit: Infinity, dirty: false }
    this.#keys.set(key, held)
    return held
  }

  #advance(watermarkMs: number): void {
    if (watermarkMs <= this.#watermarkMs) return
    const before = this.#watermarkMs
    this.#watermarkMs = watermarkMs
    const visited: KeySessions[] = []
    for (const [page, keys] of this.#calendar) {
      if (page * this.#pageMs > watermarkMs + 1) continue
      this.#calendar.delete(page)
      for (const held of keys) if (held.visit === page) visited.push(held)
    }
    const due: { key: Key; session: Session }[] = []
    for (const { key, sessions } of visited) {
      for (const session of sessions) {
        if (session.end - 1 > before && session.end - 1 <= watermarkMs) due.push({ key, session })
      }
    }
    due.sort((left, right) => left.session.end - right.session.end)
    for (const { key, session } of due) this.#fire(key, session, 'on-time')
    for (const held of visited) {
      held.visit = Infinity
      this.#forgetOver(held)
      this.#schedule(held)
    }
  }

  #forgetOver(held: KeySessions): void {
    held.sessions = held.sessions.filter((session) => !this.#isOver(session.end))
    if (held.sessions.length === 0) this.#keys.delete(held.key)
  }

  /** Puts the key on the page of the first thing that will happen to it, unless it is on an earlier one. */
  #schedule(held: KeySessions): void {
    let nextMs = Infinity
    for (const { end } of held.sessions) {
      nextMs = Math.min(nextMs, end - 1 > this.#watermarkMs ? end : end + this.#latenessMs)
    }
    const page = Math.floor(nextMs / this.#pageMs)
    if (page >= held.visit) return
    held.visit = page
    const keys = this.#calendar.get(page)
    if (keys === undefined) this.#calendar.set(page, new Set([held]))
    else keys.add(held)
  }

  #fire(key: Key, session: Session, firing: 'early' | 'on-time' | 'late'): void {
    const { start, end, accumulator } = session
    try {
      this.#logic.emit(accumulator, key, { windowStart: start, windowEnd: end, firing }, this.#context.output)
    } catch (cause) {
      throw this.#error(cause, { key, windowStart: start, windowEnd: end })
    }
  }

  #fireEarly(): void {
    this.#settleRestored()
    for (const key of this.#early!.take().get(0) ?? []) {
      for (const session of this.#keys.get(key)?.sessions ?? []) {
        if (session.end - 1 > this.#watermarkMs) this.#fire(key, session, 'early')
      }
    }
  }

  #error(cause: unknown, event: unknown): Error {
    const { job, step } = this.#context
    return userFunctionError({ job, step, role: this.#logic.role, event, cause })
  }

  // Processing time

  #onWakeUp(): void {
    this.#wakeUp = undefined
    this.#settleRestored()
    this.#advance(this.#context.nowMs() - 1)
    this.#scheduleWakeUp()
  }

  #scheduleWakeUp(): void {
    if (this.#wakeUp !== undefined || this.#calendar.size === 0) return
    const page = [...this.#calendar.keys()].reduce((least, each) => Math.min(least, each))
    // A page later than its beginning, so that all on it are due.
    const delayMs = Math.max(1, (page + 1) * this.#pageMs - this.#context.nowMs())
    this.#wakeUp = this.#context.schedule(delayMs, () => this.#onWakeUp())
  }

  // State

  #markDirty(held: KeySessions): void {
    if (held.dirty) return
    held.dirty = true
    this.#dirty.push(held)
    // Without checkpoints nobody empties the list; the keys that are gone need no record.
    if (this.#dirty.length > 4096 && this.#dirty.length > 2 * this.#keys.size) {
      this.#dirty = this.#dirty.filter((each) => this.#keys.get(each.key) === each)
    }
  }

  #settleRestored(): void {
    const watermarkMs = this.#restored.take()
    if (watermarkMs === undefined) return
    this.#watermarkMs = Math.max(this.#watermarkMs, watermarkMs)
    this.#calendar.clear()
    for (const held of [...this.#keys.values()]) {
      held.visit = Infinity
      this.#forgetOver(held)
      this.#schedule(held)
    }
  }

  #stateTable(): StateTable {
    const { gapMs, clock } = this.#options
    return {
      name: '$windows',
      format: `sessions/1 gap=${gapMs} clock=${clock} ${this.#logic.format}`,
      size: () => this.#keys.size,
      snapshot: (mode, write) => this.#snapshotSessions(mode, write),
      restore: (keyGroup, entries) => {
        readWindowBytes(entries, {
          watermark: (watermarkMs) => this.#restored.restore(keyGroup, watermarkMs),
          entry: (_tag, _timeMs, reader) => this.#restoreKey(reader),
        })
      },
    }
  }

  #snapshotSessions(mode: 'full' | 'changes', write: WriteEntries): void {
    this.#settleRestored()
    const bytes = new WindowBytes(this.#context.state)
    if (this.#restored.mustWrite(this.#watermarkMs, mode)) bytes.watermark(this.#watermarkMs)
    for (const held of mode === 'full' ? this.#keys.values() : this.#dirty) {
      held.dirty = false
      // A key whose sessions are over is dropped by whoever restores, by the watermark.
      if (this.#keys.get(held.key) !== held) continue
      const writer = bytes.entry(SLICE, 0, held.key)
      writer.key(held.key)
      writeJson(
        writer,
        held.sessions.map(({ start, end, accumulator }) => [start, end, accumulator]),
      )
    }
    this.#dirty = []
    bytes.writeTo(write)
  }

  #restoreKey(reader: EntryReader): void {
    const key = reader.key()
    const held = this.#keys.get(key) ?? this.#newKey(key)
    const sessions = readJson(reader) as [number, number, unknown][]
    held.sessions = sessions.map(([start, end, accumulator]) => ({ start, end, accumulator }))
    this.#schedule(held)
  }
}
