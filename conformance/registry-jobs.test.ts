/**
 * Records of Confluent's serializers through a job, and back into Confluent's deserializers: each language is read as
 * Python wrote it, under two versions of its schema, and becomes another one.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { job, runJob } from 'millrace'
import { avro, jsonSchema, kafka, protobuf } from 'millrace/kafka'
import { connectClient } from '../src/log/client/client.ts'
import { createTopics } from '../src/log/client/admin.ts'
import { decodeRecords, Fetcher } from '../src/log/client/fetcher.ts'
import { nodeWorld } from '../src/world/node.ts'
import { type Command, runCommand } from './tools/command.ts'
import { paths } from './tools/paths.ts'
import { startRegistry } from './tools/start-registry.ts'
import { hasWitness } from './tools/target.ts'

interface Order {
  readonly id: number
  readonly cents: number
  readonly rate: number
  readonly tags: readonly string[]
  readonly state: 'OPEN' | 'DONE'
  readonly note?: string | null
}

interface Paid {
  readonly id: number
  readonly total: number
  readonly tags: readonly string[]
  readonly source: string
}

const LANGUAGES = ['avro', 'json', 'protobuf'] as const

const PAID = {
  avro: {
    ...{ type: 'record', name: 'Paid', namespace: 'shop' },
    fields: [
      { name: 'id', type: 'long' },
      { name: 'total', type: 'double' },
      { name: 'tags', type: { type: 'array', items: 'string' } },
      { name: 'source', type: ['null', 'string'], default: null },
    ],
  },
  json: {
    ...{ title: 'Paid', type: 'object', required: ['id'] },
    properties: { id: { type: 'integer' }, total: { type: 'number' }, tags: { type: 'array' } },
  },
  protobuf: `syntax = "proto3"; package shop;
    message Before { message Within {} } message Paid { int64 id = 1; double total = 2; repeated string tags = 3; string source = 4; }`,
}

async function said(command: Command, input?: string): Promise<unknown[]> {
  const { stdout, stderr, exitCode } = await runCommand(command, input === undefined ? {} : { input })
  assert.equal(exitCode, 0, stderr)
  const lines = stdout.split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as unknown)
}

test('records of Python become records for Python and Node, in every language', async (t) => {
  if (!hasWitness(t, 'registry-python') || !hasWitness(t, 'registry-node')) return
  const folder = mkdtempSync(join(tmpdir(), 'millrace-registry-jobs-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await using server = await startRegistry(folder)
  const client = await connectClient({ world: nodeWorld(), bootstrap: server.address })
  t.after(() => client.close())
  await createTopics(
    client,
    LANGUAGES.map((language) => ({ name: `in-${language}`, partitions: 1 })),
  )
  const program = join(import.meta.dirname, 'clients', 'registry-python', 'job_records.py')
  const python = (what: string): Promise<unknown[]> =>
    said({ command: paths.registryPython, args: [program, what, server.url, server.address] })
  await python('write')

  const registry = { url: server.url }
  const orders = {
    avro: avro<Order>({ registry }),
    json: jsonSchema<Order>({ registry }),
    protobuf: protobuf<Order>({ registry, message: 'shop.Order' }),
  }
  const paid = {
    avro: avro<Paid>({ registry, schema: PAID.avro }),
    json: jsonSchema<Paid>({ registry, schema: PAID.json, subject: 'record' }),
    protobuf: protobuf<Paid>({ registry, schema: PAID.protobuf, message: 'Paid', subject: 'topic-record' }),
  }
  const next = { avro: 'protobuf', json: 'avro', protobuf: 'json' } as const
  const through = job('through', (flow) => {
    for (const from of LANGUAGES) {
      const to = next[from]
      flow
        .source(`in-${from}`, kafka({ topic: `in-${from}`, value: orders[from], until: 'end' }))
        .map(({ id, cents, rate, tags, state, note }): Paid => ({
          ...{ id, total: cents * rate, tags: [...tags, state] },
          source: `${from} ${note ?? 'none'}`.replace(/ $/, ' none'),
        }))
        .sink(
          `out-${to}`,
          kafka({
            ...{ topic: `out-${to}`, value: paid[to], partitions: 1 },
            ...{ key: (one) => one.id, keyFormat: avro<number>({ registry, schema: '"long"' }) },
          }),
        )
    }
  })
  await using run = await runJob(through, { log: server.address, checkpoint: { intervalMs: 50 } })
  await run.ended

  const expected = LANGUAGES.flatMap((to) => {
    const from = LANGUAGES.find((one) => next[one] === to)!
    return [
      { id: 2 ** 40, total: -6.25, tags: ['a', 'ä', 'OPEN'], source: `${from} none` },
      { id: 7, total: -150, tags: ['DONE'], source: `${from} new` },
    ].map((value) => ({ to, value }))
  })
  const read = (await python('read')) as { topic: string; key: number; value: { id: number | string } }[]
  assert.deepEqual(
    // JSON of Protobuf writes 64-bit integers as text.
    read.map(({ topic, key, value }) => ({ topic, key, value: { ...value, id: Number(value.id) } })),
    expected.map(({ to, value }) => ({ topic: `out-${to}`, key: value.id, value })),
  )

  const lines: string[] = []
  for (const language of LANGUAGES) {
    const topic = `out-${language}`
    const fetcher = new Fetcher(client)
    await client.topic(topic)
    fetcher.assign([{ topic, partition: 0, offset: 0 }])
    for (let count = 0; count < 2;) {
      const { values } = decodeRecords((await fetcher.poll())!)
      count += values.length
      lines.push(...values.map((value) => `${language} ${topic} ${value!.toString('base64')}`))
    }
    fetcher.close()
  }
  const node = { command: process.execPath, args: [join(paths.registryNode, 'read-records.mjs'), server.url] }
  assert.deepEqual(
    await said(node, lines.join('\n')),
    expected.map(({ value }) => value),
  )
})
