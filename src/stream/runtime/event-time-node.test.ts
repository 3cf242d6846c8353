import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventBatch } from '../operators/operator.ts'
import { EventTimeNode } from './event-time-node.ts'

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
