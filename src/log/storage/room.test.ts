/** Room for batches to come: zeros behind the end of the active segment, where one sync follows another. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readWhole } from '../../world/files.ts'
import { type SimulatedMachine, simulatedWorld } from '../../world/simulated/simulation.ts'
import type { PartitionLog } from './partition-log.ts'
import { appendValues, collectReports, openOn, readValues } from './storage-for-tests.ts'

const LOG = '/data/t-0/00000000000000000000.log'
const VALUES = ['a', 'b', 'c', 'd', 'e']
const WRITTEN = VALUES.map((value, offset) => `${offset}:${value}`)

function fileBytes(machine: SimulatedMachine, path = LOG): number {
  return readWhole(machine.world.disk, path)!.length
}

async function syncedOneByOne(machine: SimulatedMachine, config: Record<string, string> = {}) {
  const directory = await openOn(machine)
  const log = directory.createTopic({ name: 't', partitions: 1, config }).partitions[0]!
  for (const value of VALUES) {
    appendValues(log, value)
    await log.sync()
  }
  return { directory, log }
}

describe('room for batches to come', () => {
  it('is made by syncs that follow one another, and cut when the log is closed in order', async () => {
    const { simulation, machine } = simulatedWorld()
    await simulation.run(async () => {
      const { directory, log } = await syncedOneByOne(machine)
      const sizeBefore = fileBytes(machine)
      assert.ok(sizeBefore > log.sizeBytes)
      assert.equal(sizeBefore % 4096, 0)
      appendValues(log, 'f')
      await log.sync()
      assert.equal(fileBytes(machine), sizeBefore)
      assert.deepEqual(readValues(log), [...WRITTEN, '5:f'])
      await directory.close()
      assert.equal(fileBytes(machine), log.sizeBytes)
    })
  })

  it('is not made by the last sync, which brings what nobody has waited for to the device', async () => {
    const { simulation, machine } = simulatedWorld()
    await simulation.run(async () => {
      const { directory, log } = await syncedOneByOne(machine)
      appendValues(log, 'x'.repeat(fileBytes(machine)))
      await directory.close()
      assert.equal(fileBytes(machine), log.sizeBytes)
    })
  })

  it('is not made where syncs are rare', async () => {
    const { simulation, machine } = simulatedWorld()
    await simulation.run(async () => {
      const directory = await openOn(machine)
      const log = directory.createTopic({ name: 't', partitions: 1, config: {} }).partitions[0]!
      for (const value of VALUES) {
        appendValues(log, value)
        await log.sync()
        await new Promise<void>((resolve) => machine.world.clock.schedule(200, resolve))
      }
      assert.equal(fileBytes(machine), log.sizeBytes)
      await directory.close()
    })
  })

  it('leaves no trace in a closed segment, and ends where the segment has to', async () => {
    const { simulation, machine } = simulatedWorld()
    await simulation.run(async () => {
      const { directory, log } = await syncedOneByOne(machine, { 'segment.bytes': '200' })
      const paths = machine.world.disk.list('/data/t-0').filter((name) => name.endsWith('.log'))
      assert.ok(paths.length > 1)
      const sizes = paths.map((name) => fileBytes(machine, `/data/t-0/${name}`))
      const active = sizes.pop()!
      assert.ok(active <= 4096)
      assert.ok(sizes.every((size) => size > 0 && size <= 200))
      assert.deepEqual(readValues(log), WRITTEN)
      await directory.close()
    })
  })

  for (const how of ['killed', 'without power'] as const)
    it(`is nothing that is missed when the process was ${how}`, async () => {
      const { simulation, machine } = simulatedWorld()
      await simulation.run(async () => {
        await syncedOneByOne(machine)
        if (how === 'killed') machine.kill()
        else machine.losePower({ unsynced: 'none', torn: false })
        const { report, events } = collectReports()
        const again = await openOn(machine, { report })
        const log: PartitionLog = again.topic('t')!.partitions[0]!
        assert.deepEqual(readValues(log), WRITTEN)
        assert.equal(fileBytes(machine), log.sizeBytes)
        assert.deepEqual(
          events.filter(({ event }) => event === 'log tail cut'),
          [],
        )
        await again.close()
      })
    })

  it('takes nothing of a disk that is full', async () => {
    const { simulation, machine } = simulatedWorld()
    await simulation.run(async () => {
      const directory = await openOn(machine)
      const log = directory.createTopic({ name: 't', partitions: 1, config: {} }).partitions[0]!
      appendValues(log, 'a')
      await log.sync()
      machine.disk.conditions.capacityBytes = machine.disk.usedBytes + 1_000
      for (const value of VALUES.slice(1)) {
        appendValues(log, value)
        await log.sync()
      }
      assert.equal(fileBytes(machine), log.sizeBytes)
      assert.deepEqual(readValues(log), WRITTEN)
      await directory.close()
    })
  })
})
