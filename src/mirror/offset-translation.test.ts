import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MirrorState } from './mirror-state.ts'
import { matcher } from './name-patterns.ts'
import { translateBy } from './offset-translation.ts'

const complete = { complete: true }

describe('offsets that are translated', () => {
  const runs = [
    { source: 10, target: 100, count: 5 },
    { source: 20, target: 106, count: 2 },
  ]

  for (const [offset, expected] of [
    [0, 100],
    [10, 100],
    [14, 104],
    [15, 106],
    [19, 106],
    [21, 107],
    [22, 108],
    [99, 108],
  ] as const) {
    test(`${offset} is ${expected}`, () => assert.equal(translateBy(runs, offset, complete), expected))
  }

  test('are unknown before the first run that is known, and without any', () => {
    assert.equal(translateBy(runs, 9, { complete: false }), undefined)
    assert.equal(translateBy(runs, 10, { complete: false }), 100)
    assert.equal(translateBy([], 10, complete), undefined)
  })
})

describe('what a mirror remembers', () => {
  test('is what its records say last', () => {
    const state = new MirrorState()
    state.apply('run/t/0/10', '[100,5]')
    state.apply('run/t/0/20', '[106,2]')
    state.apply('run/t/0/10', '[100,6]')
    state.apply('run/t/0/30', '[200,1]')
    state.apply('run/t/0/20', null)
    state.apply('topic/t', '["A"]')
    state.apply('from-a-later-version/t', '{}')
    assert.deepEqual(state.runs.get('t/0'), [
      { source: 10, target: 100, count: 6 },
      { source: 30, target: 200, count: 1 },
    ])
    assert.deepEqual(state.origins.get('t'), ['A'])
  })
})

describe('patterns of names', () => {
  test('are globs or regular expressions, of the whole name', () => {
    const matches = matcher(['orders', 'a.*', 'x?', '/^log-[0-9]+/'])
    const names = ['orders', 'orders2', 'a.b', 'ab', 'x1', 'x', 'log-12', 'log-12a']
    assert.deepEqual(names.filter(matches), ['orders', 'a.b', 'x1', 'log-12'])
  })

  test('that are none are refused', () =>
    assert.throws(() => matcher(['/(/']), { code: 'MR_MIRROR_OPTIONS' }))
})
