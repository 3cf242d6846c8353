import assert from 'node:assert/strict'
import { test } from 'node:test'
import { zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { compressSync as snappyCompress } from 'snappy'
import { WireError } from '../../base/byte-reader.ts'
import { crc32c } from '../../base/crc32c.ts'
import { COMPRESSIONS, decompress } from './compression.ts'
import {
  compressionOf,
  controlBatch,
  forEachRecord,
  isControl,
  isLogAppendTime,
  isTransactional,
  readBatchHeader,
  readControlType,
  RecordBatchBuilder,
  type RecordInput,
  setBaseOffset,
  setLogAppendTime,
  setPartitionLeaderEpoch,
  splitBatches,
  verifyBatchCrc,
} from './record-batch.ts'

const text = fc.string({ unit: 'grapheme', maxLength: 80 })
const payload = fc.option(
  fc.oneof(
    text,
    fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
  ),
)
const record: fc.Arbitrary<RecordInput> = fc.record({
  timestampMs: fc.oneof(
    fc.integer({ min: 0, max: 2 ** 44 }),
    fc.integer({ min: 1_700_000_000_000, max: 1_700_000_000_500 }),
  ),
  key: payload,
  value: payload,
  headers: fc.array(fc.record({ key: text, value: payload }), { maxLength: 3 }),
})

function bytesOf(value: Uint8Array | string | null | undefined): Buffer | null {
  if (value === null || value === undefined) return null
  return typeof value === 'string' ? Buffer.from(value) : Buffer.from(value)
}

interface Read {
  offset: number
  timestampMs: number
  key: Buffer | null
  value: Buffer | null
  headers: { key: string; value: Buffer | null }[]
}

function readAll(batch: Buffer): Read[] {
  const all: Read[] = []
  forEachRecord(batch, (offset, timestampMs, key, value, headers) => {
    all.push({ offset, timestampMs, key, value, headers: [...headers] })
  })
  return all
}

function build(
  records: readonly RecordInput[],
  options: Parameters<RecordBatchBuilder['build']>[0] = {},
): Buffer {
  const builder = new RecordBatchBuilder({ initialCapacity: 64 })
  for (const one of records) builder.append(one)
  return builder.build(options)
}

for (const compression of COMPRESSIONS) {
  test(`a batch with ${compression} gives back its records`, () => {
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 1, maxLength: 20 }),
        fc.nat(2 ** 40),
        (records, baseOffset) => {
          const batch = build(records, {
            compression,
            producerId: 2 ** 40,
            producerEpoch: 3,
            baseSequence: 9,
          })
          setBaseOffset(batch, 0, baseOffset)
          setPartitionLeaderEpoch(batch, 0, 5)
          const header = readBatchHeader(batch, 0)
          assert.equal(header.sizeBytes, batch.length)
          assert.equal(header.recordCount, records.length)
          assert.equal(header.lastOffsetDelta, records.length - 1)
          assert.equal(header.producerId, 2 ** 40)
          assert.equal(header.maxTimestamp, Math.max(...records.map((one) => one.timestampMs)))
          assert.equal(compressionOf(header.attributes), compression)
          assert.ok(verifyBatchCrc(batch, 0, batch.length))
          assert.deepEqual(
            readAll(batch),
            records.map((one, index) => ({
              offset: baseOffset + index,
              timestampMs: one.timestampMs,
              key: bytesOf(one.key),
              value: bytesOf(one.value),
              headers: (one.headers ?? []).map(({ key, value }) => ({ key, value: bytesOf(value) })),
            })),
          )
        },
      ),
      { numRuns: 40 },
    )
  })
}

