import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type SimulatedMachine, type Simulation, simulatedWorld } from '../../world/simulated/simulation.ts'
import { sleep } from '../../world/world.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import { isLogAppendTime, readBatchHeader, verifyBatchCrc } from '../protocol/record-batch.ts'
import type { LogConfig } from './log-config.ts'
import type { LogDirectory } from './log-directory.ts'
import type { PartitionLog, ReadResult } from './partition-log.ts'
import {
  append,
  appendValues,
  batchOf,
  collectReports,
  openOn,
  readBatches,
  readValues,
} from './storage-for-tests.ts'

interface Bench {
  readonly machine: SimulatedMachine
  readonly simulation: Simulation
  readonly events: ReturnType<typeof collectReports>['events']
  directory: LogDirectory
  log: PartitionLog
  reopen(how?: 'close' | 'kill' | 'power'): Promise<void>
}

/** Runs a test on the partition of a new topic. */
async function on(
  config: Readonly<Record<string, string>>,
  body: (bench: Bench) => Promise<void>,
  logConfig: LogConfig = {},
): Promise<void> {
  const { simulation, machine } = simulatedWorld()
  const { report, events } = collectReports()
  await simulation.run(async () => {
    const directory = await openOn(machine, { config: logConfig, report })
    const log = directory.createTopic({ name: 't', partitions: 1, config }).partitions[0]!
    await directory.topicsSynced()
    const bench: Bench = {
      machine,
      simulation,
      events,
      directory,
      log,
      async reopen(how = 'close') {
        if (how === 'close') await bench.directory.close()
        else if (how === 'kill') machine.kill()
        else machine.losePower({ unsynced: 'none' })
        bench.directory = await openOn(machine, { config: logConfig, report })
        bench.log = bench.directory.topic('t')!.partitions[0]!
      },
    }
    await body(bench)
    await bench.directory.close()
  })
}

function read(
  log: PartitionLog,
  offset: number,
  more: { maxBytes?: number; minOneBatch?: boolean; committed?: boolean } = {},
): Extract<ReadResult, { kind: 'data' }> {
  const { maxBytes = 1 << 20, minOneBatch = true, committed = false } = more
  const result = log.read({
    offset,
    maxBytes,
    minOneBatch,
    isolation: committed ? 'read_committed' : 'read_uncommitted',
  })
  assert.ok(result.kind === 'data', result.kind)
  return result
}

describe('reading', () => {
  it('gives whole batches within the limit, and the first one even above it', () =>
    on({}, async ({ log }) => {
      for (let index = 0; index < 10; index++) appendValues(log, 'a', 'b')
      const size = batchOf({ values: ['a', 'b'] }).length
      assert.equal(read(log, 0, { maxBytes: size * 3 + 10 }).records.length, size * 3)
      assert.equal(read(log, 0, { maxBytes: 5 }).records.length, size)
      assert.equal(read(log, 0, { maxBytes: size - 1 }).records.length, size)
      assert.equal(read(log, 0, { maxBytes: size - 1, minOneBatch: false }).records.length, 0)
      assert.equal(read(log, 0, { maxBytes: 5, minOneBatch: false }).records.length, 0)
      const inside = read(log, 7)
      assert.equal(
        readBatchHeader(inside.records, 0).baseOffset,
        6,
        'an offset inside a batch gives the batch',
      )
      assert.equal(read(log, 20).records.length, 0, 'at the end there is nothing')
      for (const offset of [-1, 21])
        assert.equal(
          log.read({ offset, maxBytes: 1, isolation: 'read_uncommitted', minOneBatch: true }).kind,
          'out-of-range',
        )
    }))

  it('finds every offset over many segments, warm and after a restart', () =>
    on({ 'segment.bytes': '2000', 'index.interval.bytes': '200' }, async (bench) => {
      for (let index = 0; index < 300; index++) appendValues(bench.log, `${index}`)
      assert.ok(bench.log.segmentCount > 5)
      for (let round = 0; round < 2; round++) {
        for (let offset = 299; offset >= 0; offset -= 7) {
          assert.equal(readBatchHeader(read(bench.log, offset).records, 0).baseOffset, offset)
        }
        assert.equal(readValues(bench.log, { maxBytes: 300 }).length, 300)
        await bench.reopen()
      }
    }))

  it('a read error is an error and no empty answer', () =>
    on({}, async ({ log, machine }) => {
      appendValues(log, 'a')
      machine.disk.conditions.readFailureChance = 1
      assert.throws(() => read(log, 0), /MR_DISK_IO/)
      machine.disk.conditions.readFailureChance = 0
      assert.deepEqual(readValues(log), ['0:a'])
    }))
})

