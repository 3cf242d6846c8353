import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { reportNothing } from '../src/base/report.ts'
import { connectClient } from '../src/log/client/client.ts'
import { SchemaRegistry } from '../src/registry/schema-registry.ts'
import { nodeWorld } from '../src/world/node.ts'
import { paths } from './tools/paths.ts'
import { runScenarios } from './tools/scenarios.ts'
import { startKafka } from './tools/start-kafka.ts'
import { startRegistry } from './tools/start-registry.ts'
import { hasWitness } from './tools/target.ts'

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-registry-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test("confluent-kafka's registry client and serializers for Python", async (t) => {
  if (!hasWitness(t, 'registry-python')) return
  await using registry = await startRegistry(folderFor(t))
  const program = join(import.meta.dirname, 'clients', 'registry-python', 'registry_clients.py')
  await runScenarios(t, {
    program: { command: paths.registryPython, args: [program, registry.url, registry.address, 'p-'] },
    expected: [
      'avro',
      'avro-references',
      'compatibility',
      'concurrent-registration',
      'contexts',
      'deletion',
      'errors',
      'json-references',
      'json-schema',
      'protobuf',
      'protobuf-references',
      'subjects',
    ],
  })
})

test('the registry clients and serializers of npm', async (t) => {
  if (!hasWitness(t, 'registry-node')) return
  await using registry = await startRegistry(folderFor(t))
  const program = join(paths.registryNode, 'registry-clients.mjs')
  for (const [name, url] of [
    ['at its own address', registry.url],
    ['below the address of REST', registry.urlBelowRest],
  ] as const) {
    await t.test(name, (each) =>
      runScenarios(each, {
        program: { command: process.execPath, args: [program, url, `${name.replaceAll(' ', '-')}-`] },
        expected: [
          'confluent-avro',
          'confluent-client',
          'confluent-guid',
          'confluent-json',
          'confluent-protobuf',
          'kafkajs-avro',
          'kafkajs-json',
          'kafkajs-protobuf',
        ],
      }),
    )
  }
})

test("franz-go's registry client", async (t) => {
  if (!hasWitness(t, 'registry-go')) return
  await using registry = await startRegistry(folderFor(t))
  await runScenarios(t, {
    program: { command: paths.registryGo, args: [registry.url, 'g-'] },
    expected: ['compatibility', 'deletion', 'import', 'modes', 'references', 'serde', 'subjects'],
  })
})

test('what was answered is there after kill -9, and ids go on behind it', async (t) => {
  const folder = folderFor(t)
  const ids: number[] = []
  for (let life = 1; life <= 3; life++) {
    await using registry = await startRegistry(folder)
    const register = (schema: object): Promise<{ readonly id: number }> =>
      ask(`${registry.url}/subjects/lives-value/versions`, { schema: JSON.stringify(schema) })
    for (let version = 0; version < 5; version++) {
      ids.push((await register(enumOf(ids.length + 1))).id)
    }
    assert.deepEqual(
      ids,
      ids.map((_, index) => index + 1),
    )
    assert.deepEqual(
      await ask(`${registry.url}/subjects/lives-value/versions`),
      ids,
      `all versions in life ${life}`,
    )
    const { schema } = await ask<{ readonly schema: string }>(`${registry.url}/schemas/ids/1`)
    assert.deepEqual(JSON.parse(schema), enumOf(1))
    // Many at once of one schema, and the process killed while they are asked for: one id, whoever was answered.
    const one = enumOf(ids.length + 1)
    const asked = Array.from({ length: 20 }, () => register(one).then(({ id }) => id))
    const first = await Promise.race(asked)
    await registry.kill()
    const answered = (await Promise.allSettled(asked)).flatMap((answer) =>
      answer.status === 'fulfilled' ? [answer.value] : [],
    )
    assert.deepEqual([...new Set(answered)], [first])
    ids.push(first)
  }
})

test('the registry of a Kafka cluster, served by two processes', async (t) => {
  if (!hasWitness(t, 'kafka')) return
  await using kafka = await startKafka()
  const world = nodeWorld()
  const open = async (): Promise<{ readonly registry: SchemaRegistry; close(): Promise<void> }> => {
    const client = await connectClient({ world, bootstrap: kafka.address })
    const registry = new SchemaRegistry(client, reportNothing)
    return {
      registry,
      async close() {
        await registry.close()
        await client.close()
      },
    }
  }
  const register = async (registry: SchemaRegistry, schema: object): Promise<number> => {
    const input = {
      schema: JSON.stringify(schema),
      schemaType: undefined,
      references: [],
      metadata: undefined,
      ruleSet: undefined,
      id: undefined,
      version: undefined,
    }
    return (await registry.register('kafka-value', { input, normalize: false })).id
  }
  const both = [await open(), await open()]
  for (let count = 1; count <= 4; count++) {
    const asked = Array.from({ length: 6 }, (_, index) => register(both[index % 2]!.registry, enumOf(count)))
    assert.deepEqual([...new Set(await Promise.all(asked))], [count])
  }
  for (const each of both) await each.close()
  const later = await open()
  const versions = await later.registry.versions('kafka-value', { deleted: false, deletedOnly: false })
  assert.deepEqual(
    versions.map(({ id, version }) => [id, version]),
    [1, 2, 3, 4].map((number) => [number, number]),
  )
  await later.close()
})

/** Each may follow the one before it. */
function enumOf(count: number): object {
  const symbols = Array.from({ length: count }, (_, index) => `S${index}`)
  return { type: 'enum', name: 'Lives', symbols }
}

async function ask<T>(url: string, body?: object): Promise<T> {
  const answer = await fetch(url, {
    ...(body && {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    }),
  })
  const said = await answer.text()
  assert.ok(answer.ok, `${url} answered ${answer.status}: ${said}`)
  return JSON.parse(said) as T
}
