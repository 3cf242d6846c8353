/** The registry over HTTP, as programs without a client library use it. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { serve, type Served } from './serve.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-registry-'))
const here = { host: '127.0.0.1', port: 0 }
let served: Served

before(async () => {
  served = await serve({ data: folder, listen: here, http: here, schemaRegistry: here })
})
after(async () => {
  await served.close()
  rmSync(folder, { recursive: true })
})

interface Answer {
  readonly status: number
  readonly type: string | null
  readonly text: string
}

async function ask(
  request: string,
  options: { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<Answer> {
  const [method = '', path = ''] = request.split(' ')
  const { body, headers } = options
  const answer = await fetch(served.registryUrl + path, {
    method,
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
  })
  return { status: answer.status, type: answer.headers.get('content-type'), text: await answer.text() }
}

/** The answer as JSON; the test fails unless it has this status. */
async function expect(status: number, request: string, body?: unknown): Promise<unknown> {
  const answer = await ask(request, { body })
  assert.equal(answer.status, status, answer.text)
  return JSON.parse(answer.text)
}

const USER =
  '{"type":"record","name":"User","fields":[{"name":"id","type":"long","default":9007199254740993}]}'

describe('the registry over HTTP', () => {
  test('registers, shows and finds schemas, with every digit', async () => {
    const registered = await expect(200, 'POST /subjects/user-value/versions', { schema: USER })
    assert.deepEqual(registered, {
      subject: 'user-value',
      version: 1,
      id: 1,
      guid: (registered as { guid: string }).guid,
      schema: USER,
    })
    assert.deepEqual(await expect(200, 'GET /subjects'), ['user-value'])
    assert.deepEqual(await expect(200, 'GET /subjects/user-value/versions'), [1])
    assert.equal((await ask('GET /subjects/user-value/versions/latest/schema')).text, USER)
    assert.equal((await ask('GET /schemas/ids/1/schema')).text, USER)
    assert.deepEqual(await expect(200, 'GET /schemas/ids/1/versions'), [
      { subject: 'user-value', version: 1 },
    ])
    assert.deepEqual(await expect(200, 'GET /schemas/ids/1/subjects'), ['user-value'])
    assert.equal(((await expect(200, 'GET /schemas/ids/1?fetchMaxId=true')) as { maxId: number }).maxId, 1)
    assert.deepEqual(await expect(200, 'GET /schemas/types'), ['JSON', 'PROTOBUF', 'AVRO'])
    assert.equal(((await expect(200, 'GET /schemas?latestOnly=true')) as unknown[]).length, 1)
    assert.deepEqual(await expect(200, 'GET /subjects?subjectPrefix=other'), [])
    const found = await expect(200, 'POST /subjects/user-value', { schema: ` ${USER}` })
    assert.equal((found as { id: number }).id, 1)
  })

  test('says what is wrong by the codes that clients know', async () => {
    const refused = async (status: number, code: number, request: string, body?: unknown): Promise<void> => {
      const said = (await expect(status, request, body)) as { error_code: number; message: string }
      assert.equal(said.error_code, code, said.message)
      assert.ok(said.message.length > 5)
    }
    await refused(404, 40401, 'GET /subjects/none/versions')
    await refused(404, 40402, 'GET /subjects/user-value/versions/9')
    await refused(422, 42202, 'GET /subjects/user-value/versions/first')
    await refused(404, 40403, 'GET /schemas/ids/99')
    await refused(404, 40403, 'POST /subjects/user-value', { schema: '"int"' })
    await refused(422, 42201, 'POST /subjects/user-value/versions', { schema: '{' })
    await refused(422, 42201, 'POST /subjects/user-value/versions', {})
    await refused(422, 42201, 'POST /subjects/user-value/versions', { schema: '"int"', schemaType: 'XML' })
    for (const schemaType of ['AVRO', 'JSON', 'PROTOBUF']) {
      const deep: Record<string, string> = {
        AVRO: `${'{"type":"array","items":'.repeat(20_000)}"int"${'}'.repeat(20_000)}`,
        JSON: `${'{"not":'.repeat(50_000)}{}${'}'.repeat(50_000)}`,
        PROTOBUF: `syntax = "proto3"; ${'message M {'.repeat(20_000)}${'}'.repeat(20_000)}`,
      }
      await refused(422, 42201, 'POST /subjects/deep/versions', { schema: deep[schemaType], schemaType })
    }
    await refused(409, 409, 'POST /subjects/user-value/versions', { schema: '"int"' })
    await refused(422, 42203, 'PUT /config', { compatibility: 'SOME' })
    await refused(422, 42203, 'PUT /config', { overrideMetadata: { tags: {} } })
    await refused(422, 42204, 'PUT /mode', { mode: 'SLEEPING' })
    await refused(404, 40408, 'GET /config/user-value')
    await refused(404, 40409, 'GET /mode/user-value')
    await refused(422, 42208, 'POST /subjects/__GLOBAL/versions', { schema: '"int"' })
    await refused(404, 404, 'GET /nothing/here')
    await refused(400, 400, 'PUT /config', '{"compatibility":')
    await refused(422, 422, 'PUT /config', '[]')
  })

  test('speaks the content types of registries', async () => {
    const v1 = 'application/vnd.schemaregistry.v1+json'
    assert.equal((await ask('GET /subjects')).type, v1)
    assert.equal((await ask('GET /nothing')).type, v1)
    for (const type of [v1, 'application/vnd.schemaregistry+json', 'application/json']) {
      const answer = await ask('PUT /config', {
        body: { compatibility: 'BACKWARD' },
        headers: { 'content-type': type, accept: `text/plain, ${type}; q=0.5` },
      })
      assert.deepEqual([answer.status, answer.type], [200, type])
    }
    assert.equal((await ask('GET /subjects', { headers: { accept: 'text/html' } })).status, 406)
    const xml = await ask('PUT /config', { body: '<xml/>', headers: { 'content-type': 'text/xml' } })
    assert.equal(xml.status, 415)
    // Clients send a type also where there is no body.
    const empty = await ask('DELETE /config', { headers: { 'content-type': v1 } })
    assert.equal(empty.status, 200)
  })

  test('says why a schema cannot follow', async () => {
    const path = 'POST /compatibility/subjects/user-value/versions'
    const schema = '{"type":"record","name":"User","fields":[{"name":"x","type":"int"}]}'
    assert.deepEqual(await expect(200, path, { schema }), { is_compatible: false })
    const verdict = (await expect(200, `${path}/latest?verbose=true`, { schema })) as {
      is_compatible: boolean
      messages: string[]
    }
    assert.equal(verdict.is_compatible, false)
    assert.match(
      verdict.messages[0]!,
      /^\{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'x'/,
    )
    assert.match(verdict.messages.join(), /oldSchemaVersion: 1.*compatibility: 'BACKWARD'/)
    assert.deepEqual(await expect(200, `${path}?verbose=true`, { schema: USER }), {
      is_compatible: true,
      messages: [],
    })
  })

  test('keeps settings of all, of contexts and of subjects', async () => {
    assert.deepEqual(await expect(200, 'GET /config'), { compatibilityLevel: 'BACKWARD' })
    assert.deepEqual(
      await expect(200, 'PUT /config/user-value', { compatibility: 'full', normalize: true }),
      {
        compatibility: 'full',
        normalize: true,
      },
    )
    assert.deepEqual(await expect(200, 'GET /config/user-value'), {
      compatibilityLevel: 'FULL',
      normalize: true,
    })
    await expect(200, 'PUT /config', { compatibility: 'NONE' })
    assert.deepEqual(await expect(200, 'GET /config/other?defaultToGlobal=true'), {
      compatibilityLevel: 'NONE',
    })
    assert.deepEqual(await expect(200, 'DELETE /config/user-value'), {
      compatibilityLevel: 'FULL',
      normalize: true,
    })
    await expect(404, 'DELETE /config/user-value')
    await expect(200, 'PUT /mode/user-value', { mode: 'READONLY' })
    assert.deepEqual(await expect(200, 'GET /mode/user-value'), { mode: 'READONLY' })
    assert.deepEqual(await expect(200, 'GET /mode'), { mode: 'READWRITE' })
    assert.deepEqual(await expect(200, 'DELETE /mode/user-value'), { mode: 'READONLY' })
    await expect(200, 'PUT /contexts/.test/config', { compatibility: 'FORWARD' })
    assert.deepEqual(await expect(200, 'GET /config/:.test:any?defaultToGlobal=true'), {
      compatibilityLevel: 'FORWARD',
    })
  })

  test('serves contexts, each with ids of its own', async () => {
    const schema = '{"type":"fixed","name":"F","size":1}'
    const stored = await expect(200, 'POST /contexts/.test/subjects/f-value/versions', { schema })
    assert.deepEqual(
      [(stored as { id: number }).id, (stored as { subject: string }).subject],
      [1, ':.test:f-value'],
    )
    assert.deepEqual(await expect(200, 'GET /contexts'), ['.', '.test'])
    assert.deepEqual(await expect(200, 'GET /contexts/.test/subjects'), [':.test:f-value'])
    assert.equal((await ask('GET /schemas/ids/1/schema?subject=:.test:f-value')).text, schema)
    assert.equal((await ask('GET /schemas/ids/1/schema')).text, USER)
    assert.equal((await ask('GET /contexts/.test/schemas/ids/1/schema')).text, schema)
    assert.deepEqual(await expect(200, `GET /subjects/${encodeURIComponent(':.test:f-value')}/versions`), [1])
  })

  test('takes subjects of any name', async () => {
    const name = `${'ä/b c%'.repeat(40)}-value`
    await expect(200, `POST /subjects/${encodeURIComponent(name)}/versions`, { schema: '"int"' })
    assert.ok(((await expect(200, 'GET /subjects')) as string[]).includes(name))
    assert.deepEqual(await expect(200, `DELETE /subjects/${encodeURIComponent(name)}`), [1])
    assert.ok(((await expect(200, 'GET /subjects?deletedOnly=true')) as string[]).includes(name))
  })

  test('is below the address of REST too, and tells nothing to pages of others', async () => {
    const below = await fetch(`${served.url}/registry/subjects`)
    assert.ok(((await below.json()) as string[]).includes('user-value'))
    // Java's client asks with a slash at the end.
    for (const base of [served.registryUrl, `${served.url}/registry`]) {
      const verdict = await fetch(`${base}/compatibility/subjects/user-value/versions/`, {
        method: 'POST',
        body: JSON.stringify({ schema: USER }),
        headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      })
      assert.deepEqual(await verdict.json(), { is_compatible: true })
    }
    assert.equal(
      (await fetch(`${served.url}/registry/nothing`)).headers.get('content-type')?.includes('vnd'),
      true,
    )
    const page = await ask('PUT /config', {
      body: { compatibility: 'NONE' },
      headers: { origin: 'https://elsewhere.example' },
    })
    assert.equal(page.status, 403)
  })
})