describe('appending', () => {
  it('sets the base offset and the leader epoch, and keeps the CRC right', () =>
    on({}, async ({ log }) => {
      appendValues(log, 'a', 'b')
      assert.equal(appendValues(log, 'c'), 2)
      const { records } = read(log, 2)
      const header = readBatchHeader(records, 0)
      assert.equal(header.baseOffset, 2)
      assert.equal(header.partitionLeaderEpoch, log.leaderEpoch)
      assert.ok(verifyBatchCrc(records, 0, header.sizeBytes))
    }))

  it('LogAppendTime stamps the batch and says so', () =>
    on({ 'message.timestamp.type': 'LogAppendTime' }, async ({ log, machine }) => {
      const nowMs = machine.world.clock.nowMs()
      const result = append(log, {
        values: ['a'],
        timestampMs: 5,
        producerId: 1,
        producerEpoch: 0,
        baseSequence: 0,
      })
      assert.equal(result.kind === 'appended' && result.logAppendTimeMs, nowMs)
      const { records } = read(log, 0)
      const header = readBatchHeader(records, 0)
      assert.ok(
        isLogAppendTime(header.attributes) &&
          header.maxTimestamp === nowMs &&
          verifyBatchCrc(records, 0, header.sizeBytes),
      )
      const again = append(log, {
        values: ['a'],
        timestampMs: 5,
        producerId: 1,
        producerEpoch: 0,
        baseSequence: 0,
      })
      assert.equal(again.kind === 'duplicate' && again.logAppendTimeMs, nowMs)
    }))

  it('refuses timestamps outside of the limits', () =>
    on(
      { 'message.timestamp.after.max.ms': '1000', 'message.timestamp.before.max.ms': '2000' },
      async ({ log, machine }) => {
        const nowMs = machine.world.clock.nowMs()
        for (const timestampMs of [nowMs + 1001, nowMs - 2001]) {
          const result = append(log, { values: ['a'], timestampMs })
          assert.ok(result.kind === 'rejected')
          assert.equal(result.error, ErrorCode.INVALID_TIMESTAMP)
          assert.match(
            result.message,
            /1000 ms ahead of the broker's clock or more than 2000 ms behind it\.$/,
          )
        }
        for (const timestampMs of [nowMs + 1000, nowMs - 2000])
          assert.equal(append(log, { values: ['a'], timestampMs }).kind, 'appended')
      },
    ))

  it('rolls by size and by the span of timestamps', () =>
    on({ 'segment.bytes': '1000', 'segment.ms': '5000' }, async ({ log }) => {
      append(log, { values: ['a'.repeat(800)], timestampMs: 0 })
      append(log, { values: ['a'.repeat(800)], timestampMs: 0 })
      assert.equal(log.segmentCount, 2)
      append(log, { values: ['a'], timestampMs: 5000 })
      assert.equal(log.segmentCount, 2)
      append(log, { values: ['a'], timestampMs: 5001 })
      assert.equal(log.segmentCount, 3)
    }))

  it('a full disk refuses, changes nothing, and takes appends again when there is room', () =>
    on({ 'segment.bytes': '1000' }, async ({ log, machine, events }) => {
      const producer = { producerId: 1, producerEpoch: 0 }
      assert.equal(append(log, { values: ['a'.repeat(300)], ...producer, baseSequence: 0 }).kind, 'appended')
      await log.sync()
      machine.disk.conditions.capacityBytes = machine.disk.usedBytes + 50
      const before = readValues(log)
      for (let attempt = 0; attempt < 5; attempt++) {
        const result = append(log, { values: ['b'.repeat(900)], ...producer, baseSequence: 1 })
        assert.equal(result.kind === 'rejected' && result.error, ErrorCode.KAFKA_STORAGE_ERROR)
      }
      assert.equal(log.endOffset, 1)
      assert.deepEqual(readValues(log), before)
      assert.ok(events.some(({ event }) => event === 'append failed'))
      machine.disk.conditions.capacityBytes = Infinity
      assert.equal(append(log, { values: ['b'.repeat(900)], ...producer, baseSequence: 1 }).kind, 'appended')
      await log.sync()
      assert.equal(log.durableOffset, 2)
    }))

  it('a failed sync ends writing, not reading', () =>
    on({}, async ({ log, machine }) => {
      appendValues(log, 'a')
      await log.sync()
      appendValues(log, 'b')
      machine.disk.conditions.syncFailureChance = 1
      await assert.rejects(log.sync(), /MR_SYNC_FAILED/)
      machine.disk.conditions.syncFailureChance = 0
      const result = append(log, { values: ['c'] })
      assert.equal(result.kind === 'rejected' && result.error, ErrorCode.KAFKA_STORAGE_ERROR)
      assert.match(result.kind === 'rejected' ? result.message : '', /MR_SYNC_FAILED.*restart/)
      await assert.rejects(log.sync(), /MR_SYNC_FAILED/)
      assert.equal(log.durableOffset, 1)
      assert.deepEqual(readValues(log), ['0:a', '1:b'])
    }))
})

