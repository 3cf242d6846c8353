import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { expectSameWithSnapshots } from '../../../testing/expect-same-with-snapshots.ts'
import {
  OperatorHarness,
  advanceTime,
  event,
  watermark,
  type ScriptStep,
} from '../../../testing/operator-harness.ts'
import { collect, count, countDistinct, max, maxBy, mean, min, sum } from '../../state/aggregators.ts'
import type { Key } from '../operator.ts'
import { createOperator, type StepDescription } from '../logical-step.ts'
import { session, sliding, tumbling, type WindowAssigner, type WindowLogic } from './window-spec.ts'

interface Bid {
  readonly key: Key
  readonly price: number
}

interface Result {
  readonly key: Key
  readonly windowStart: number
  readonly windowEnd: number
  readonly [name: string]: unknown
}

const price = (bid: Bid): number => bid.price

const numbers: WindowLogic = {
  kind: 'aggregate',
  aggregators: { n: count(), total: sum(price), least: min(price), most: max(price), mean: mean(price) },
}

const objects: WindowLogic = {
  kind: 'aggregate',
  aggregators: { n: count(), prices: collect(price), best: maxBy(price), different: countDistinct(price) },
}

const listing: WindowLogic = {
  kind: 'process',
  process: (window, bids: readonly Bid[]) => [
    {
      key: window.key,
      windowStart: window.windowStart,
      windowEnd: window.windowEnd,
      prices: bids.map(price),
    },
  ],
}

const firings: WindowLogic = {
  kind: 'process',
  initialState: () => ({ firings: 0 }),
  process: (window, bids: readonly Bid[]) => {
    const state = window.state as { firings: number }
    state.firings++
    return [
      {
        key: window.key,
        windowEnd: window.windowEnd,
        n: bids.length,
        firings: state.firings,
        why: window.firing,
      },
    ]
  },
}

function windows(assigner: WindowAssigner, logic: WindowLogic, allowedLatenessMs = 0): StepDescription {
  return { kind: 'window', assigner, logic, options: { allowedLatenessMs } }
}

function harnessOf(description: StepDescription): OperatorHarness<Bid, Result> {
  return new OperatorHarness<Bid, Result>({ operator: () => createOperator(description) })
}

const bid = (key: Key, at: number, amount = 1): ScriptStep<Bid> => event({ key, price: amount }, { key, at })

