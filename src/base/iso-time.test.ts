import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readIsoTime } from './iso-time.ts'

describe('times as people write them', () => {
  it('are dates, with or without a time of day', () => {
    assert.equal(readIsoTime('2026-01-31T12:00:00Z'), 1_769_860_800_000)
    assert.equal(readIsoTime('2026-01-31T12:00:00.250Z'), 1_769_860_800_250)
    assert.equal(readIsoTime('2026-01-31T13:00+01:00'), 1_769_860_800_000)
    assert.equal(readIsoTime('2026-01-31'), 1_769_817_600_000)
    assert.equal(readIsoTime('2026-01-31T12:00'), new Date(2026, 0, 31, 12).getTime())
  })

  it('are neither numbers, nor what Date.parse makes times of, nor days that there are not', () => {
    for (const text of [
      '',
      '5',
      '5000',
      '1769860800000',
      '-5000',
      '2026-01',
      '12:00:00Z',
      'order 66',
      'Jan 31 2026',
      '2026-02-30',
      '2026-13-01',
      '2026-01-31T24:30:00Z',
      '2026-01-31T12',
      ' 2026-01-31',
    ])
      assert.equal(readIsoTime(text), undefined, text)
  })
})