describe('durability', () => {
  it('concurrent callers share a sync, and later ones the next', () =>
    on({}, async ({ log }) => {
      appendValues(log, 'a')
      const first = log.sync()
      assert.equal(log.sync(), first)
      appendValues(log, 'b')
      const second = log.sync()
      assert.notEqual(second, first)
      appendValues(log, 'c')
      assert.equal(log.sync(), second, 'the next round has not begun: it covers this one too')
      await first
      assert.equal(log.durableOffset, 1)
      await second
      assert.equal(log.durableOffset, 3)
    }))

  it('a read_committed reader sees nothing that a power cut could take back', () =>
    on({}, async ({ log }) => {
      let wakes = 0
      const unsubscribe = log.onAdvance(() => wakes++)
      appendValues(log, 'a')
      assert.equal(wakes, 1)
      assert.equal(read(log, 0, { committed: true }).records.length, 0)
      assert.ok(read(log, 0).records.length > 0)
      await log.sync()
      assert.equal(wakes, 2)
      assert.ok(read(log, 0, { committed: true }).records.length > 0)
      unsubscribe()
      appendValues(log, 'b')
      assert.equal(wakes, 2)
    }))

  it('what nobody waits for is synced in the background', () =>
    on(
      {},
      async ({ log, machine }) => {
        appendValues(log, 'a')
        await sleep(machine.world.clock, 900)
        assert.equal(log.durableOffset, 0)
        await sleep(machine.world.clock, 200)
        assert.equal(log.durableOffset, 1)
      },
      { flushIntervalMs: 1000 },
    ))

  it('a sync covers the segments that were rolled before it', () =>
    on({ 'segment.bytes': '300' }, async (bench) => {
      for (let index = 0; index < 20; index++) appendValues(bench.log, `${index}`)
      await bench.log.sync()
      appendValues(bench.log, 'lost')
      await bench.reopen('power')
      assert.equal(bench.log.endOffset, 20)
      // Read committed, it can be read once it is synced again: no checkpoint says how far it was.
      await bench.log.sync()
      assert.equal(bench.log.durableOffset, 20)
    }))
})

describe('transactions', () => {
  const producer = { producerId: 5, producerEpoch: 0, transactional: true }
  const marker = { producerId: 5, producerEpoch: 0, coordinatorEpoch: 0 }

  it('hold the last stable offset back, and aborted ones are named to readers', () =>
    on({}, async ({ log }) => {
      append(log, { values: ['a'], ...producer, baseSequence: 0 })
      appendValues(log, 'plain')
      await log.sync()
      assert.equal(log.lastStableOffset, 0)
      assert.equal(read(log, 0, { committed: true }).records.length, 0)
      const ended = log.appendMarker({ kind: 'abort', ...marker })
      assert.equal(ended.kind === 'appended' && ended.baseOffset, 2)
      assert.equal(log.lastStableOffset, 3)
      await log.sync()
      const committed = read(log, 0, { committed: true })
      assert.deepEqual(committed.abortedTransactions, [{ producerId: 5, firstOffset: 0 }])
      assert.deepEqual(
        readBatches(log, { isolation: 'read_committed' }).map(({ kind }) => kind),
        ['data', 'data', 'abort'],
      )
      assert.deepEqual(read(log, 1, { committed: true, maxBytes: 1 }).abortedTransactions, [
        { producerId: 5, firstOffset: 0 },
      ])
      assert.equal(read(log, 0).abortedTransactions, null)
    }))

  for (const how of ['close', 'kill'] as const) {
    it(`stay open, and aborted ones known, over a ${how}`, () =>
      on({ 'segment.bytes': '300' }, async (bench) => {
        append(bench.log, { values: ['a'], ...producer, baseSequence: 0 })
        for (let index = 0; index < 10; index++) appendValues(bench.log, `${index}`)
        bench.log.appendMarker({ kind: 'abort', ...marker })
        append(bench.log, { values: ['b'], ...producer, baseSequence: 1 })
        const { lastStableOffset } = bench.log
        await bench.reopen(how)
        await bench.log.sync()
        assert.equal(bench.log.lastStableOffset, lastStableOffset)
        assert.deepEqual(bench.log.openTransactions(), [
          { producerId: 5, producerEpoch: 0, firstOffset: lastStableOffset },
        ])
        assert.deepEqual(read(bench.log, 3, { committed: true }).abortedTransactions, [
          { producerId: 5, firstOffset: 0 },
        ])
        bench.log.appendMarker({ kind: 'commit', ...marker })
        assert.equal(bench.log.lastStableOffset, bench.log.endOffset)
      }))
  }
})

