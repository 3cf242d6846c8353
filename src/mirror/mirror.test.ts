import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createTopics, deleteTopics, listOffsets } from '../log/client/admin.ts'
import { offsetCommit, offsetFetch } from '../log/client/group-admin.ts'
import { createProducer } from '../log/client/producer.ts'
import { createTransactionalProducer } from '../log/client/transaction.ts'
import type { MirrorOptions, MirrorStatus } from './mirror-options.ts'
import { recordsOf, startCluster, type TestCluster } from './mirror.test-kit.ts'
import { PartitionProgress } from './partition-copy.ts'
import { retentionDangers } from './retention-danger.ts'
import { startMirror } from './start-mirror.ts'

let edge: TestCluster
let central: TestCluster

before(async () => {
  ;[edge, central] = await Promise.all([startCluster(), startCluster()])
})

after(async () => {
  await edge[Symbol.asyncDispose]()
  await central[Symbol.asyncDispose]()
})

/** Copies what is there and returns what it says at the end. */
async function copyOnce(
  options: Partial<MirrorOptions> & Pick<MirrorOptions, 'topics'>,
): Promise<MirrorStatus> {
  const mirror = await startMirror({
    from: edge.address,
    to: central.address,
    name: String(options.topics[0]).replaceAll(/\W/g, '-'),
    once: true,
    commitIntervalMs: 20,
    ...options,
  })
  await mirror.ended
  return mirror.status()
}

async function write(
  cluster: TestCluster,
  topic: string,
  count: number,
  options: { readonly from?: number; readonly batchSizeBytes?: number } = {},
): Promise<void> {
  const { from = 0, batchSizeBytes = 2_000 } = options
  const producer = await createProducer(cluster.client, { compression: 'gzip', batchSizeBytes, lingerMs: 0 })
  for (let index = from; index < from + count; index++) {
    producer.send({
      topic,
      partition: 0,
      key: index % 5 === 0 ? null : `k${index}`,
      value: index % 7 === 0 ? null : `value ${index}`,
      timestampMs: 1_700_000_000_000 + index,
      headers: [{ key: 'n', value: String(index) }],
    })
  }
  await producer.close()
}

