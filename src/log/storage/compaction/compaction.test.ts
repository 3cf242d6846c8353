/** Compaction: what stays and what goes, and when. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readBatchHeader, RecordBatchBuilder } from '../../protocol/record-batch.ts'
import { at, Bench, DAY_MS, type Seen } from './compaction-bench.test-kit.ts'

function on(
  config: Readonly<Record<string, string>>,
  play: (bench: Bench) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const bench = new Bench(1, config)
    await bench.simulation.run(async () => {
      await bench.open()
      await play(bench)
      await bench.directory.close()
    })
  }
}

const shown = (records: readonly Seen[]): string[] =>
  records.filter(({ key }) => key !== 'filler').map(({ offset, key, value }) => `${offset} ${key}=${value}`)

describe('compaction', () => {
  it(
    'keeps the last record of every key, with its offset, order, time and headers',
    on({}, async (bench) => {
      bench.append([at('a', 'a0'), at('b', 'b0', 5_000), at('a', 'a1')], { compression: 'gzip' })
      bench.append([at('c', 'c0'), at('a', 'a2', 2_000)])
      bench.append([at(null, 'no key')])
      bench.close()
      const end = bench.log.endOffset
      assert.ok((await bench.compact(DAY_MS)) > 0)
      assert.deepEqual(shown(bench.records()), ['1 b=b0', '3 c=c0', '4 a=a2'])
      assert.deepEqual(
        bench
          .records()
          .slice(0, 3)
          .map(({ timestampMs }) => timestampMs),
        [5_000, 1_000, 2_000],
      )
      assert.equal(bench.log.endOffset, end)
      assert.equal(bench.log.offsetForTimestamp(3_000)?.offset, 1)
      const firstHeader = bench.batches()[0]!.header
      assert.deepEqual(
        [firstHeader.baseOffset, firstHeader.lastOffsetDelta, firstHeader.attributes & 7],
        [0, 2, 1],
      )
      await bench.restart('power')
      assert.deepEqual(shown(bench.records()), ['1 b=b0', '3 c=c0', '4 a=a2'])
      assert.equal(bench.log.endOffset, end)
    }),
  )

  it(
    'never touches the active segment, and reads at every offset go on at the next record',
    on({}, async (bench) => {
      for (let round = 0; round < 30; round++)
        bench.append([at(`k${round % 3}`, `v${round}`.padEnd(30, '.'))])
      const before = bench.records()
      await bench.compact(DAY_MS)
      const after = bench.records()
      assert.ok(after.length < before.length)
      for (let offset = 0; offset < bench.log.endOffset; offset++) {
        const read = bench.log.read({ offset, maxBytes: 1, isolation: 'read_uncommitted', minOneBatch: true })
        assert.equal(read.kind, 'data')
        if (read.kind !== 'data') continue
        const header = readBatchHeader(read.records, 0)
        assert.ok(header.baseOffset + header.lastOffsetDelta >= offset)
      }
      assert.deepEqual(after.slice(-2), before.slice(-2))
    }),
  )

  it(
    'tombstones hide what they delete at once, and go after delete.retention.ms',
    on({ 'delete.retention.ms': '1000' }, async (bench) => {
      bench.append([at('a', 'a0'), at('b', 'b0')])
      bench.append([at('a', null)])
      bench.close()
      await bench.compact(DAY_MS)
      assert.deepEqual(shown(bench.records()), ['1 b=b0', '2 a=null'])
      bench.close()
      await bench.compact(DAY_MS + 999)
      assert.deepEqual(shown(bench.records()), ['1 b=b0', '2 a=null'])
      bench.close()
      await bench.compact(DAY_MS + 1_000)
      assert.deepEqual(shown(bench.records()), ['1 b=b0'])
    }),
  )

  it(
    'drops what was aborted, keeps what was committed, and markers for as long as they mean something',
    on({ 'delete.retention.ms': '1000' }, async (bench) => {
      const transactional = { producerEpoch: 0, transactional: true }
      bench.append([at('a', 'before')])
      bench.append([at('a', 'aborted')], { ...transactional, producerId: 7, baseSequence: 0 })
      bench.append([at('b', 'committed')], { ...transactional, producerId: 8, baseSequence: 0 })
      const marker = { producerEpoch: 0, coordinatorEpoch: 0 }
      bench.log.appendMarker({ ...marker, kind: 'abort', producerId: 7 })
      bench.log.appendMarker({ ...marker, kind: 'commit', producerId: 8 })
      bench.append([at('b', 'open')], { ...transactional, producerId: 8, baseSequence: 1 })
      bench.close()
      await bench.compact(DAY_MS)
      assert.ok(bench.log.cleanedTo <= 5, 'an open transaction holds compaction back')
      bench.log.appendMarker({ ...marker, kind: 'commit', producerId: 8 })
      bench.close()
      await bench.compact(DAY_MS)
      assert.deepEqual(shown(bench.committed()), ['0 a=before', '5 b=open'])
      assert.deepEqual(shown(bench.records()), ['0 a=before', '5 b=open'])
      assert.deepEqual(bench.markers(), ['abort 7', 'commit 8', 'commit 8'])
      for (let day = 2; day < 6; day++) {
        bench.close()
        await bench.compact(day * DAY_MS)
      }
      // Producer 7 is known by its aborted batch, of which the header stays; without the marker it would be open again.
      assert.deepEqual(bench.markers(), ['abort 7', 'commit 8'])
      assert.deepEqual(shown(bench.committed()), ['0 a=before', '5 b=open'])
    }),
  )

  it(
    'remembers producers over restarts, although their batches are gone',
    on({}, async (bench) => {
      const producer = { producerId: 5, producerEpoch: 1 }
      for (let sequence = 0; sequence < 4; sequence++)
        bench.append([at('a', `a${sequence}`)], { ...producer, baseSequence: sequence })
      bench.append([at('a', 'newest')])
      bench.close()
      await bench.compact(DAY_MS)
      assert.deepEqual(shown(bench.records()), ['4 a=newest'])
      await bench.restart('power')
      const batch = new RecordBatchBuilder()
      batch.append({ key: 'a', value: 'a3', timestampMs: 1 })
      const repeated = batch.build({ ...producer, baseSequence: 3 })
      const result = bench.log.append(repeated, readBatchHeader(repeated, 0), { origin: 'client' })
      assert.deepEqual([result.kind, result.kind === 'duplicate' && result.baseOffset], ['duplicate', 3])
    }),
  )

  it(
    'waits for enough that was never compacted, and for its age',
    on({ 'min.cleanable.dirty.ratio': '0.5', 'min.compaction.lag.ms': '100' }, async (bench) => {
      bench.append([at('a', 'a0')])
      bench.append([at('a', 'a1')])
      bench.close()
      assert.equal(await bench.compact(1_099), 0)
      assert.ok((await bench.compact(1_100)) > 0)
      const { cleanedTo } = bench.log
      assert.ok(cleanedTo > 1)
      for (let round = 0; round < 6; round++) bench.append([at(`k${round}`, 'x'.repeat(100))])
      bench.close()
      assert.equal((await bench.compact(DAY_MS)) >= 0, true)
    }),
  )

  it(
    'goes on where it stopped after a restart',
    on({}, async (bench) => {
      for (let round = 0; round < 20; round++) bench.append([at(`k${round % 2}`, `v${round}`)])
      bench.close()
      await bench.log.sync()
      await bench.directory.compact(DAY_MS)
      const { cleanedTo } = bench.log
      assert.ok(cleanedTo > 0)
      await bench.restart('close')
      assert.equal(bench.log.cleanedTo, cleanedTo)
      assert.equal(await bench.compact(DAY_MS), 0)
    }),
  )
})
