/** What clients see of a disk that is full or failing, in the simulated world. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reportNothing } from '../../base/report.ts'
import { Simulation, type SimulatedMachine } from '../../world/simulated/simulation.ts'
import { createTopicsApi } from '../protocol/apis/create-topics.ts'
import { fetchApi } from '../protocol/apis/fetch.ts'
import { listOffsetsApi } from '../protocol/apis/list-offsets.ts'
import { metadataApi } from '../protocol/apis/metadata.ts'
import { produceApi } from '../protocol/apis/produce.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import { splitBatches } from '../protocol/record-batch.ts'
import { startBroker, type Broker } from './broker.ts'
import { batchOf, WireClient } from './wire-client.test-kit.ts'

const LISTEN = { host: '127.0.0.1', port: 9092 }

function start(machine: SimulatedMachine): Promise<Broker> {
  return startBroker({ world: machine.world, dataPath: '/data', listen: LISTEN, report: reportNothing })
}

async function produce(
  client: WireClient,
  value: string,
): Promise<{ readonly errorCode: number; readonly baseOffset: number }> {
  const body = {
    acks: -1,
    timeoutMs: 1000,
    topicData: [{ name: 'events', partitionData: [{ index: 0, records: batchOf([value]) }] }],
  }
  return (await client.call(produceApi, 9, body)).responses[0]!.partitionResponses[0]!
}

async function batches(client: WireClient): Promise<number> {
  const topics = [
    { topic: 'events', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 24 }] },
  ]
  const { responses } = await client.call(fetchApi, 12, { maxWaitMs: 0, minBytes: 1, topics })
  return splitBatches(responses[0]!.partitions[0]!.records!).length
}

test('a full disk refuses producers with an error, and takes them again when there is room', async () => {
  const simulation = new Simulation({ seed: 11 })
  const server = simulation.machine('server')
  const laptop = simulation.machine('laptop')
  await simulation.run(async () => {
    const broker = await start(server)
    const client = await WireClient.connect(laptop.world.network, LISTEN)
    await client.call(metadataApi, 5, { topics: [{ name: 'events' }] })
    assert.equal((await produce(client, 'first')).errorCode, ErrorCode.NONE)
    server.disk.conditions.capacityBytes = server.disk.usedBytes + 200
    assert.equal((await produce(client, 'x'.repeat(10_000))).errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
    assert.equal(await batches(client), 1)
    server.disk.conditions.capacityBytes = 1e9
    assert.deepEqual(
      await produce(client, 'second').then(({ errorCode, baseOffset }) => ({ errorCode, baseOffset })),
      { errorCode: 0, baseOffset: 1 },
    )
    assert.equal(await batches(client), 2)
    client.close()
    await broker.close()
  })
})

test('what was acknowledged with acks=-1 survives a power cut', async () => {
  const simulation = new Simulation({ seed: 12 })
  const server = simulation.machine('server')
  const laptop = simulation.machine('laptop')
  await simulation.run(async () => {
    await start(server)
    const client = await WireClient.connect(laptop.world.network, LISTEN)
    await client.call(metadataApi, 5, { topics: [{ name: 'events' }] })
    for (let index = 0; index < 20; index++)
      assert.equal((await produce(client, `event ${index}`)).errorCode, ErrorCode.NONE)
    server.losePower({ unsynced: 'none' })
    client.close()
    const broker = await start(server)
    const again = await WireClient.connect(laptop.world.network, LISTEN)
    assert.equal(await batches(again), 20)
    again.close()
    await broker.close()
  })
})

test('an fsync that fails is an error, not an acknowledgement', async () => {
  const simulation = new Simulation({ seed: 13 })
  const server = simulation.machine('server')
  const laptop = simulation.machine('laptop')
  await simulation.run(async () => {
    const broker = await start(server)
    const client = await WireClient.connect(laptop.world.network, LISTEN)
    await client.call(metadataApi, 5, { topics: [{ name: 'events' }] })
    assert.equal((await produce(client, 'kept')).errorCode, ErrorCode.NONE)
    server.disk.conditions.syncFailureChance = 1
    assert.equal((await produce(client, 'lost')).errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
    server.disk.conditions.syncFailureChance = 0
    assert.equal((await produce(client, 'refused')).errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
    client.close()
    await broker.close()
  })
})

test('a topic whose creation did not reach the device is not told as created', async () => {
  const simulation = new Simulation({ seed: 14 })
  const server = simulation.machine('server')
  const laptop = simulation.machine('laptop')
  await simulation.run(async () => {
    const broker = await start(server)
    const client = await WireClient.connect(laptop.world.network, LISTEN)
    const create = async (name: string, validateOnly = false): Promise<number> => {
      const wanted = [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }]
      const answer = await client.call(createTopicsApi, 7, { topics: wanted, timeoutMs: 1000, validateOnly })
      return answer.topics[0]!.errorCode
    }
    server.disk.conditions.syncFailureChance = 1
    assert.equal(await create('checked', true), ErrorCode.NONE)
    assert.equal(await create('doubtful'), ErrorCode.KAFKA_STORAGE_ERROR)
    server.disk.conditions.syncFailureChance = 0
    assert.equal(await create('sure'), ErrorCode.NONE)
    assert.equal(await create('doubtful'), ErrorCode.TOPIC_ALREADY_EXISTS)
    client.close()
    await broker.close()
  })
})

test('a committed end that is not known to be on the device after a crash is an error, not an earlier end', async () => {
  const simulation = new Simulation({ seed: 15 })
  const server = simulation.machine('server')
  const laptop = simulation.machine('laptop')
  await simulation.run(async () => {
    await start(server)
    const client = await WireClient.connect(laptop.world.network, LISTEN)
    await client.call(metadataApi, 5, { topics: [{ name: 'events' }] })
    for (const value of ['a', 'b', 'c']) await produce(client, value)
    client.close()
    server.kill()
    const broker = await start(server)
    const again = await WireClient.connect(laptop.world.network, LISTEN)
    const committedEnd = async () => {
      const partitions = [{ partitionIndex: 0, timestamp: -1 }]
      const body = { replicaId: -1, isolationLevel: 1, topics: [{ name: 'events', partitions }] }
      const { errorCode, offset } = (await again.call(listOffsetsApi, 7, body)).topics[0]!.partitions[0]!
      return { errorCode, offset }
    }
    server.disk.conditions.writeFailureChance = 1
    assert.deepEqual(await committedEnd(), { errorCode: ErrorCode.KAFKA_STORAGE_ERROR, offset: -1 })
    server.disk.conditions.writeFailureChance = 0
    assert.deepEqual(await committedEnd(), { errorCode: ErrorCode.NONE, offset: 3 })
    again.close()
    await broker.close()
  })
})