describe('looking for timestamps', () => {
  it('finds the first record at or after a time, inside compressed batches', () =>
    on({ 'segment.bytes': '700', 'index.interval.bytes': '100' }, async (bench) => {
      for (let index = 0; index < 40; index++)
        append(bench.log, { values: ['x', 'y'], timestampMs: 1000 + index * 10, compression: 'gzip' })
      for (let round = 0; round < 2; round++) {
        assert.deepEqual(bench.log.offsetForTimestamp(1000)?.offset, 0)
        assert.deepEqual(bench.log.offsetForTimestamp(1101), { offset: 22, timestamp: 1110, leaderEpoch: 0 })
        assert.equal(bench.log.offsetForTimestamp(1391), undefined)
        assert.equal(bench.log.offsetOfMaxTimestamp()?.offset, 78)
        await bench.reopen()
      }
      append(bench.log, { values: ['late'], timestampMs: 1005 })
      assert.equal(bench.log.offsetOfMaxTimestamp()?.offset, 78)
      assert.equal(bench.log.offsetForTimestamp(1395), undefined)
      bench.log.deleteRecordsBefore(31)
      assert.equal(bench.log.offsetForTimestamp(1000)?.offset, 31)
    }))
})

describe('deleting', () => {
  it('by age takes whole segments, the active one too', () =>
    on({ 'segment.bytes': '300', 'retention.ms': '1000' }, async ({ log, machine }) => {
      const nowMs = machine.world.clock.nowMs()
      for (let index = 0; index < 12; index++)
        append(log, { values: [`${index}`], timestampMs: nowMs + index * 100 })
      assert.equal(await log.applyRetention(nowMs + 1100), 0)
      const removed = await log.applyRetention(nowMs + 1500)
      assert.equal(removed, 1)
      assert.ok(log.logStartOffset > 0)
      await log.applyRetention(nowMs + 5000)
      assert.equal(log.logStartOffset, 12)
      assert.equal(log.segmentCount, 1)
      assert.equal(appendValues(log, 'next'), 12)
    }))

  it('by size keeps what is within the limit', () =>
    on({ 'segment.bytes': '300', 'retention.bytes': '700', 'retention.ms': '-1' }, async (bench) => {
      for (let index = 0; index < 30; index++) appendValues(bench.log, `${index}`)
      await bench.log.applyRetention(0)
      const { logStartOffset, sizeBytes } = bench.log
      assert.ok(sizeBytes >= 700 && sizeBytes < 1000, `${sizeBytes}`)
      await bench.reopen('power')
      assert.equal(bench.log.logStartOffset, logStartOffset)
      assert.equal(readValues(bench.log)[0], `${logStartOffset}:${logStartOffset}`)
    }))

  it('goes on after recovery points were saved, and keeps the producers of what is gone', () =>
    on({ 'segment.bytes': '300', 'retention.bytes': '700', 'retention.ms': '-1' }, async (bench) => {
      const producer = { producerId: 3, producerEpoch: 0 }
      append(bench.log, { values: ['a'], ...producer, baseSequence: 0 })
      for (let round = 0; round < 3; round++) {
        for (let index = 0; index < 30; index++) appendValues(bench.log, `${index}`)
        await bench.log.sync()
        await bench.directory.checkpoint()
        assert.ok((await bench.log.applyRetention(0)) > 0)
        const { sizeBytes, logStartOffset } = bench.log
        assert.ok(sizeBytes >= 700 && sizeBytes < 1000, `${sizeBytes}`)
        await bench.reopen('power')
        assert.equal(bench.log.logStartOffset, logStartOffset)
        assert.equal(append(bench.log, { values: ['a'], ...producer, baseSequence: 0 }).kind, 'duplicate')
      }
    }))

  it('leaves compacted topics alone, but for records that were deleted by offset', () =>
    on({ 'segment.bytes': '300', 'retention.ms': '1', 'cleanup.policy': 'compact' }, async ({ log }) => {
      for (let index = 0; index < 30; index++) appendValues(log, `${index}`)
      assert.equal(await log.applyRetention(1e15), 0)
      assert.equal(log.deleteRecordsBefore(20), true)
      assert.equal(log.logStartOffset, 20)
      assert.equal(log.deleteRecordsBefore(31), false)
      assert.equal(
        log.read({ offset: 19, maxBytes: 1, isolation: 'read_uncommitted', minOneBatch: true }).kind,
        'out-of-range',
      )
      await log.applyRetention(1e15)
      assert.ok(log.segmentCount < 6)
      assert.equal(readValues(log, { offset: 20 })[0], '20:20')
    }))

  it('producers survive the deletion of all their records', () =>
    on({ 'segment.bytes': '300', 'retention.ms': '1000' }, async (bench) => {
      const producer = { producerId: 3, producerEpoch: 0 }
      append(bench.log, { values: ['a'], ...producer, baseSequence: 0 })
      for (let index = 0; index < 10; index++) appendValues(bench.log, `${index}`)
      await bench.log.applyRetention(bench.machine.world.clock.nowMs())
      assert.equal(bench.log.logStartOffset, 11)
      await bench.reopen('power')
      assert.equal(append(bench.log, { values: ['a'], ...producer, baseSequence: 0 }).kind, 'duplicate')
      assert.equal(append(bench.log, { values: ['b'], ...producer, baseSequence: 1 }).kind, 'appended')
    }))
})