describe('tumbling windows', () => {
  test('answer once the watermark passes the end, with the event time just before it', async () => {
    const harness = harnessOf(windows(tumbling({ sizeMs: 10 }), numbers))
    await harness.run([bid('a', 1, 5), bid('a', 9, 7), bid('b', 3, 2), bid('a', 10, 1), watermark(8)])
    assert.deepEqual(harness.results(), [])
    await harness.run([watermark(9)])
    assert.deepEqual(harness.results(), [
      {
        timestampMs: 9,
        value: { key: 'a', windowStart: 0, windowEnd: 10, n: 2, total: 12, least: 5, most: 7, mean: 6 },
      },
      {
        timestampMs: 9,
        value: { key: 'b', windowStart: 0, windowEnd: 10, n: 1, total: 2, least: 2, most: 2, mean: 2 },
      },
    ])
    assert.equal(harness.stateSize(), 1)
  })

  test('count late events, give them to the side output, and keep results as they were', async () => {
    const harness = harnessOf(windows(tumbling({ sizeMs: 10 }), numbers))
    await harness.run([bid('a', 1), watermark(9), bid('a', 2, 99), bid('a', 12), watermark(30)])
    assert.deepEqual(
      harness.results().map(({ value }) => [value.windowEnd, value['n']]),
      [
        [10, 1],
        [20, 1],
      ],
    )
    assert.equal(harness.counter('late'), 1)
    assert.deepEqual(harness.side('late'), [{ value: { key: 'a', price: 99 }, timestampMs: 2 }])
  })

  test('fire again for each event within the allowed lateness', async () => {
    const harness = harnessOf(windows(tumbling({ sizeMs: 10 }), numbers, 5))
    await harness.run([
      bid('a', 1),
      bid('b', 1),
      watermark(9),
      bid('a', 2),
      watermark(13),
      bid('a', 3),
      watermark(14),
    ])
    await harness.run([bid('a', 4)])
    const seen = harness.results().map(({ value }) => [value.key, value['n']])
    assert.deepEqual(seen, [
      ['a', 1],
      ['b', 1],
      ['a', 2],
      ['a', 3],
    ])
    assert.equal(harness.counter('late'), 1)
    assert.equal(harness.stateSize(), 0)
  })

  test('keep what was late late, and fire nothing twice, across a restart', async () => {
    const harness = harnessOf(windows(tumbling({ sizeMs: 10 }), numbers))
    await harness.run([bid('a', 1), watermark(9)])
    await harness.restart()
    await harness.run([bid('a', 2), watermark(9)])
    assert.equal(harness.results().length, 1)
    assert.equal(harness.counter('late'), 1)
  })

  test('are shifted by their offset, also before the epoch', async () => {
    const harness = harnessOf(windows(tumbling({ sizeMs: 10, offsetMs: 3 }), numbers))
    await harness.run([bid('a', 2), bid('a', 3), bid('a', -8), watermark(100)])
    assert.deepEqual(
      harness.results().map(({ value }) => [value.windowStart, value['n']]),
      [
        [-17, 1],
        [-7, 1],
        [3, 1],
      ],
    )
  })

  test('of processing time go by the clock, and answer what is left at the end of input', async () => {
    const harness = harnessOf(windows(tumbling({ sizeMs: 10, clock: 'processing' }), numbers))
    await harness.run([bid('a', 0), advanceTime(4), bid('a', 0), advanceTime(6)])
    assert.deepEqual(
      harness.results().map(({ value }) => [value.windowEnd, value['n']]),
      [[10, 2]],
    )
    await harness.run([bid('a', 0)])
    await harness.restart()
    await harness.end()
    assert.deepEqual(
      harness.results().map(({ value }) => [value.windowEnd, value['n']]),
      [
        [10, 2],
        [20, 1],
      ],
    )
  })

  test('answer early, for the keys that changed', async () => {
    const description: StepDescription = {
      kind: 'window',
      assigner: tumbling({ sizeMs: 100 }),
      logic: firings,
      options: { trigger: { kind: 'early', everyMs: 10 } },
    }
    const harness = harnessOf(description)
    await harness.run([
      bid('a', 1),
      bid('b', 1),
      advanceTime(10),
      bid('a', 2),
      advanceTime(10),
      advanceTime(50),
      watermark(99),
    ])
    assert.deepEqual(
      harness.results().map(({ value }) => [value.key, value['n'], value['firings'], value['why']]),
      [
        ['a', 1, 1, 'early'],
        ['b', 1, 1, 'early'],
        ['a', 2, 2, 'early'],
        ['a', 2, 3, 'on-time'],
        ['b', 1, 2, 'on-time'],
      ],
    )
  })

  test('name job, step and event when a function of the user throws', async () => {
    const broken: WindowLogic = {
      kind: 'aggregate',
      aggregators: {
        total: sum((each: Bid) => {
          if (each.price === 13) throw new TypeError('unlucky')
          return each.price
        }),
      },
    }
    const harness = harnessOf(windows(tumbling({ sizeMs: 10 }), broken))
    await assert.rejects(harness.run([bid('a', 1), bid('a', 1, 13)]), (error: Error) => {
      assert.match(error.message, /MR_USER_FUNCTION \[job test, step tested\].*unlucky.*"price":13/)
      assert.ok(error.cause instanceof TypeError)
      return true
    })
  })

  test('refuse what cannot be', () => {
    const refused = [
      windows(tumbling({ sizeMs: 0 }), numbers),
      windows(sliding({ sizeMs: 10, slideMs: 2.5 }), numbers),
      windows(session({ gapMs: -1 }), numbers),
      windows(session({ gapMs: 5 }), firings),
      windows(tumbling({ sizeMs: 10 }), { kind: 'aggregate', aggregators: { key: count() } }),
      windows(tumbling({ sizeMs: 10 }), numbers, -1),
    ]
    for (const description of refused) assert.throws(() => harnessOf(description), { code: 'MR_WINDOW' })
  })

  test('tell a state of other windows from their own', async () => {
    const before = harnessOf(windows(tumbling({ sizeMs: 10 }), numbers))
    await before.run([bid('a', 1)])
    const after = harnessOf(windows(tumbling({ sizeMs: 20 }), numbers))
    await assert.rejects(after.restart({ from: before.snapshot('full') }), { code: 'MR_STATE_FORMAT' })
  })
})

describe('sliding windows', () => {
  test('hold each event in all their windows', async () => {
    const harness = harnessOf(windows(sliding({ sizeMs: 30, slideMs: 10 }), numbers))
    await harness.run([bid('a', 5, 1), bid('a', 15, 2), bid('a', 25, 4), watermark(100)])
    assert.deepEqual(
      harness.results().map(({ value }) => [value.windowStart, value.windowEnd, value['total'], value['n']]),
      [
        [-20, 10, 1, 1],
        [-10, 20, 3, 2],
        [0, 30, 7, 3],
        [10, 40, 6, 2],
        [20, 50, 4, 1],
      ],
    )
  })

  test('that are further apart than long leave out what lies between', async () => {
    const harness = harnessOf(windows(sliding({ sizeMs: 10, slideMs: 15 }), numbers))
    await harness.run([bid('a', 9), bid('a', 10), bid('a', 15), watermark(100)])
    assert.deepEqual(
      harness.results().map(({ value }) => value.windowStart),
      [0, 15],
    )
    assert.equal(harness.counter('outsideWindows'), 1)
  })
})

