import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseJsonSchema } from './json-format.ts'

function parse(
  schema: unknown,
  references: Readonly<Record<string, unknown>> = {},
): ReturnType<typeof parseJsonSchema> {
  return parseJsonSchema(JSON.stringify(schema), {
    references: Object.entries(references).map(([name, one]) => ({ name, schema: JSON.stringify(one) })),
    isNew: true,
  })
}

test('the text of a JSON Schema has no white space, and in its normal form one order', () => {
  const text = '{ "type":"object",\n "properties":{"b":{"maximum":1.50},"a":true} }'
  const parsed = parseJsonSchema(text, { references: [], isNew: true })
  assert.equal(parsed.canonical, '{"type":"object","properties":{"b":{"maximum":1.50},"a":true}}')
  assert.equal(parsed.normalized(), '{"properties":{"a":true,"b":{"maximum":1.50}},"type":"object"}')
})

describe('what is no JSON Schema', () => {
  const cases: readonly (readonly [schema: unknown, said: RegExp])[] = [
    [{ type: 'text' }, /#\/type: unknown type: "text"/],
    [{ properties: { a: 5 } }, /#\/properties\/a: expected a schema/],
    [{ required: ['a', 1] }, /#\/required/],
    [{ pattern: '(' }, /not a regular expression/],
    [{ items: [{ minLength: -1 }] }, /#\/items\/0\/minLength/],
    [{ $ref: '#/$defs/nothing' }, /no schema reference found for #\/\$defs\/nothing/],
    [{ properties: { a: { $ref: 'other.json' } } }, /no schema reference found for other.json/],
    ['text', /expected a schema/],
  ]
  for (const [schema, said] of cases) {
    test(JSON.stringify(schema), () => assert.throws(() => parse(schema), { code: 42201, message: said }))
  }
})

/** What is wrong when data under `original` is read with `update`. */
function differences(original: unknown, update: unknown): readonly string[] {
  return parse(update)
    .differencesAsReaderOf(parse(original))
    .map(({ kind, path }) => `${kind} ${path}`)
}

describe('JSON Schemas one after the other', () => {
  const open = { type: 'object', properties: { a: { type: 'string' } } }
  const closed = { ...open, additionalProperties: false }
  const of = (more: object, base: object = open): object => ({
    ...base,
    properties: { ...open.properties, ...more },
  })
  const list = (first: readonly unknown[], items: unknown): object => ({
    type: 'array',
    prefixItems: first,
    items,
  })
  const tree = {
    type: 'object',
    properties: { value: { type: 'integer' }, next: { $ref: '#' } },
  }
  const cases: readonly (readonly [
    what: string,
    original: unknown,
    update: unknown,
    wrong: readonly string[],
  ])[] = [
    ['the same', open, open, []],
    ['anything after something', open, true, []],
    ['something after anything', true, open, ['TYPE_CHANGED #/']],
    [
      'a property more, open',
      open,
      of({ b: { type: 'string' } }),
      ['PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL #/properties/b'],
    ],
    ['a property more that may be anything, open', open, of({ b: {} }), []],
    ['a property more, closed', closed, of({ b: { type: 'string' } }, closed), []],
    [
      'a required property more, closed',
      closed,
      { ...of({ b: { type: 'string' } }, closed), required: ['b'] },
      ['REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL #/properties/b'],
    ],
    [
      'a required property more with a default, closed',
      closed,
      { ...of({ b: { type: 'string', default: '' } }, closed), required: ['b'] },
      [],
    ],
    ['a property less, open', of({ b: true }), open, []],
    [
      'a property less, closed',
      of({ b: true }, closed),
      closed,
      ['PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL #/properties/b'],
    ],
    [
      'a property more that the others fit',
      { ...open, additionalProperties: { type: 'integer' } },
      of({ b: { type: 'number' } }, { ...open, additionalProperties: { type: 'integer' } }),
      [],
    ],
    [
      'a property more that the others do not fit',
      { ...open, additionalProperties: { type: 'integer' } },
      of({ b: { type: 'string' } }, { ...open, additionalProperties: { type: 'integer' } }),
      [
        'PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/properties/b',
        'TYPE_CHANGED #/properties/b',
      ],
    ],
    ['open after closed', closed, open, []],
    ['closed after open', open, closed, ['ADDITIONAL_PROPERTIES_REMOVED #/additionalProperties']],
    [
      'a pattern more, open',
      open,
      { ...open, patternProperties: { '^x': { type: 'string' } } },
      ['PATTERN_PROPERTIES_NARROWED #/patternProperties/^x'],
    ],
    ['required', open, { ...open, required: ['a'] }, ['REQUIRED_ATTRIBUTE_ADDED #/required/a']],
    ['not required', { ...open, required: ['a'] }, open, []],
    ['number after integer', { type: 'integer' }, { type: 'number' }, []],
    ['integer after number', { type: 'number' }, { type: 'integer' }, ['TYPE_NARROWED #/']],
    ['string after integer', { type: 'integer' }, { type: 'string' }, ['TYPE_CHANGED #/']],
    ['a type more', { type: 'string' }, { type: ['string', 'null'] }, []],
    ['a type less', { type: ['string', 'null'] }, { type: 'string' }, ['SUM_TYPE_NARROWED #/']],
    ['both types read as a third', { type: ['integer', 'number'] }, { type: 'number' }, []],
    ['a bound', { type: 'string' }, { type: 'string', maxLength: 3 }, ['MAX_LENGTH_ADDED #/maxLength']],
    [
      'a tighter bound',
      { type: 'integer', minimum: 1 },
      { type: 'integer', minimum: 2 },
      ['MINIMUM_INCREASED #/minimum'],
    ],
    ['a looser bound', { type: 'integer', minimum: 2 }, { type: 'integer', minimum: 1 }, []],
    ['a multiple of a multiple', { multipleOf: 3 }, { multipleOf: 9 }, ['MULTIPLE_OF_EXPANDED #/multipleOf']],
    ['a part of a multiple', { multipleOf: 9 }, { multipleOf: 3 }, []],
    ['a value more', { enum: [1, 'a'] }, { enum: ['a', 1.0, 2] }, []],
    ['a value less', { enum: [1, 2] }, { enum: [1] }, ['ENUM_ARRAY_NARROWED #/enum']],
    ['other values', { enum: [1] }, { enum: [2] }, ['ENUM_ARRAY_CHANGED #/enum']],
    [
      'an item more, open',
      list([true], true),
      list([true, { type: 'null' }], true),
      ['ITEM_ADDED_TO_OPEN_CONTENT_MODEL #/items/1'],
    ],
    ['an item more, closed', list([true], false), list([true, { type: 'null' }], false), []],
    [
      'an item less, closed',
      list([true, true], false),
      list([true], false),
      ['ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL #/items/1'],
    ],
    ['all items', { type: 'array' }, { type: 'array', items: { type: 'null' } }, ['SCHEMA_ADDED #/items']],
    [
      'unique items',
      { type: 'array' },
      { type: 'array', uniqueItems: true },
      ['UNIQUE_ITEMS_ADDED #/uniqueItems'],
    ],
    [
      'one of more',
      { oneOf: [{ type: 'string' }, { type: 'null' }] },
      { oneOf: [{ type: 'null' }, { type: 'boolean' }, { type: 'string' }] },
      [],
    ],
    [
      'one of fewer',
      { oneOf: [{ type: 'string' }, { type: 'null' }] },
      { oneOf: [{ type: 'string' }] },
      ['SUM_TYPE_NARROWED #/'],
    ],
    [
      'one of others',
      { oneOf: [{ type: 'string' }, { type: 'null' }] },
      { oneOf: [{ type: 'string' }, { type: 'boolean' }] },
      ['COMBINED_TYPE_SUBSCHEMAS_CHANGED #/'],
    ],
    [
      'all of more',
      { allOf: [{ type: 'string' }] },
      { allOf: [{ type: 'string' }, { maxLength: 3 }] },
      ['PRODUCT_TYPE_EXTENDED #/'],
    ],
    ['all of fewer', { allOf: [{ type: 'string' }, { maxLength: 3 }] }, { allOf: [{ type: 'string' }] }, []],
    ['not less', { not: { type: 'number' } }, { not: { type: 'integer' } }, []],
    ['not more', { not: { type: 'integer' } }, { not: { type: 'number' } }, ['NOT_TYPE_EXTENDED #/not']],
    [
      'dependencies',
      { dependentRequired: { a: ['b'] } },
      { dependentRequired: { a: ['b', 'c'] } },
      ['DEPENDENCY_ARRAY_EXTENDED #/dependencies/a'],
    ],
    ['recursion', tree, tree, []],
    [
      'recursion, with something wrong in it',
      tree,
      { ...tree, properties: { ...tree.properties, value: { type: 'string' } } },
      ['TYPE_CHANGED #/properties/value'],
    ],
    [
      'a definition moved',
      { $ref: '#/definitions/x', definitions: { x: { type: 'string' } } },
      { $ref: '#/$defs/y', $defs: { y: { type: 'string' } } },
      [],
    ],
    [
      'words beside a reference, where they count',
      {
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        $ref: '#/$defs/y',
        $defs: { y: { type: 'string' } },
      },
      {
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        $ref: '#/$defs/y',
        maxLength: 3,
        $defs: { y: { type: 'string' } },
      },
      ['MAX_LENGTH_ADDED #/maxLength'],
    ],
    [
      'a dialect of its own',
      { $ref: 'http://json-schema.org/draft-07/schema#' },
      { $ref: 'http://json-schema.org/draft-07/schema#' },
      [],
    ],
  ]
  for (const [what, original, update, wrong] of cases) {
    test(what, () => assert.deepEqual(differences(original, update), wrong))
  }
})

test('references lead to other schemas by name, by their ids, and to parts of them', () => {
  const part = {
    $id: 'https://example.com/schemas/part.json',
    $defs: { n: { $anchor: 'n', type: 'integer' } },
  }
  for (const ref of ['part.json#/$defs/n', 'part.json#n', 'https://example.com/schemas/part.json#n']) {
    const whole = { $id: 'https://example.com/schemas/whole.json', properties: { n: { $ref: ref } } }
    const update = parse({ properties: { n: { type: 'string' } } })
    assert.deepEqual(
      update.differencesAsReaderOf(parse(whole, { 'part.json': part })).map(({ kind }) => kind),
      ['TYPE_CHANGED'],
      ref,
    )
  }
})

test('comparing costs what schemas hold, not how many ways lead through them', () => {
  // Each part may be any of the parts: the pairs to compare are many, the ways to them are without number.
  const names = Array.from({ length: 12 }, (_, index) => `part${index}`)
  const anyPart = { anyOf: names.map((name) => ({ $ref: `#/$defs/${name}` })) }
  const whole = (type: string): object => ({
    $ref: '#/$defs/part0',
    $defs: Object.fromEntries(
      names.map((name) => [
        name,
        {
          type: 'object',
          properties: {
            [name]: { type },
            first: anyPart,
            second: { ...anyPart },
            third: { type: 'array', items: { ...anyPart } },
          },
          required: [name],
        },
      ]),
    ),
  })
  assert.deepEqual(differences(whole('integer'), whole('number')), [])
  assert.notDeepEqual(differences(whole('number'), whole('integer')), [])
})
