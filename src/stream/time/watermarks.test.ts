import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { WATERMARK_START } from '../operators/operator.ts'
import { SplitWatermarks } from './split-watermarks.ts'
import { WatermarkMerge } from './watermark-merge.ts'

const at = (timestamp: number, caughtUp = true) => ({ timestamps: [timestamp], caughtUp })

describe('the watermark of a source', () => {
  test('is the least of its splits, minus the out-of-orderness and 1', () => {
    const source = new SplitWatermarks({ outOfOrdernessMs: 5 })
    source.addSplit('a', 0)
    source.addSplit('b', 0)
    source.observe('a', { timestamps: [100, 90], caughtUp: true }, 1)
    assert.equal(source.current(1).watermarkMs, WATERMARK_START)
    source.observe('b', at(50), 2)
    assert.deepEqual(source.current(2), { watermarkMs: 44, idle: false })
    source.observe('b', at(40), 3)
    assert.equal(source.current(3).watermarkMs, 44)
    assert.deepEqual(
      source
        .status(3)
        .filter(({ holdsBack }) => holdsBack)
        .map(({ splitId }) => splitId),
      ['b'],
    )
  })

  test('does not wait for a split that is silent, but for one that is slow', () => {
    const source = new SplitWatermarks({ outOfOrdernessMs: 0, idleAfterMs: 10 })
    source.addSplit('silent', 0)
    source.addSplit('slow', 0)
    source.observe('slow', at(50, false), 0)
    source.observe('busy', at(99), 10)
    assert.deepEqual(
      source.status(10).map(({ splitId, state }) => [splitId, state]),
      [
        ['slow', 'active'],
        ['silent', 'idle'],
        ['busy', 'active'],
      ],
    )
    // `slow` has more to give, however long it takes.
    assert.equal(source.current(1000).watermarkMs, 49)
  })

  test('takes no time for silence in which the source was not read', () => {
    const source = new SplitWatermarks({ outOfOrdernessMs: 0, idleAfterMs: 10 })
    source.observe('a', at(10), 0)
    source.observe('b', at(20), 0)
    source.pause(4)
    assert.equal(source.idleInMs(500), undefined)
    source.observe('b', at(30), 1000)
    source.resume(1000)
    assert.equal(source.current(1005).watermarkMs, 9)
    assert.equal(source.idleInMs(1005), 1)
    assert.deepEqual(source.current(1006), { watermarkMs: 29, idle: false })
  })

  test('is the largest while all are idle, and waits again when one comes back', () => {
    const source = new SplitWatermarks({ outOfOrdernessMs: 0, idleAfterMs: 10 })
    source.observe('a', at(10), 0)
    source.observe('b', at(20), 0)
    assert.deepEqual(source.current(50), { watermarkMs: 19, idle: true })
    source.observe('a', at(15), 50)
    assert.deepEqual(source.current(50), { watermarkMs: 19, idle: false })
    source.endSplit('a')
    source.observe('b', at(40), 51)
    assert.equal(source.current(51).watermarkMs, 39)
  })

  test('goes on after a restart from where each split was', () => {
    const source = new SplitWatermarks({ outOfOrdernessMs: 0 })
    source.observe('a', at(10), 0)
    const restored = new SplitWatermarks({ outOfOrdernessMs: 0 })
    restored.restore(source.snapshot(), 5)
    assert.equal(restored.current(5).watermarkMs, 9)
  })
})

describe('the merged watermark of several inputs', () => {
  test('is the least of those that are not idle, and never goes back', () => {
    const merge = new WatermarkMerge(3)
    assert.equal(merge.update(0, 10), undefined)
    assert.equal(merge.update(1, 20), undefined)
    assert.deepEqual(merge.holdingBack(), [2])
    assert.equal(merge.markIdle(2), 10)
    assert.equal(merge.update(2, 5), undefined)
    assert.equal(merge.update(0, 30), undefined)
    assert.equal(merge.end(2), 20)
    assert.equal(merge.markIdle(0), undefined)
    assert.equal(merge.idle, false)
    assert.equal(merge.markIdle(1), 30)
    assert.equal(merge.idle, true)
    assert.equal(merge.end(0), undefined)
    assert.equal(merge.end(1), Number.MAX_SAFE_INTEGER)
    assert.equal(merge.idle, false)
  })
})
