import assert from 'node:assert/strict'
import type * as http from 'node:http'
import * as https from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { test } from 'node:test'
import { CertificateAuthority } from '../../../world/certificates.test-kit.ts'
import { nodeWorld } from '../../../world/node.ts'
import type { HttpAnswer, HttpRequest, World } from '../../../world/world.ts'
import { avro } from './registry-formats.ts'
import { type FormatContext, type OpenFormat, SchemaNeeded } from './record-format.ts'
import { RegistryClient } from './registry-client.ts'
import type { SchemaRegistryOptions } from './registry-options.ts'

const ANSWER = JSON.stringify({ schema: '"string"' })

function contextWith(world: FormatContext['world']): FormatContext {
  const { signal } = new AbortController()
  return { world, job: 'j', step: 's', topic: 't', part: 'value', signal }
}

/** A registry that answers from memory, and time that passes only where something waits for it. */
function world(
  answer: (request: HttpRequest) => HttpAnswer,
): { clock: World['clock']; nowMs: number } & FormatContext['world'] {
  const real = nodeWorld()
  const made = {
    nowMs: 0,
    random: real.random,
    network: {
      ...real.network,
      http: (request: HttpRequest) => Promise.resolve().then(() => answer(request)),
    },
    clock: {
      ...real.clock,
      nowMs: () => made.nowMs,
      monotonicMs: () => made.nowMs,
      schedule(delayMs: number, callback: () => void) {
        made.nowMs += delayMs
        queueMicrotask(callback)
        return { cancel: () => undefined }
      },
    },
  }
  return made
}

const client = (
  options: Partial<SchemaRegistryOptions>,
  answer: (request: HttpRequest) => HttpAnswer,
): RegistryClient => new RegistryClient({ url: 'http://registry/', ...options }, contextWith(world(answer)))

test('who asks is told by a password, or by a token that is asked for each time', async () => {
  const seen: (string | undefined)[] = []
  const answer = ({ url, headers }: HttpRequest): HttpAnswer => {
    assert.equal(url, 'http://registry/schemas/ids/7')
    seen.push(headers?.['authorization'])
    return { status: 200, body: ANSWER }
  }
  await client({ auth: { username: 'ada', password: 'a:b' } }, answer).byId(7)
  let count = 0
  const byToken = client({ auth: { token: () => Promise.resolve(`t${count++}`) } }, answer)
  for (let i = 0; i < 2; i++) assert.equal((await byToken.byId(7))?.schema, '"string"')
  assert.deepEqual(seen, [`Basic ${btoa('ada:a:b')}`, 'Bearer t0', 'Bearer t1'])
})

test('a registry that cannot answer now is asked again; one that refuses is not', async () => {
  const asked: string[] = []
  const statuses = [503, 429, 500, 200]
  const busy = client({}, ({ method, url }) => {
    asked.push(`${method} ${url}`)
    return { status: statuses[asked.length - 1]!, body: ANSWER }
  })
  assert.equal((await busy.byId(1))?.id, 1)
  assert.equal(asked.length, 4)
  const gone = client({ timeoutMs: 5_000 }, () => {
    throw new Error('nobody there')
  })
  await assert.rejects(
    gone.byId(1),
    /MR_REGISTRY_UNREACHABLE \[job j, step s, topic t, peer registry\].*nobody there/,
  )
  let count = 0
  const refusing = client({}, () => {
    count++
    return { status: 401, body: '{"error_code":40101,"message":"Unauthorized"}' }
  })
  await assert.rejects(refusing.byId(1), /MR_REGISTRY_REFUSED .*status 401, 40101 Unauthorized/)
  assert.equal(count, 1)
})

