import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { encodeJson } from '../../../stream/state/json-codec.ts'
import { avroLanguage } from './avro-language.ts'
import { jsonLanguage } from './json-language.ts'
import { protobufLanguage } from './protobuf-language.ts'
import type { SchemaLanguage, SchemaText } from './schema-language.ts'
import { HEADER_BYTES, messageIndexBytes, readMessageIndexes, readSchemaId } from './wire-format.ts'

type Given = string | object
const textOf = (
  type: SchemaText['type'],
  schema: Given,
  references: Record<string, Given> = {},
): SchemaText => ({
  type,
  schema: typeof schema === 'string' ? schema : JSON.stringify(schema),
  references: Object.entries(references).map(([name, one]) => ({
    name,
    schema: typeof one === 'string' ? one : JSON.stringify(one),
  })),
})

/** What is read of what is written, from the middle of other bytes. */
function through(
  language: SchemaLanguage,
  value: unknown,
  { writer, reader }: { readonly writer: SchemaText; readonly reader?: SchemaText },
): unknown {
  const record = language.writer(writer).encode(value, 7)
  assert.equal(readSchemaId(record, 0, record.length), 7)
  const around = Buffer.concat([Buffer.from('before'), record, Buffer.from('behind')])
  const end = 6 + record.length
  const read = language.reader(writer, reader)(around, 6 + HEADER_BYTES, end)
  around.fill(0xff)
  return read
}

describe('Avro', () => {
  const avro = avroLanguage({ longs: 'number' })
  const order = {
    ...{ type: 'record', name: 'Order', namespace: 'shop' },
    fields: [
      { name: 'id', type: 'long' },
      { name: 'note', type: ['null', 'string'], default: null },
      { name: 'lines', type: { type: 'array', items: { type: 'map', values: 'double' } } },
      { name: 'raw', type: 'bytes' },
      {
        name: 'paid',
        type: [
          'null',
          { type: 'record', name: 'Cash', fields: [{ name: 'coins', type: 'int' }] },
          { type: 'record', name: 'Card', fields: [{ name: 'number', type: 'string' }] },
        ],
      },
    ],
  }
  const value = {
    id: 2 ** 40,
    note: 'ä',
    lines: [{ a: 1.5, b: -2 }, {}],
    raw: Buffer.from([1, 2, 3]),
    paid: { 'shop.Card': { number: '4711' } },
  }

  test('values come back as plain objects, which state keeps', () => {
    const read = through(avro, value, { writer: textOf('AVRO', order) })
    assert.deepEqual(read, value)
    assert.match(encodeJson(read), /4711/)
    assert.equal(avro.writer(textOf('AVRO', order)).recordName, 'shop.Order')
  })

  test('what one schema wrote is read as another has it', () => {
    const reader = {
      ...order,
      fields: [
        { name: 'number', aliases: ['id'], type: 'double' },
        { name: 'currency', type: 'string', default: 'EUR' },
      ],
    }
    const schemas = { writer: textOf('AVRO', order), reader: textOf('AVRO', reader) }
    assert.deepEqual(through(avro, value, schemas), { number: 2 ** 40, currency: 'EUR' })
    const strange = textOf('AVRO', { ...order, name: 'Other' })
    assert.throws(() => avro.reader(schemas.writer, strange), /shop\.Order does not become shop\.Other/)
  })

  test('types of other schemas are known by name', () => {
    const cash = { type: 'record', name: 'shop.Cash', fields: [{ name: 'coins', type: 'int' }] }
    const schema = textOf('AVRO', { type: 'array', items: 'shop.Cash' }, { 'shop.Cash': cash })
    assert.deepEqual(through(avro, [{ coins: 3 }], { writer: schema }), [{ coins: 3 }])
  })

  test('longs are numbers as long as they are exact, or bigints', () => {
    const long = textOf('AVRO', '"long"')
    const big = avroLanguage({ longs: 'bigint' })
    assert.equal(through(big, 2n ** 62n, { writer: long }), 2n ** 62n)
    const record = big.writer(long).encode(2n ** 62n, 1)
    assert.throws(() => avro.reader(long, undefined)(record, HEADER_BYTES, record.length), /precision/)
  })

  test('what does not fit is named with its place', () => {
    const writer = avro.writer(textOf('AVRO', order))
    assert.throws(() => writer.encode({ ...value, lines: [{ a: 'x' }] }, 1), /lines\.0\.a is x, not double/)
  })

  test('bytes that are no such value are refused, however long they say that they are', () => {
    const schema = textOf('AVRO', {
      ...{ type: 'record', name: 'Lists' },
      fields: [
        { name: 'a', type: { type: 'array', items: 'string' } },
        { name: 'b', type: { type: 'map', values: 'string' } },
      ],
    })
    const one = textOf('AVRO', { type: 'record', name: 'Lists', fields: [] })
    const reads = [avro.reader(schema, undefined), avro.reader(schema, one)]
    const count = Buffer.from([0xfe, 0xff, 0xff, 0xff, 0x0f])
    for (const bytes of [count, Buffer.from([0, ...count]), Buffer.from([1, 1, 1]), Buffer.from([0, 0, 0])])
      for (const read of reads)
        assert.throws(() => read(bytes, 0, bytes.length), /entries|ends before|more than/)
  })
})

