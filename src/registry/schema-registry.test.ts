/** The registry over a real log, and what it leaves in the topic. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { reportNothing } from '../base/report.ts'
import { type Broker, startBroker } from '../log/broker/broker.ts'
import { connectClient } from '../log/client/client.ts'
import { decodeRecords, Fetcher } from '../log/client/fetcher.ts'
import type { LogClient } from '../log/client/log-client.ts'
import { createProducer } from '../log/client/producer.ts'
import { createTopics, deleteTopics } from '../log/client/admin.ts'
import { nodeWorld } from '../world/node.ts'
import type { SchemaInput } from './registration.ts'
import { SchemaRegistry } from './schema-registry.ts'
import { SCHEMAS_TOPIC, SchemaStore } from './schema-store.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-registry-'))
const world = nodeWorld()
let broker: Broker
let client: LogClient

before(async () => {
  broker = await startBroker({
    world,
    dataPath: folder,
    listen: { host: '127.0.0.1', port: 0 },
    report: reportNothing,
  })
  client = await connectClient({ world, bootstrap: `${broker.host}:${broker.port}` })
})
after(async () => {
  await client.close()
  await broker.close()
  rmSync(folder, { recursive: true })
})

function avro(schema: unknown): SchemaInput {
  return {
    schema: JSON.stringify(schema),
    schemaType: undefined,
    references: [],
    metadata: undefined,
    ruleSet: undefined,
    id: undefined,
    version: undefined,
  }
}

/** Each may follow the one before. */
function counted(count: number): SchemaInput {
  return avro({ type: 'enum', name: 'E', symbols: Array.from({ length: count }, (_, index) => `S${index}`) })
}

async function register(registry: SchemaRegistry, subject: string, input: SchemaInput): Promise<number> {
  return (await registry.register(subject, { input, normalize: false })).id
}

/** Everything in the topic, as text. */
async function records(): Promise<readonly (readonly [key: string, value: string | null])[]> {
  const fetcher = new Fetcher(client)
  await client.topic(SCHEMAS_TOPIC)
  fetcher.assign([{ topic: SCHEMAS_TOPIC, partition: 0, offset: 0 }])
  const found: (readonly [string, string | null])[] = []
  do {
    const { keys, values } = decodeRecords((await fetcher.poll())!)
    for (const [index, key] of keys.entries()) found.push([String(key), values[index]?.toString() ?? null])
  } while (!fetcher.isCaughtUp(SCHEMAS_TOPIC, 0))
  fetcher.close()
  return found
}

