import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventBatch } from '../operators/operator.ts'
import { EventTimeNode, type SplitOrigin } from './event-time-node.ts'

/** What comes out of event time for one split: batches as arrays of values, watermarks as numbers. */
function run(batches: readonly (readonly number[])[], everyMs?: number): (readonly number[] | number)[] {
  const out: (readonly number[] | number)[] = []
  const node = new EventTimeNode({
    name: 'time',
    eventTime: {
      at: (event: number) => event,
      outOfOrdernessMs: 5,
      ...(everyMs !== undefined && { everyMs }),
    },
    origin: {
      splitIds: ['only'],
      currentSplit: 0,
      hasMore: () => false,
      hasEnded: () => false,
      lagOf: () => undefined,
      openMs: () => 0,
    },
    out: {
      batch: (batch: EventBatch<number>) => void out.push([...batch.values]),
      watermark: (watermarkMs) => void out.push(watermarkMs),
      idle: () => {},
      end: () => {},
    },
  })
  node.open()
  for (const values of batches) node.batch({ values, timestamps: values, keys: undefined })
  return out
}

test('by default the watermark follows once a batch', () => {
  assert.deepEqual(run([[1, 30, 7], [31]]), [[1, 30, 7], 24, [31], 25])
})

test('in steps, it stands right behind the event that reaches them, however the input was cut', () => {
  const expected = (batches: readonly (readonly number[])[]): unknown => {
    // Neighbouring batches between two watermarks are one as far as results go.
    const merged: (number[] | number)[] = []
    for (const item of run(batches, 10)) {
      const last = merged.at(-1)
      if (typeof item === 'number') merged.push(item)
      else if (Array.isArray(last)) last.push(...item)
      else merged.push([...item])
    }
    return merged
  }
  const whole = [[3, 16, 8, 25, 17, 40, 12]]
  const results = [[3], -11, [16], 9, [8, 25], 19, [17, 40], 29, [12]]
  assert.deepEqual(expected(whole), results)
  assert.deepEqual(expected([[3], [16, 8], [25], [17, 40, 12]]), results)
  assert.deepEqual(expected(whole[0]!.map((value) => [value])), results)
})

/** An event-time step behind a source with splits; `openMs` is the time in which it could have had events. */
class Splits implements SplitOrigin {
  readonly splitIds: readonly string[]
  readonly seen: (number | string)[] = []
  readonly node: EventTimeNode
  currentSplit = 0
  now = 0
  readonly #more = new Set<number>()
  readonly #ended = new Set<number>()

  constructor(splitIds: readonly string[], idleAfterMs?: number) {
    this.splitIds = splitIds
    this.node = new EventTimeNode({
      name: 'time',
      eventTime: { at: (event: number) => event, ...(idleAfterMs !== undefined && { idleAfterMs }) },
      origin: this,
      out: {
        batch: () => {},
        watermark: (watermarkMs) => void this.seen.push(watermarkMs),
        idle: (idle) => void this.seen.push(idle ? 'idle' : 'active'),
        end: () => {},
      },
    })
    this.node.open()
  }

  event(split: number, timeMs: number, options: { hasMore?: boolean } = {}): void {
    this.currentSplit = split
    if (options.hasMore === true) this.#more.add(split)
    this.node.batch({ values: [timeMs], timestamps: [timeMs], keys: undefined })
  }

  end(split: number): void {
    this.#ended.add(split)
    this.node.splitEnded()
  }

  /** After so much more time. */
  wait(ms: number): (number | string)[] {
    this.now += ms
    this.node.checkIdle()
    return this.seen.splice(0)
  }

  hasMore(split: number): boolean {
    return this.#more.has(split)
  }

  hasEnded(split: number): boolean {
    return this.#ended.has(split)
  }

  lagOf(): undefined {
    return undefined
  }

  openMs(): number {
    return this.now
  }
}

test('the watermark is the least of the splits, and says who holds it back', () => {
  const source = new Splits(['a', 'b'])
  source.event(0, 100)
  assert.deepEqual(source.seen, [])
  source.event(1, 50)
  source.event(1, 40)
  assert.deepEqual(source.seen, [49])
  const holdBack = source.node.report().splits.filter(({ holdsBack }) => holdsBack)
  assert.deepEqual(
    holdBack.map(({ split }) => split),
    ['b'],
  )
  source.end(1)
  assert.deepEqual(source.seen, [49, 99])
})

test('it does not wait for a split that is silent, but for one that is slow, or that could not have given anything', () => {
  const source = new Splits(['silent', 'slow', 'busy'], 10)
  source.event(1, 50, { hasMore: true })
  source.event(2, 99)
  // No time counts in which the source was not read, however long.
  assert.equal(source.node.nextIdleMs(), 10)
  assert.deepEqual(source.wait(9), [])
  source.event(2, 120)
  assert.deepEqual(source.wait(1), [49])
  assert.deepEqual(source.wait(1000), [])
})

test('it is the largest while all are idle, and waits again when one comes back', () => {
  const source = new Splits(['a', 'b'], 10)
  source.event(0, 10)
  source.event(1, 20)
  assert.deepEqual(source.wait(0), [9])
  assert.deepEqual(source.wait(10), [19, 'idle'])
  source.event(0, 15)
  assert.deepEqual(source.wait(0), ['active'])
  source.event(1, 40)
  assert.deepEqual(source.wait(0), [])
  source.end(0)
  assert.deepEqual(source.wait(0), [39])
})

test('after a restart it goes on from where each split was', () => {
  const source = new Splits(['a', 'b'])
  source.event(0, 10)
  source.event(1, 30)
  const restored = new Splits(['b', 'a'])
  restored.node.restore(source.node.snapshot().splitTimes ?? [])
  restored.node.open()
  restored.node.emitRestored()
  assert.deepEqual(restored.seen, [9])
  restored.event(1, 50)
  assert.deepEqual(restored.seen, [9, 29])
})
