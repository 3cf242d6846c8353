import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FetchedRecords } from '../../log/client/fetcher.ts'
import { RecordBatchBuilder, setBaseOffset } from '../../log/protocol/record-batch.ts'
import { json } from '../../stream/connector/format.ts'
import { decodeFetched } from './decode-fetched.ts'

/** Batches one after the other: every second one is compressed. */
function fetchedOf(batches: readonly (readonly (string | null)[])[]): FetchedRecords {
  let offset = 0
  const built = batches.map((values, index) => {
    const builder = new RecordBatchBuilder()
    for (const [i, value] of values.entries()) {
      const bytes = value === null ? null : Buffer.from(value)
      builder.append({ key: Buffer.from(`k${offset + i}`), value: bytes, timestampMs: 1000 + offset + i })
    }
    const batch = builder.build({ compression: index % 2 === 0 ? 'none' : 'gzip' })
    setBaseOffset(batch, 0, offset)
    offset += values.length
    return batch
  })
  return {
    ...{ topic: 't', partition: 3, batches: built, sizeBytes: 0, offset: 0, nextOffset: offset },
    ...{ highWatermark: offset, lastStableOffset: offset, abortedTransactions: null, caughtUp: true },
  }
}

const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `{"n":${from + i}}`)

test('values keep their order over runs, batches and codecs, up to the end', () => {
  const fetched = fetchedOf([numbers(0, 200), numbers(200, 270), numbers(270, 271)])
  const reject = (): never => assert.fail('nothing is wrong')
  const { values, timestamps, rejected } = decodeFetched(fetched, { format: json(), end: 265, reject })
  assert.deepEqual(
    values,
    Array.from({ length: 265 }, (_, n) => ({ n })),
  )
  assert.deepEqual(
    timestamps,
    values.map((_, n) => 1000 + n),
  )
  assert.deepEqual(rejected, [])
})

test('of a run with wrong records the others are kept, and each wrong one is told with its place', () => {
  const fetched = fetchedOf([['{"n":0}', '{"n":', '{"n":2}', null, '{"n":4}'], numbers(5, 8)])
  const { values, rejected } = decodeFetched(fetched, { format: json(), end: 100, reject: (one) => one })
  assert.deepEqual(
    values,
    [0, 2, 4, 5, 6, 7].map((n) => ({ n })),
  )
  const told = rejected.map(({ offset, key, value }) => [
    offset,
    String(key),
    value === null ? null : String(value),
  ])
  assert.deepEqual(told, [
    [1, 'k1', '{"n":'],
    [3, 'k3', null],
  ])
  assert.match(rejected[0]!.reason, /not JSON/)
  assert.match(rejected[1]!.reason, /tombstone/)
})
