/**
 * The timers of one keyed operator: a binary heap for each time domain, ordered by time, then by registration, and for
 * each key a chain of its timers, which finds a timer again. It is a `StateTable` of its own, so timers are part of the
 * operator's snapshot like any other keyed state.
 *
 * A deleted timer stays in the heap, marked, until its time comes or more than half of the heap is such.
 *
 * Bytes, a key group (`timers/1`): a JSON array of [domain, key, name, timeMs, sequence] for a timer, the same with
 * `true` at the end for one that fired or was deleted, `null` to empty the group.
 */
import { assert } from '../../base/assert.ts'
import { MillraceError } from '../../base/millrace-error.ts'
import type { Key } from '../operators/operator.ts'
import { CLEAR, KeyGroupEntries, decodeRecords } from '../state/key-group-entries.ts'
import { keyGroupOf } from '../state/key-group.ts'
import type { KeyedStateBackend, StateTable, WriteEntries } from '../state/keyed-state-backend.ts'
import type { FiredTimer, TimeDomain, TimerService } from './timer-service.ts'

export const TIMER_TABLE = '$timers'

/** So many timers may be set while timers fire, for each that was there before: then they will never come to an end. */
const REPEATS_MAX = 1000

/** More changes than twice the live timers, and than this, are not tracked one by one. */
const CHANGES_MIN = 4096

interface Timer extends FiredTimer {
  readonly sequence: number
  /** Whether the last snapshot, or one before, holds it. */
  saved: boolean
  live: boolean
  /** The next timer of the same key and domain. */
  next: Timer | undefined
}

interface Domain {
  readonly heap: Timer[]
  readonly byKey: Map<Key, Timer>
  dead: number
}

