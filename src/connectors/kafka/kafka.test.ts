import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { z } from 'zod'
import { startLog, type RunningLog } from '../../log/broker/start-log.ts'
import { connectClient, type LogClient } from '../../log/client/client.ts'
import { createPartitions, createTopics, listOffsets } from '../../log/client/admin.ts'
import { decodeRecords, Fetcher } from '../../log/client/fetcher.ts'
import { offsetFetch } from '../../log/client/group-admin.ts'
import { createProducer } from '../../log/client/producer.ts'
import { listOpenTransactions } from '../../log/client/transaction-admin.ts'
import type { SinkContext } from '../../stream/connector/sink.ts'
import { job } from '../../stream/graph/job.ts'
import type { Job } from '../../stream/graph/plan.ts'
import { runJob } from '../../stream/runtime/run-job.ts'
import { nodeWorld } from '../../world/node.ts'
import { generator } from '../generator/generator.ts'
import { json, kafka } from './index.ts'

const world = nodeWorld()
let directory: string
let log: RunningLog
let client: LogClient
before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-kafka-'))
  log = await startLog({ world, dataPath: join(directory, 'log'), listen: { host: '127.0.0.1', port: 0 } })
  client = await connectClient({ world, bootstrap: log.bootstrap })
})
after(async () => {
  await client.close()
  await log.close()
  rmSync(directory, { recursive: true })
})

async function produce(topic: string, values: readonly unknown[], partitions = 1): Promise<void> {
  await createTopics(client, [{ name: topic, partitions }], { ifNotExists: true })
  const producer = await createProducer(client)
  for (const [i, value] of values.entries()) {
    producer.send({
      topic,
      partition: i % partitions,
      value: typeof value === 'string' ? value : JSON.stringify(value),
    })
  }
  await producer.close()
}

/** All that a read_committed reader sees of a topic now. */
async function committed(topic: string): Promise<unknown[]> {
  const { partitions } = await client.topic(topic)
  const ends = await listOffsets(
    client,
    partitions.map(({ partition }) => ({ topic, partition, at: 'latest' })),
    {
      isolation: 'read_committed',
    },
  )
  const fetcher = new Fetcher(client)
  const open = new Map(
    ends.filter(({ offset }) => offset > 0).map(({ partition, offset }) => [partition, offset]),
  )
  fetcher.assign([...open.keys()].map((partition) => ({ topic, partition, offset: 0 })))
  const values: unknown[] = []
  while (open.size > 0) {
    const records = await fetcher.poll()
    assert.ok(records !== undefined)
    for (const value of decodeRecords(records).values) values.push(JSON.parse(value?.toString() ?? 'null'))
    if (records.nextOffset >= (open.get(records.partition) ?? 0)) open.delete(records.partition)
  }
  fetcher.close()
  return values
}

test('a bounded job reads every partition to the end that was there, and its output is committed', async () => {
  const events = Array.from({ length: 100 }, (_, n) => ({ n }))
  await produce('bounded-in', events, 3)
  const doubled = job('bounded', (flow) => {
    flow
      .source('in', kafka({ topic: 'bounded-in', value: json(z.object({ n: z.number() })), until: 'end' }))
      .map(({ n }) => ({ n: n * 2 }))
      .sink('out', kafka({ topic: 'bounded-out', partitions: 2, key: ({ n }) => String(n), value: json() }))
  })
  await using run = await runJob(doubled, { log, checkpoint: { intervalMs: 20 } })
  await run.ended
  const found = (await committed('bounded-out')) as { n: number }[]
  assert.deepEqual(
    found.map(({ n }) => n).sort((a, b) => a - b),
    events.map(({ n }) => n * 2),
  )
  assert.equal((await client.topic('bounded-out')).partitions.length, 2)
  const positions = await offsetFetch(client, 'millrace.bounded.in')
  assert.ok(positions.length > 0, 'positions show up as group offsets')
})

test('a record that cannot be decoded fails the job and names topic, partition and offset', async () => {
  await produce('bad-in', [{ n: 1 }, 'not json'])
  const failing = job('failing', (flow) => {
    flow
      .source('in', kafka({ topic: 'bad-in', value: json() }))
      .sink('out', kafka({ topic: 'bad-out', value: json() }))
  })
  await using run = await runJob(failing, { log, restart: { limit: 0 } })
  await assert.rejects(
    run.ended,
    /MR_BAD_RECORD .*job failing.*step in.*topic bad-in.*partition 0.*offset 1.*not JSON/,
  )
})

