import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WATERMARK_END } from '../operators/operator.ts'
import { Merge } from './receiver.ts'

test('the watermark of several inputs is the least of those that are not idle, and never goes back', () => {
  const seen: (number | string)[] = []
  const merge = new Merge(3, {
    batch: () => {},
    watermark: (watermarkMs) => void seen.push(watermarkMs),
    idle: (idle) => void seen.push(idle ? 'idle' : 'active'),
    end: () => void seen.push('end'),
  })
  const [a, b, c] = [merge.input(0), merge.input(1), merge.input(2)]
  const after = (...actions: (() => void)[]): (number | string)[] => {
    for (const action of actions) action()
    return seen.splice(0)
  }
  assert.deepEqual(
    after(
      () => a.watermark(10),
      () => b.watermark(20),
    ),
    [],
  )
  assert.deepEqual(
    after(() => c.idle(true)),
    [10],
  )
  const back = after(
    () => c.idle(false),
    () => c.watermark(5),
    () => a.watermark(30),
  )
  assert.deepEqual(back, [])
  assert.deepEqual(
    after(() => c.end()),
    [20],
  )
  assert.deepEqual(
    after(() => a.idle(true)),
    [],
  )
  // All that is left is idle: nothing is held back any more.
  assert.deepEqual(
    after(() => b.idle(true)),
    [30, 'idle'],
  )
  assert.deepEqual(
    after(() => a.end()),
    [],
  )
  assert.deepEqual(
    after(() => b.end()),
    [WATERMARK_END, 'active', 'end'],
  )
})
