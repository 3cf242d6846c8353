import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { FetchedRecords } from '../log/client/fetched-records.ts'
import {
  type BatchOptions,
  controlBatch,
  forEachRecord,
  readBatchHeader,
  RecordBatchBuilder,
  setBaseOffset,
  setLogAppendTime,
} from '../log/protocol/record-batch.ts'
import { piecesOf } from './copy-plan.ts'

function batchAt(offset: number, values: readonly string[], options: BatchOptions = {}): Buffer {
  const builder = new RecordBatchBuilder()
  for (const value of values)
    builder.append({ timestampMs: 1_000, value, headers: [{ key: 'h', value: 'x' }] })
  const batch = builder.build(options)
  setBaseOffset(batch, 0, offset)
  return batch
}

function fetched(
  batches: readonly Buffer[],
  abortedTransactions: FetchedRecords['abortedTransactions'] = null,
): FetchedRecords {
  const sizeBytes = batches.reduce((sum, batch) => sum + batch.length, 0)
  const ends = { highWatermark: 100, lastStableOffset: 100, nextOffset: 100, caughtUp: true }
  return { topic: 't', partition: 0, batches, sizeBytes, offset: 0, abortedTransactions, ...ends }
}

/** Offsets and values of each piece. */
function shown(pieces: ReturnType<typeof piecesOf>): unknown[] {
  return pieces.map(({ batch, firstOffset, lastOffset }) => {
    const values: string[] = []
    forEachRecord(batch, (_, __, ___, value) => values.push(String(value)))
    assert.equal(values.length, lastOffset - firstOffset + 1)
    return [firstOffset, values.join('')]
  })
}

const big = 'x'.repeat(70_000)

describe('what is written of what was fetched', () => {
  test('a whole batch passes as it is', () => {
    const batch = batchAt(5, ['a', 'b'], { compression: 'zstd' })
    assert.deepEqual(piecesOf(fetched([batch]), { from: 5 }), [{ batch, firstOffset: 5, lastOffset: 6 }])
  })

  test('small ones that follow each other are joined, with their codec; large ones are not', () => {
    const small = [
      batchAt(0, ['a'], { compression: 'gzip' }),
      batchAt(1, ['b', 'c'], { compression: 'gzip' }),
    ]
    const pieces = piecesOf(fetched([...small, batchAt(3, [big]), batchAt(4, ['e'])]), { from: 0 })
    assert.deepEqual(shown(pieces), [
      [0, 'abc'],
      [3, big],
      [4, 'e'],
    ])
    assert.equal(readBatchHeader(pieces[0]!.batch, 0).attributes & 7, 1)
  })

  test('no more than may be are joined', () => {
    const batches = [batchAt(0, ['a']), batchAt(1, ['b']), batchAt(2, ['c'])]
    const joinedBytesMax = batches[0]!.length * 2
    assert.deepEqual(shown(piecesOf(fetched(batches), { from: 0, joinedBytesMax })), [
      [0, 'ab'],
      [2, 'c'],
    ])
  })

  test('a part of a batch', () => {
    assert.deepEqual(shown(piecesOf(fetched([batchAt(0, ['a', 'b', 'c'])]), { from: 1 })), [[1, 'bc']])
    assert.deepEqual(piecesOf(fetched([batchAt(0, ['a', 'b', 'c'])]), { from: 3 }), [])
  })

  test('times of the log become those of the records', () => {
    const batch = batchAt(0, ['a'])
    setLogAppendTime(batch, 0, 77)
    const [piece] = piecesOf(fetched([batch]), { from: 0 })
    assert.equal(readBatchHeader(piece!.batch, 0).attributes, 0)
    forEachRecord(piece!.batch, (_, timestampMs) => assert.equal(timestampMs, 77))
  })

  test('a batch with holes falls apart', () => {
    // As compaction leaves it: the header spans five offsets, two records are there.
    const builder = new RecordBatchBuilder()
    builder.append({ timestampMs: 1, value: 'a' })
    builder.append({ timestampMs: 1, value: 'b' })
    const batch = builder.build()
    batch.writeInt32BE(4, 23)
    const record = batch.subarray(61 + batch[61]! / 2 + 1)
    record[3] = 6 // the second one's offset delta: 3
    setBaseOffset(batch, 0, 10)
    assert.deepEqual(shown(piecesOf(fetched([batch]), { from: 10 })), [
      [10, 'a'],
      [13, 'b'],
    ])
  })

  test('markers and aborted records are left out', () => {
    const identity = { producerId: 9, producerEpoch: 0 }
    const marker = controlBatch({ ...identity, kind: 'abort', coordinatorEpoch: 0, timestampMs: 1 })
    setBaseOffset(marker, 0, 3)
    const aborted = batchAt(1, ['b', 'c'], { ...identity, baseSequence: 0, transactional: true })
    const batches = [batchAt(0, ['a']), aborted, marker, batchAt(4, ['d'])]
    assert.deepEqual(shown(piecesOf(fetched(batches, [{ producerId: 9, firstOffset: 1 }]), { from: 0 })), [
      [0, 'a'],
      [4, 'd'],
    ])
  })
})