test('a job without checkpoints cannot write exactly once', async () => {
  const withoutCommits = (guarantee: 'exactly-once' | 'at-least-once'): Job =>
    job('without-commits', (flow) => {
      flow
        .source('in', generator({ count: 10, generate: (n) => n }))
        .sink('out', kafka({ topic: 'without-commits', value: json(), guarantee }))
    })
  await assert.rejects(
    runJob(withoutCommits('exactly-once'), { log, checkpoint: false }),
    /MR_JOB_INVALID .*step out.*topic without-commits.*checkpoints/,
  )
  const run = await runJob(withoutCommits('at-least-once'), { log, checkpoint: false })
  await run.ended
  assert.equal((await committed('without-commits')).length, 10)
})

test('… or goes to the dead-letter topic with where it stood and why', async () => {
  await produce('dead-in', [{ n: 1 }, 'not json', { n: 'x' }, { n: 2 }])
  const tolerant = job('tolerant', (flow) => {
    flow
      .source(
        'in',
        kafka({
          topic: 'dead-in',
          value: json(z.object({ n: z.number() })),
          until: 'end',
          onError: { deadLetter: 'dead' },
        }),
      )
      .sink('out', kafka({ topic: 'dead-out', value: json() }))
  })
  await using run = await runJob(tolerant, { log })
  await run.ended
  assert.deepEqual(await committed('dead-out'), [{ n: 1 }, { n: 2 }])
  const fetcher = new Fetcher(client)
  fetcher.assign([{ topic: 'dead', partition: 0, offset: 0 }])
  const records = await fetcher.poll()
  fetcher.close()
  assert.ok(records !== undefined)
  assert.deepEqual(decodeRecords(records).values.map(String), ['not json', '{"n":"x"}'])
  assert.equal(run.metrics().steps.find(({ name }) => name === 'in')?.counters['rejected'], 2)
})

const openTransactionsOf = async (job: string): Promise<string[]> =>
  (await listOpenTransactions(client)).filter((id) => id.startsWith(`millrace.${job}.`))

const events = <T>(...values: T[]) => ({ values, timestamps: values.map((_, i) => i), keys: undefined })
const context = (job: string, overrides: Partial<SinkContext> = {}): SinkContext => ({
  world,
  job,
  step: 'out',
  subtask: 0,
  parallelism: 1,
  bootstrap: log.bootstrap,
  signal: new AbortController().signal,
  ...overrides,
})

for (const crash of [
  'before it is committed',
  'after it was committed',
  'while it is being prepared',
] as const) {
  test(`a crash of the sink ${crash} leaves every event once`, async () => {
    const topic = `crash-${crash.replaceAll(' ', '-')}`
    const sink = kafka<number>({ topic, value: json() })
    const first = sink.createWriter(context(topic))
    await first.recover([])
    first.write(events(1))
    const one = await first.prepareCommit(1)
    await first.commit(1)
    first.write(events(2))
    const two = await first.prepareCommit(2)
    first.write(events(3))
    if (crash === 'after it was committed') await first.commit(2)
    const three = crash === 'while it is being prepared' ? await first.prepareCommit(3) : undefined
    // No close: the connections of a killed process end, its transactions stay open.

    const second = sink.createWriter(context(topic))
    await second.recover([{ checkpointId: 2, data: two as never }])
    assert.deepEqual(await committed(topic), [1, 2])
    assert.deepEqual(await openTransactionsOf(topic), [], 'nothing of the first start is open')
    second.write(events(3))
    await second.prepareCommit(3)
    await second.commit(3)
    assert.deepEqual(await committed(topic), [1, 2, 3])
    assert.notEqual(one, undefined)
    // The first start is fenced: it can no longer make anything visible.
    if (three !== undefined) await assert.rejects(first.commit(3))
    await first.close()
    await second.close()
  })
}

test('checkpoints that complete faster than transactions end are committed one after the other, in order', async () => {
  const sink = kafka<number>({ topic: 'hurried', value: json() })
  const writer = sink.createWriter(context('hurried'))
  await writer.recover([])
  for (let checkpointId = 1; checkpointId <= 9; checkpointId += 3) {
    const commits: Promise<void>[] = []
    for (let id = checkpointId; id < checkpointId + 3; id++) {
      writer.write(events(id))
      const prepared = writer.prepareCommit(id)
      writer.write(events(id + 0.5))
      await prepared
      commits.push(writer.commit(id))
    }
    await Promise.all(commits)
  }
  await writer.prepareCommit(10)
  await writer.commit(10)
  await writer.close()
  const written = Array.from({ length: 9 }, (_, i) => [i + 1, i + 1.5]).flat()
  assert.deepEqual(await committed('hurried'), written)
})

