import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseProtobuf } from './protobuf-format.ts'

function parse(
  schema: string,
  references: Readonly<Record<string, string>> = {},
): ReturnType<typeof parseProtobuf> {
  return parseProtobuf(schema, {
    references: Object.entries(references).map(([name, text]) => ({ name, schema: text })),
    isNew: true,
  })
}

const EVERYTHING = `
// A comment.
syntax = 'proto2';
package shop.v1;
import "base.proto"; /* another */ import public "more.proto";
import "google/protobuf/timestamp.proto";
option java_package = "com.example";
option (custom.option).part = { a: 1, b: ["x , y", 'y'] c { d: -2.5 } };
message Order {
  option deprecated = true;
  reserved 5, 7 to 9; reserved "old", "older";
  extensions 100 to 199, 1000 to max;
  required string id = 1 [(custom.field) = IDENT, json_name = "ID"];
  optional int32 count = 2 [default = -3, deprecated = true];
  repeated .shop.v1.Order.Line lines = 3;
  map<string, Line> by_name = 4;
  oneof payment { Card card = 10; string iban = 11; }
  optional google.protobuf.Timestamp at = 12;
  optional group Extra = 13 { optional bool flag = 1; }
  message Line { optional Kind kind = 1; }
  enum Kind { option allow_alias = true; A = 0; B = 1 [deprecated = true]; C = 1; N = -1; reserved 4 to 5; }
}
message Card {}
extend Order { optional string note = 100; }
service Shop {
  option deprecated = true;
  rpc Buy (Order) returns (stream Card);
  rpc Talk (stream Order) returns (Order.Line) { option idempotency_level = NO_SIDE_EFFECTS; }
}
`
const EVERYTHING_WRITTEN = `syntax = "proto2";
package shop.v1;

import "base.proto";
import public "more.proto";
import "google/protobuf/timestamp.proto";

option java_package = "com.example";
option (custom.option).part = { a: 1, b: ["x , y", "y"] c { d: -2.5 } };

message Order {
  reserved 5, 7 to 9;
  reserved "old", "older";

  option deprecated = true;

  required string id = 1 [
    (custom.field) = IDENT,
    json_name = "ID"
  ];
  optional int32 count = 2 [
    default = -3,
    deprecated = true
  ];
  repeated .shop.v1.Order.Line lines = 3;
  map<string, Line> by_name = 4;
  optional google.protobuf.Timestamp at = 12;
  optional group Extra = 13 {
    optional bool flag = 1;
  }

  oneof payment {
    Card card = 10;
    string iban = 11;
  }

  extensions 100 to 199, 1000 to max;

  message Line {
    optional Kind kind = 1;
  }
  enum Kind {
    reserved 4 to 5;

    option allow_alias = true;

    A = 0;
    B = 1 [deprecated = true];
    C = 1;
    N = -1;
  }
}
message Card {
}

extend Order {
  optional string note = 100;
}

service Shop {
  option deprecated = true;

  rpc Buy (Order) returns (stream Card);
  rpc Talk (stream Order) returns (Order.Line) {
    option idempotency_level = NO_SIDE_EFFECTS;
  }
}
`
const OTHERS = { 'base.proto': 'syntax = "proto3";', 'more.proto': 'syntax = "proto3";' }

