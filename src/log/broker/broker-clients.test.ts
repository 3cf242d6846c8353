/** Unmodified client libraries against the broker, and what a restart keeps. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  Consumer,
  MessagesStreamModes,
  Producer,
  stringDeserializers,
  stringSerializers,
} from '@platformatic/kafka'
import { CompressionTypes, Kafka, logLevel } from 'kafkajs'
import { reportNothing } from '../../base/report.ts'
import { nodeWorld } from '../../world/node.ts'
import { startBroker, type Broker } from './broker.ts'

const world = nodeWorld()
let directory: string
let broker: Broker

function start(): Promise<Broker> {
  return startBroker({
    world,
    dataPath: directory,
    listen: { host: '127.0.0.1', port: broker?.port ?? 0 },
    config: { 'group.initial.rebalance.delay.ms': 0 },
    report: reportNothing,
  })
}

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-clients-'))
  broker = await start()
})

after(async () => {
  await broker.close()
  await rm(directory, { recursive: true })
})

function kafkaJs(): Kafka {
  return new Kafka({
    clientId: 'kafkajs',
    brokers: [`${broker.host}:${broker.port}`],
    logLevel: logLevel.NOTHING,
    retry: { retries: 3 },
  })
}

/** What kafkajs reads of a topic from its beginning, until there are so many. */
async function consumeWithKafkaJs(topic: string, count: number): Promise<string[]> {
  const consumer = kafkaJs().consumer({ groupId: `kafkajs-${topic}-${Math.random()}`, sessionTimeout: 6000 })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  const values: string[] = []
  await new Promise<void>((resolve, reject) => {
    void consumer
      .run({
        eachMessage: ({ message }) => {
          values.push(String(message.value))
          if (values.length === count) resolve()
          return Promise.resolve()
        },
      })
      .catch(reject)
  })
  await consumer.disconnect()
  return values
}

describe('kafkajs', () => {
  test('creates a topic by producing to it, and reads it back in order', async () => {
    const producer = kafkaJs().producer()
    await producer.connect()
    const values = Array.from({ length: 100 }, (_, index) => `value ${index}`)
    await producer.send({ topic: 'by-kafkajs', messages: values.slice(0, 50).map((value) => ({ value })) })
    await producer.send({
      topic: 'by-kafkajs',
      compression: CompressionTypes.GZIP,
      messages: values.slice(50).map((value) => ({ value })),
    })
    await producer.disconnect()
    assert.deepEqual(await consumeWithKafkaJs('by-kafkajs', 100), values)
  })

  test('administers topics', async () => {
    const admin = kafkaJs().admin()
    await admin.connect()
    assert.equal(await admin.createTopics({ topics: [{ topic: 'managed', numPartitions: 2 }] }), true)
    assert.ok((await admin.listTopics()).includes('managed'))
    await admin.createPartitions({ topicPartitions: [{ topic: 'managed', count: 4 }] })
    const { topics } = await admin.fetchTopicMetadata({ topics: ['managed'] })
    assert.equal(topics[0]!.partitions.length, 4)
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: 2, name: 'managed', configEntries: [{ name: 'retention.ms', value: '1000' }] }],
    })
    const described = await admin.describeConfigs({
      includeSynonyms: true,
      resources: [{ type: 2, name: 'managed' }],
    })
    assert.equal(
      described.resources[0]!.configEntries.find(({ configName }) => configName === 'retention.ms')
        ?.configValue,
      '1000',
    )
    await admin.deleteTopics({ topics: ['managed'] })
    assert.ok(!(await admin.listTopics()).includes('managed'))
    await admin.disconnect()
  })
})

describe('@platformatic/kafka', () => {
  test('produces and consumes', async () => {
    const options = {
      clientId: 'platformatic',
      bootstrapBrokers: [`${broker.host}:${broker.port}`],
      autocreateTopics: true,
    }
    const producer = new Producer({ ...options, serializers: stringSerializers })
    const values = Array.from({ length: 50 }, (_, index) => `value ${index}`)
    await producer.send({ messages: values.map((value) => ({ topic: 'by-platformatic', key: 'k', value })) })
    await producer.close()
    const consumer = new Consumer({ ...options, groupId: 'platformatic', deserializers: stringDeserializers })
    const stream = await consumer.consume({
      topics: ['by-platformatic'],
      mode: MessagesStreamModes.EARLIEST,
      sessionTimeout: 10_000,
    })
    const read: string[] = []
    for await (const message of stream) {
      read.push(message.value)
      if (read.length === values.length) break
    }
    await consumer.close(true)
    assert.deepEqual(read, values)
  })
})

test('a restart keeps topics, ids, configurations, records and the cluster', async () => {
  const producer = kafkaJs().producer()
  await producer.connect()
  await producer.send({ topic: 'kept', messages: [{ value: 'before' }] })
  await producer.disconnect()
  const { clusterId } = broker
  await broker.close()
  broker = await start()
  assert.equal(broker.clusterId, clusterId)
  const again = kafkaJs().producer()
  await again.connect()
  const [answer] = await again.send({ topic: 'kept', messages: [{ value: 'after' }] })
  assert.equal(answer!.baseOffset, '1')
  await again.disconnect()
  assert.deepEqual(await consumeWithKafkaJs('kept', 2), ['before', 'after'])
})
