import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ByteReader, WireError } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'

function roundTrip<T>(write: (writer: ByteWriter) => void, read: (reader: ByteReader) => T): T {
  const writer = new ByteWriter(1)
  write(writer)
  const reader = new ByteReader(writer.toBuffer())
  const value = read(reader)
  assert.equal(reader.remaining(), 0)
  return value
}

test('integers survive a round trip', () => {
  fc.assert(
    fc.property(
      fc.maxSafeInteger(),
      fc.integer(),
      fc.integer({ min: -32768, max: 32767 }),
      (long, int, short) => {
        assert.equal(
          roundTrip(
            (w) => w.int64(long),
            (r) => r.int64(),
          ),
          long,
        )
        assert.equal(
          roundTrip(
            (w) => w.varlong(Math.floor(long / 2)),
            (r) => r.varlong(),
          ),
          Math.floor(long / 2),
        )
        assert.equal(
          roundTrip(
            (w) => w.int32(int),
            (r) => r.int32(),
          ),
          int,
        )
        assert.equal(
          roundTrip(
            (w) => w.varint(int),
            (r) => r.varint(),
          ),
          int,
        )
        assert.equal(
          roundTrip(
            (w) => w.uint32(int >>> 0),
            (r) => r.uint32(),
          ),
          int >>> 0,
        )
        assert.equal(
          roundTrip(
            (w) => w.unsignedVarint(int >>> 0),
            (r) => r.unsignedVarint(),
          ),
          int >>> 0,
        )
        assert.equal(
          roundTrip(
            (w) => w.int16(short),
            (r) => r.int16(),
          ),
          short,
        )
        assert.equal(
          roundTrip(
            (w) => w.int8(short >> 8),
            (r) => r.int8(),
          ),
          short >> 8,
        )
      },
    ),
  )
})

test('the largest 64-bit integer stays the largest', () => {
  const writer = new ByteWriter()
  writer.int64(2 ** 63)
  assert.equal(writer.toBuffer().toString('hex'), '7fffffffffffffff')
  assert.equal(
    roundTrip(
      (w) => w.int64(2 ** 63),
      (r) => r.int64(),
    ),
    2 ** 63,
  )
})

test('text of any length and script survives a round trip', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
      assert.equal(
        roundTrip(
          (w) => w.string(text),
          (r) => r.string(),
        ),
        text,
      )
      assert.equal(
        roundTrip(
          (w) => w.compactString(text),
          (r) => r.compactString(),
        ),
        text,
      )
    }),
  )
})

test('null is told from empty', () => {
  assert.equal(
    roundTrip(
      (w) => w.nullableString(null),
      (r) => r.nullableString(),
    ),
    null,
  )
  assert.equal(
    roundTrip(
      (w) => w.compactNullableString(''),
      (r) => r.compactNullableString(),
    ),
    '',
  )
  assert.throws(() => new ByteReader(Buffer.from('ffff', 'hex')).string(), WireError)
  assert.throws(() => new ByteReader(Buffer.from('00', 'hex')).compactBytes(), WireError)
  assert.throws(() => new ByteReader(Buffer.from('fffe', 'hex')).nullableString(), WireError)
})

test('reading past the end, and varints that do not end, are WireErrors', () => {
  assert.throws(() => new ByteReader(Buffer.alloc(8), 0, 3).int32(), WireError)
  assert.throws(() => new ByteReader(Buffer.alloc(20, 0xff)).unsignedVarint(), WireError)
  assert.throws(() => new ByteReader(Buffer.alloc(20, 0xff)).varlong(), WireError)
  assert.throws(() => new ByteReader(Buffer.from('0005aa', 'hex')).string(), WireError)
})

test('a string too long for its length field is refused', () => {
  assert.throws(() => new ByteWriter().string('x'.repeat(32_768)), RangeError)
})
