/** What the client promises, against any cluster: the embedded log runs it as a test, a real Kafka in conformance. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { nodeWorld } from '../../world/node.ts'
import { createPartitions, createTopics, deleteTopics, listOffsets } from './admin.ts'
import { connectClient } from './client.ts'
import { decodeRecords, Fetcher, type FetcherOptions } from './fetcher.ts'
import { describeGroups, listGroups, offsetCommit, offsetFetch } from './group-admin.ts'
import type { LogClient } from './log-client.ts'
import { createProducer } from './producer.ts'
import { createTransactionalProducer, endTransaction } from './transaction.ts'

/** `start` gives the bootstrap address of an empty cluster that creates topics by itself; `stop` ends it. */
export function clientSuite(cluster: {
  readonly start: () => Promise<string>
  readonly stop: () => Promise<void>
}): void {
  let client: LogClient

  before(async () => {
    client = await connectClient({
      world: nodeWorld(),
      bootstrap: await cluster.start(),
      requestTimeoutMs: 10_000,
    })
  })

  after(async () => {
    await client.close()
    await cluster.stop()
  })

  /** The values of the first `count` records of a topic's partitions, in the order in which they came. */
  async function read(
    topic: string,
    count: number,
    options: FetcherOptions & { partitions?: number } = {},
  ): Promise<string[]> {
    const fetcher = new Fetcher(client, { maxWaitMs: 50, ...options })
    const values: string[] = []
    try {
      fetcher.assign(
        Array.from({ length: options.partitions ?? 1 }, (_, partition) => ({ topic, partition, offset: 0 })),
      )
      while (values.length < count) {
        const records = await fetcher.poll()
        assert.ok(records !== undefined)
        values.push(...decodeRecords(records).values.map(String))
      }
    } finally {
      fetcher.close()
    }
    return values
  }

  const numbers = (from: number, to: number): string[] =>
    Array.from({ length: to - from }, (_, index) => String(from + index))

  describe('admin', () => {
    test('topics are created, grown and deleted', async () => {
      await createTopics(client, [{ name: 'made', partitions: 2, config: { 'retention.ms': '1000' } }])
      assert.equal((await client.topic('made')).partitions.length, 2)
      await assert.rejects(createTopics(client, [{ name: 'made' }]), { code: 'MR_TOPIC_EXISTS' })
      await createTopics(client, [{ name: 'made' }], { ifNotExists: true })
      await createPartitions(client, 'made', 3)
      // A cluster tells of a change a little after it has answered.
      while ((await client.topic('made')).partitions.length < 3);
      await deleteTopics(client, ['made'])
      while ((await client.metadata(['made'])).topics.get('made')?.errorCode === 0);
      await assert.rejects(client.topic('made', { timeoutMs: 50 }), { code: 'MR_TOPIC_NOT_FOUND' })
    })

    test('offsets of a group are set and read', async () => {
      await createTopics(client, [{ name: 'offsets', partitions: 2 }])
      await offsetCommit(client, 'readers', [{ topic: 'offsets', partition: 1, offset: 42, metadata: 'm' }])
      assert.deepEqual(await offsetFetch(client, 'readers'), [
        { topic: 'offsets', partition: 1, offset: 42, metadata: 'm' },
      ])
      assert.deepEqual(
        (await listGroups(client)).map((group) => group.groupId).filter((id) => id === 'readers'),
        ['readers'],
      )
      assert.equal((await describeGroups(client, ['readers']))[0]!.groupState, 'Empty')
    })

    test('offsets are listed by time and by end', async () => {
      await createTopics(client, [{ name: 'times' }])
      const producer = await createProducer(client)
      for (const timestampMs of [1_000, 2_000, 3_000])
        producer.send({ topic: 'times', value: 'x', timestampMs })
      await producer.close()
      const query = { topic: 'times', partition: 0 }
      const found = await listOffsets(client, [
        { ...query, at: 'earliest' },
        { ...query, at: 'latest' },
        { ...query, at: 1_500 },
        { ...query, at: 9_000 },
      ])
      assert.deepEqual(
        found.map((one) => one.offset),
        [0, 3, 1, -1],
      )
    })
  })

  describe('producer and fetcher', () => {
    test('records arrive once, in order, with their offsets, in small batches and large', async () => {
      await createTopics(client, [{ name: 'ordered' }])
      const producer = await createProducer(client, { batchSizeBytes: 500, lingerMs: 1 })
      const offsets: number[] = []
      for (const value of numbers(0, 5_000)) {
        const delivered = (error: Error | undefined, place: { offset: number }): void => {
          assert.ifError(error)
          offsets.push(place.offset)
        }
        if (!producer.send({ topic: 'ordered', partition: 0, value }, delivered)) await producer.blocked()
      }
      await producer.close()
      assert.deepEqual(offsets.map(String), numbers(0, 5_000))
      assert.deepEqual(await read('ordered', 5_000), numbers(0, 5_000))
    })

    test('a full buffer says so and drains', async () => {
      await createTopics(client, [{ name: 'pressure' }])
      const producer = await createProducer(client, { maxBufferedBytes: 10_000, lingerMs: 1 })
      await client.topic('pressure')
      let waits = 0
      for (let index = 0; index < 500; index++) {
        if (!producer.send({ topic: 'pressure', value: Buffer.alloc(200) })) {
          assert.ok(producer.bufferedBytes < 11_000)
          await producer.blocked()
          waits++
        }
      }
      await producer.close()
      assert.ok(waits > 5)
      assert.equal(producer.bufferedBytes, 0)
    })

    test('keys go where the Java client sends them; the rest sticks together; compression is undone', async () => {
      await createTopics(client, [{ name: 'keyed', partitions: 4 }])
      const producer = await createProducer(client, { compression: 'zstd' })
      for (const value of numbers(0, 100))
        producer.send({ topic: 'keyed', key: `k${Number(value) % 7}`, value })
      await producer.close()
      assert.deepEqual((await read('keyed', 100, { partitions: 4 })).sort(), numbers(0, 100).sort())
    })

    test('a topic that does not exist yet is made by the first record, where the broker allows it', async () => {
      const producer = await createProducer(client)
      producer.send({ topic: 'by-itself', value: 'here' })
      await producer.flush()
      await producer.close()
      assert.deepEqual(await read('by-itself', 1), ['here'])
    })

    test('a record that is refused fails alone, and the ones behind it arrive in order', async () => {
      await createTopics(client, [{ name: 'limited', config: { 'max.message.bytes': '1000' } }])
      const producer = await createProducer(client, { batchSizeBytes: 1, lingerMs: 0 })
      await client.topic('limited')
      const lost: string[] = []
      for (let index = 0; index < 20; index++) {
        const value = index === 7 ? 'x'.repeat(2_000) : String(index)
        producer.send({ topic: 'limited', partition: 0, value }, (error) => {
          if (error !== undefined) lost.push((error as { code?: string }).code ?? error.message)
        })
      }
      await assert.rejects(producer.flush(), { code: 'MR_RECORD_TOO_LARGE' })
      producer.send({ topic: 'limited', partition: 0, value: '20' })
      await producer.close()
      assert.deepEqual(lost, ['MR_RECORD_TOO_LARGE'])
      assert.deepEqual(
        await read('limited', 20),
        numbers(0, 21).filter((value) => value !== '7'),
      )
    })

    test('an offset that is not there is an error with its place, or a new start', async () => {
      await createTopics(client, [{ name: 'range' }])
      const producer = await createProducer(client)
      producer.send({ topic: 'range', value: 'only' })
      await producer.close()
      const strict = new Fetcher(client, { maxWaitMs: 50 })
      strict.assign([{ topic: 'range', partition: 0, offset: 99 }])
      await assert.rejects(strict.poll(), (error: { code: string; place: object }) => {
        assert.equal(error.code, 'MR_OFFSET_OUT_OF_RANGE')
        assert.deepEqual(error.place, { topic: 'range', partition: 0, offset: 99 })
        return true
      })
      strict.close()
      const lenient = new Fetcher(client, { maxWaitMs: 50, outOfRange: 'earliest' })
      lenient.assign([{ topic: 'range', partition: 0, offset: 99 }])
      assert.equal((await lenient.poll())?.nextOffset, 1)
      lenient.close()
    })

    test('a waiting reader gets a record when it is written; closing ends its wait', async () => {
      await createTopics(client, [{ name: 'late' }])
      const fetcher = new Fetcher(client)
      fetcher.assign([{ topic: 'late', partition: 0, offset: 0 }])
      const polled = fetcher.poll()
      const producer = await createProducer(client, { lingerMs: 0 })
      producer.send({ topic: 'late', value: 'now' })
      await producer.close()
      const records = await polled
      assert.deepEqual(decodeRecords(records!).values.map(String), ['now'])
      assert.ok(records!.caughtUp)
      const last = fetcher.poll()
      fetcher.close()
      assert.equal(await last, undefined)
    })
  })

  describe('transactions', () => {
    test('only what is committed is read, with its offsets', async () => {
      await createTopics(client, [{ name: 'txn', partitions: 2 }])
      const producer = await createTransactionalProducer(client, { transactionalId: 'writer', lingerMs: 0 })
      for (const [round, end] of ['commit', 'abort', 'commit', 'abort', 'commit'].entries()) {
        producer.begin()
        for (const partition of [0, 1])
          producer.send({ topic: 'txn', partition, value: `${round}-${partition}` })
        await producer.sendOffsets({
          groupId: 'txn-group',
          offsets: [{ topic: 'txn', partition: 0, offset: round }],
        })
        await producer.flush()
        if (end === 'commit') await producer.commit()
        else await producer.abort()
      }
      producer.close()
      const values = await read('txn', 6, { partitions: 2 })
      assert.deepEqual(values.sort(), ['0-0', '0-1', '2-0', '2-1', '4-0', '4-1'])
      const all = await read('txn', 10, { partitions: 2, isolation: 'read_uncommitted' })
      assert.equal(all.length, 10)
      assert.deepEqual(
        (await offsetFetch(client, 'txn-group', { stable: true })).map((one) => one.offset),
        [4],
      )
    })

    for (const outcome of ['commit', 'abort'] as const) {
      test(`a transaction that was left open is resumed: ${outcome}, as often as one likes`, async () => {
        const topic = `resumed-${outcome}`
        await createTopics(client, [{ name: topic }])
        const first = await createTransactionalProducer(client, { transactionalId: topic })
        first.begin()
        first.send({ topic, value: 'kept' })
        await first.flush()
        const identity = first.identity
        first.close()
        assert.equal(await endTransaction(client, identity, outcome), 'ended')
        assert.equal(await endTransaction(client, identity, outcome), 'ended')
        assert.equal(
          await endTransaction(client, identity, outcome === 'commit' ? 'abort' : 'commit'),
          'not-open',
        )
        const end = await listOffsets(client, [{ topic, partition: 0, at: 'latest' }], {
          isolation: 'read_committed',
        })
        assert.equal(end[0]!.offset, 2)
        const second = await createTransactionalProducer(client, { transactionalId: topic })
        second.begin()
        second.send({ topic, value: 'after' })
        await second.commit()
        second.close()
        const expected = outcome === 'commit' ? ['kept', 'after'] : ['after']
        assert.deepEqual(await read(topic, expected.length), expected)
        assert.equal(await endTransaction(client, identity, 'commit'), 'fenced')
      })
    }

    test('who takes over a transactional id fences the one before and aborts what it left open', async () => {
      await createTopics(client, [{ name: 'fenced' }])
      const old = await createTransactionalProducer(client, { transactionalId: 'fenced', lingerMs: 0 })
      old.begin()
      old.send({ topic: 'fenced', value: 'lost' })
      await old.flush()
      const identity = old.identity
      const young = await createTransactionalProducer(client, { transactionalId: 'fenced', lingerMs: 0 })
      young.begin()
      young.send({ topic: 'fenced', value: 'kept' })
      await young.commit()
      old.send({ topic: 'fenced', value: 'too late' })
      await assert.rejects(old.commit(), {
        code: 'MR_TRANSACTION_FAILED',
        message: /PRODUCER_FENCED|INVALID_PRODUCER_EPOCH/,
      })
      assert.equal(await endTransaction(client, identity, 'commit'), 'fenced')
      assert.deepEqual(await read('fenced', 1), ['kept'])
      old.close()
      young.close()
    })

    test('an empty transaction leaves nothing behind', async () => {
      const producer = await createTransactionalProducer(client, { transactionalId: 'empty' })
      producer.begin()
      await producer.commit()
      producer.begin()
      await producer.abort()
      producer.close()
    })
  })
}
