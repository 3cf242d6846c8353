import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  Admin,
  Consumer,
  FetchIsolationLevels,
  Producer,
  stringDeserializers,
  stringSerializers,
  type Message,
  type ProducerOptions,
} from '@platformatic/kafka'
import { setTimeout as sleep } from 'node:timers/promises'
import { startTarget, type Target } from './tools/target.ts'

type Strings = Message<string, string, string, string>

describe('@platformatic/kafka', () => {
  let target: Target
  let admin: Admin
  const open: { close(force: true): Promise<void> }[] = []

  before(async () => {
    target = await startTarget()
    admin = new Admin({ clientId: 'conformance', bootstrapBrokers: [target.address] })
  })
  after(async () => {
    for (const each of open.reverse()) await each.close(true)
    await admin.close()
    await target[Symbol.asyncDispose]()
  })

  async function create(name: string, partitions: number): Promise<string> {
    const topic = target.prefix + name
    await admin.createTopics({ topics: [topic], partitions, replicas: 1 })
    return topic
  }

  function producerOf(
    options: Partial<ProducerOptions<string, string, string, string>> = {},
  ): Producer<string, string, string, string> {
    const base = {
      clientId: 'conformance',
      bootstrapBrokers: [target.address],
      serializers: stringSerializers,
    }
    const producer = new Producer({ ...base, ...options })
    open.push(producer)
    return producer
  }

  /** Starts a new member of a group; what it reads is appended to `read`. */
  async function member(options: {
    readonly group: string
    readonly topic: string
    readonly read: Strings[]
    readonly readCommitted?: boolean
    /** The broker assigns (KIP-848). */
    readonly consumerProtocol?: boolean
  }): Promise<Consumer<string, string, string, string>> {
    const consumer = new Consumer({
      ...(options.consumerProtocol === true ? { groupProtocol: 'consumer' as const } : {}),
      groupId: target.prefix + options.group,
      clientId: 'conformance',
      bootstrapBrokers: [target.address],
      deserializers: stringDeserializers,
      maxWaitTime: 100,
    })
    open.push(consumer)
    const stream = await consumer.consume({
      topics: [options.topic],
      mode: 'committed',
      fallbackMode: 'earliest',
      autocommit: 100,
      ...(options.consumerProtocol === true ? {} : { sessionTimeout: 6_000, heartbeatInterval: 200 }),
      ...(options.readCommitted === true ? { isolationLevel: FetchIsolationLevels.READ_COMMITTED } : {}),
    })
    stream.on('data', (message: Strings) => options.read.push(message))
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
    const topic = await create('admin', 2)
    assert.ok((await admin.listTopics()).includes(topic))
    await admin.createPartitions({ topics: [{ name: topic, count: 3 }] })
    const metadata = await admin.metadata({ topics: [topic] })
    assert.equal(metadata.topics.get(topic)?.partitionsCount, 3)
    await admin.deleteTopics({ topics: [topic] })
    assert.ok(!(await admin.listTopics()).includes(topic))
  })

  test('produces and consumes with every compression', async () => {
    const topic = await create('compression', 1)
    const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
    const producer = producerOf()
    for (const compression of codecs) {
      await producer.send({
        compression,
        messages: Array.from({ length: 100 }, (_, i) => ({
          topic,
          key: `k${i}`,
          value: `${compression} ${i} ${'abcdefgh'.repeat(50)}`,
          headers: { n: String(i) },
          timestamp: BigInt(1_700_000_000_000 + i),
        })),
      })
    }
    const read: Strings[] = []
    await member({ group: 'compression', topic, read })
    await until('500 messages', () => read.length >= 500)
    for (const [i, message] of read.entries()) {
      assert.equal(message.key, `k${i % 100}`)
      assert.ok(message.value.startsWith(`${codecs[Math.floor(i / 100)]} ${i % 100} abc`))
      assert.equal(message.headers.get('n'), String(i % 100))
      assert.equal(message.timestamp, BigInt(1_700_000_000_000 + (i % 100)))
    }
  })

  test('produces idempotently', async () => {
    const topic = await create('idempotence', 1)
    const producer = producerOf({ idempotent: true })
    for (let i = 0; i < 50; i++) await producer.send({ messages: [{ topic, key: 'k', value: `v${i}` }] })
    const read: Strings[] = []
    await member({ group: 'idempotence', topic, read })
    await until('50 messages', () => read.length >= 50)
    assert.deepEqual(
      read.map((message) => message.value),
      Array.from({ length: 50 }, (_, i) => `v${i}`),
    )
  })

  test('a group rebalances when a member joins and when it leaves', async () => {
    const topic = await create('group', 4)
    const groupId = `${target.prefix}group`
    const state = async (): Promise<string> => {
      const group = (await admin.describeGroups({ groups: [groupId] })).get(groupId)
      return `${group?.state} ${group?.members.size}`
    }
    const read: Strings[] = []
    await member({ group: 'group', topic, read })
    await until('one member', async () => (await state()) === 'Stable 1')
    const second = await member({ group: 'group', topic, read })
    await until('two members', async () => (await state()) === 'Stable 2')
    const producer = producerOf()
    const send = (name: string): Promise<unknown> =>
      producer.send({
        messages: Array.from({ length: 40 }, (_, i) => ({
          topic,
          key: `${i}`,
          value: `${name}${i}`,
          partition: i % 4,
        })),
      })
    await send('a')
    await until('40 messages', () => read.length >= 40)
    await sleep(300) // for the automatic commit, each 100 ms
    await second.close(true)
    await until('one member again', async () => (await state()) === 'Stable 1')
    await send('b')
    await until('80 messages', () => new Set(read.map((message) => message.value)).size >= 80)
    assert.ok((await admin.listGroups()).has(groupId))
  })

  test('the broker assigns by the consumer protocol', async () => {
    const topic = await create('consumer-protocol', 4)
    const options = { group: 'consumer-protocol', topic, consumerProtocol: true }
    const reads: [Strings[], Strings[]] = [[], []]
    const [first, second] = [
      await member({ ...options, read: reads[0] }),
      await member({ ...options, read: reads[1] }),
    ]
    const partitions = (consumer: typeof first): number =>
      (consumer.assignments ?? []).reduce((count, each) => count + each.partitions.length, 0)
    await until('two members', () => partitions(first) === 2 && partitions(second) === 2)
    const messages = Array.from({ length: 40 }, (_, i) => ({
      topic,
      key: 'k',
      value: `${i}`,
      partition: i % 4,
    }))
    await producerOf().send({ messages })
    const distinct = (): number => new Set(reads.flat().map(({ value }) => value)).size
    await until('40 messages', () => distinct() === 40 && reads[1].length >= 20)
    // The first may get some of what it has given away: this client lets fetches that wait go on over a rebalance.
    assert.equal(reads[1].length, 20)
    assert.ok(reads[0].length >= 20)
    const listed = (await admin.listGroups({ types: ['consumer'] })).get(`${target.prefix}consumer-protocol`)
    assert.equal(listed?.groupType, 'consumer')
  })

  test('transactions commit and abort', async () => {
    const topic = await create('transactions', 1)
    const producer = producerOf({ transactionalId: `${target.prefix}platformatic`, idempotent: true })
    for (const [name, commit] of [
      ['first', true],
      ['aborted', false],
      ['second', true],
    ] as const) {
      const transaction = await producer.beginTransaction()
      await transaction.send({
        messages: Array.from({ length: 5 }, (_, i) => ({ topic, key: 'k', value: `${name} ${i}` })),
      })
      await (commit ? transaction.commit() : transaction.abort())
    }
    const read: Strings[] = []
    await member({ group: 'committed', topic, read, readCommitted: true })
    await until('10 messages', () => read.length >= 10)
    assert.ok(read.every((message) => !message.value.startsWith('aborted')))
    assert.equal(read.length, 10)
  })
})