export class TimerQueue implements TimerService, StateTable {
  readonly name = TIMER_TABLE
  readonly format = 'timers/1'
  readonly #backend: KeyedStateBackend
  readonly #domains: Readonly<Record<TimeDomain, Domain>> = {
    event: emptyDomain(),
    processing: emptyDomain(),
  }
  #sequence = 0
  #changes: Timer[] = []
  #allChanged = true

  /** Registers itself with the backend. */
  constructor(backend: KeyedStateBackend) {
    this.#backend = backend
    backend.register(this)
  }

  register(domain: TimeDomain, timeMs: number, name = ''): void {
    if (!Number.isFinite(timeMs)) {
      throw new MillraceError({
        code: 'MR_TIMER',
        message: `A timer was set for the time ${String(timeMs)}; expected milliseconds since 1970.`,
        fix: 'Set timers for finite times.',
      })
    }
    const key = this.#backend.currentKey()
    if (this.#find(domain, key, timeMs, name) !== undefined) return
    this.#changed(this.#insert({ domain, key, name, timeMs, sequence: this.#sequence++, saved: false }))
  }

  delete(domain: TimeDomain, timeMs: number, name = ''): void {
    const timer = this.#find(domain, this.#backend.currentKey(), timeMs, name)
    if (timer === undefined) return
    this.#unlink(timer)
    const { heap } = this.#domains[domain]
    if (++this.#domains[domain].dead * 2 > heap.length) this.#compact(domain)
  }

  /** The time of the next timer, or undefined when there is none; what a driver waits for. */
  nextTimeMs(domain: TimeDomain): number | undefined {
    return this.#top(domain)?.timeMs
  }

  /**
   * Fires all timers up to and including `timeMs`, in order, with their key as the current one; also those that are
   * registered meanwhile. `fire` is `operator.onTimer`. Throws `MR_TIMER` when there is no end to them: a timer that
   * sets itself again would go on for ever once the input has ended and with it event time.
   */
  fireUntil(domain: TimeDomain, timeMs: number, fire: (timer: FiredTimer) => void): void {
    const firstNew = this.#sequence
    const { heap } = this.#domains[domain]
    const repeatsMax = REPEATS_MAX * (heap.length + 10)
    let repeats = 0
    for (
      let timer = this.#top(domain);
      timer !== undefined && timer.timeMs <= timeMs;
      timer = this.#top(domain)
    ) {
      if (timer.sequence >= firstNew && ++repeats > repeatsMax) throw endless(timer)
      pop(heap)
      this.#unlink(timer)
      this.#backend.setCurrentKey(timer.key)
      fire(timer)
    }
  }

  /** The timers of a key, in no order; for tests and inspection. */
  of(key: Key): FiredTimer[] {
    const timers: FiredTimer[] = []
    for (const { byKey } of Object.values(this.#domains)) {
      for (let timer = byKey.get(key); timer !== undefined; timer = timer.next) timers.push(timer)
    }
    return timers
  }

  size(): number {
    return Object.values(this.#domains).reduce((total, { heap, dead }) => total + heap.length - dead, 0)
  }

  snapshot(mode: 'full' | 'changes', write: WriteEntries): void {
    const groups = new KeyGroupEntries(this.#backend)
    const all = mode === 'full' || this.#allChanged
    if (all && mode === 'changes') groups.clearAll()
    const timers = all ? [...this.#domains.event.heap, ...this.#domains.processing.heap] : this.#changes
    for (const timer of timers) {
      if (all ? !timer.live : timer.live === timer.saved) continue
      const { domain, key, name, timeMs, sequence } = timer
      const record = [domain === 'event' ? 0 : 1, key, name, timeMs, sequence]
      groups.add(key, timer.live ? record : [...record, true])
      timer.saved = timer.live
    }
    groups.writeTo(write)
    this.#changes = []
    this.#allChanged = false
  }

  restore(keyGroup: number, entries: Uint8Array): void {
    this.#allChanged = false
    for (const record of decodeRecords(entries)) {
      if (record === CLEAR) {
        this.#clearGroup(keyGroup)
        continue
      }
      const [domainNumber, key, name, timeMs, sequence, gone] = record as [
        number,
        Key,
        string,
        number,
        number,
        true?,
      ]
      const domain = domainNumber === 0 ? 'event' : 'processing'
      const held = this.#find(domain, key, timeMs, name)
      if (gone === true) {
        if (held !== undefined) this.#drop(held)
        continue
      }
      // The same timer may have been deleted and registered again; its later registration counts.
      if (held !== undefined) this.#drop(held)
      this.#insert({ domain, key, name, timeMs, sequence, saved: true })
      this.#sequence = Math.max(this.#sequence, sequence + 1)
    }
  }

  #clearGroup(keyGroup: number): void {
    for (const { heap } of Object.values(this.#domains)) {
      for (const timer of heap.slice()) {
        if (timer.live && keyGroupOf(timer.key, this.#backend.maxParallelism) === keyGroup) this.#drop(timer)
      }
    }
  }

  /** Takes a timer out so that the next snapshot does not mention it. */
  #drop(timer: Timer): void {
    this.#unlink(timer)
    timer.saved = false
    if (++this.#domains[timer.domain].dead * 2 > this.#domains[timer.domain].heap.length)
      this.#compact(timer.domain)
  }

  #insert(fields: Omit<Timer, 'live' | 'next'>): Timer {
    const { heap, byKey } = this.#domains[fields.domain]
    const timer: Timer = { ...fields, live: true, next: byKey.get(fields.key) }
    byKey.set(timer.key, timer)
    push(heap, timer)
    return timer
  }

  #find(domain: TimeDomain, key: Key, timeMs: number, name: string): Timer | undefined {
    let timer = this.#domains[domain].byKey.get(key)
    while (timer !== undefined && (timer.timeMs !== timeMs || timer.name !== name)) timer = timer.next
    return timer
  }

  /** Takes a timer out of its key's chain; what remains of it in the heap is dead. */
  #unlink(timer: Timer): void {
    const { byKey } = this.#domains[timer.domain]
    const first = byKey.get(timer.key)
    if (first === timer) {
      if (timer.next === undefined) byKey.delete(timer.key)
      else byKey.set(timer.key, timer.next)
    } else {
      let before = first
      while (before !== undefined && before.next !== timer) before = before.next
      assert(before !== undefined, 'a live timer is in the chain of its key')
      before.next = timer.next
    }
    timer.next = undefined
    timer.live = false
    this.#changed(timer)
  }

  #changed(timer: Timer): void {
    if (this.#allChanged) return
    this.#changes.push(timer)
    if (this.#changes.length > CHANGES_MIN && this.#changes.length > 2 * this.size()) {
      this.#changes = []
      this.#allChanged = true
    }
  }

  #top(domain: TimeDomain): Timer | undefined {
    const { heap } = this.#domains[domain]
    while (heap[0]?.live === false) {
      pop(heap)
      this.#domains[domain].dead--
    }
    return heap[0]
  }

  #compact(domain: TimeDomain): void {
    const { heap } = this.#domains[domain]
    const live = heap.filter((timer) => timer.live).sort((left, right) => (before(left, right) ? -1 : 1))
    heap.length = 0
    // A sorted array is a heap.
    for (const timer of live) heap.push(timer)
    this.#domains[domain].dead = 0
  }
}

function endless({ key, name, domain }: Timer): MillraceError {
  return new MillraceError({
    code: 'MR_TIMER',
    message: `Timers of key ${JSON.stringify(key)}${name === '' ? '' : ` (${name})`} set further timers without end, all of them due.`,
    fix:
      domain === 'event'
        ? 'At the end of the input every event timer is due: set no further one when `watermarkMs()` is `WATERMARK_END`.'
        : 'Set timers for later than now.',
  })
}

function emptyDomain(): Domain {
  return { heap: [], byKey: new Map(), dead: 0 }
}

/** Sequences of different subtasks may be equal after rescaling; then the key decides, so that the order is one. */
function before(left: Timer, right: Timer): boolean {
  if (left.timeMs !== right.timeMs) return left.timeMs < right.timeMs
  if (left.sequence !== right.sequence) return left.sequence < right.sequence
  return String(left.key) < String(right.key)
}

function push(heap: Timer[], timer: Timer): void {
  let i = heap.length
  while (i > 0) {
    const parent = (i - 1) >> 1
    if (!before(timer, heap[parent]!)) break
    heap[i] = heap[parent]!
    i = parent
  }
  heap[i] = timer
}

function pop(heap: Timer[]): void {
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return
  let i = 0
  for (;;) {
    let child = 2 * i + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
    if (!before(heap[child]!, last)) break
    heap[i] = heap[child]!
    i = child
  }
  heap[i] = last
}
