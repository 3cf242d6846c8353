/** Jobs whose records have their schemas in Millrace's own registry. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import * as http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { z } from 'zod'
import { createTopics } from '../../../log/client/admin.ts'
import { decodeRecords, Fetcher } from '../../../log/client/fetcher.ts'
import { createProducer } from '../../../log/client/producer.ts'
import { serve, type Served } from '../../../server/serve.ts'
import { job } from '../../../stream/graph/job.ts'
import { nodeWorld } from '../../../world/node.ts'
import { runJob, type RunningJob } from '../../../stream/runtime/run-job.ts'
import { collect } from '../../collect/collect.ts'
import { avro, json, jsonSchema, kafka, type KafkaOptions, keyedKafka, protobuf, string } from '../index.ts'
import { avroLanguage } from './avro-language.ts'

let directory: string
let served: Served
before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-formats-'))
  const any = { host: '127.0.0.1', port: 0 }
  served = await serve({ data: directory, listen: any, http: any })
})
after(async () => {
  await served.close()
  rmSync(directory, { recursive: true })
})

const registry = (): { url: string } => ({ url: served.registryUrl! })

async function ask(path: string, body?: object): Promise<Record<string, never>> {
  const answer = await fetch(registry().url + path, {
    ...(body && { method: path.startsWith('/config') ? 'PUT' : 'POST', body: JSON.stringify(body) }),
    headers: { 'content-type': 'application/json' },
  })
  assert.ok(answer.ok, `${path}: ${answer.status}`)
  return (await answer.json()) as Record<string, never>
}

const register = async (subject: string, schema: object): Promise<number> =>
  (await ask(`/subjects/${subject}/versions`, { schema: JSON.stringify(schema) }))['id']!

interface Sent {
  readonly value: Buffer | string | null
  readonly partition?: number
  readonly key?: Buffer | string
}

async function send(topic: string, records: readonly Sent[], partitions = 1): Promise<void> {
  await createTopics(served.client, [{ name: topic, partitions }], { ifNotExists: true })
  const producer = await createProducer(served.client)
  for (const { value, partition = 0, key = null } of records) producer.send({ topic, partition, key, value })
  await producer.close()
}

async function recordsOf(topic: string, count: number): Promise<{ key: Buffer | null; value: Buffer }[]> {
  const fetcher = new Fetcher(served.client)
  await served.client.topic(topic)
  fetcher.assign([{ topic, partition: 0, offset: 0 }])
  const found: { key: Buffer | null; value: Buffer }[] = []
  while (found.length < count) {
    const { keys, values } = decodeRecords((await fetcher.poll())!)
    found.push(...values.map((value, index) => ({ key: keys[index]!, value: value! })))
  }
  fetcher.close()
  return found
}

/** A job that hands over what it reads. */
async function reading<T>(name: string, options: Omit<KafkaOptions<T>, 'topic'>): Promise<RunningJob> {
  const described = job(name, (flow) => {
    flow.source('in', kafka({ until: 'end', topic: name, ...options })).sink('out', collect())
  })
  return runJob(described, { log: served.bootstrap, restart: { limit: 0 } })
}

async function valuesOf(run: RunningJob): Promise<unknown[]> {
  const values: unknown[] = []
  for await (const value of run.output('out')) values.push(value)
  return values
}

const user = (...more: object[]): object => ({
  ...{ type: 'record', name: 'User', namespace: 'shop' },
  fields: [{ name: 'name', type: 'string' }, ...more],
})
const AGE = { name: 'age', type: 'int', default: -1 }

function avroRecord(schema: object, id: number, value: object): Buffer {
  const text = { type: 'AVRO', schema: JSON.stringify(schema), references: [] } as const
  return avroLanguage({ longs: 'number' }).writer(text).encode(value, id)
}

test('records of several schemas are read in their order, as one schema or as they are', async () => {
  const ids = [await register('users-value', user()), await register('users-value', user(AGE))]
  const values = [
    avroRecord(user(), ids[0]!, { name: 'ada' }),
    avroRecord(user(AGE), ids[1]!, { name: 'bob', age: 5 }),
    avroRecord(user(), ids[0]!, { name: 'cyd' }),
  ]
  await send(
    'users',
    values.map((value) => ({ value })),
  )
  await using projected = await reading('users', {
    value: avro<{ name: string; age: number }>({ registry: registry(), schema: user(AGE) }),
  })
  assert.deepEqual(await valuesOf(projected), [
    { name: 'ada', age: -1 },
    { name: 'bob', age: 5 },
    { name: 'cyd', age: -1 },
  ])
  await using asWritten = await reading('users', { value: avro({ registry: registry() }) })
  assert.deepEqual(await valuesOf(asWritten), [{ name: 'ada' }, { name: 'bob', age: 5 }, { name: 'cyd' }])
})