test('cut or changed batches give records or a WireError, nothing else', () => {
  fc.assert(
    fc.property(
      fc.array(record, { minLength: 1, maxLength: 5 }),
      fc.constantFrom(...COMPRESSIONS),
      fc.nat(),
      fc.nat(255),
      (records, compression, position, byte) => {
        const batch = build(records, { compression })
        const at = position % batch.length
        for (const broken of [batch.subarray(0, at), Buffer.from(batch).fill(byte, at, at + 1)]) {
          try {
            readAll(broken)
          } catch (error) {
            if (!(error instanceof WireError)) throw error
          }
        }
      },
    ),
    { numRuns: 400 },
  )
})

test('the header and CRC are what Kafka writes', () => {
  const batch = build([{ timestampMs: 1_000, key: 'k', value: 'v' }])
  assert.equal(
    batch.toString('hex'),
    '0000000000000000' + // base offset
      '0000003a' + // length: 49 bytes of header after it, 9 of records
      'ffffffff' + // leader epoch
      '02' +
      crc32c(batch.subarray(21)).toString(16).padStart(8, '0') +
      '0000' +
      '00000000' +
      '00000000000003e8' +
      '00000000000003e8' +
      'ffffffffffffffff' +
      'ffff' +
      'ffffffff' +
      '00000001' +
      '10' + // record: 8 bytes
      '00' +
      '00' +
      '00' +
      '02' +
      '6b' +
      '02' +
      '76' +
      '00',
  )
})

test('log append time gives every record one timestamp and a right CRC', () => {
  const batch = build([
    { timestampMs: 1_000, value: 'a' },
    { timestampMs: 2_000, value: 'b' },
  ])
  setLogAppendTime(batch, 0, 9_000)
  assert.ok(isLogAppendTime(readBatchHeader(batch, 0).attributes))
  assert.ok(verifyBatchCrc(batch, 0, batch.length))
  assert.deepEqual(
    readAll(batch).map((one) => one.timestampMs),
    [9_000, 9_000],
  )
})

test('control batches say which end they mark', () => {
  for (const kind of ['commit', 'abort'] as const) {
    const batch = controlBatch({ kind, producerId: 7, producerEpoch: 2, coordinatorEpoch: 1, timestampMs: 5 })
    const { attributes, baseSequence, recordCount } = readBatchHeader(batch, 0)
    assert.ok(isControl(attributes) && isTransactional(attributes))
    assert.deepEqual([baseSequence, recordCount], [-1, 1])
    assert.equal(readControlType(batch), kind)
  }
})

test('concatenated batches are split, a cut-off last one is left out', () => {
  const first = build([{ timestampMs: 1, value: 'a' }])
  const second = build([{ timestampMs: 2, value: 'bb' }])
  const all = Buffer.concat([first, second, first.subarray(0, 30)])
  assert.deepEqual(splitBatches(all), [first, second])
})

test('what build returned is not touched by the next batch', () => {
  const builder = new RecordBatchBuilder()
  builder.append({ timestampMs: 1, value: 'first' })
  const first = builder.build()
  const copy = Buffer.from(first)
  builder.append({ timestampMs: 2, value: 'second' })
  builder.build()
  assert.deepEqual(first, copy)
})

test('snappy is read raw too, as librdkafka sends it', () => {
  const bytes = Buffer.from('to and fro, to and fro, to and fro')
  assert.deepEqual(decompress('snappy', snappyCompress(bytes)), bytes)
})

test('a small batch that would become huge is refused before it is allocated', () => {
  const zeros = zstdCompressSync(Buffer.alloc(300 * 1024 * 1024))
  assert.throws(() => decompress('zstd', zeros), WireError)
  assert.throws(() => decompress('snappy', Buffer.from('ffffffff7f00', 'hex')), WireError)
  const block = Buffer.alloc(5 + 20_000)
  block.writeUInt32LE(20_000, 0)
  const lz4 = Buffer.concat([
    Buffer.from('04224d18607082', 'hex'),
    ...Array.from({ length: 100 }, () => block),
    Buffer.alloc(4),
  ])
  assert.throws(() => decompress('lz4', lz4), WireError)
})
