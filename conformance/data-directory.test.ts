/**
 * A data directory is Kafka's own: a real Kafka serves partitions that Millrace wrote, and Millrace opens the data
 * directory of a Kafka. Records in every codec, transactions that were committed and aborted, several segments, what
 * compaction left of them, offsets of groups, members of groups of the consumer protocol.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTopics, type ListedOffset, listOffsets } from '../src/log/client/admin.ts'
import { connectClient } from '../src/log/client/client.ts'
import { alterConfigs } from '../src/log/client/config-admin.ts'
import { Fetcher, forEachFetchedRecord } from '../src/log/client/fetcher.ts'
import { offsetCommit, offsetFetch } from '../src/log/client/group-admin.ts'
import type { LogClient } from '../src/log/client/log-client.ts'
import { createProducer, newProducerIdentity } from '../src/log/client/producer.ts'
import { createTransactionalProducer } from '../src/log/client/transaction.ts'
import { consumerGroupDescribeApi } from '../src/log/protocol/apis/consumer-group-describe.ts'
import { consumerGroupHeartbeatApi } from '../src/log/protocol/apis/consumer-group-heartbeat.ts'
import { ErrorCode } from '../src/log/protocol/error-code.ts'
import { nodeWorld } from '../src/world/node.ts'
import { expectSuccess } from './tools/command.ts'
import { kafkaTool } from './tools/kafka-tools.ts'
import { startKafka } from './tools/start-kafka.ts'
import { startMillrace } from './tools/start-millrace.ts'
import { hasWitness, lacking } from './tools/target.ts'

const PARTITIONS = 2
const SEGMENT_BYTES = 1_048_576
/** As many as Millrace's own by default. */
const OFFSETS_PARTITIONS = 4
const FIRST_MS = Date.UTC(2026, 0, 1)
const COMPACTION_TIMEOUT_MS = 180_000
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
/** Topics that are compacted, and how long tombstones stay in them: the second one's go the next time. */
const COMPACTED = { profiles: '86400000', sessions: '0' } as const
const COMPACTED_TOPICS = Object.keys(COMPACTED) as (keyof typeof COMPACTED)[]
/** Kafka leaves what Millrace has compacted as it is until it is told otherwise. */
const NOT_YET = { 'min.compaction.lag.ms': '1000000000000' }