test('from Avro to Protobuf and JSON Schema and back, with keys', async () => {
  const id = await register('in-value', user(AGE))
  await send('in', [{ value: avroRecord(user(AGE), id, { name: 'ada', age: 36 }) }])
  const User = z.object({ name: z.string(), age: z.number() })
  const proto =
    'syntax = "proto3"; package shop; message Other {} message User { string full_name = 1; int64 age = 2; }'
  const asProtobuf = protobuf<{ fullName: string; age: number }>({
    registry: registry(),
    schema: proto,
    message: 'User',
  })
  const schema = {
    title: 'User',
    type: 'object',
    properties: { age: { type: 'integer' } },
    required: ['age'],
  }
  const key = avro<string>({ registry: registry(), schema: '"string"' })
  const there = job('there', (flow) => {
    const users = flow.source(
      'in',
      kafka({ topic: 'in', value: avro({ registry: registry(), type: User }), until: 'end' }),
    )
    users
      .map(({ name, age }) => ({ fullName: name, age }))
      .sink(
        'proto',
        kafka({ topic: 'as-proto', key: (one) => one.fullName, keyFormat: key, value: asProtobuf }),
      )
    users.sink(
      'json',
      kafka({
        topic: 'as-json',
        value: jsonSchema({ registry: registry(), schema, subject: 'topic-record' }),
      }),
    )
  })
  await using run = await runJob(there, { log: served.bootstrap, checkpoint: { intervalMs: 20 } })
  await run.ended
  assert.deepEqual(await ask('/subjects'), [
    'as-json-User',
    'as-proto-key',
    'as-proto-value',
    'in-value',
    'users-value',
  ])
  const [record] = await recordsOf('as-proto', 1)
  assert.equal(record!.key!.subarray(5).toString(), '\u0006ada')
  assert.deepEqual([...record!.value.subarray(5, 7)], [2, 2], 'the second message of its file')

  const back = job('back', (flow) => {
    const events = keyedKafka({
      ...{ topic: 'as-proto', keyFormat: key, value: asProtobuf, until: 'end' },
      event: (value, name) => ({ ...value, name }),
    })
    flow.source('proto', events).sink('out', collect())
    flow
      .source('json', kafka({ topic: 'as-json', value: jsonSchema({ registry: registry() }), until: 'end' }))
      .sink('json-out', collect())
  })
  await using second = await runJob(back, { log: served.bootstrap })
  assert.deepEqual(await valuesOf(second), [{ fullName: 'ada', age: 36, name: 'ada' }])
  for await (const value of second.output('json-out')) assert.deepEqual(value, { name: 'ada', age: 36 })
})

test('what cannot be decoded goes where the step says, with its reason', async () => {
  const id = await register('bad-value', user())
  const other = await register('numbers-value', { type: 'int' })
  const good = avroRecord(user(), id, { name: 'ada' })
  const unknown = Buffer.from([0, 0, 1, 0, 0, 5])
  const wrong = Buffer.from([0, 0, 0, 0, other, 2])
  const records = [good, 'no schema', unknown, wrong, Buffer.concat([good, good]), good]
  await send(
    'bad',
    records.map((value) => ({ value })),
  )
  const value = avro<{ name: string }>({ registry: registry(), schema: user() })
  await using run = await reading('bad', { value, onError: { deadLetter: 'bad-dead' } })
  assert.deepEqual(await valuesOf(run), [{ name: 'ada' }, { name: 'ada' }])
  assert.deepEqual(
    (await recordsOf('bad-dead', 4)).map(({ value }) => value),
    [Buffer.from('no schema'), unknown, wrong, records[4]],
  )
  const reasons = run.metrics().steps.find(({ name }) => name === 'in')!.samples['rejected']!
  const said = [/0x6e and not with 0x00/, /no schema 65536/, /int does not become shop.User/, /bytes more/]
  for (const [index, one] of said.entries()) assert.match((reasons[index] as { reason: string }).reason, one)
  await using failing = await reading('bad', { value })
  await assert.rejects(failing.ended, /MR_BAD_RECORD .*job bad, step in, topic bad, partition 0, offset 1/)
})

