/**
 * A data directory is Kafka's own: a real Kafka serves partitions that Millrace wrote, and Millrace opens the data
 * directory of a Kafka. Records in every codec, transactions that were committed and aborted, several segments, offsets
 * of groups, members of groups of the consumer protocol.
 */
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTopics, type ListedOffset, listOffsets } from '../src/log/client/admin.ts'
import { connectClient } from '../src/log/client/client.ts'
import { Fetcher, forEachFetchedRecord } from '../src/log/client/fetcher.ts'
import { offsetCommit, offsetFetch } from '../src/log/client/group-admin.ts'
import type { LogClient } from '../src/log/client/log-client.ts'
import { createProducer } from '../src/log/client/producer.ts'
import { createTransactionalProducer } from '../src/log/client/transaction.ts'
import { consumerGroupDescribeApi } from '../src/log/protocol/apis/consumer-group-describe.ts'
import { consumerGroupHeartbeatApi } from '../src/log/protocol/apis/consumer-group-heartbeat.ts'
import { ErrorCode } from '../src/log/protocol/error-code.ts'
import { nodeWorld } from '../src/world/node.ts'
import { startKafka } from './tools/start-kafka.ts'
import { startMillrace } from './tools/start-millrace.ts'
import { lacking } from './tools/target.ts'

const PARTITIONS = 2
const SEGMENT_BYTES = 1_048_576
/** As many as Millrace's own by default. */
const OFFSETS_PARTITIONS = 4
const FIRST_MS = Date.UTC(2026, 0, 1)

test('data directories move between Millrace and Kafka', { skip: lacking('kafka') }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-moves-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const ours = join(folder, 'ours')
  const theirs = join(folder, 'theirs')
  let written: Contents

  await t.test('Millrace writes', async () => {
    await using millrace = await startMillrace({ folder: ours })
    written = await withClient(millrace.address, async (client) => {
      await write(client, 'orders')
      await joinMembers(client, 'orders')
      return await contents(client, 'orders')
    })
    assert.ok(written.committed.length > 3_000)
    assert.ok(written.all.length > written.committed.length, 'some records were aborted')
    await millrace.stop()
    assert.ok(segmentsOf(ours, 'orders-0') >= 3, 'there are several segments')
  })

  await t.test('Kafka serves what Millrace wrote', async () => {
    const settings = { 'offsets.topic.num.partitions': String(OFFSETS_PARTITIONS) }
    await using kafka = await startKafka({ folder: theirs, settings })
    await withClient(kafka.address, async (client) => {
      await createTopics(client, [topicOf('orders')])
      await offsetCommit(client, 'somebody', [{ topic: 'orders', partition: 0, offset: 1 }])
    })
    await kafka.stop()
    for (let partition = 0; partition < PARTITIONS; partition++)
      replaceFiles(join(ours, `orders-${partition}`), join(kafka.dataPath, `orders-${partition}`))
    for (let partition = 0; partition < OFFSETS_PARTITIONS; partition++) {
      const name = `__consumer_offsets-${partition}`
      replaceFiles(join(ours, name), join(kafka.dataPath, name))
    }

    await using again = await startKafka({ folder: theirs })
    await withClient(again.address, async (client) => {
      assert.deepEqual(await contents(client, 'orders'), written)
      const [offset] = await offsetFetch(client, 'readers of orders')
      assert.equal(offset?.offset, 17)
      const { groupEpoch, assignmentEpoch, members } = await describeMembers(client, 'orders')
      assert.deepEqual(
        [groupEpoch, assignmentEpoch, members.map(({ memberEpoch }) => memberEpoch)],
        [3, 3, [2, 3]],
      )
      // And goes on with it: the same transactional ids, the next offsets.
      await writeTransactions(client, 'orders')
      const more = await contents(client, 'orders')
      assert.deepEqual(more.all.slice(0, 10), written.all.slice(0, 10))
      assert.ok(more.committed.length > written.committed.length)
      await write(client, 'payments')
      await joinMembers(client, 'payments')
    })
    await again.stop()
  })

  await t.test('Millrace serves what Kafka wrote', async () => {
    await using kafka = await startKafka({ folder: theirs })
    const [orders, payments, members] = await withClient(
      kafka.address,
      async (client) =>
        [
          await contents(client, 'orders'),
          await contents(client, 'payments'),
          await describeMembers(client, 'payments'),
        ] as const,
    )
    assert.equal(members.members.length, 2)
    await kafka.stop()
    const copy = join(folder, 'copy')
    cpSync(kafka.dataPath, copy, { recursive: true })

    await using millrace = await startMillrace({ folder: copy })
    await withClient(millrace.address, async (client) => {
      const { topics } = await client.metadata()
      assert.deepEqual([...topics.keys()].filter((name) => !name.startsWith('__')).toSorted(), [
        'orders',
        'payments',
      ])
      assert.ok(!topics.has('__cluster_metadata'), 'the metadata log is no topic')
      assert.deepEqual(await contents(client, 'orders'), orders)
      assert.deepEqual(await contents(client, 'payments'), payments)
      const [offset] = await offsetFetch(client, 'readers of payments')
      assert.equal(offset?.offset, 17)
      assert.equal(offset.metadata, 'as far as this')
      assert.deepEqual(await describeMembers(client, 'payments'), members)
      await writeTransactions(client, 'payments')
      const more = await contents(client, 'payments')
      assert.ok(more.committed.length > payments.committed.length)
    })
  })
})

async function withClient<Result>(
  address: string,
  work: (client: LogClient) => Promise<Result>,
): Promise<Result> {
  const client = await connectClient({ world: nodeWorld(), bootstrap: address })
  try {
    return await work(client)
  } finally {
    await client.close()
  }
}