describe('the text of a .proto file', () => {
  test('all that can be said has one form', () => {
    const parsed = parse(EVERYTHING, OTHERS)
    assert.equal(parsed.canonical, EVERYTHING_WRITTEN)
    assert.equal(parse(parsed.canonical, OTHERS).canonical, EVERYTHING_WRITTEN)
  })

  test('in the normal form, types are called by their full names and imports are in order', () => {
    const text = (imports: string, type: string): string =>
      `syntax = "proto3"; package a.b; ${imports} message M { ${type} m = 1; message N {} }`
    const first = parse(text('import "base.proto"; import "more.proto";', 'N'), OTHERS)
    const second = parse(text('import "more.proto"; import "base.proto";', '.a.b.M.N'), OTHERS)
    assert.notEqual(first.canonical, second.canonical)
    assert.equal(first.normalized(), second.normalized())
  })

  test("Protobuf's own description of a file says the same", () => {
    const proto3 = `syntax = "proto3";
      package shop;
      import "google/protobuf/timestamp.proto";
      option java_multiple_files = true;
      message User {
        string name = 1;
        optional int32 age = 2;
        repeated Tag tags = 3 [deprecated = true];
        map<string, google.protobuf.Timestamp> seen_at = 4;
        oneof contact { string mail = 5; Tag tag = 6; }
        message Tag { Kind kind = 1; }
        enum Kind { NONE = 0; SOME = 1; }
      }
      service Users { rpc Get (User) returns (stream User.Tag); }`
    for (const [text, references] of [
      [proto3, {}],
      [
        EVERYTHING.replace(/option \(custom.*/, '')
          .replace('(custom.field) = IDENT, ', '')
          .replace(/optional group.*\n/, ''),
        OTHERS,
      ],
    ] as const) {
      const parsed = parse(text, references)
      const described = parse(parsed.format('serialized')!, references)
      const lines = (schema: string): readonly string[] =>
        schema
          .split('\n')
          .filter((line) => line !== '')
          .toSorted()
      // Ranges and names come one by one from a description, so the lines that are reserved are looked at apart.
      const isReserved = (line: string): boolean => /reserved|extensions/.test(line)
      assert.deepEqual(
        lines(described.normalized()).filter((line) => !isReserved(line)),
        lines(parsed.normalized()).filter((line) => !isReserved(line)),
      )
      assert.deepEqual(described.differencesAsReaderOf(parsed), [])
      assert.deepEqual(parsed.differencesAsReaderOf(described), [])
    }
  })

  test('editions', () => {
    const parsed = parse('edition = "2023"; message M { string a = 1; }')
    assert.equal(parsed.canonical, 'edition = "2023";\n\nmessage M {\n  string a = 1;\n}\n')
    assert.equal(parse(parsed.format('serialized')!).canonical, parsed.canonical)
  })
})

describe('what is no .proto file', () => {
  const cases: readonly (readonly [schema: string, said: RegExp])[] = [
    ['message M {', /expected .*, got the end of the file/],
    ['message M { string a; }', /line 1: expected "=", got ";"/],
    ['syntax = "proto4";', /unknown syntax "proto4"/],
    ['syntax = "proto3"; message M { Missing a = 1; }', /"Missing" of M.a is not defined/],
    ['import "missing.proto";', /No schema reference found for import "missing.proto"/],
    [
      'message M { optional int32 a = 1; optional int32 b = 1; }',
      /"1" is there twice as a field number in M/,
    ],
    ['message M { optional int32 a = 1; optional int32 a = 2; }', /"a" is there twice in M/],
    ['message M {} enum M { A = 0; }', /"M" is there twice/],
    ['message M { optional int32 a = 0; }', /0 is no number for a field/],
    ['message M { optional int32 a = 19500; }', /19500 is no number/],
    ['message M { reserved 1 to 5; optional int32 a = 3; }', /number 3 of M.a is reserved/],
    ['message M { reserved "a"; optional int32 a = 3; }', /name of M.a is reserved/],
    ['syntax = "proto3"; enum E { A = 1; }', /first value of enum E must be zero/],
    ['enum E { A = 1; B = 1; }', /"1" is there twice as a value in E/],
    ['syntax = "proto3"; message M { required int32 a = 1; }', /only proto2 has required fields/],
    ['message M { map<double, int32> a = 1; }', /double cannot be the key of a map/],
    ['message M { oneof o { } }', /oneof M.o has no fields/],
    ['message M { optional int32 a = 1 § }', /line 1: unexpected "§"/],
    ['bm90aGluZw==', /neither a .proto file nor its description/],
  ]
  for (const [schema, said] of cases) {
    test(schema, () => assert.throws(() => parse(schema), { code: 42201, message: said }))
  }
})

describe('.proto files one after the other', () => {
  const m = (fields: string, more = ''): string =>
    `syntax = "proto3"; package p; message M { ${fields} } ${more}`
  const N = 'message N { string s = 1; }'
  const cases: readonly (readonly [
    what: string,
    original: string,
    update: string,
    wrong: readonly string[],
  ])[] = [
    ['the same', m('int32 a = 1;'), m('int32 a = 1;'), []],
    ['another package', m(''), 'syntax = "proto3"; package q; message M {}', ['PACKAGE_CHANGED #/']],
    ['a field more', m(''), m('int32 a = 1;'), []],
    ['a field less', m('int32 a = 1;'), m(''), []],
    ['another name', m('int32 a = 1;'), m('int32 b = 1;'), []],
    ['numbers that are alike on the wire', m('int32 a = 1;'), m('bool a = 1;'), []],
    ['numbers that are not', m('int32 a = 1;'), m('sint32 a = 1;'), ['FIELD_SCALAR_KIND_CHANGED #/M/1']],
    ['string after int32', m('int32 a = 1;'), m('string a = 1;'), ['FIELD_SCALAR_KIND_CHANGED #/M/1']],
    ['bytes after string', m('string a = 1;'), m('bytes a = 1;'), []],
    ['an enumeration is a number', m('int32 a = 1;'), m('E a = 1;', 'enum E { A = 0; }'), []],
    ['a message is none', m('int32 a = 1;'), m('N a = 1;', N), ['FIELD_KIND_CHANGED #/M/1']],
    [
      'another message',
      m('N a = 1;', N),
      m('O a = 1;', `${N} message O {}`),
      ['FIELD_NAMED_TYPE_CHANGED #/M/1'],
    ],
    ['a message less', m('', N), m(''), ['MESSAGE_REMOVED #/N']],
    ['many strings after one', m('string a = 1;'), m('repeated string a = 1;'), []],
    [
      'many numbers after one',
      m('int32 a = 1;'),
      m('repeated int32 a = 1;'),
      ['FIELD_NUMERIC_LABEL_CHANGED #/M/1'],
    ],
    [
      'another value of a map',
      m('map<string, int32> a = 1;'),
      m('map<string, string> a = 1;'),
      ['FIELD_SCALAR_KIND_CHANGED #/M/1'],
    ],
    [
      'no map any more',
      m('map<string, N> a = 1;', N),
      m('repeated N a = 1;', N),
      ['FIELD_KIND_CHANGED #/M/1'],
    ],
    ['one field into a new oneof', m('int32 a = 1;'), m('oneof o { int32 a = 1; int32 b = 2; }'), []],
    [
      'two fields into a oneof',
      m('int32 a = 1; int32 b = 2;'),
      m('oneof o { int32 a = 1; int32 b = 2; }'),
      ['MULTIPLE_FIELDS_MOVED_TO_ONEOF #/M/o'],
    ],
    [
      'a field into a oneof that was there',
      m('int32 a = 1; oneof o { int32 b = 2; }'),
      m('oneof o { int32 a = 1; int32 b = 2; }'),
      ['FIELD_MOVED_TO_EXISTING_ONEOF #/M/o'],
    ],
    [
      'a field of a oneof less',
      m('oneof o { int32 a = 1; int32 b = 2; }'),
      m('oneof o { int32 a = 1; }'),
      ['ONEOF_FIELD_REMOVED #/M/o/2'],
    ],
    [
      'a oneof by another name',
      m('oneof o { int32 a = 1; int32 b = 2; }'),
      m('oneof x { int32 a = 1; int32 b = 2; }'),
      [],
    ],
    [
      'inside of a message',
      m('message I { int32 a = 1; } I i = 1;'),
      m('message I { string a = 1; } I i = 1;'),
      ['FIELD_SCALAR_KIND_CHANGED #/M/I/1'],
    ],
    [
      'a required field more',
      'message M {}',
      'message M { required int32 a = 1; }',
      ['REQUIRED_FIELD_ADDED #/M/1'],
    ],
    [
      'a required field less',
      'message M { required int32 a = 1; }',
      'message M {}',
      ['REQUIRED_FIELD_REMOVED #/M/1'],
    ],
    [
      'a field required that was not',
      'message M { optional int32 a = 1; }',
      'message M { required int32 a = 1; }',
      ['REQUIRED_FIELD_ADDED #/M/1'],
    ],
  ]
  for (const [what, original, update, wrong] of cases) {
    test(what, () => {
      const found = parse(update).differencesAsReaderOf(parse(original))
      assert.deepEqual(
        found.map(({ kind, path }) => `${kind} ${path}`),
        wrong,
      )
    })
  }

  test('messages of imports are compared by what they say', () => {
    const using = (path: string): string =>
      `syntax = "proto3"; import "${path}"; message M { shop.Address to = 1; }`
    const address = (type: string): string =>
      `syntax = "proto3"; package shop; message Address { ${type} zip = 1; }`
    const original = parse(using('a.proto'), { 'a.proto': address('int32') })
    assert.deepEqual(
      parse(using('b.proto'), { 'b.proto': address('int64') }).differencesAsReaderOf(original),
      [],
    )
    const changed = parse(using('b.proto'), { 'b.proto': address('string') })
    assert.deepEqual(
      changed.differencesAsReaderOf(original).map(({ kind, path }) => `${kind} ${path}`),
      ['FIELD_NAMED_TYPE_CHANGED #/M/1', 'FIELD_SCALAR_KIND_CHANGED #/Address/1'],
    )
  })
})
