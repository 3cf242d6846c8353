import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readText, writeWhole } from '../../world/files.ts'
import { type SimulatedMachine, simulatedWorld } from '../../world/simulated/simulation.ts'
import { append, appendValues, collectReports, openOn, readValues } from './storage-for-tests.ts'

function onMachine(body: (machine: SimulatedMachine) => Promise<void>): Promise<void> {
  const { simulation, machine } = simulatedWorld()
  return simulation.run(() => body(machine))
}

describe('log directory', () => {
  it('is one node’s at a time, and keeps its identity', () =>
    onMachine(async (machine) => {
      const first = await openOn(machine)
      await assert.rejects(openOn(machine), /MR_DATA_DIR_IN_USE/)
      await first.close()
      await assert.rejects(openOn(machine, { config: { nodeId: 7 } }), /MR_DATA_DIR_MISMATCH.*node id is 1/)
      const second = await openOn(machine, { config: { nodeId: 1 } })
      assert.equal(second.clusterId, first.clusterId)
      assert.match(second.clusterId, /^[\w-]{22}$/)
      await second.close()
    }))

  it('keeps topics, ids, partitions and configurations over restarts', () =>
    onMachine(async (machine) => {
      const directory = await openOn(machine)
      const { id } = directory.createTopic({ name: 'orders', partitions: 2, config: { 'retention.ms': '5' } })
      directory.createTopic({ name: '__consumer_offsets', partitions: 1, config: {}, internal: true })
      directory.addPartitions('orders', 3)
      directory.setTopicConfig('orders', { 'max.message.bytes': '77' })
      appendValues(directory.topic('orders')!.partitions[2]!, 'a')
      await directory.topicsSynced()
      machine.losePower({ unsynced: 'none' })
      const again = await openOn(machine)
      const topic = again.topicById(id)
      assert.equal(topic?.name, 'orders')
      assert.equal(topic.partitions.length, 3)
      assert.deepEqual(topic.overrides, { 'max.message.bytes': '77' })
      assert.equal(topic.config.maxMessageBytes, 77)
      assert.equal(again.topic('__consumer_offsets')?.internal, true)
      assert.equal(
        readText(machine.world.disk, '/data/orders-2/partition.metadata'),
        `version: 0\ntopic_id: ${id}`,
      )
      await again.close()
    }))

  it('a record that is durable is in a topic that is durable', () =>
    onMachine(async (machine) => {
      const directory = await openOn(machine)
      const log = directory.createTopic({ name: 't', partitions: 1, config: {} }).partitions[0]!
      appendValues(log, 'a')
      await log.sync()
      machine.losePower({ unsynced: 'none' })
      const again = await openOn(machine)
      assert.deepEqual(readValues(again.topic('t')!.partitions[0]!), ['0:a'])
      await again.close()
    }))

  it('a deleted topic goes at once, its files soon, and a new one of the name is another', () =>
    onMachine(async (machine) => {
      const directory = await openOn(machine)
      const old = directory.createTopic({ name: 't', partitions: 2, config: {} })
      const log = old.partitions[0]!
      appendValues(log, 'old')
      const unsynced = log.sync()
      directory.deleteTopic('t')
      assert.equal(directory.topic('t'), undefined)
      assert.equal(directory.topicById(old.id), undefined)
      assert.equal(append(log, { values: ['x'] }).kind, 'rejected')
      await Promise.allSettled([unsynced])
      await assert.rejects(log.sync(), /MR_PARTITION_CLOSED/)
      const renewed = directory.createTopic({ name: 't', partitions: 1, config: {} })
      assert.notEqual(renewed.id, old.id)
      appendValues(renewed.partitions[0]!, 'new')
      await directory.close()
      assert.deepEqual(
        machine.world.disk.list('/data').filter((name) => name.startsWith('t-')),
        ['t-0'],
      )
      const again = await openOn(machine)
      assert.deepEqual(readValues(again.topic('t')!.partitions[0]!), ['0:new'])
      await again.close()
    }))

  it('a power cut before a deletion or creation is durable leaves the topics as they were', () =>
    onMachine(async (machine) => {
      const directory = await openOn(machine)
      const kept = directory.createTopic({ name: 'kept', partitions: 1, config: {} })
      appendValues(kept.partitions[0]!, 'a')
      await kept.partitions[0]!.sync()
      directory.deleteTopic('kept')
      directory.createTopic({ name: 'kept', partitions: 1, config: {} })
      directory.createTopic({ name: 'made', partitions: 1, config: {} })
      // Names reach the device on their own, the list of topics does not.
      await machine.world.disk.syncDirectory('/data')
      machine.losePower({ unsynced: 'none' })
      const again = await openOn(machine)
      assert.deepEqual(
        [...again.topics()].map(({ id }) => id),
        [kept.id],
      )
      assert.deepEqual(readValues(again.topic('kept')!.partitions[0]!), ['0:a'])
      await again.close()
    }))

  it('takes in a directory that Kafka wrote, and sets aside what belongs to no topic', () =>
    onMachine(async (machine) => {
      const first = await openOn(machine)
      const { id } = first.createTopic({ name: 'a', partitions: 2, config: {} })
      appendValues(first.topic('a')!.partitions[1]!, 'x')
      await first.close()
      machine.world.disk.remove('/data/millrace-topics.json')
      machine.world.disk.makeDirectory('/data/__cluster_metadata-0')
      const { report, events } = collectReports()
      const second = await openOn(machine, { report })
      assert.equal(second.topic('a')?.id, id)
      // How long Kafka was to keep the records is not known: nothing may be deleted.
      assert.equal(second.topic('a')?.config.retentionMs, -1)
      assert.equal(second.topic('__cluster_metadata'), undefined)
      assert.ok(machine.world.disk.list('/data').includes('__cluster_metadata-0'))
      assert.deepEqual(readValues(second.topic('a')!.partitions[1]!), ['0:x'])
      await second.close()
      machine.world.disk.makeDirectory('/data/foreign-0')
      const third = await openOn(machine, { report })
      assert.equal(third.topic('foreign'), undefined)
      assert.ok(machine.world.disk.list('/data').includes('__cluster_metadata-0'))
      assert.ok(machine.world.disk.list('/data').some((name) => /^foreign-0\..*-stray$/.test(name)))
      assert.ok(events.some(({ event }) => event.includes('set aside')))
      await third.close()
    }))

  it('producer ids are never given twice', () =>
    onMachine(async (machine) => {
      const given = new Set<number>()
      for (let life = 0; life < 4; life++) {
        const directory = await openOn(machine)
        for (let index = 0; index < 300; index++) {
          const id = directory.nextProducerId()
          assert.ok(!given.has(id))
          given.add(id)
        }
        if (life % 2 === 0) machine.losePower({ unsynced: 'none' })
        else await directory.close()
      }
    }))

  it('opens with a full disk, and writes when there is room again', () =>
    onMachine(async (machine) => {
      const directory = await openOn(machine)
      const log = directory.createTopic({ name: 't', partitions: 1, config: {} }).partitions[0]!
      appendValues(log, 'a')
      await log.sync()
      machine.disk.conditions.capacityBytes = machine.disk.usedBytes
      machine.kill()
      const again = await openOn(machine)
      assert.deepEqual(readValues(again.topic('t')!.partitions[0]!), ['0:a'])
      assert.equal(append(again.topic('t')!.partitions[0]!, { values: ['b'] }).kind, 'rejected')
      machine.disk.conditions.capacityBytes = Infinity
      assert.equal(appendValues(again.topic('t')!.partitions[0]!, 'b'), 1)
      await again.close()
    }))

  it('a topic that cannot be made leaves nothing behind', () =>
    onMachine(async (machine) => {
      const directory = await openOn(machine)
      machine.disk.conditions.capacityBytes = machine.disk.usedBytes + 100
      assert.throws(() => directory.createTopic({ name: 't', partitions: 5, config: {} }), /MR_DISK_FULL/)
      assert.deepEqual(
        machine.world.disk.list('/data').filter((name) => name.startsWith('t-')),
        [],
      )
      machine.disk.conditions.capacityBytes = Infinity
      assert.equal(directory.createTopic({ name: 't', partitions: 5, config: {} }).partitions.length, 5)
      await directory.close()
    }))

  it('takes half of a topic, whose creation the power cut, for no topic', () =>
    onMachine(async (machine) => {
      const directory = await openOn(machine)
      directory.createTopic({ name: 't', partitions: 3, config: {} })
      machine.losePower({ unsynced: 'all' })
      machine.world.disk.remove('/data/t-2')
      const again = await openOn(machine)
      assert.equal(again.topic('t'), undefined)
      await again.close()
    }))

  it('says what is wrong with a list of topics that cannot be read', () =>
    onMachine(async (machine) => {
      await (await openOn(machine)).close()
      writeWhole(machine.world.disk, '/data/millrace-topics.json', '{')
      await assert.rejects(openOn(machine), /MR_DATA_DIR_DAMAGED.*millrace-topics.json/)
      machine.world.disk.remove('/data/millrace-topics.json')
      await (await openOn(machine)).close()
    }))
})
