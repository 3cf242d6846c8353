import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { StringIndex } from './string-index.ts'

test('numbers strings in the order they first come', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (keys) => {
      const index = new StringIndex()
      const numbers = new Map<string, number>()
      for (const key of [...keys, ...keys]) {
        if (!numbers.has(key)) numbers.set(key, numbers.size)
        assert.equal(index.add(key), numbers.get(key))
      }
      for (const [key, number] of numbers) assert.equal(index.find(key), number)
      assert.equal(index.size, numbers.size)
      assert.equal(index.find('never \u{1f600} added'), -1)
    }),
  )
  const index = new StringIndex()
  for (let n = 0; n < 20_000; n++) assert.equal(index.add(`key ${n}`), n)
  for (let n = 0; n < 20_000; n++) assert.equal(index.find(`key ${n}`), n)
})