test('a prepared transaction that was aborted from outside is an error, not a silent loss', async () => {
  const sink = kafka<number>({ topic: 'lost', value: json() })
  const first = sink.createWriter(context('lost'))
  await first.recover([])
  first.write(events(1))
  const prepared = await first.prepareCommit(1)
  await first.close()
  // A start that knows nothing of checkpoint 1 aborts it.
  const unaware = sink.createWriter(context('lost'))
  await unaware.recover([])
  await unaware.close()
  const second = sink.createWriter(context('lost'))
  await assert.rejects(
    second.recover([{ checkpointId: 1, data: prepared as never }]),
    /MR_OUTPUT_LOST .*topic lost/,
  )
  await second.close()
})

test('an earlier start of the job under the same checkpoint numbers is not taken for this one', async () => {
  const sink = kafka<string>({ topic: 'again', value: json() })
  const first = sink.createWriter(context('again'))
  await first.recover([])
  first.write(events('first start'))
  await first.prepareCommit(7)
  await first.commit(7)
  await first.close()
  const fresh = sink.createWriter(context('again'))
  await fresh.recover([])
  fresh.write(events('second start'))
  const prepared = await fresh.prepareCommit(1)
  await fresh.close()
  const restored = sink.createWriter(context('again'))
  await restored.recover([{ checkpointId: 1, data: prepared as never }])
  await restored.close()
  assert.deepEqual(await committed('again'), ['first start', 'second start'])
})

test('transactions of subtasks that no longer exist are ended by those that take over', async () => {
  const sink = kafka<unknown>({ topic: 'shrunk', value: json() })
  const old = await Promise.all(
    [0, 1, 2].map(async (subtask) => {
      const writer = sink.createWriter(context('shrunk', { subtask, parallelism: 3 }))
      await writer.recover([])
      writer.write(events(subtask))
      const data = await writer.prepareCommit(1)
      writer.write(events('never committed'))
      await writer.prepareCommit(2)
      return data as never
    }),
  )
  const writers = [0, 1].map((subtask) => sink.createWriter(context('shrunk', { subtask, parallelism: 2 })))
  await Promise.all(
    writers.map((writer, subtask) =>
      writer.recover(
        old.filter((_, from) => from % 2 === subtask).map((data) => ({ checkpointId: 1, data })),
      ),
    ),
  )
  assert.deepEqual(((await committed('shrunk')) as number[]).sort(), [0, 1, 2])
  assert.deepEqual(await openTransactionsOf('shrunk'), [])
  for (const writer of writers) await writer.close()
})

test('a partition that came after the checkpoint is read from its beginning, also by a job that began at the end', async () => {
  await produce('grown-in', ['"before the job"'])
  const copied = job('grown', (flow) => {
    flow
      .source('in', kafka({ topic: 'grown-in', value: json<string>(), from: 'latest' }))
      .sink('out', kafka({ topic: 'grown-out', value: json() }))
  })
  const path = join(directory, 'grown')
  const options = { log, checkpoint: { intervalMs: 10, path } }
  const first = await runJob(copied, options)
  await first.stop()
  await createPartitions(client, 'grown-in', 2)
  await client.metadata(['grown-in'])
  await produce('grown-in', ['"old partition"', '"new partition"'], 2)
  const second = await runJob(copied, options)
  while ((await committed('grown-out')).length < 2) await new Promise((resolve) => setTimeout(resolve, 10))
  await second.stop()
  assert.deepEqual((await committed('grown-out')).sort(), ['new partition', 'old partition'])
})

test('an event from the future is written with the time of writing, which the log takes', async () => {
  const sink = kafka<string>({ topic: 'future', value: json() })
  const writer = sink.createWriter(context('future'))
  await writer.recover([])
  writer.write({ values: ['ahead'], timestamps: [Date.now() + 86_400_000], keys: undefined })
  await writer.prepareCommit(1)
  await writer.commit(1)
  await writer.close()
  assert.deepEqual(await committed('future'), ['ahead'])
})