describe('JSON Schema', () => {
  const json = jsonLanguage({ validate: true })

  for (const dialect of [
    undefined,
    'http://json-schema.org/draft-04/schema#',
    'http://json-schema.org/draft-06/schema#',
    'http://json-schema.org/draft-07/schema#',
    'https://json-schema.org/draft/2019-09/schema',
    'https://json-schema.org/draft/2020-12/schema',
  ]) {
    test(`values are checked: ${dialect ?? 'no dialect'}`, () => {
      const schema = {
        ...(dialect !== undefined && { $schema: dialect }),
        ...{ title: 'Order', type: 'object', required: ['id'], 'connect.index': 0 },
        properties: {
          id: { type: 'integer' },
          at: { type: 'string', format: 'date-time' },
          one: { $ref: 'one.json' },
        },
      }
      const writer = textOf('JSON', schema, { 'one.json': { type: 'string' } })
      const value = { id: 1, at: '2026-01-01T00:00:00Z', one: 'ä' }
      assert.deepEqual(through(json, value, { writer }), value)
      assert.throws(() => through(json, { id: 'x' }, { writer }), /the value\/id must be integer/)
      assert.throws(() => through(json, { id: 1, one: 1 }, { writer }), /the value\/one must be string/)
      assert.equal(json.writer(writer).recordName, 'Order')
    })
  }

  test('a schema that is given counts instead of the one that they were written with', () => {
    const schemas = { writer: textOf('JSON', {}), reader: textOf('JSON', { type: 'number' }) }
    assert.equal(through(json, 5, schemas), 5)
    assert.throws(() => through(json, 'x', schemas), /must be number/)
    assert.equal(through(jsonLanguage({ validate: false }), 'x', schemas), 'x')
  })
})

