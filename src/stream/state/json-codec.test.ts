import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeJson, encodeJson } from './json-codec.ts'

test('plain data, and what JSON has no word for, come back as they were', () => {
  const values = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    values: [
      fc.integer(),
      fc.double(),
      fc.string(),
      fc.boolean(),
      fc.constantFrom(null, NaN, -0, Infinity, '$x', '{"$'),
    ],
    key: fc.oneof(fc.string(), fc.constantFrom('$date', '$object', '$')),
  })
  fc.assert(
    fc.property(values, (value) => {
      assert.deepEqual(decodeJson(encodeJson(value)), value)
    }),
  )
  const bytes = new Uint8Array([1, 2, 255])
  assert.deepEqual(decodeJson(encodeJson({ bytes, list: [undefined, 1] })), { bytes, list: [undefined, 1] })
})

test('members that are undefined are left out, as JSON does', () => {
  assert.deepEqual(decodeJson(encodeJson({ a: undefined, b: NaN })), { b: NaN })
  assert.deepEqual(decodeJson(encodeJson({ a: undefined, b: 1 })), { b: 1 })
})

test('what cannot be kept is refused at once', () => {
  class Account {}
  for (const value of [() => 1, Symbol('s'), new Account(), { deep: [new Account()] }, /x/]) {
    assert.throws(() => encodeJson(value), { code: 'MR_STATE_VALUE' })
  }
})