describe('the schema registry', () => {
  test('writes records of the common format', async () => {
    const registry = new SchemaRegistry(client, reportNothing)
    await registry.register('a-value', { input: avro('string'), normalize: false })
    await registry.register('p-value', {
      input: { ...avro(''), schema: 'syntax = "proto3";', schemaType: 'PROTOBUF' },
      normalize: false,
    })
    await registry.setConfig('a-value', { compatibility: 'FULL' })
    await registry.setConfig(undefined, { compatibility: 'NONE' })
    await registry.setMode('a-value', { mode: 'READWRITE', force: false })
    await registry.deleteVersion('p-value', { version: '1', permanent: false })
    await registry.deleteVersion('p-value', { version: '1', permanent: true })
    await registry.deleteSubject('a-value', { permanent: false })
    await registry.deleteSubject('a-value', { permanent: true })
    await registry.deleteConfig(undefined)
    await registry.close()
    assert.deepEqual(await records(), [
      [
        '{"keytype":"SCHEMA","subject":"a-value","version":1,"magic":1}',
        '{"subject":"a-value","version":1,"id":1,"schema":"\\"string\\"","deleted":false}',
      ],
      [
        '{"keytype":"SCHEMA","subject":"p-value","version":1,"magic":1}',
        '{"subject":"p-value","version":1,"id":2,"schemaType":"PROTOBUF","schema":"syntax = \\"proto3\\";\\n","deleted":false}',
      ],
      [
        '{"keytype":"CONFIG","subject":"a-value","magic":0}',
        '{"subject":"a-value","compatibilityLevel":"FULL"}',
      ],
      ['{"keytype":"CONFIG","magic":0}', '{"compatibilityLevel":"NONE"}'],
      ['{"keytype":"MODE","subject":"a-value","magic":0}', '{"subject":"a-value","mode":"READWRITE"}'],
      [
        '{"keytype":"SCHEMA","subject":"p-value","version":1,"magic":1}',
        '{"subject":"p-value","version":1,"id":2,"schemaType":"PROTOBUF","schema":"syntax = \\"proto3\\";\\n","deleted":true}',
      ],
      ['{"keytype":"SCHEMA","subject":"p-value","version":1,"magic":1}', null],
      ['{"keytype":"DELETE_SUBJECT","subject":"a-value","magic":0}', '{"subject":"a-value","version":1}'],
      ['{"keytype":"CONFIG","subject":"a-value","magic":0}', null],
      ['{"keytype":"MODE","subject":"a-value","magic":0}', null],
      ['{"keytype":"SCHEMA","subject":"a-value","version":1,"magic":1}', null],
      ['{"keytype":"DELETE_SUBJECT","subject":"a-value","magic":0}', null],
      ['{"keytype":"CONFIG","magic":0}', null],
    ])
  })

  test('takes over what another registry has written', async () => {
    await deleteTopics(client, [SCHEMAS_TOPIC])
    const made = await SchemaStore.open(client, reportNothing)
    made.close()
    const producer = await createProducer(client)
    for (const [key, value] of [
      ['{"keytype":"NOOP","magic":0}', null],
      ['{"keytype":"CONFIG","subject":null,"magic":0}', '{"compatibilityLevel":"FULL"}'],
      [
        '{"keytype":"SCHEMA","subject":"old-value","version":3,"magic":1}',
        '{"subject":"old-value","version":3,"id":41,"md5":"x","schema":"{\\"type\\":\\"enum\\",\\"name\\":\\"E\\",\\"symbols\\":[\\"S0\\"]}","deleted":false}',
      ],
      ['{"keytype":"OF_THE_FUTURE","subject":"x","magic":9}', '{"what":"ever"}'],
      ['not JSON', '{'],
      ['{"keytype":"MODE","subject":"old-key","magic":0}', '{"subject":"old-key","mode":"READONLY"}'],
    ] as const) {
      producer.send({
        topic: SCHEMAS_TOPIC,
        key: Buffer.from(key),
        value: value === null ? null : Buffer.from(value),
        headers: [],
      })
    }
    await producer.flush()
    await producer.close()
    const registry = new SchemaRegistry(client, reportNothing)
    assert.equal(await register(registry, 'old-value', counted(1)), 41)
    await assert.rejects(register(registry, 'old-value', counted(2)), { code: 409 }, 'FULL holds')
    await registry.setConfig('old-value', { compatibility: 'BACKWARD' })
    const stored = await registry.register('old-value', { input: counted(2), normalize: false })
    assert.deepEqual([stored.id, stored.version], [42, 4])
    await assert.rejects(register(registry, 'old-key', counted(1)), { code: 42205 })
    await registry.deleteConfig(undefined)
    await registry.close()
  })

  test('says so when its topic would lose schemas', async () => {
    await deleteTopics(client, [SCHEMAS_TOPIC])
    await createTopics(client, [{ name: SCHEMAS_TOPIC, partitions: 1 }])
    const said: string[] = []
    const registry = new SchemaRegistry(client, (_level, event) => said.push(event))
    await register(registry, 'any', counted(1))
    assert.deepEqual(said, ['schema-registry-topic-loses-schemas'])
    await registry.close()
    await deleteTopics(client, [SCHEMAS_TOPIC])
  })

  test('gives one schema one id, however many ask in however many processes', async () => {
    const clients = await Promise.all(
      [1, 2, 3].map(() => connectClient({ world, bootstrap: `${broker.host}:${broker.port}` })),
    )
    const registries = clients.map((one) => new SchemaRegistry(one, reportNothing))
    for (let round = 1; round <= 3; round++) {
      const given = await Promise.all(
        Array.from({ length: 18 }, (_, index) =>
          register(registries[index % 3]!, `many-${index % 2}`, counted(round)),
        ),
      )
      assert.equal(new Set(given).size, 1, String(given))
    }
    for (const registry of registries) {
      // What the others wrote last may be a moment away; a write of one's own is behind all of it.
      await registry.setConfig('many-0', { normalize: false })
      const versions = await registry.versions('many-0', { deleted: false, deletedOnly: false })
      assert.deepEqual(
        versions.map(({ version }) => version),
        [1, 2, 3],
      )
    }
    // Different schemas at once get different ids and versions that follow one another.
    await registries[0]!.setConfig('race', { compatibility: 'NONE' })
    const ids = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        register(registries[index % 3]!, 'race', avro({ type: 'fixed', name: 'F', size: index })),
      ),
    )
    assert.equal(new Set(ids).size, 12)
    await registries[1]!.setConfig('race', { normalize: false })
    const versions = await registries[1]!.versions('race', { deleted: false, deletedOnly: false })
    assert.deepEqual(
      versions.map(({ version }) => version),
      Array.from({ length: 12 }, (_, index) => index + 1),
    )
    for (const registry of registries) await registry.close()
    for (const one of clients) await one.close()
  })

  test('deletes in two steps, and keeps what others refer to', async () => {
    const registry = new SchemaRegistry(client, reportNothing)
    const shared = await registry.register('shared', {
      input: avro({ type: 'fixed', name: 'Shared', size: 1 }),
      normalize: false,
    })
    const using = {
      ...avro({ type: 'array', items: 'Shared' }),
      references: [{ name: 'Shared', subject: 'shared', version: -1 }],
    }
    const stored = await registry.register('using', { input: using, normalize: false })
    assert.deepEqual(stored.references, [{ name: 'Shared', subject: 'shared', version: 1 }])
    assert.deepEqual(await registry.referencedBy('shared', 'latest'), [stored.id])
    await assert.rejects(registry.deleteSubject('shared', { permanent: false }), { code: 42206 })
    await assert.rejects(registry.deleteSubject('using', { permanent: true }), { code: 40405 })
    assert.deepEqual(await registry.deleteSubject('using', { permanent: false }), [1])
    await assert.rejects(registry.deleteSubject('using', { permanent: false }), { code: 40404 })
    assert.equal((await registry.byId(stored.id, undefined))[0]?.deleted, true)
    // What was deleted can be registered again: as a new version, with its old id.
    const again = await registry.register('using', { input: using, normalize: false })
    assert.deepEqual([again.id, again.version], [stored.id, 2])
    await registry.deleteSubject('using', { permanent: false })
    assert.deepEqual(await registry.deleteSubject('using', { permanent: true }), [1, 2])
    await assert.rejects(registry.byId(stored.id, undefined), { code: 40403 })
    assert.deepEqual(await registry.deleteSubject('shared', { permanent: false }), [1])
    assert.equal((await registry.byId(shared.id, undefined)).length, 1)
    await registry.close()
  })

  test('compares with all earlier versions where the level is transitive', async () => {
    const registry = new SchemaRegistry(client, reportNothing)
    const version = (fields: readonly object[]): SchemaInput => avro({ type: 'record', name: 'R', fields })
    const a = { name: 'a', type: 'int' }
    await register(registry, 'levels', version([a]))
    await register(registry, 'levels', version([a, { name: 'b', type: 'int', default: 0 }]))
    const third = version([a, { name: 'b', type: 'int' }])
    const check = (): Promise<readonly string[]> =>
      registry.checkCompatibility('levels', { input: third, version: undefined, normalize: false })
    assert.deepEqual(await check(), [])
    await registry.setConfig('levels', { compatibility: 'BACKWARD_TRANSITIVE' })
    assert.match((await check()).join(), /READER_FIELD_MISSING_DEFAULT_VALUE.*oldSchemaVersion: 1/)
    await registry.setConfig('levels', { compatibility: 'FORWARD_TRANSITIVE' })
    assert.deepEqual(await check(), [])
    await registry.close()
  })

  test('normalizes where the request or the configuration asks for it', async () => {
    const registry = new SchemaRegistry(client, reportNothing)
    const json = (schema: string): SchemaInput => ({ ...avro(''), schema, schemaType: 'JSON' })
    const [one, other] = [json('{"type":"string","title":"t"}'), json('{"title":"t","type":"string"}')]
    const first = await registry.register('normal', { input: one, normalize: true })
    assert.equal(first.schema, '{"title":"t","type":"string"}')
    assert.equal((await registry.register('normal', { input: other, normalize: true })).version, 1)
    await registry.setConfig('normal', { normalize: true })
    assert.equal((await registry.register('normal', { input: one, normalize: false })).version, 1)
    await registry.close()
  })

  test('knows an alias of a subject, and groups of versions', async () => {
    const registry = new SchemaRegistry(client, reportNothing)
    await register(registry, 'long-name', counted(1))
    await registry.setConfig('short', { alias: 'long-name' })
    assert.equal(
      (await registry.version('short', { version: 'latest', deleted: false })).subject,
      'long-name',
    )
    await registry.setConfig('grouped', { compatibilityGroup: 'major' })
    const of = (input: SchemaInput, major: string): SchemaInput => ({
      ...input,
      metadata: { properties: { major } },
    })
    await register(registry, 'grouped', of(counted(3), '1'))
    await assert.rejects(register(registry, 'grouped', of(counted(2), '1')), { code: 409 })
    await register(registry, 'grouped', of(counted(2), '2'))
    const found = await registry.latestWithMetadata('grouped', {
      properties: new Map([['major', '1']]),
      deleted: false,
    })
    assert.equal(found.version, 1)
    await registry.close()
  })
})
