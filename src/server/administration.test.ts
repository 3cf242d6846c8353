/** Everything that can be administered over REST, on a real log with an authorizer. */
/* eslint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-return, typescript/no-unsafe-argument -- answers are looked into as they came. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { metricsData } from '../log/broker/telemetry/otlp.test-kit.ts'
import { createProducer } from '../log/client/producer.ts'
import { createTransactionalProducer } from '../log/client/transaction.ts'
import { getTelemetrySubscriptionsApi } from '../log/protocol/apis/get-telemetry-subscriptions.ts'
import { pushTelemetryApi } from '../log/protocol/apis/push-telemetry.ts'
import { ZERO_UUID } from '../log/protocol/field.ts'
import type { Report } from '../base/report.ts'
import { serve, type Served, type ServeOptions } from './serve.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-administration-'))
const TOKEN = 'a-token'
let served: Served
let close = async (): Promise<void> => {}

interface Answer {
  readonly status: number
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what tests look into.
  readonly json: any
}

async function ask(
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = { authorization: `Bearer ${TOKEN}` },
): Promise<Answer> {
  const response = await fetch(new URL(path, served.url), {
    method,
    headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, json: text === '' ? undefined : JSON.parse(text) }
}

async function ok(method: string, path: string, body?: unknown): Promise<Answer['json']> {
  const { status, json } = await ask(method, path, body)
  assert.ok(status < 300, `${method} ${path}: ${status} ${JSON.stringify(json)}`)
  return json
}

before(async () => {
  served = await serve({
    data: folder,
    listen: { host: '127.0.0.1', port: 0 },
    http: { host: '127.0.0.1', port: 0 },
    httpToken: TOKEN,
    broker: { 'authorizer.class.name': 'acl', 'super.users': 'User:ANONYMOUS' },
  })
  close = () => served.close()
})

after(async () => {
  await close()
  rmSync(folder, { recursive: true })
})

describe('over REST', () => {
  it('topics get partitions and settings', async () => {
    await ok('POST', '/api/v1/topics', { name: 'orders', config: { 'retention.ms': '60000' } })
    await ok('POST', '/api/v1/topics/orders/partitions', { total: 3 })
    const changed = await ok('PATCH', '/api/v1/configs/topic/orders', {
      set: { 'cleanup.policy': 'compact' },
      delete: ['retention.ms'],
    })
    const own = changed.filter(({ source }: { source: string }) => source === 'topic')
    assert.deepEqual(
      own.map(({ name, value }: { name: string; value: string }) => `${name}=${value}`),
      ['cleanup.policy=compact'],
    )
    const topic = await ok('GET', '/api/v1/topics/orders')
    assert.equal(topic.partitions.length, 3)
    const [broker] = (await ok('GET', '/api/v1/configs/broker/1')).filter(
      ({ name }: { name: string }) => name === 'authorizer.class.name',
    )
    assert.deepEqual([broker.value, broker.source, broker.readOnly], ['acl', 'static-broker', true])
  })

  it('clients are asked for metrics, and show what they push', async () => {
    const wanted = { metrics: 'org.apache.kafka.producer.', 'interval.ms': '1000' }
    await ok('PATCH', '/api/v1/configs/client-metrics/latencies', { set: wanted })
    assert.deepEqual(await ok('GET', '/api/v1/configs/client-metrics'), ['latencies'])
    const told = await served.client.request(getTelemetrySubscriptionsApi, { clientInstanceId: ZERO_UUID })
    assert.deepEqual(told.requestedMetrics, ['org.apache.kafka.producer.'])
    const { clientInstanceId, subscriptionId } = told
    const name = 'org.apache.kafka.producer.request.latency.avg'
    const metrics = metricsData(
      [
        { name, kind: 'gauge', value: 2.5, attributes: { 'node.id': '1' } },
        { name: 'org.apache.kafka.producer.record.send', kind: 'sum', value: 7 },
        { name: 'kafka_brokers', kind: 'gauge', value: 99 },
      ],
      { transactional_id: 'billing' },
    )
    const push = { clientInstanceId, subscriptionId, terminating: false, compressionType: 0, metrics }
    assert.equal((await served.client.request(pushTelemetryApi, push)).errorCode, 0)
    const headers = { authorization: `Bearer ${TOKEN}` }
    const page = await (await fetch(new URL('/metrics', served.url), { headers })).text()
    const client = `client_id="[^"]*",client_instance_id="${clientInstanceId}"`
    for (const line of [
      `org_apache_kafka_producer_request_latency_avg{node_id="1",${client}} 2.5`,
      `org_apache_kafka_producer_record_send_total{${client}} 7`,
      `kafka_client_kafka_brokers{${client}} 99`,
      `millrace_client_info{transactional_id="billing",${client},.*} 1`,
      'kafka_brokers 1',
    ])
      assert.match(page, new RegExp(`^${line.replaceAll('{', '\\{').replaceAll('}', '\\}')}$`, 'm'))
    const [{ series, attributes }] = await ok('GET', '/api/v1/clients')
    assert.deepEqual([series, attributes], [3, { transactional_id: 'billing' }])
    const shown = await ok('GET', `/api/v1/clients/${clientInstanceId}`)
    assert.deepEqual(shown.metrics[0], { name, type: 'gauge', attributes: { 'node.id': '1' }, value: 2.5 })
    const missing = await ask('GET', '/api/v1/clients/nobody')
    assert.deepEqual([missing.status, missing.json.code], [404, 'MR_CLIENT_NOT_FOUND'])
    await ok('PATCH', '/api/v1/configs/client-metrics/latencies', { delete: ['metrics', 'interval.ms'] })
    assert.deepEqual(await ok('GET', '/api/v1/configs/client-metrics'), [])
  })

  it('groups are reset and deleted', async () => {
    const producer = await createProducer(served.client)
    for (let i = 0; i < 4; i++) producer.send({ topic: 'orders', partition: 0, key: 'k', value: String(i) })
    await producer.close()
    const to = { topic: 'orders', partitions: [0] }
    assert.deepEqual(await ok('POST', '/api/v1/groups/readers/reset', { ...to, to: 'latest' }), [
      { topic: 'orders', partition: 0, before: -1, offset: 4 },
    ])
    const shifted = { ...to, to: { shift: -1 } }
    assert.equal(
      (await ok('POST', '/api/v1/groups/readers/reset', { ...shifted, dryRun: true }))[0].offset,
      3,
    )
    assert.equal((await ok('POST', '/api/v1/groups/readers/reset', shifted))[0].before, 4)
    const early = { ...to, to: '2001-01-01T00:00:00Z' }
    assert.equal((await ok('POST', '/api/v1/groups/readers/reset', early))[0].offset, 0)
    const wrong = await ask('POST', '/api/v1/groups/readers/reset', { ...to, to: 'whenever' })
    assert.deepEqual([wrong.status, wrong.json.code], [400, 'MR_BAD_REQUEST'])
    for (const [path, body] of [
      ['/api/v1/groups/readers/reset', { ...to, to: '5000' }],
      ['/api/v1/topics/orders/delete-records', { before: '5000' }],
    ] as const) {
      const { status, json } = await ask('POST', path, body)
      assert.equal(status, 400)
      assert.match(json.message, /"5000".*\{"offset": 5000\}/s, 'no year: nothing is deleted')
    }
    const { json: deleted } = await ask('POST', '/api/v1/topics/orders/delete-records', {
      before: { offset: 2 },
      partitions: [0],
    })
    assert.deepEqual(deleted.code ?? deleted, 'MR_KAFKA_REFUSED', 'the topic is compacted, not deleted from')
    await ok('PATCH', '/api/v1/configs/topic/orders', { delete: ['cleanup.policy'] })
    assert.deepEqual(await ok('POST', '/api/v1/topics/orders/delete-records', { before: 'latest' }), [
      { topic: 'orders', partition: 0, startOffset: 4 },
      { topic: 'orders', partition: 1, startOffset: 0 },
      { topic: 'orders', partition: 2, startOffset: 0 },
    ])
    await ok('DELETE', '/api/v1/groups/readers/offsets/orders')
    await ok('POST', '/api/v1/groups/readers/reset', { ...to, to: 'earliest' })
    await ok('DELETE', '/api/v1/groups/readers')
    assert.deepEqual(await ok('GET', '/api/v1/groups'), [])
  })

  it('users, access rules and quotas are kept', async () => {
    await ok('PUT', '/api/v1/users/ada', { password: 'secret', mechanisms: ['SCRAM-SHA-512'] })
    assert.deepEqual(await ok('GET', '/api/v1/users'), [
      { user: 'ada', mechanism: 'SCRAM-SHA-512', iterations: 4096 },
    ])
    await ok('DELETE', '/api/v1/users/ada')
    assert.equal((await ask('DELETE', '/api/v1/users/ada')).status, 404)

    const acl = {
      resource: 'topic',
      name: 'orders',
      principal: 'User:ada',
      operation: 'read',
      permission: 'allow',
    }
    const added = await ok('POST', '/api/v1/acls', [acl])
    assert.deepEqual(added, [{ pattern: 'literal', host: '*', ...acl }])
    assert.deepEqual(await ok('GET', '/api/v1/acls?principal=User:ada'), added)
    assert.deepEqual(await ok('GET', '/api/v1/acls?principal=User:bob'), [])
    assert.equal((await ask('DELETE', '/api/v1/acls')).json.code, 'MR_BAD_REQUEST')
    assert.equal((await ask('DELETE', '/api/v1/acls?resuorce=topic')).status, 400)
    assert.deepEqual(await ok('DELETE', '/api/v1/acls?resource=topic'), added)

    const entity = { user: 'ada', 'client-id': null }
    const values = { producer_byte_rate: 1000 }
    assert.deepEqual(await ok('PATCH', '/api/v1/quotas', { entity, set: values }), [{ entity, values }])
    await ok('PATCH', '/api/v1/quotas', { entity, remove: ['producer_byte_rate'] })
    assert.deepEqual(await ok('GET', '/api/v1/quotas'), [])
    assert.deepEqual(await ok('POST', '/api/v1/certificates/reload'), [])
  })

  it('transactions are shown and ended', async () => {
    const producer = await createTransactionalProducer(served.client, { transactionalId: 'a/mover' })
    producer.begin()
    producer.send({ topic: 'orders', partition: 1, key: 'k', value: 'x' })
    await producer.flush()
    assert.equal((await ok('GET', '/api/v1/transactions?state=Ongoing')).length, 1)
    const shown = await ok('GET', '/api/v1/transactions/a%2Fmover')
    assert.deepEqual(shown.partitions, [{ topic: 'orders', partition: 1 }])
    assert.equal((await ok('GET', '/api/v1/topics/orders/producers')).length > 0, true)
    const hanging = await ok('POST', '/api/v1/hanging-transactions/abort', { silentMs: 0, dryRun: true })
    assert.deepEqual(hanging, [])
    await ok('POST', '/api/v1/transactions/a%2Fmover/abort')
    assert.deepEqual(await ok('GET', '/api/v1/transactions?state=Ongoing'), [])
    assert.equal((await ask('POST', '/api/v1/transactions/none/abort')).json.code, 'MR_TRANSACTION_NOT_FOUND')
    await assert.rejects(producer.commit())
  })

  it('what a request says that is not known is refused by its name, and nothing is done', async () => {
    const cases: readonly [method: string, path: string, body: unknown, said: RegExp][] = [
      [
        'POST',
        '/groups/none/reset',
        { topic: 'orders', to: 'latest', dryrun: true },
        /body has "dryrun".*dryRun is/,
      ],
      [
        'POST',
        '/topics',
        { name: 'x', replicas: 3 },
        /body has "replicas".*there are name, partitions, config/,
      ],
      ['POST', '/topics', { partitions: 3 }, /body lacks "name"/],
      ['POST', '/topics', { name: 7 }, /name in the body has to be a text\./],
      [
        'POST',
        '/topics/orders/delete-records',
        { before: 5 },
        /before in the body has to be a text or an object\./,
      ],
      ['POST', '/topics/orders/delete-records', { before: { offset: -1 } }, /before\.offset .* at least 0/],
      ['POST', '/topics/orders/delete-records', { before: { ofset: 1 } }, /before in the body/],
      ['POST', '/jobs/none/stop', { savepiont: true }, /"savepiont".*savepoint is/],
      ['DELETE', '/acls?nam=orders', undefined, /the request has "nam"/],
      [
        'GET',
        '/transactions?state=Onging',
        undefined,
        /state in the request has to be one of Empty, Ongoing, /,
      ],
      [
        'PATCH',
        '/quotas',
        { entity: { user: 'ada' }, remove: ['producer_bytes'] },
        /remove\[0\] in the body has to be one of producer_byte_rate, /,
      ],
      [
        'PATCH',
        '/configs/topic/orders',
        { delete: ['retention.mss'] },
        /"retention\.mss"; did you mean reten/,
      ],
      ['PATCH', '/configs/topic/orders', { delete: ['x'] }, /"x"\..* There are cleanup\.policy, compression/],
      ['PATCH', '/configs/topic/orders', { set: { 'retention.mss': '1' } }, /did you mean retention\.ms\?/],
      ['PATCH', '/configs/client-metrics/mine', { set: { metric: '*' } }, /did you mean metrics\?/],
      ['GET', '/configs/broker/one', undefined, /"one" is no broker: brokers are named by their node ids/],
      ['GET', '/topics?internal=yes', undefined, /internal in the request has to be one of true, false/],
    ]
    for (const [method, path, body, said] of cases) {
      const { status, json } = await ask(method, `/api/v1${path}`, body)
      assert.deepEqual([status, json.code], [400, 'MR_BAD_REQUEST'], JSON.stringify(json))
      assert.match(json.message, said)
      assert.doesNotMatch(json.message, /body\/|must/)
    }
    assert.equal((await ask('GET', '/api/v1/groups/none')).status, 404)
  })

  it('nobody gets in without the token', async () => {
    const strangers: Record<string, string>[] = [
      {},
      { authorization: 'Bearer other' },
      { authorization: 'Basic eDp5' },
    ]
    for (const headers of strangers) {
      const refused = await ask('GET', '/api/v1/topics', undefined, headers)
      assert.deepEqual([refused.status, refused.json.code], [401, 'MR_NOT_AUTHORIZED'])
      assert.equal((await ask('GET', '/metrics', undefined, headers)).status, 401)
      assert.equal((await ask('GET', '/registry/subjects', undefined, headers)).status, 401)
    }
    const basic = { authorization: `Basic ${Buffer.from(`anybody:${TOKEN}`).toString('base64')}` }
    assert.equal((await ask('GET', '/api/v1/topics', undefined, basic)).status, 200)
    assert.equal((await ask('GET', '/healthz', undefined, {})).status, 200)
    assert.deepEqual((await ask('GET', '/readyz', undefined, {})).json, { status: 'ok' })
  })

  it('every route is described, with what it takes', async () => {
    const { openapi, paths, components } = await ok('GET', '/openapi.json')
    assert.equal(openapi, '3.1.0')
    assert.ok(components.securitySchemes.token)
    const routes = Object.entries<Record<string, { summary?: string; tags?: string[] }>>(paths).flatMap(
      ([path, methods]) =>
        Object.entries(methods).map(([method, { summary, tags }]) => ({ path, method, summary, tags })),
    )
    assert.ok(routes.length >= 30, String(routes.length))
    for (const { path, method, summary, tags } of routes) {
      assert.ok(path.startsWith('/api/v1/'), path)
      assert.ok(summary !== undefined && tags?.length === 1, `${method} ${path}`)
    }
    const reset = paths['/api/v1/groups/{group}/reset'].post
    assert.deepEqual(reset.requestBody.content['application/json'].schema.required, ['topic', 'to'])
    assert.deepEqual(
      reset.parameters.map(({ name, in: where }: { name: string; in: string }) => [name, where]),
      [['group', 'path']],
    )
  })
})

describe('a process whose HTTP could be reached from elsewhere', () => {
  it('asks for a token, or for the word that nobody has to', async () => {
    const options = { data: join(folder, 'open'), listen: { host: '127.0.0.1', port: 0 } }
    const http = { host: '0.0.0.0', port: 0 }
    await assert.rejects(serve({ ...options, http }), { code: 'MR_OPEN_LISTENER' })
    await assert.rejects(serve({ ...options, http: false, schemaRegistry: http }), {
      code: 'MR_OPEN_LISTENER',
    })
    await assert.rejects(serve({ ...options, http, httpToken: '' }), { code: 'MR_CONFIG_INVALID' })
    const warnings: string[] = []
    const report: Report = (level, event) => void (level === 'warn' && warnings.push(event))
    await using open = await serve({ ...options, http, httpToken: TOKEN, report })
    assert.ok(open.url !== undefined)
    assert.deepEqual(warnings, [])
  })

  it('says so, and also where it lets in whom its listeners would not', async () => {
    const options = { data: join(folder, 'told'), listen: { host: '127.0.0.1', port: 0 } }
    const warningsOf = async (more: Partial<ServeOptions>): Promise<string[]> => {
      const warnings: string[] = []
      const report: Report = (level, event) => void (level === 'warn' && warnings.push(event))
      await using served = await serve({ ...options, http: { host: '127.0.0.1', port: 0 }, report, ...more })
      assert.ok(served.url !== undefined)
      return warnings
    }
    assert.deepEqual(await warningsOf({}), [])
    assert.match(
      String(await warningsOf({ broker: { 'authorizer.class.name': 'acl' } })),
      /whoever is on this machine/,
    )
    const http = { host: '0.0.0.0', port: 0 }
    assert.match(
      String(await warningsOf({ http, allowAnonymousBeyondLoopback: true })),
      /other machines .* over HTTP/,
    )
  })
})
