/** Files that changed behind the log's back, and numbers at the end of their range: what fuzzing found. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readWhole, writeWhole } from '../../world/files.ts'
import { type SimulatedMachine, simulatedWorld } from '../../world/simulated/simulation.ts'
import type { PartitionLog } from './partition-log.ts'
import { append, appendValues, openOn, readValues } from './storage-for-tests.ts'

const LOG = '/data/t-0/00000000000000000000.log'
const INDEX = '/data/t-0/00000000000000000000.index'

/** A closed segment of 20 batches and an active one; `damage` changes files between an orderly end and the next start. */
async function reopened(
  damage: (machine: SimulatedMachine) => void,
  check: (log: PartitionLog) => void,
): Promise<void> {
  const { simulation, machine } = simulatedWorld()
  await simulation.run(async () => {
    const first = await openOn(machine)
    const config = { 'segment.bytes': '1600', 'index.interval.bytes': '100' }
    const log = first.createTopic({ name: 't', partitions: 1, config }).partitions[0]!
    for (let number = 0; number < 24; number++) appendValues(log, `value ${number}`)
    await first.close()
    damage(machine)
    const second = await openOn(machine)
    check(second.topic('t')!.partitions[0]!)
    await second.close()
  })
}

function change(path: string, at: number, bytes: readonly number[]) {
  return ({ world }: SimulatedMachine): void => {
    const content = readWhole(world.disk, path)!
    content.set(bytes, at)
    writeWhole(world.disk, path, content)
  }
}

describe('damaged files', () => {
  for (const [what, length] of [
    ['no bytes', [0xff, 0xff, 0xff, 0xf4]],
    ['a negative number of bytes', [0x80, 0, 0, 0]],
    ['two gigabytes', [0x7f, 0xff, 0xff, 0xff]],
  ] as const) {
    it(`a batch that says it has ${what} ends reading with MR_LOG_DAMAGED, and what lies around it can be read`, () =>
      reopened(change(LOG, 2 * 76 + 8, length), (log) => {
        const size = (offset: number): number => readSize(log, offset)
        assert.ok(size(0) > 0)
        assert.throws(() => size(2), /MR_LOG_DAMAGED/)
        assert.equal(readValues(log, { offset: log.endOffset - 1 }).length, 1)
      }))
  }

  it('an index that leads astray is made anew', () =>
    reopened(change(INDEX, 4, [0, 0, 0x05, 0x11]), (log) => {
      for (let offset = 0; offset < log.endOffset; offset++)
        assert.equal(readValues(log, { offset })[0], `${offset}:value ${offset}`)
    }))

  it('a marker that cannot be read leaves its transaction open, and the log opens', async () => {
    const { simulation, machine } = simulatedWorld()
    await simulation.run(async () => {
      const first = await openOn(machine)
      const log = first.createTopic({ name: 't', partitions: 1, config: {} }).partitions[0]!
      const producer = { producerId: 1, producerEpoch: 0 }
      const timestampMs = machine.world.clock.nowMs()
      append(log, { values: ['a'], timestampMs, ...producer, baseSequence: 0, transactional: true })
      const before = log.sizeBytes
      log.appendMarker({ kind: 'commit', ...producer, coordinatorEpoch: 0 })
      await log.sync()
      await first.checkpoint()
      machine.kill()
      change(LOG, before + 61, [0x7f, 0xff, 0xff])(machine)
      const second = await openOn(machine)
      const again = second.topic('t')!.partitions[0]!
      assert.equal(again.endOffset, 2)
      assert.equal(again.lastStableOffset, 0)
      await second.close()
    })
  })
})

describe('the largest numbers', () => {
  it('of a client are stored, rolled and recovered', async () => {
    const { simulation, machine } = simulatedWorld()
    await simulation.run(async () => {
      const first = await openOn(machine)
      const config = {
        'segment.bytes': '200',
        'index.interval.bytes': '0',
        'message.timestamp.after.max.ms': '9223372036854775807',
      }
      const log = first.createTopic({ name: 't', partitions: 1, config }).partitions[0]!
      for (let number = 0; number < 6; number++) {
        const producer = { producerId: 2 ** 63, producerEpoch: 0, baseSequence: number }
        const appended = append(log, { values: [`value ${number}`], timestampMs: 2 ** 62, ...producer })
        assert.equal(appended.kind, 'appended')
      }
      await first.close()
      const second = await openOn(machine)
      const again = second.topic('t')!.partitions[0]!
      assert.equal(readValues(again).length, 6)
      assert.ok(again.producer(2 ** 63))
      await second.close()
    })
  })
})

function readSize(log: PartitionLog, offset: number): number {
  const read = log.read({ offset, maxBytes: 100, isolation: 'read_uncommitted', minOneBatch: true })
  return read.kind === 'data' ? read.records.length : -1
}