test('what is no registry has no say in whether there is a schema', async () => {
  for (const body of ['', '{"code":"MR_REST","message":"there is no such path."}', '{"error_code":404}']) {
    const asking = client({}, () => ({ status: 404, body }))
    await assert.rejects(asking.byId(1), /MR_REGISTRY_UNREACHABLE .*status 404.*Check its URL/)
    await assert.rejects(asking.latest('s'), /MR_REGISTRY_UNREACHABLE/)
    await assert.rejects(
      asking.find('s', { type: 'AVRO', schema: '"string"', references: [], direct: [] }, false),
      /MR_REGISTRY_UNREACHABLE/,
    )
  }
  for (const url of ['', 'localhost', 'localhost:8081', 'ftp://registry'])
    assert.throws(() => avro({ registry: { url } }), { code: 'MR_JOB_INVALID' })
})

test('what schemas refer to is fetched once, behind what it refers to itself', async () => {
  const reference = (name: string): object => ({ name, subject: name, version: 1 })
  const asked: string[] = []
  const answer = ({ url }: HttpRequest): HttpAnswer => {
    const path = url.slice('http://registry'.length)
    asked.push(path)
    const references = {
      '/schemas/ids/1': [reference('a'), reference('b')],
      '/subjects/a/versions/1?deleted=true': [reference('b')],
    }[path]
    return { status: 200, body: JSON.stringify({ schema: path, references }) }
  }
  const asking = client({}, answer)
  assert.deepEqual(
    (await asking.byId(1))?.references.map(({ name }) => name),
    ['b', 'a'],
  )
  await asking.byId(2)
  assert.deepEqual(asked, [
    '/schemas/ids/1',
    '/subjects/a/versions/1?deleted=true',
    '/subjects/b/versions/1?deleted=true',
    '/schemas/ids/2',
  ])
})

test('an id that the registry does not know is asked for again after a while', async () => {
  let known = false
  let asked = 0
  const machine = world(() => {
    asked++
    return known ? { status: 200, body: ANSWER } : { status: 404, body: '{"error_code":40403}' }
  })
  const format = avro<string>({ registry: { url: 'http://registry' } }).open(contextWith(machine))
  await format.prepareDecode!()
  const record = Buffer.from([0, 0, 0, 0, 9, 2, 97])
  await needed(format, record)
  assert.throws(() => format.decode(record, 0, record.length), /no schema 9/)
  known = true
  assert.throws(() => format.decode(record, 0, record.length), /no schema 9/)
  assert.equal(asked, 1)
  machine.nowMs += 10_000
  await needed(format, record)
  machine.nowMs += 1_000_000
  assert.equal(format.decode(record, 0, record.length), 'a')
  assert.equal(asked, 2)
})

async function needed(format: OpenFormat<string>, record: Buffer): Promise<void> {
  const waits: Promise<void>[] = []
  for (let i = 0; i < 3; i++) {
    assert.throws(
      () => format.decode(record, 0, record.length),
      (error) => error instanceof SchemaNeeded && waits.push(error.ready) > 0,
    )
  }
  await Promise.all(waits)
}

test('over TLS, with a certificate of the client', async () => {
  using authority = new CertificateAuthority()
  const [mine, own] = [authority.issue('/CN=localhost'), authority.issue('/CN=job')]
  const {
    root: { certificate: ca },
  } = authority
  const seen: string[] = []
  const answer: http.RequestListener = (request, response) => {
    seen.push(String((request.socket as TLSSocket).getPeerCertificate().subject.CN))
    response.end(ANSWER)
  }
  const options = { cert: mine.certificate, key: mine.key, ca, requestCert: true }
  const server = https.createServer(options, answer).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const url = `https://localhost:${(server.address() as AddressInfo).port}`
  const { certificate, key } = own
  const asking = (tls: object): RegistryClient =>
    new RegistryClient({ url, tls, timeoutMs: 1 }, contextWith(nodeWorld()))
  assert.equal(
    (await new RegistryClient({ url, tls: { ca, certificate, key } }, contextWith(nodeWorld())).byId(1))
      ?.type,
    'AVRO',
  )
  assert.deepEqual(seen, ['job'])
  await assert.rejects(asking({}).byId(1), /MR_REGISTRY_UNREACHABLE/)
  server.close()
})