describe('Protobuf', () => {
  const file = `
    syntax = "proto3"; package shop;
    import "google/protobuf/timestamp.proto"; import "money.proto";
    message Empty { message Inner { int32 depth = 1; } }
    message Order {
      int64 id = 1; string customer_name = 2; repeated double prices = 3; map<string, int64> counts = 4;
      State state = 5; optional string note = 6; bytes raw = 7; Money total = 8; google.protobuf.Timestamp at = 9;
      oneof paid { string card = 10; uint32 coins = 11; }
    }
    enum State { OPEN = 0; DONE = 1; }`
  const money = 'syntax = "proto3"; package shop; message Money { int64 cents = 1; }'
  const writer = textOf('PROTOBUF', file, { 'money.proto': money })
  const order = protobufLanguage({ longs: 'number', message: 'Order' })
  const value = {
    ...{ id: 2 ** 40, customerName: 'ä', prices: [1.5, 2], counts: { a: 1 }, state: 'DONE' },
    ...{ raw: Buffer.from([1, 2]), total: { cents: 5 }, at: { seconds: 9, nanos: 1 }, coins: 3 },
  }

  test('values come back as plain objects', () => {
    const read = through(order, value, { writer })
    assert.deepEqual(read, value)
    assert.match(encodeJson(read), /customerName/)
    assert.equal(order.writer(writer).recordName, 'shop.Order')
    const absent = { id: 0, customerName: '', prices: [], counts: {}, state: 'OPEN', raw: Buffer.of() }
    assert.deepEqual(through(order, {}, { writer }), { ...absent, total: null, at: null })
  })

  test('the message is the one whose place stands in the record', () => {
    const inner = protobufLanguage({ longs: 'number', message: 'shop.Empty.Inner' })
    const record = inner.writer(writer).encode({ depth: 4 }, 1)
    assert.deepEqual([...record.subarray(HEADER_BYTES, HEADER_BYTES + 3)], [4, 0, 0])
    const any = protobufLanguage({ longs: 'number', message: undefined })
    assert.deepEqual(any.reader(writer, undefined)(record, HEADER_BYTES, record.length), { depth: 4 })
    const read = order.reader(writer, writer)
    assert.throws(
      () => read(record, HEADER_BYTES, record.length),
      /it is a shop.Empty.Inner, not a shop.Order/,
    )
  })

  test('what one file wrote is read as another has it', () => {
    const reader = textOf(
      'PROTOBUF',
      'syntax = "proto3"; package shop; message Order { int64 number = 1; bool new = 20; }',
    )
    assert.deepEqual(through(order, value, { writer, reader }), { number: 2 ** 40, new: false })
  })

  test('64-bit integers are numbers as long as they are exact, or bigints', () => {
    const writer = textOf('PROTOBUF', money)
    const big = protobufLanguage({ longs: 'bigint', message: 'Money' })
    assert.deepEqual(through(big, { cents: -(2n ** 62n) }, { writer }), { cents: -(2n ** 62n) })
    const record = big.writer(writer).encode({ cents: 2n ** 62n }, 1)
    const read = protobufLanguage({ longs: 'number', message: 'Money' }).reader(writer, undefined)
    assert.throws(() => read(record, HEADER_BYTES, record.length), /cents is no safe integer/)
  })

  for (const [wrong, said] of [
    [{ id: 'x' }, /id is "x", not of the type int64/],
    [{ ids: 1 }, /ids is no field of Order/],
    [{ prices: 1 }, /prices is 1, not a list/],
    [{ prices: [1, '2'] }, /prices\.1 is "2"/],
    [{ state: 'GONE' }, /state is "GONE", not a value of State/],
    [{ total: { cents: 1.5 } }, /total\.cents is 1\.5/],
    [{ coins: -1 }, /coins is -1, not of the type uint32/],
    ['text', /the value is "text", not a Order/],
  ] as const) {
    test(`what does not fit is named with its place: ${JSON.stringify(wrong)}`, () => {
      assert.throws(() => order.writer(writer).encode(wrong, 1), said)
    })
  }

  test('bytes that are no such message are refused', () => {
    const read = order.reader(writer, undefined)
    for (const bytes of [[], [2], [4, 0, 9], [0x80, 0x80], [2, 2, 10, 200, 1]])
      assert.throws(() => read(Buffer.from(bytes), 0, bytes.length))
  })
})

test('message indexes are written as they are read', () => {
  for (const path of [[0], [1], [0, 0], [3, 200, 7]]) {
    const bytes = messageIndexBytes(path)
    assert.deepEqual(readMessageIndexes(bytes, 0, bytes.length), { path, end: bytes.length })
  }
})

describe('records that were changed on their way are read or refused, and never take long', () => {
  const fields = [
    { name: 'a', type: { type: 'array', items: ['null', 'string'] } },
    { name: 'm', type: { type: 'map', values: { type: 'array', items: 'bytes' } } },
    { name: 'n', type: ['null', 'R'], default: null },
  ]
  const inner = { a: ['x', null], m: {}, n: null }
  const value = { a: ['y'], m: { k: [Buffer.from('abc')] }, n: inner }
  const record = { type: 'record', name: 'R', fields }
  const less = textOf('AVRO', { ...record, fields: fields.slice(0, 1) })
  const message =
    'syntax = "proto3"; message R { repeated string a = 1; map<string, bytes> m = 2; R n = 3; int64 l = 4; }'
  const [avro, proto] = [textOf('AVRO', record), textOf('PROTOBUF', message)]
  const [avroLike, protoLike] = [
    avroLanguage({ longs: 'number' }),
    protobufLanguage({ longs: 'number', message: undefined }),
  ]
  const cases = {
    Avro: [avroLike.writer(avro).encode(value, 1), avroLike.reader(avro, undefined)],
    'Avro as another schema': [avroLike.writer(avro).encode(value, 1), avroLike.reader(avro, less)],
    Protobuf: [
      protoLike.writer(proto).encode({ a: ['x', 'y'], m: { k: Buffer.from('abc') }, n: { l: 5 } }, 1),
      protoLike.reader(proto, undefined),
    ],
  } as const
  for (const [name, [good, read]] of Object.entries(cases)) {
    test(name, () => {
      const change = fc.array(fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 })), {
        maxLength: 6,
      })
      fc.assert(
        fc.property(change, fc.nat(good.length), (changes, cut) => {
          const bytes = Buffer.from(good)
          for (const [at, byte] of changes) bytes[at] = byte
          try {
            read(bytes, HEADER_BYTES, Math.max(HEADER_BYTES, bytes.length - cut))
          } catch (error) {
            assert.ok(error instanceof Error)
          }
        }),
        { numRuns: 3_000 },
      )
    })
  }
})