test('data directories move between Millrace and Kafka', { skip: lacking('kafka') }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-moves-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const ours = join(folder, 'ours')
  const theirs = join(folder, 'theirs')
  let written: Contents
  let lastProducerId = -1
  const compacted = new Map<string, Contents>()

  await t.test('Millrace writes', async () => {
    const config = { 'log.cleaner.backoff.ms': 100 }
    await using millrace = await startMillrace({ folder: ours, log: { config } })
    written = await withClient(millrace.address, async (client) => {
      await write(client, 'orders')
      await joinMembers(client, 'orders')
      for (const topic of COMPACTED_TOPICS) {
        await createTopics(client, [compactedTopicOf(topic)])
        for (const round of [0, 1]) {
          await writeKeyed(client, topic, round)
          await compaction(client, { topic, folder: ours })
        }
        compacted.set(topic, await contents(client, topic))
      }
      lastProducerId = (await newProducerIdentity(client)).producerId
      return await contents(client, 'orders')
    })
    const tombstones = COMPACTED_TOPICS.map((topic) => tombstonesOf(compacted.get(topic)!))
    assert.ok(tombstones[0]! > tombstones[1]! && tombstones[1]! > 0, `${String(tombstones)} tombstones`)
    assert.ok(written.committed.length > 3_000)
    assert.ok(written.all.length > written.committed.length, 'some records were aborted')
    await millrace.stop()
    assert.ok(segmentsOf(ours, 'orders-0') >= 3, 'there are several segments')
  })

  await t.test('kafka-dump-log reads what Millrace compacted', async (dumpTest) => {
    if (!hasWitness(dumpTest, 'kafka-tools')) return
    for (const topic of COMPACTED_TOPICS) {
      const folders = Array.from({ length: PARTITIONS }, (_, partition) =>
        join(ours, `${topic}-${partition}`),
      )
      const files = folders.flatMap((folder) =>
        readdirSync(folder)
          .filter((name) => /\.(log|index|timeindex|txnindex)$/.test(name))
          .map((name) => join(folder, name)),
      )
      const args = ['--deep-iteration', '--files', files.join(',')]
      const { stdout: dumped } = await expectSuccess(kafkaTool('kafka-dump-log', args))
      assert.doesNotMatch(dumped, /isvalid: false|Found timestamp mismatch|Mismatches in|[Ee]xception/)
      const markers = dumped.match(/endTxnMarker/g)?.length ?? 0
      assert.equal(dumped.match(/\| offset: \d+/g)?.length, compacted.get(topic)!.all.length + markers)
      for (const codec of CODECS) assert.match(dumped, new RegExp(`compresscodec: ${codec}`, 'i'))
      assert.match(dumped, /count: 0 /, 'batches that are only there for their producers or their end')
      assert.match(dumped, /deleteHorizonMs: OptionalLong\[\d+\]/)
    }
  })

  await t.test('Kafka serves what Millrace wrote', async () => {
    const settings = { 'offsets.topic.num.partitions': String(OFFSETS_PARTITIONS) }
    await using kafka = await startKafka({ folder: theirs, settings })
    await withClient(kafka.address, async (client) => {
      await createTopics(client, [topicOf('orders')])
      await createTopics(
        client,
        COMPACTED_TOPICS.map((topic) => compactedTopicOf(topic, NOT_YET)),
      )
      await offsetCommit(client, 'somebody', [{ topic: 'orders', partition: 0, offset: 1 }])
    })
    await kafka.stop()
    for (const topic of ['orders', ...COMPACTED_TOPICS]) {
      for (let partition = 0; partition < PARTITIONS; partition++)
        replaceFiles(join(ours, `${topic}-${partition}`), join(kafka.dataPath, `${topic}-${partition}`))
    }
    for (let partition = 0; partition < OFFSETS_PARTITIONS; partition++) {
      const name = `__consumer_offsets-${partition}`
      replaceFiles(join(ours, name), join(kafka.dataPath, name))
    }

    const soon = { 'log.cleaner.backoff.ms': '100', 'log.initial.task.delay.ms': '1000' }
    await using again = await startKafka({ folder: theirs, settings: soon })
    await withClient(again.address, async (client) => {
      assert.deepEqual(await contents(client, 'orders'), written)
      for (const topic of COMPACTED_TOPICS)
        assert.deepEqual(await contents(client, topic), compacted.get(topic))
      const [offset] = await offsetFetch(client, 'readers of orders')
      assert.equal(offset?.offset, 17)
      const { groupEpoch, assignmentEpoch, members } = await describeMembers(client, 'orders')
      assert.deepEqual(
        [groupEpoch, assignmentEpoch, members.map(({ memberEpoch }) => memberEpoch)],
        [3, 3, [2, 3]],
      )
      // Another cluster counts its producers anew: those that the partitions know are not its own.
      while ((await newProducerIdentity(client)).producerId < lastProducerId);
      // And goes on with it: the same transactional ids, the next offsets.
      await writeTransactions(client, 'orders')
      const more = await contents(client, 'orders')
      assert.deepEqual(more.all.slice(0, 10), written.all.slice(0, 10))
      assert.ok(more.committed.length > written.committed.length)
      await write(client, 'payments')
      await joinMembers(client, 'payments')
      // And compacts what Millrace has compacted, with what is new.
      for (const topic of COMPACTED_TOPICS) {
        await alterConfigs(client, { type: 'topic', name: topic }, { set: { 'min.compaction.lag.ms': '0' } })
        await writeKeyed(client, topic, 2)
        await compaction(client, { topic, folder: again.dataPath })
      }
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
    const theirCompacted = await withClient(kafka.address, (client) =>
      Promise.all(COMPACTED_TOPICS.map((topic) => contents(client, topic))),
    )
    assert.equal(members.members.length, 2)
    await kafka.stop()
    const copy = join(folder, 'copy')
    cpSync(kafka.dataPath, copy, { recursive: true })

    const config = { 'log.cleaner.enable': false }
    await using millrace = await startMillrace({ folder: copy, log: { config } })
    await withClient(millrace.address, async (client) => {
      const { topics } = await client.metadata()
      assert.deepEqual([...topics.keys()].filter((name) => !name.startsWith('__')).toSorted(), [
        'orders',
        'payments',
        ...COMPACTED_TOPICS,
      ])
      assert.ok(!topics.has('__cluster_metadata'), 'the metadata log is no topic')
      assert.deepEqual(await contents(client, 'orders'), orders)
      assert.deepEqual(await contents(client, 'payments'), payments)
      for (const [index, topic] of COMPACTED_TOPICS.entries())
        assert.deepEqual(await contents(client, topic), theirCompacted[index])
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

function compactedTopicOf(name: keyof typeof COMPACTED, more: Readonly<Record<string, string>> = {}) {
  const own = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0' }
  const { config, ...topic } = topicOf(name)
  return { ...topic, config: { ...config, ...own, 'delete.retention.ms': COMPACTED[name], ...more } }
}

/** Creates the topic and writes to it in every way. */
async function write(client: LogClient, topic: string): Promise<void> {
  await createTopics(client, [topicOf(topic)])
  let number = 0
  for (const compression of CODECS) {
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
        const key = Buffer.from(`${producer.transactionalId} ${(round + index) % 13}`)
        producer.send({ topic, partition: index % PARTITIONS, key, value, timestampMs: FIRST_MS })
      }
      await producer.flush()
    }
    await other.abort()
    await one.commit()
  }
  one.close()
  other.close()
}

/** Fills some segments, transactions first: later values and tombstones for many keys, by other codecs each round. */
async function writeKeyed(client: LogClient, topic: string, round: number): Promise<void> {
  await writeTransactions(client, topic)
  for (const [index, compression] of CODECS.entries()) {
    const producer = await createProducer(client, { compression, batchSizeBytes: 16_384 })
    for (let number = 0; number < 400; number++) {
      const taken = producer.send({
        topic,
        partition: number % PARTITIONS,
        timestampMs: FIRST_MS + number * 1_000,
        key: Buffer.from(`key ${(number * (round + 1)) % 61} of ${(index + round) % CODECS.length}`),
        value: number % 9 === 0 ? null : Buffer.from(randomBytes(2_500).toString('base64')),
        headers: number % 3 === 0 ? [{ key: 'codec', value: Buffer.from(compression) }] : [],
      })
      if (!taken) await producer.blocked()
    }
    await producer.close()
  }
}

/** Waits until no key has two committed values in the closed segments. */
async function compaction(
  client: LogClient,
  { topic, folder }: { readonly topic: string; readonly folder: string },
): Promise<void> {
  const giveUpMs = Date.now() + COMPACTION_TIMEOUT_MS
  for (;;) {
    assert.ok(Date.now() < giveUpMs, `${topic} is not compacted`)
    const records = (await readAll(client, topic, 'read_committed')).map((text) => text.split('|'))
    const isDone = Array.from({ length: PARTITIONS }, (_, partition) => {
      const names = readdirSync(join(folder, `${topic}-${partition}`)).filter((name) => name.endsWith('.log'))
      const active = Math.max(...names.map((name) => Number.parseInt(name, 10)))
      const keys = records
        .filter(([of, offset]) => Number(of) === partition && Number(offset) < active)
        .map(([, , , key]) => key)
      return active > 0 && new Set(keys).size === keys.length
    })
    if (isDone.every(Boolean)) return
    await sleep(200)
  }
}

function tombstonesOf({ committed }: Contents): number {
  return committed.filter((text) => text.split('|')[4] === '').length
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