test('a schema that may not follow the last one stops the job, and names the subject', async () => {
  await register('strict-value', user())
  await send('strict', [{ value: '{}' }])
  const writing = (options: object): Promise<RunningJob> =>
    runJob(
      job('strict', (flow) => {
        flow
          .source('in', kafka({ topic: 'strict', value: json() }))
          .sink('out', kafka({ topic: 'strict', value: avro({ registry: registry(), ...options }) }))
      }),
      { log: served.bootstrap, restart: { limit: 0 } },
    )
  const cases: readonly [object, RegExp][] = [
    [
      { schema: user({ name: 'age', type: 'int' }) },
      /MR_SCHEMA_INCOMPATIBLE .*job strict, step out, topic strict.*subject strict-value.*READER_FIELD_MISSING_DEFAULT_VALUE/s,
    ],
    [{ schema: user(AGE), register: false }, /MR_SCHEMA_NOT_FOUND .*step out.*subject strict-value/],
    [{ schema: { type: 'strange' } }, /MR_SCHEMA_INVALID .*step out/],
    [{ subject: () => 'nobody-value' }, /MR_SCHEMA_NOT_FOUND .*subject nobody-value/],
    [{ subject: 'record' }, /MR_SCHEMA_INVALID/],
    [{ registry: { url: 'http://127.0.0.1:1', timeoutMs: 1 } }, /MR_REGISTRY_UNREACHABLE .*peer 127.0.0.1:1/],
    // What may be written, and does not fit.
    [
      {},
      /MR_SINK_WRITE .*step out, topic strict, subject strict-value, schemaId \d+.*name is undefined, not string/,
    ],
  ]
  for (const [options, said] of cases) {
    const ended = async (): Promise<void> => {
      await using run = await writing(options)
      await run.ended
    }
    await assert.rejects(ended(), said)
  }
})

test('records whose schema is not there yet wait for it; other partitions go on, and ids are asked for once', async () => {
  const asked: string[] = []
  const held: (() => void)[] = []
  const slow = http.createServer((request, response) => {
    asked.push(`${request.headers.authorization} ${request.url}`)
    const answer = (): void => void response.end(JSON.stringify({ schema: '"string"' }))
    if (request.url === '/schemas/ids/1') held.push(answer)
    else if (asked.length === 2) response.writeHead(503).end()
    else answer()
  })
  await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(slow.address() as AddressInfo).port}/`
  const record = (id: number, text: string): Buffer =>
    Buffer.concat([Buffer.from([0, 0, 0, 0, id, text.length * 2]), Buffer.from(text)])
  await send(
    'slow',
    [
      ...['a', 'b', 'c'].map((text) => ({ partition: 0, value: record(1, text) })),
      ...['x', 'y'].map((text) => ({ partition: 1, value: record(2, text) })),
      { partition: 2, value: record(1, 'third') },
    ],
    3,
  )
  const auth = { username: 'ada', password: 'engine' }
  await using run = await reading('slow', { value: avro<string>({ registry: { url, auth } }) })
  const values: string[] = []
  for await (const value of run.output('out')) {
    values.push(value as string)
    if (values.length === 2) for (const answer of held.splice(0)) answer()
  }
  slow.close()
  assert.deepEqual(values.slice(0, 2), ['x', 'y'])
  assert.deepEqual(values.filter((value) => value.length === 1).slice(2), ['a', 'b', 'c'])
  assert.equal(values.length, 6)
  assert.equal(asked.filter((one) => one.endsWith('/schemas/ids/1')).length, 1)
  assert.ok(asked.every((one) => one.startsWith(`Basic ${Buffer.from('ada:engine').toString('base64')} `)))
})

test('a partition that waits for a schema is not taken for one that has nothing to read', async () => {
  const silent = http.createServer(() => undefined)
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
  await send('unanswered', [{ value: Buffer.from([0, 0, 0, 0, 1, 0]) }])
  const source = kafka({ topic: 'unanswered', value: avro({ registry: { url } }) })
  const stopped = new AbortController()
  const reader = source.createReader({
    ...{ world: nodeWorld(), job: 'unanswered', step: 'in', subtask: 0, parallelism: 1 },
    ...{ bootstrap: served.bootstrap, signal: stopped.signal },
  })
  const splits = [{ id: 'unanswered-0', position: { offset: 0, end: null } }]
  await reader.open(splits)
  const batch = await reader.poll()
  assert.deepEqual(batch, {
    ...{ splitId: 'unanswered-0', values: [], timestamps: [], rejected: [] },
    ...{ caughtUp: false, splitEnded: false },
  })
  assert.deepEqual(reader.snapshot(), splits)
  const ended = reader.poll()
  await reader.close()
  assert.equal(await ended, 'end')
  stopped.abort()
  silent.closeAllConnections()
  silent.close()
})

test('a source of keys and values, with formats of any kind', async () => {
  await send('mixed', [{ key: 'k', value: '{"a":1}' }, { key: 'gone', value: null }, { value: '{"a":2}' }])
  const mixed = job('mixed', (flow) => {
    const events = keyedKafka({
      ...{ topic: 'mixed', keyFormat: string(), value: json(z.object({ a: z.number() })), until: 'end' },
      event: ({ a }, key): { a?: number; key: string | null } => ({ a, key }),
      tombstone: (key) => ({ key }),
    })
    flow.source('in', events).sink('out', collect())
  })
  await using run = await runJob(mixed, { log: served.bootstrap })
  assert.deepEqual(await valuesOf(run), [{ a: 1, key: 'k' }, { key: 'gone' }, { a: 2, key: null }])
})
