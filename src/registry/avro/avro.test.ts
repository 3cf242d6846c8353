import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseAvro } from './avro-format.ts'

function record(fields: readonly object[], more: object = {}): object {
  return { type: 'record', name: 'R', fields, ...more }
}

function parse(schema: unknown, references: readonly unknown[] = []): ReturnType<typeof parseAvro> {
  return parseAvro(JSON.stringify(schema), {
    references: references.map((one, index) => ({ name: String(index), schema: JSON.stringify(one) })),
    isNew: true,
  })
}

describe('the text of an Avro schema', () => {
  const cases: readonly (readonly [what: string, text: string, canonical: string])[] = [
    ['a primitive', ' { "type" : "int" } ', '"int"'],
    ['a primitive without quotes', 'string', '"string"'],
    ['a logical type', '{"type":"int","logicalType":"date"}', '{"type":"int","logicalType":"date"}'],
    [
      'attributes in their order',
      '{"fields":[{"default":1.0,"type":"double","name":"a","x":2,"doc":"d"}],"doc":"D","aliases":["Old"],"name":"n.s.R","type":"record","p":[1]}',
      '{"type":"record","name":"R","namespace":"n.s","doc":"D","fields":[{"name":"a","type":"double","doc":"d","default":1.0,"x":2}],"p":[1],"aliases":["Old"]}',
    ],
    [
      'a type by its name where it is used again',
      '{"type":"record","name":"a.R","fields":[{"name":"x","type":{"type":"fixed","name":"b.F","size":2}},{"name":"y","type":"b.F"},{"name":"z","type":["null","R"]}]}',
      '{"type":"record","name":"R","namespace":"a","fields":[{"name":"x","type":{"type":"fixed","name":"F","namespace":"b","size":2}},{"name":"y","type":"b.F"},{"name":"z","type":["null","R"]}]}',
    ],
    [
      'every digit of a long',
      '{"type":"record","name":"R","fields":[{"name":"a","type":"long","default":9223372036854775807}]}',
      '{"type":"record","name":"R","fields":[{"name":"a","type":"long","default":9223372036854775807}]}',
    ],
  ]
  for (const [what, text, canonical] of cases) {
    test(what, () => {
      const parsed = parseAvro(text, { references: [], isNew: true })
      assert.equal(parsed.canonical, canonical)
      assert.equal(parseAvro(canonical, { references: [], isNew: true }).canonical, canonical)
    })
  }

  test('types of references are used by their names, and written out when asked for', () => {
    const city = { type: 'enum', name: 'geo.City', symbols: ['ULM'] }
    const parsed = parse(record([{ name: 'c', type: 'geo.City' }]), [city])
    assert.equal(parsed.canonical, '{"type":"record","name":"R","fields":[{"name":"c","type":"geo.City"}]}')
    assert.match(parsed.format('resolved') ?? '', /"symbols":\["ULM"\]/)
  })
})