function topicOf(name: string) {
  const config = { 'segment.bytes': String(SEGMENT_BYTES), 'retention.ms': '-1' }
  return { name, partitions: PARTITIONS, replicationFactor: 1, config }
}

/** Creates the topic and writes to it in every way. */
async function write(client: LogClient, topic: string): Promise<void> {
  await createTopics(client, [topicOf(topic)])
  let number = 0
  for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
    const producer = await createProducer(client, { compression })
    for (let index = 0; index < 800; index++, number++) {
      const text = `${topic} ${number} `
      const taken = producer.send({
        topic,
        partition: number % PARTITIONS,
        timestampMs: FIRST_MS + number * 1_000,
        key: index % 7 === 0 ? null : Buffer.from(`key ${index % 50}`),
        value: index % 11 === 0 ? null : Buffer.from(text.repeat(compression === 'none' ? 400 : 20)),
        headers: index % 3 === 0 ? [{ key: 'codec', value: Buffer.from(compression) }] : [],
      })
      if (!taken) await producer.blocked()
    }
    await producer.close()
  }
  await writeTransactions(client, topic)
  const offsets = [{ topic, partition: 0, offset: 17, metadata: 'as far as this' }]
  await offsetCommit(client, `readers of ${topic}`, offsets)
}

/** Three committed transactions and three aborted ones, two of them open at the same time. */
async function writeTransactions(client: LogClient, topic: string): Promise<void> {
  const [one, other] = await Promise.all([
    createTransactionalProducer(client, { transactionalId: `one of ${topic}` }),
    createTransactionalProducer(client, { transactionalId: `other of ${topic}` }),
  ])
  for (let round = 0; round < 3; round++) {
    for (const producer of [one, other]) {
      producer.begin()
      for (let index = 0; index < 20; index++) {
        const value = Buffer.from(`${producer.transactionalId}, round ${round}, record ${index}`)
        producer.send({ topic, partition: index % PARTITIONS, key: null, value, timestampMs: FIRST_MS })
      }
      await producer.flush()
    }
    await other.abort()
    await one.commit()
  }
  one.close()
  other.close()
}

/** Two members of the consumer protocol, the first of which has not given up yet what the second is to have. */
async function joinMembers(client: LogClient, topic: string): Promise<void> {
  for (const memberId of ['first', 'second']) {
    for (;;) {
      const joined = await client.request(
        consumerGroupHeartbeatApi,
        {
          groupId: `members of ${topic}`,
          memberId,
          memberEpoch: 0,
          rebalanceTimeoutMs: 60_000,
          subscribedTopicNames: [topic],
          topicPartitions: [],
        },
        { node: 'any' },
      )
      if (joined.errorCode === 0) break
      await sleep(100)
    }
  }
}

async function describeMembers(client: LogClient, topic: string) {
  for (;;) {
    const { groups } = await client.request(
      consumerGroupDescribeApi,
      { groupIds: [`members of ${topic}`], includeAuthorizedOperations: false },
      { node: 'any' },
    )
    const group = groups[0]!
    // A Kafka that has just started loads its groups first.
    if (
      group.errorCode !== ErrorCode.COORDINATOR_LOAD_IN_PROGRESS &&
      group.errorCode !== ErrorCode.NOT_COORDINATOR
    )
      return {
        ...group,
        members: group.members.toSorted((one, other) => (one.memberId < other.memberId ? -1 : 1)),
      }
    await sleep(100)
  }
}

interface Contents {
  readonly committed: readonly string[]
  readonly all: readonly string[]
  readonly offsets: readonly ListedOffset[]
}

/** All that a reader can see of a topic. */
async function contents(client: LogClient, topic: string): Promise<Contents> {
  const queries = (['earliest', 'latest', FIRST_MS + 1_234_567] as const).flatMap((at) =>
    Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition, at })),
  )
  return {
    committed: await readAll(client, topic, 'read_committed'),
    all: await readAll(client, topic, 'read_uncommitted'),
    offsets: await listOffsets(client, queries),
  }
}

/** Every record of a topic as text, in order of partition and offset. */
async function readAll(
  client: LogClient,
  topic: string,
  isolation: 'read_committed' | 'read_uncommitted',
): Promise<string[]> {
  const records: string[][] = []
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const fetcher = new Fetcher(client, { isolation, maxWaitMs: 100 })
    const seen: string[] = []
    await client.topic(topic)
    const [end] = await listOffsets(client, [{ topic, partition, at: 'latest' }])
    fetcher.assign([{ topic, partition, offset: 0 }])
    for (let next = 0; next < end!.offset;) {
      const fetched = await fetcher.poll()
      assert.ok(fetched !== undefined)
      forEachFetchedRecord(fetched, (cursor) => {
        const headers = cursor.headers().map(({ key, value }) => `${key}=${value?.toString()}`)
        seen.push(
          [partition, cursor.offset, cursor.timestampMs, cursor.key(), cursor.value(), headers].join('|'),
        )
      })
      next = fetched.nextOffset
    }
    fetcher.close()
    records.push(seen)
  }
  return records.flat()
}

/** Puts the files of one partition's directory in place of another's, which keeps its topic id. */
function replaceFiles(from: string, to: string): void {
  for (const name of readdirSync(to)) if (name !== 'partition.metadata') rmSync(join(to, name))
  cpSync(from, to, { recursive: true, filter: (path) => !path.endsWith('partition.metadata') })
}

function segmentsOf(folder: string, partition: string): number {
  return readdirSync(join(folder, partition)).filter((name) => name.endsWith('.log')).length
}
