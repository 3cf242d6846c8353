import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { CompressionTypes, Kafka, logLevel, type Consumer, type KafkaMessage } from 'kafkajs'
import { startTarget, type Target } from './tools/target.ts'

describe('kafkajs', () => {
  let target: Target
  let kafka: Kafka
  const open: { disconnect(): Promise<void> }[] = []

  before(async () => {
    target = await startTarget()
    kafka = new Kafka({ brokers: [target.address], logLevel: logLevel.NOTHING })
  })
  after(async () => {
    await Promise.all(open.map((each) => each.disconnect()))
    await target[Symbol.asyncDispose]()
  })

  async function create(name: string, numPartitions: number): Promise<string> {
    const admin = kafka.admin()
    await admin.connect()
    const topic = target.prefix + name
    await admin.createTopics({ topics: [{ topic, numPartitions }], waitForLeaders: true })
    await admin.disconnect()
    return topic
  }

  async function producerOf(
    options: Parameters<Kafka['producer']>[0] = {},
  ): Promise<ReturnType<Kafka['producer']>> {
    const producer = kafka.producer(options)
    await producer.connect()
    open.push(producer)
    return producer
  }

  /** Subscribes a new member; what it reads is appended to `read`. */
  async function member(options: {
    readonly group: string
    readonly topic: string
    readonly read: (KafkaMessage & { readonly partition: number })[]
    readonly readUncommitted?: boolean
  }): Promise<Consumer> {
    const consumer = kafka.consumer({
      groupId: target.prefix + options.group,
      heartbeatInterval: 200,
      sessionTimeout: 6_000,
      maxWaitTimeInMs: 100,
      readUncommitted: options.readUncommitted ?? false,
      retry: { retries: 8, initialRetryTime: 100 },
    })
    open.push(consumer)
    await consumer.connect()
    await consumer.subscribe({ topic: options.topic, fromBeginning: true })
    await consumer.run({
      autoCommitThreshold: 1,
      eachMessage: async ({ message, partition }) => {
        options.read.push({ ...message, partition })
      },
    })
    return consumer
  }

  async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    const deadlineMs = performance.now() + 25_000
    while (!(await holds())) {
      if (performance.now() > deadlineMs) assert.fail(`still waiting after 25 s: ${what}`)
      await sleep(50)
    }
  }

  test('administers topics', async () => {
    const admin = kafka.admin()
    await admin.connect()
    open.push(admin)
    const topic = await create('admin', 2)
    assert.ok((await admin.listTopics()).includes(topic))
    await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] })
    const metadata = await admin.fetchTopicMetadata({ topics: [topic] })
    assert.equal(metadata.topics[0]?.partitions.length, 3)
    const cluster = await admin.describeCluster()
    assert.equal(cluster.brokers.length, 1)
    assert.deepEqual(
      (await admin.fetchTopicOffsets(topic)).map(({ partition, offset }) => [partition, offset]).sort(),
      [0, 1, 2].map((partition) => [partition, '0']),
    )
    await admin.deleteTopics({ topics: [topic] })
    assert.ok(!(await admin.listTopics()).includes(topic))
  })

  test('produces and consumes keys, headers and timestamps, plain and gzip', async () => {
    const topic = await create('plain', 2)
    const producer = await producerOf({ idempotent: true })
    for (const compression of [CompressionTypes.None, CompressionTypes.GZIP]) {
      await producer.send({
        topic,
        compression,
        messages: Array.from({ length: 100 }, (_, i) => ({
          key: `k${i}`,
          value: i % 10 === 0 ? null : `v${i}`,
          partition: i % 2,
          timestamp: String(1_700_000_000_000 + i),
          headers: { n: String(i) },
        })),
      })
    }
    const read: (KafkaMessage & { partition: number })[] = []
    await member({ group: 'plain', topic, read })
    await until('200 messages', () => read.length >= 200)
    for (const message of read) {
      const i = Number(message.headers?.['n'])
      assert.equal(message.key?.toString(), `k${i}`)
      assert.equal(message.value?.toString(), i % 10 === 0 ? undefined : `v${i}`)
      assert.equal(message.timestamp, String(1_700_000_000_000 + i))
      assert.equal(message.partition, i % 2)
    }
  })

  test('a group rebalances when a member joins and when it leaves', async () => {
    const topic = await create('group', 4)
    const admin = kafka.admin()
    await admin.connect()
    open.push(admin)
    const groupId = `${target.prefix}group`
    const state = async (): Promise<string> => {
      const group = (await admin.describeGroups([groupId])).groups[0]
      return `${group?.state} ${group?.members.length}`
    }
    const read: (KafkaMessage & { partition: number })[] = []
    await member({ group: 'group', topic, read })
    await until('one member', async () => (await state()) === 'Stable 1')
    const second = await member({ group: 'group', topic, read })
    await until('two members', async () => (await state()) === 'Stable 2')
    const producer = await producerOf()
    const send = (name: string): Promise<unknown> =>
      producer.send({
        topic,
        messages: Array.from({ length: 40 }, (_, i) => ({ value: `${name}${i}`, partition: i % 4 })),
      })
    await send('a')
    await until('40 messages', () => read.length >= 40)
    await second.disconnect()
    await until('one member again', async () => (await state()) === 'Stable 1')
    await send('b')
    await until('80 messages', () => read.length >= 80)
    assert.equal(new Set(read.map((message) => String(message.value))).size, 80)
    assert.ok((await admin.listGroups()).groups.some((group) => group.groupId === groupId))
    await until('committed offsets', async () => {
      const offsets = await admin.fetchOffsets({ groupId, topics: [topic] })
      return (offsets[0]?.partitions ?? []).every(({ offset }) => offset === '20')
    })
  })

  test('transactions commit and abort, with offsets', async () => {
    const topic = await create('transactions', 1)
    const producer = await producerOf({
      transactionalId: `${target.prefix}kafkajs`,
      idempotent: true,
      maxInFlightRequests: 1,
    })
    for (const [name, commit] of [
      ['first', true],
      ['aborted', false],
      ['second', true],
    ] as const) {
      const transaction = await producer.transaction()
      await transaction.send({
        topic,
        messages: Array.from({ length: 5 }, (_, i) => ({ value: `${name} ${i}` })),
      })
      await transaction.sendOffsets({
        consumerGroupId: `${target.prefix}offsets`,
        topics: [{ topic, partitions: [{ partition: 0, offset: commit ? '7' : '99' }] }],
      })
      await (commit ? transaction.commit() : transaction.abort())
    }
    const read: (KafkaMessage & { partition: number })[] = []
    await member({ group: 'committed', topic, read })
    await until('10 messages', () => read.length >= 10)
    assert.ok(read.every((message) => !String(message.value).startsWith('aborted')))
    assert.equal(read.length, 10)
    const admin = kafka.admin()
    await admin.connect()
    open.push(admin)
    const offsets = await admin.fetchOffsets({ groupId: `${target.prefix}offsets`, topics: [topic] })
    assert.equal(offsets[0]?.partitions[0]?.offset, '7')
  })
})
