import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { OperatorHarness, event } from '../../testing/operator-harness.ts'
import { fuse, type StatelessOperation } from './fuse.ts'
import { createOperator } from './logical-step.ts'

const batchOf = (values: readonly unknown[]) => ({
  values,
  timestamps: values.map((_, i) => i),
  keys: undefined,
})

const operations = fc.constantFrom<StatelessOperation>(
  { kind: 'map', step: 'plus', apply: (n: number) => n + 1 },
  { kind: 'map', step: 'double', apply: (n: number) => n * 2 },
  { kind: 'filter', step: 'third', accept: (n: number) => n % 3 !== 0 },
  { kind: 'flatMap', step: 'twice', expand: (n: number) => [n, -n] },
  {
    kind: 'flatMap',
    step: 'range',
    expand: (n: number) => Array.from({ length: Math.abs(n % 3) }, (_, i) => n + i),
  },
  { kind: 'event-time', step: 'time', at: (n: number) => n * 10 },
)

/** One step after the other, the plain way. */
function plainly(
  chain: readonly StatelessOperation[],
  values: readonly number[],
): [value: number, time: number][] {
  let events = values.map((value, i): [number, number] => [value, i])
  for (const operation of chain) {
    events = events.flatMap(([value, time]): [number, number][] => {
      switch (operation.kind) {
        case 'map':
          return [[operation.apply(value) as number, time]]
        case 'filter':
          return operation.accept(value) ? [[value, time]] : []
        case 'flatMap':
          return [...(operation.expand(value) as Iterable<number>)].map((each) => [each, time])
        case 'event-time':
          return [[value, operation.at(value)]]
      }
    })
  }
  return events
}

describe('a fused chain', () => {
  test('gives what its steps give one after the other', () => {
    fc.assert(
      fc.property(
        fc.array(operations, { maxLength: 5 }),
        fc.array(fc.integer({ min: -9, max: 9 })),
        (chain, values) => {
          const fused = fuse({
            job: 'j',
            operations: chain,
            keyBy: { step: 'k', key: (n: number) => `k${n}` },
          })
          // Twice: arrays are reused, and nothing of the first batch may be left in the second.
          fused.run(batchOf([5, 5, 5, 5, 5, 5]))
          const result = fused.run(batchOf(values))
          const expected = plainly(chain, values)
          assert.deepEqual(
            result.values,
            expected.map(([value]) => value),
          )
          assert.deepEqual(
            result.timestamps,
            expected.map(([, time]) => time),
          )
          assert.deepEqual(
            result.keys,
            expected.map(([value]) => `k${value}`),
          )
        },
      ),
    )
  })

  test('says which of its steps threw, for which event', () => {
    const chain: StatelessOperation[] = [
      { kind: 'map', step: 'fine', apply: (n: number) => n },
      {
        kind: 'filter',
        step: 'broken',
        accept: (n: number) => {
          if (n === 2) throw new Error('odd')
          return true
        },
      },
    ]
    const fused = fuse({ job: 'j', operations: chain })
    assert.throws(() => fused.run(batchOf([1, 2, 3])), {
      code: 'MR_USER_FUNCTION',
      message:
        /\[job j, step broken\]: The filter function threw "odd" for 2\. It was thrown at .*fuse\.test\.ts:\d+\. /,
    })
  })

  test('refuses keys and times that cannot be', () => {
    const keyed = fuse({
      job: 'j',
      operations: [],
      keyBy: { step: 'k', key: (each: unknown) => each as string },
    })
    for (const key of [undefined, NaN, null, {}, true]) {
      assert.throws(() => keyed.run(batchOf([key])), { code: 'MR_KEY' })
    }
    const timed = fuse({
      job: 'j',
      operations: [{ kind: 'event-time', step: 't', at: (each: unknown) => each as number }],
    })
    for (const time of [undefined, NaN, Infinity, '2026-01-01']) {
      assert.throws(() => timed.run(batchOf([time])), { code: 'MR_EVENT_TIME' })
    }
  })

  test('counts what its filters drop', async () => {
    const harness = new OperatorHarness({
      operator: () =>
        createOperator({
          kind: 'stateless',
          operations: [{ kind: 'filter', step: 'even', accept: (n: number) => n % 2 === 0 }],
        }),
    })
    await harness.run([1, 2, 3].map((n) => event(n)))
    assert.deepEqual(
      harness.results().map(({ value }) => value as number),
      [2],
    )
    assert.equal(harness.counter('filtered'), 2)
  })
})
