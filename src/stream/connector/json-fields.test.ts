import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeJson, encodeJson } from '../state/json-codec.ts'
import { jsonFields } from './json-fields.ts'

const decoder = jsonFields({ id: 'integer', ratio: 'number', name: 'string', ok: 'boolean', note: 'string?' })
// The record stands in a larger buffer, as it does in a record batch; what is around it must not matter.
const decode = (text: string): unknown => {
  const source = Buffer.from(`{"id":7,"${text}","name":"x"}`, 'utf8')
  return { ...decoder.decode(source, 9, source.length - 13) }
}

test('reads the wanted fields, whatever stands between them', () => {
  const text =
    '{"x":[1,{"id":9,"y":"]}"}],"ok":true, "name" : "a\\u00e9\\"b" ,"id":-12,"z":null,"ratio":1.5e3,"note":null}'
  assert.deepEqual(decode(text), { id: -12, ratio: 1500, name: 'aé"b', ok: true, note: undefined })
})

test('agrees with JSON.parse on any object, in any order of fields and with any spacing', () => {
  const record = fc.record({
    id: fc.maxSafeInteger(),
    ratio: fc
      .double({ noNaN: true, noDefaultInfinity: true })
      .map((value) => (Object.is(value, -0) ? 0 : value)),
    name: fc.string({ unit: 'binary' }),
    ok: fc.boolean(),
    note: fc.option(fc.string()),
  })
  const others = fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 5 })
  fc.assert(
    fc.property(
      record,
      others,
      fc.infiniteStream(fc.nat()),
      fc.constantFrom(0, 1, 3),
      (wanted, more, order, indent) => {
        const entries = Object.entries({ ...more, ...wanted })
          .map((entry) => ({ entry, rank: order.next().value as number }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ entry }) => entry)
        // JSON.stringify by hand, since an object would move integer-like names to the front.
        const text = `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v, null, indent)}`).join(',')}}`
        assert.deepEqual(decode(text), { ...wanted, note: wanted.note ?? undefined })
      },
    ),
  )
})

test('never hangs and never takes malformed bytes for a record', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(255), (at, byte) => {
      const good = Buffer.from('{"id":1,"ratio":2,"name":"n","ok":true,"other":{"a":["x"]}}')
      good[at % good.length] = byte
      try {
        const value = decoder.decode(good, 0, good.length)
        assert.equal(typeof value.id, 'number')
      } catch (error) {
        assert.equal((error as Error).name, 'JsonScanError')
      }
    }),
    { numRuns: 2_000 },
  )
})

for (const [why, text, message] of [
  ['a missing field', '{"id":1}', /the field "ratio" is missing/],
  ['a wrong type', '{"id":"1"}', /the field id is not a number/],
  ['a fraction for an integer', '{"id":1.5}', /the field id is not a safe integer/],
  ['an integer that is not exact', '{"id":9007199254740993}', /the field id is not a safe integer/],
  ['an array', '[1]', /an opening brace is missing/],
  ['a truncated record', '{"id":1,"name":"x', /a string without its end/],
  ['two records in one', '{"id":1,"ratio":2,"name":"n","ok":true}{}', /something follows/],
  ['nothing', '', /an opening brace is missing/],
] as const) {
  test(`rejects ${why}`, () => {
    assert.throws(() => decode(text), message)
  })
}

test('a kind that does not exist is a configuration error', () => {
  assert.throws(() => jsonFields({ id: 'long' as 'integer' }), { code: 'MR_BAD_FIELDS' })
})

test('values are plain objects, which state keeps', () => {
  const source = Buffer.from('{"id":1,"ratio":2,"name":"n","ok":true,"note":"x"}')
  const value = decoder.decode(source, 0, source.length)
  assert.deepEqual(value, { id: 1, ratio: 2, name: 'n', ok: true, note: 'x' })
  assert.deepEqual(decodeJson(encodeJson(value)), value)
})