describe('session windows', () => {
  test('grow, join and end after the gap', async () => {
    const harness = harnessOf(windows(session({ gapMs: 10 }), listing))
    await harness.run([bid('a', 0, 1), bid('a', 25, 3), bid('a', 8, 2), bid('b', 5, 9), watermark(16)])
    assert.deepEqual(
      harness.results().map(({ value }) => [value.key, value.windowStart, value.windowEnd]),
      [['b', 5, 15]],
    )
    await harness.run([bid('a', 17, 4), watermark(60)])
    assert.deepEqual(harness.results().at(-1), {
      timestampMs: 34,
      value: { key: 'a', windowStart: 0, windowEnd: 35, prices: [1, 2, 3, 4] },
    })
    assert.equal(harness.stateSize(), 0)
  })
})

/** What the windows must be, computed from all events at once; the events come before any watermark. */
function batch(assigner: WindowAssigner, bids: readonly (Bid & { at: number })[]): Map<string, number[]> {
  const results = new Map<string, number[]>()
  const put = (key: Key, start: number, end: number, amount: number): void => {
    const name = `${typeof key} ${key} ${start} ${end}`
    results.set(
      name,
      [...(results.get(name) ?? []), amount].sort((left, right) => left - right),
    )
  }
  if (assigner.kind === 'session') {
    for (const key of new Set(bids.map((each) => each.key))) {
      let open: (Bid & { at: number })[] = []
      const close = (): void => {
        for (const each of open) put(key, open[0]!.at, open.at(-1)!.at + assigner.gapMs, each.price)
        open = []
      }
      for (const each of bids
        .filter((other) => other.key === key)
        .sort((left, right) => left.at - right.at)) {
        if (open.length > 0 && each.at > open.at(-1)!.at + assigner.gapMs) close()
        open.push(each)
      }
      close()
    }
    return results
  }
  const slideMs = assigner.kind === 'sliding' ? assigner.slideMs : assigner.sizeMs
  for (const { key, at, price: amount } of bids) {
    const last = Math.floor((at - assigner.offsetMs) / slideMs) * slideMs + assigner.offsetMs
    for (let start = last; start > at - assigner.sizeMs; start -= slideMs)
      put(key, start, start + assigner.sizeMs, amount)
  }
  return results
}

const keys = fc.oneof(
  fc.integer({ min: -3, max: 40 }),
  fc.constantFrom('a', 'b', '1', 'ü𝄞', 0.5, -0, 2 ** 40),
)
const assigners = fc.oneof(
  fc
    .record({ sizeMs: fc.integer({ min: 1, max: 40 }), offsetMs: fc.integer({ min: -5, max: 5 }) })
    .map(tumbling),
  fc
    .record({ sizeMs: fc.integer({ min: 1, max: 40 }), slideMs: fc.integer({ min: 1, max: 20 }) })
    .map((options) => sliding(options)),
  fc.record({ gapMs: fc.integer({ min: 1, max: 15 }) }).map(session),
)
const bids = fc.array(
  fc.record({ key: keys, at: fc.integer({ min: -50, max: 150 }), price: fc.integer({ max: 1000 }) }),
  {
    maxLength: 60,
  },
)

test('all windows give what a computation over all events gives', async () => {
  await fc.assert(
    fc.asyncProperty(
      assigners,
      bids,
      fc.constantFrom(numbers, objects, listing),
      async (assigner, given, logic) => {
        const harness = harnessOf(windows(assigner, logic))
        await harness.run(given.map((each) => bid(each.key, each.at, each.price)))
        await harness.end()
        const expected = batch(assigner, given)
        const seen = new Map(
          harness
            .results()
            .map(({ value }) => [
              `${typeof value.key} ${value.key} ${value.windowStart} ${value.windowEnd}`,
              value,
            ]),
        )
        assert.deepEqual([...seen.keys()].sort(), [...expected.keys()].sort())
        for (const [name, prices] of expected) {
          const value = seen.get(name)!
          if (logic === numbers) {
            assert.equal(value['n'], prices.length)
            assert.equal(value['least'], prices[0])
            assert.equal(value['most'], prices.at(-1))
          } else {
            assert.deepEqual(
              (value['prices'] as number[]).toSorted((left, right) => left - right),
              prices,
            )
          }
        }
      },
    ),
    { numRuns: 150 },
  )
})

const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        key: keys,
        at: fc.integer({ min: -20, max: 120 }),
        price: fc.integer({ max: 9 }),
      }),
    },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 25 }) },
  ),
  { maxLength: 25 },
)

/** Watermarks that rise by the given steps, so that many events are late. */
function scriptOf(given: readonly (number | { key: Key; at: number; price: number })[]): ScriptStep<Bid>[] {
  let now = -20
  return given.map((each) =>
    typeof each === 'number' ? watermark((now += each)) : bid(each.key, each.at, each.price),
  )
}

test('all windows give the same however they are interrupted', async () => {
  const logics = fc.constantFrom(numbers, objects, listing, firings)
  await fc.assert(
    fc.asyncProperty(
      assigners,
      steps,
      logics,
      fc.constantFrom(0, 7, 40),
      async (assigner, given, logic, lateness) => {
        fc.pre(assigner.kind !== 'session' || logic !== firings)
        const operator = () => createOperator(windows(assigner, logic, lateness))
        await expectSameWithSnapshots<Bid, Result>({ operator, script: scriptOf(given), cuts: 2 })
      },
    ),
    { numRuns: 40 },
  )
})