describe('what is no Avro schema', () => {
  const cases: readonly (readonly [schema: unknown, said: RegExp])[] = [
    ['nothing', /Undefined name: "nothing"/],
    [{ type: 'record', name: 'R' }, /no fields/],
    [record([{ name: 'a', type: 'Missing' }]), /Undefined name: "Missing"/],
    [record([{ name: 'a' }]), /No field type/],
    [record([{ name: 'a-b', type: 'int' }]), /Illegal field: "a-b"/],
    [
      record([
        { name: 'a', type: 'int' },
        { name: 'a', type: 'int' },
      ]),
      /Duplicate field a/,
    ],
    [record([{ name: 'a', type: 'int', default: 'x' }]), /Invalid default for field a: "x" not a int/],
    [record([{ name: 'a', type: 'int', default: 2 ** 31 }]), /Invalid default/],
    [record([{ name: 'a', type: { type: 'array', items: 'int' }, default: [1, '2'] }]), /Invalid default/],
    [
      record([
        { name: 'a', type: 'R', default: {} },
        { name: 'b', type: 'int' },
      ]),
      /Invalid default for field a: {} not a record/,
    ],
    [['int', 'int'], /Duplicate in union: int/],
    [['null', ['int']], /Nested union/],
    [{ type: 'enum', name: 'E', symbols: ['A', 'A'] }, /Duplicate enum symbol/],
    [{ type: 'enum', name: 'E', symbols: ['A'], default: 'B' }, /not in the enum symbol set/],
    [{ type: 'fixed', name: 'F' }, /size/],
    [record([{ name: 'a', type: record([]) }]), /Can't redefine: R/],
    [
      record([
        { name: 'a', type: 'R', default: {} },
        { name: 'b', type: ['R'] },
      ]),
      /Invalid default/,
    ],
    [{ type: 'record', name: 'int', fields: [] }, /named after primitives/],
    [5, /not a schema/],
  ]
  for (const [schema, said] of cases) {
    test(JSON.stringify(schema), () => assert.throws(() => parse(schema), { code: 42201, message: said }))
  }

  test('text that is not JSON', () =>
    assert.throws(() => parseAvro('{"type":', { references: [], isNew: true }), { code: 42201 }))
})

describe('reading data of another Avro schema', () => {
  const tree = (more: readonly object[] = []): object =>
    record([{ name: 'left', type: ['null', 'R'], default: null }, ...more])
  const field = (type: unknown, more: object = {}): object => record([{ name: 'a', type, ...more }])
  const E = (symbols: readonly string[], more: object = {}): object => ({
    type: 'enum',
    name: 'E',
    symbols,
    ...more,
  })
  const cases: readonly (readonly [
    what: string,
    reader: unknown,
    writer: unknown,
    wrong: readonly string[],
  ])[] = [
    ['the same', tree(), tree(), []],
    [
      'a field more without default',
      tree([{ name: 'n', type: 'int' }]),
      tree(),
      ['READER_FIELD_MISSING_DEFAULT_VALUE /fields/1'],
    ],
    ['a field more with default', tree([{ name: 'n', type: 'int', default: 0 }]), tree(), []],
    ['a field less', tree(), tree([{ name: 'n', type: 'int' }]), []],
    ['a field by its alias', field('int', { aliases: ['b'] }), record([{ name: 'b', type: 'int' }]), []],
    ['another record', { ...field('int'), name: 'S' }, field('int'), ['NAME_MISMATCH /name']],
    ['a record by its alias', { ...field('int'), name: 'S', aliases: ['R'] }, field('int'), []],
    ['a record of another namespace', { ...field('int'), namespace: 'x' }, field('int'), []],
    ['int as long', field('long'), field('int'), []],
    ['int as double', field('double'), field('int'), []],
    ['long as int', field('int'), field('long'), ['TYPE_MISMATCH /fields/0/type']],
    ['string as bytes', field('bytes'), field('string'), []],
    ['bytes as string', field('string'), field('bytes'), []],
    ['int as string', field('string'), field('int'), ['TYPE_MISMATCH /fields/0/type']],
    ['a symbol less', E(['A']), E(['A', 'B']), ['MISSING_ENUM_SYMBOLS /symbols']],
    ['a symbol less with a default', E(['A'], { default: 'A' }), E(['A', 'B']), []],
    ['a symbol more', E(['A', 'B']), E(['A']), []],
    [
      'another size',
      { type: 'fixed', name: 'F', size: 3 },
      { type: 'fixed', name: 'F', size: 2 },
      ['FIXED_SIZE_MISMATCH /size'],
    ],
    ['a branch less', ['null', 'int'], ['null', 'int', 'string'], ['MISSING_UNION_BRANCH /2']],
    ['a branch that another takes', ['null', 'double'], ['null', 'int'], []],
    ['into a union', ['null', 'int'], 'int', []],
    ['out of a union', 'int', ['int'], []],
    ['out of a union that has more', 'int', ['null', 'int'], ['TYPE_MISMATCH /']],
    ['items', { type: 'array', items: 'int' }, { type: 'array', items: 'string' }, ['TYPE_MISMATCH /items']],
    ['values', { type: 'map', values: 'long' }, { type: 'map', values: 'int' }, []],
    [
      'an array as a map',
      { type: 'map', values: 'int' },
      { type: 'array', items: 'int' },
      ['TYPE_MISMATCH /'],
    ],
  ]
  for (const [what, reader, writer, wrong] of cases) {
    test(what, () => {
      const found = parse(reader).differencesAsReaderOf(parse(writer))
      assert.deepEqual(
        found.map(({ kind, path }) => `${kind} ${path}`),
        wrong,
      )
    })
  }
})

test('comparing costs what schemas hold, not how many ways lead through them', () => {
  // Each record is used ten times by the one around it: 10^12 ways to the innermost.
  const nested = (depth: number, innermost: string): object => ({
    type: 'record',
    name: `R${depth}`,
    fields: Array.from({ length: 10 }, (_, index) => ({
      name: `f${index}`,
      type: depth === 0 ? innermost : ['null', index === 0 ? nested(depth - 1, innermost) : `R${depth - 1}`],
    })),
  })
  const reader = parse(nested(12, 'long'))
  assert.deepEqual(reader.differencesAsReaderOf(parse(nested(12, 'int'))), [])
  assert.notDeepEqual(parse(nested(12, 'int')).differencesAsReaderOf(reader), [])
})
