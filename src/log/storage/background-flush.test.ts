import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulatedWorld } from '../../world/simulated/simulation.ts'
import { sleep } from '../../world/world.ts'
import { appendValues, openOn } from './storage-for-tests.ts'

const MIB = 1_048_576

test('a partition is synced before its time once much has gathered', async () => {
  const { simulation, machine } = simulatedWorld()
  await simulation.run(async () => {
    const directory = await openOn(machine)
    const log = directory.createTopic({ name: 't', partitions: 1, config: {} }).partitions[0]!
    const value = 'x'.repeat(MIB)
    for (let count = 0; count < 15; count++) appendValues(log, value)
    await sleep(machine.world.clock, 1_000)
    assert.equal(log.durableOffset, 0)
    appendValues(log, value)
    await sleep(machine.world.clock, 1_000)
    assert.equal(log.durableOffset, 16)
    appendValues(log, 'little')
    await sleep(machine.world.clock, 1_000)
    assert.equal(log.durableOffset, 16)
    await sleep(machine.world.clock, 5_000)
    assert.equal(log.durableOffset, 17)
    await directory.close()
  })
})
