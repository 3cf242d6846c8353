import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatAddress, parseAddress, parseBootstrap, parsePosition, wholeNumber } from './address.ts'
import { readReset } from './groups.ts'

describe('addresses', () => {
  it('are read with or without host', () => {
    assert.deepEqual(parseAddress('0.0.0.0:9092'), { host: '0.0.0.0', port: 9092 })
    assert.deepEqual(parseAddress('broker-1.example:1'), { host: 'broker-1.example', port: 1 })
    assert.deepEqual(parseAddress(':0'), { host: '127.0.0.1', port: 0 })
    assert.deepEqual(parseAddress('8080'), { host: '127.0.0.1', port: 8080 })
    assert.deepEqual(parseAddress('[::1]:9092'), { host: '::1', port: 9092 })
  })

  it('that are none are refused with an example', () => {
    for (const text of [
      '',
      'broker',
      'broker:',
      'broker:kafka',
      'a:65536',
      '::1:9092',
      'a b:1',
      '-1',
      'a:1:2',
    ])
      assert.throws(() => parseAddress(text), /Expected HOST:PORT, for example/, text)
  })

  it('are written as they are read', () => {
    for (const text of ['10.0.0.1:9092', '[fe80::1]:1']) assert.equal(formatAddress(parseAddress(text)), text)
  })

  it('of a cluster may be several', () => {
    assert.equal(parseBootstrap('a:1, b:2,:3,[::1]:4'), 'a:1,b:2,127.0.0.1:3,[::1]:4')
    assert.throws(() => parseBootstrap('a:1,,b:2'), /HOST:PORT/)
    assert.throws(() => parseBootstrap(':0'), /none to connect to/)
  })
})

describe('numbers and positions', () => {
  it('whole numbers are at least what they must be', () => {
    assert.equal(wholeNumber(1)('12'), 12)
    for (const text of ['0', '-1', '1.5', '', ' ', 'x', '1e3', '99999999999999999'])
      assert.throws(() => wholeNumber(1)(text), /at least 1/, text)
  })

  it('a place in a topic is an end, a time or an offset', () => {
    assert.equal(parsePosition('earliest'), 'earliest')
    assert.equal(parsePosition('latest'), 'latest')
    assert.equal(parsePosition('2026-01-31T12:00:00Z'), 1_769_860_800_000)
    assert.deepEqual(parsePosition('offset:5000'), { offset: 5000 })
    assert.throws(() => parsePosition('yesterday'), /2026-01-31T12:00:00Z/)
  })

  it('a bare number is no place: it would be a year to Date.parse, and all records be before it', () => {
    for (const text of ['0', '5000', '1769860800000']) {
      assert.throws(() => parsePosition(text), new RegExp(`say offset:${text}\\.`))
      assert.throws(() => readReset(text), new RegExp(`say offset:${text}\\.`))
    }
    assert.deepEqual(readReset('offset:12'), { offset: 12 })
    assert.deepEqual(readReset('-12'), { shift: -12 })
    assert.deepEqual(readReset('2026-01-31T12:00:00Z'), { timeMs: 1_769_860_800_000 })
  })
})