describe('a mirror', () => {
  test('copies topics as they are: settings, partitions, keys, values, times, headers, offsets', async () => {
    const config = { 'retention.ms': '123456789', 'max.message.bytes': '500000' }
    await createTopics(edge.client, [{ name: 'plain', partitions: 3, config }])
    await write(edge, 'plain', 1_000)
    const status = await copyOnce({ topics: ['pla?n'] })
    assert.equal(status.state, 'ended')
    assert.equal(status.records, 1_000)
    assert.equal(status.lag, 0)
    assert.equal((await central.client.topic('plain')).partitions.length, 3)
    assert.deepEqual(await recordsOf(central.client, 'plain'), await recordsOf(edge.client, 'plain'))
  })

  test('goes on where it was, and copies nothing twice', async () => {
    await createTopics(edge.client, [{ name: 'again' }])
    await write(edge, 'again', 100)
    assert.equal((await copyOnce({ topics: ['again'] })).records, 100)
    await write(edge, 'again', 50, { from: 100 })
    assert.equal((await copyOnce({ topics: ['again'] })).records, 50)
    assert.equal((await copyOnce({ topics: ['again'] })).records, 0)
    assert.deepEqual(await recordsOf(central.client, 'again'), await recordsOf(edge.client, 'again'))
  })

  test('copies what transactions have committed, with its offsets, and nothing of aborted ones', async () => {
    await createTopics(edge.client, [{ name: 'transactional' }])
    const producer = await createTransactionalProducer(edge.client, {
      transactionalId: 'writer',
      lingerMs: 0,
    })
    for (let round = 0; round < 8; round++) {
      producer.begin()
      for (let index = 0; index < 10; index++)
        producer.send({ topic: 'transactional', partition: 0, value: `${round}/${index}` })
      if (round % 3 === 1) {
        await producer.flush()
        await producer.abort()
      } else await producer.commit()
    }
    producer.close()
    const status = await copyOnce({ topics: ['transactional'] })
    assert.equal(status.records, 50)
    const copied = await recordsOf(central.client, 'transactional')
    assert.deepEqual(copied, await recordsOf(edge.client, 'transactional'))
    // Nothing but the fillers' transactions is there beside: an uncommitted reader sees no more either.
    assert.deepEqual(
      await recordsOf(central.client, 'transactional', { isolation: 'read_uncommitted' }),
      copied,
    )
  })

  test('translates offsets where the target has records of its own', async () => {
    await createTopics(edge.client, [{ name: 'shared' }])
    await createTopics(central.client, [{ name: 'shared' }])
    await write(central, 'shared', 7)
    await write(edge, 'shared', 100)
    await offsetCommit(edge.client, 'shared-readers', [{ topic: 'shared', partition: 0, offset: 42 }])
    const options = { topics: ['shared'], groups: ['shared-*'] }
    const status = await copyOnce(options)
    assert.equal(status.partitions[0]?.offsets, 'translated')
    await write(edge, 'shared', 20, { from: 100 })
    assert.equal((await copyOnce(options)).records, 20)
    const copied = (await recordsOf(central.client, 'shared')).slice(7)
    const own = await recordsOf(edge.client, 'shared')
    const withoutOffset = (one: (typeof own)[number]): object => ({ ...one, offset: 0 })
    assert.deepEqual(copied.map(withoutOffset), own.map(withoutOffset))
    const [group] = await offsetFetch(central.client, 'shared-readers')
    assert.equal(copied.find(({ offset }) => offset === group!.offset)?.headers, '[["n","42"]]')
  })

  test('goes over to translating when others write to a topic whose offsets it kept', async () => {
    await createTopics(edge.client, [{ name: 'mixed' }])
    await write(edge, 'mixed', 50)
    await offsetCommit(edge.client, 'mixed-readers', [{ topic: 'mixed', partition: 0, offset: 60 }])
    const options = { topics: ['mixed'], groups: ['mixed-*'] }
    assert.equal((await copyOnce(options)).partitions[0]?.offsets, 'identical')
    const own = await createProducer(central.client)
    own.send({ topic: 'mixed', partition: 0, value: 'of somebody else' })
    await own.close()
    await write(edge, 'mixed', 30, { from: 50 })
    const status = await copyOnce(options)
    assert.equal(status.partitions[0]?.offsets, 'translated')
    assert.equal(status.records, 30)
    const copied = await recordsOf(central.client, 'mixed')
    const numbers = copied.map(({ headers }) => /\d+/.exec(headers)?.[0] ?? 'own')
    const expected = Array.from({ length: 80 }, (_, index) => String(index))
    assert.deepEqual(numbers, [...expected.slice(0, 50), 'own', ...expected.slice(50)])
    const [group] = await offsetFetch(central.client, 'mixed-readers')
    assert.equal(copied.find(({ offset }) => offset === group?.offset)?.headers, '[["n","60"]]')
  })

  test('goes over to translating also while it copies', async () => {
    await createTopics(edge.client, [{ name: 'meanwhile' }])
    const mirror = await startMirror({
      from: edge.address,
      to: central.address,
      topics: ['meanwhile'],
      name: 'meanwhile',
      commitIntervalMs: 20,
    })
    const reached = async (records: number): Promise<void> => {
      while (mirror.status().records < records) await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await write(edge, 'meanwhile', 20)
    await reached(20)
    const own = await createProducer(central.client)
    own.send({ topic: 'meanwhile', partition: 0, value: 'of somebody else' })
    await own.close()
    await write(edge, 'meanwhile', 300, { from: 20, batchSizeBytes: 500 })
    await reached(320)
    await write(edge, 'meanwhile', 10, { from: 320 })
    await reached(330)
    await mirror.stop()
    assert.equal(mirror.status().partitions[0]?.offsets, 'translated')
    const numbers = (await recordsOf(central.client, 'meanwhile')).map(
      ({ headers }) => /\d+/.exec(headers)?.[0] ?? 'own',
    )
    const expected = Array.from({ length: 330 }, (_, index) => String(index))
    assert.deepEqual(numbers, [...expected.slice(0, 20), 'own', ...expected.slice(20)])
  })

  test('stops, or goes on, where the source has deleted what was not copied', async () => {
    await createTopics(edge.client, [{ name: 'deleted' }])
    await write(edge, 'deleted', 10)
    await copyOnce({ topics: ['deleted'] })
    await write(edge, 'deleted', 20, { from: 10 })
    const { deleteRecordsApi } = await import('../log/protocol/apis/delete-records.ts')
    const partitions = [{ partitionIndex: 0, offset: 15 }]
    await edge.client.request(deleteRecordsApi, {
      topics: [{ name: 'deleted', partitions }],
      timeoutMs: 10_000,
    })
    await assert.rejects(copyOnce({ topics: ['deleted'] }), { code: 'MR_MIRROR_LOST' })
    const status = await copyOnce({ topics: ['deleted'], onLost: 'skip' })
    assert.equal(status.partitions[0]?.lost, 5)
    assert.deepEqual(
      (await recordsOf(central.client, 'deleted')).slice(10),
      await recordsOf(edge.client, 'deleted'),
    )
  })

  test('knows what the source is about to delete, by time and by size', async () => {
    const hourMs = 3_600_000
    await createTopics(edge.client, [
      { name: 'by-time', config: { 'retention.ms': String(hourMs) } },
      { name: 'by-size', config: { 'retention.bytes': '10000', 'retention.ms': '-1' } },
    ])
    const producer = await createProducer(edge.client)
    const nowMs = Date.now()
    for (const ageMs of [0.9 * hourMs, 0.85 * hourMs, 0.5 * hourMs])
      producer.send({ topic: 'by-time', partition: 0, value: 'x', timestampMs: nowMs - ageMs })
    for (let index = 0; index < 10; index++)
      producer.send({ topic: 'by-size', partition: 0, value: Buffer.alloc(1_000) })
    await producer.close()
    const dangers = async (topic: string, position: number, end: number): Promise<unknown[]> => {
      const progress = new PartitionProgress({ topic, target: topic, partition: 0 })
      Object.assign(progress, { position, end })
      return (await retentionDangers(edge.client, [progress])).map(({ limit }) => limit)
    }
    assert.deepEqual(await dangers('by-time', 1, 3), [{ retentionMs: hourMs }])
    assert.deepEqual(await dangers('by-time', 2, 3), [])
    assert.deepEqual(await dangers('by-time', 3, 3), [])
    assert.deepEqual(await dangers('by-size', 1, 10), [{ retentionBytes: 10_000 }])
    assert.deepEqual(await dangers('by-size', 5, 10), [])
  })

  test('does not take a topic that was made anew for the one that it copied', async () => {
    await createTopics(edge.client, [{ name: 'remade' }])
    await write(edge, 'remade', 10)
    await copyOnce({ topics: ['remade'] })
    await deleteTopics(edge.client, ['remade'])
    await createTopics(edge.client, [{ name: 'remade' }])
    await write(edge, 'remade', 20)
    await assert.rejects(copyOnce({ topics: ['remade'] }), { code: 'MR_MIRROR_SOURCE_REMADE' })
    await deleteTopics(central.client, ['remade'])
    assert.equal((await copyOnce({ topics: ['remade'] })).records, 20)
  })

  test('carries the offsets of groups over, as far as their records are there', async () => {
    await createTopics(edge.client, [{ name: 'grouped', partitions: 2 }])
    await write(edge, 'grouped', 30)
    const committed = [
      { topic: 'grouped', partition: 0, offset: 12, metadata: 'note' },
      { topic: 'grouped', partition: 1, offset: 0, metadata: '' },
    ]
    await offsetCommit(edge.client, 'grouped-readers', committed)
    await offsetCommit(edge.client, 'others', committed)
    await copyOnce({ topics: ['grouped'], groups: ['grouped-readers'] })
    assert.deepEqual(await offsetFetch(central.client, 'grouped-readers'), committed)
    assert.deepEqual(await offsetFetch(central.client, 'others'), [])
    // A group that went further at the target is left alone.
    await offsetCommit(central.client, 'grouped-readers', [{ topic: 'grouped', partition: 0, offset: 20 }])
    await copyOnce({ topics: ['grouped'], groups: ['grouped-readers'] })
    assert.equal((await offsetFetch(central.client, 'grouped-readers'))[0]?.offset, 20)
  })

  test('does not copy back what came from there', async () => {
    await createTopics(edge.client, [{ name: 'looped' }])
    await write(edge, 'looped', 10)
    await copyOnce({ topics: ['looped'], prefix: 'from-edge.' })
    const back = { from: central.address, to: edge.address, topics: ['*looped'], prefix: 'back.' }
    assert.equal((await copyOnce(back)).partitions.length, 0)
    assert.equal((await edge.client.metadata()).topics.has('back.from-edge.looped'), false)
  })

  test('keeps offsets of a topic whose beginning is gone', async () => {
    await createTopics(edge.client, [
      { name: 'begun', config: { 'segment.bytes': '20000', 'retention.ms': '-1' } },
    ])
    await write(edge, 'begun', 5_000)
    const { deleteRecordsApi } = await import('../log/protocol/apis/delete-records.ts')
    const partitions = [{ partitionIndex: 0, offset: 4_321 }]
    await edge.client.request(deleteRecordsApi, {
      topics: [{ name: 'begun', partitions }],
      timeoutMs: 10_000,
    })
    await copyOnce({ topics: ['begun'] })
    assert.deepEqual(
      await recordsOf(central.client, 'begun', { isolation: 'read_uncommitted' }),
      await recordsOf(edge.client, 'begun'),
    )
    const [start] = await listOffsets(central.client, [{ topic: 'begun', partition: 0, at: 'earliest' }])
    assert.equal(start?.offset, 4_321)
  })

  test('follows what is written, new partitions and new topics, until it is stopped', async () => {
    await createTopics(edge.client, [{ name: 'live-1' }])
    const mirror = await startMirror({
      from: edge.address,
      to: central.address,
      topics: ['live-*'],
      name: 'live',
      refreshIntervalMs: 50,
    })
    const until = async (ready: () => Promise<boolean> | boolean): Promise<void> => {
      while (!(await ready())) await new Promise((resolve) => setTimeout(resolve, 10))
    }
    await write(edge, 'live-1', 10)
    await until(() => mirror.status().records === 10)
    await createTopics(edge.client, [{ name: 'live-2' }])
    await write(edge, 'live-2', 10)
    await until(() => mirror.status().records === 20)
    await mirror.stop()
    assert.equal(mirror.status().state, 'ended')
    assert.deepEqual(await recordsOf(central.client, 'live-2'), await recordsOf(edge.client, 'live-2'))
  })

  test('ends when another instance takes over', async () => {
    await createTopics(edge.client, [{ name: 'owned' }])
    const options = {
      from: edge.address,
      to: central.address,
      topics: ['owned'],
      name: 'owned',
      refreshIntervalMs: 50,
    }
    const first = await startMirror(options)
    while (first.status().state !== 'copying') await new Promise((resolve) => setTimeout(resolve, 10))
    const second = await startMirror(options)
    await write(edge, 'owned', 100)
    while (second.status().lag > 0 || second.status().partitions.length === 0)
      await new Promise((resolve) => setTimeout(resolve, 10))
    await assert.rejects(first.ended, { code: 'MR_MIRROR_TAKEN_OVER' })
    await second.stop()
    assert.deepEqual(await recordsOf(central.client, 'owned'), await recordsOf(edge.client, 'owned'))
  })

  test('says when no topic fits: once it fails, else it goes on looking', async () => {
    await assert.rejects(copyOnce({ topics: ['nosuch'] }), { code: 'MR_MIRROR_NO_TOPIC', message: /nosuch/ })
    const told = Promise.withResolvers<unknown>()
    const mirror = await startMirror({
      from: edge.address,
      to: central.address,
      topics: ['nosuch-yet'],
      name: 'nosuch-yet',
      refreshIntervalMs: 10,
      report: (level, event, fields) => {
        if (event.startsWith('mirror: no topic fits')) told.resolve([level, fields['pattern']])
      },
    })
    assert.deepEqual(await told.promise, ['warn', 'nosuch-yet'])
    await createTopics(edge.client, [{ name: 'nosuch-yet' }])
    while (mirror.status().partitions.length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
    await mirror.stop()
  })

  test('once gives up when the source stays away, and says so rarely', async () => {
    const gone = await startCluster()
    await gone[Symbol.asyncDispose]()
    const told: string[] = []
    const mirror = startMirror({
      from: gone.address,
      to: central.address,
      topics: ['*'],
      once: true,
      giveUpAfterMs: 700,
      report: (_, event, fields) => void told.push(`${event} ${Object.keys(fields).join(' ')}`),
    })
    await assert.rejects((await mirror).ended, {
      code: 'MR_MIRROR_AWAY',
      message: /for 1 s: the source is away: MR_CONNECT_FAILED/,
    })
    assert.deepEqual(told, ['mirror: waiting reason'])
  })

  test('refuses options that make no sense', async () => {
    const base = { from: edge.address, to: central.address }
    await assert.rejects(startMirror({ ...base, topics: [] }), { code: 'MR_MIRROR_OPTIONS' })
    await assert.rejects(startMirror({ ...base, topics: ['/(/'] }), { code: 'MR_MIRROR_OPTIONS' })
    const same = await startMirror({ from: edge.address, to: edge.address, topics: ['*'] })
    await assert.rejects(same.ended, { code: 'MR_MIRROR_OPTIONS' })
  })
})