describe('recovery', () => {
  it('cuts a torn tail, says so, and begins a new leader epoch', () =>
    on({}, async (bench) => {
      for (let index = 0; index < 5; index++) appendValues(bench.log, `${index}`)
      await bench.log.sync()
      const file = bench.machine.world.disk.open('/data/t-0/00000000000000000000.log')
      const size = file.sizeBytes()
      file.write([batchOf({ values: ['half'] }).subarray(0, 65)], size)
      await bench.reopen('kill')
      assert.equal(bench.log.endOffset, 5)
      assert.equal(bench.log.leaderEpoch, 1)
      assert.deepEqual(bench.log.offsetForLeaderEpoch(0), { epoch: 0, endOffset: 5 })
      const cut = bench.events.find(({ event }) => event === 'log tail cut')
      assert.deepEqual(
        {
          topic: cut?.fields['topic'],
          partition: cut?.fields['partition'],
          offset: cut?.fields['offset'],
          bytesCut: cut?.fields['bytesCut'],
        },
        { topic: 't', partition: 0, offset: 5, bytesCut: 65 },
      )
      assert.equal(appendValues(bench.log, 'next'), 5)
    }))

  it('ends the log at a batch whose CRC is wrong, and takes the later segments away', () =>
    on({ 'segment.bytes': '300' }, async (bench) => {
      for (let index = 0; index < 20; index++) appendValues(bench.log, `${index}`)
      const file = bench.machine.world.disk.open('/data/t-0/00000000000000000004.log')
      file.write([Buffer.from('X')], 65)
      await bench.reopen('kill')
      assert.equal(bench.log.endOffset, 4)
      assert.equal(bench.log.segmentCount, 1)
      assert.deepEqual(readValues(bench.log), ['0:0', '1:1', '2:2', '3:3'])
    }))

  it('looks only above the recovery point, and not at all after a clean shutdown', () =>
    on({}, async (bench) => {
      for (let index = 0; index < 5; index++) appendValues(bench.log, `${index}`)
      await bench.log.sync()
      await bench.directory.checkpoint()
      const damage = (): void =>
        bench.machine.world.disk.open('/data/t-0/00000000000000000000.log').write([Buffer.from('X')], 65)
      damage()
      await bench.reopen('kill')
      assert.equal(bench.log.endOffset, 5, 'what was on the device is not doubted')
      await bench.reopen('close')
      assert.equal(bench.log.endOffset, 5)
      assert.equal(bench.log.leaderEpoch, 1, 'only crashes begin an epoch')
    }))

  it('makes indexes anew that are missing or damaged', () =>
    on({ 'segment.bytes': '2000', 'index.interval.bytes': '100' }, async (bench) => {
      for (let index = 0; index < 100; index++)
        append(bench.log, { values: [`${index}`], timestampMs: index })
      await bench.directory.close()
      const { disk } = bench.machine.world
      const names = disk.list('/data/t-0').filter((name) => name.endsWith('index'))
      for (const [index, name] of names.entries()) {
        if (index % 2 === 0) disk.remove(`/data/t-0/${name}`)
        else disk.open(`/data/t-0/${name}`).truncate(5)
      }
      await bench.reopen()
      for (const offset of [0, 33, 50, 99]) {
        assert.equal(readBatchHeader(read(bench.log, offset).records, 0).baseOffset, offset)
        assert.equal(bench.log.offsetForTimestamp(offset)?.offset, offset)
      }
    }))
})
