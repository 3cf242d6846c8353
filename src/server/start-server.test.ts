/** The whole REST server over a real log, with real jobs, on ephemeral ports. */
/* eslint-disable typescript/no-unsafe-member-access, typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-return, typescript/no-unsafe-argument -- answers are looked into as they came. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createProducer } from '../log/client/producer.ts'
import { collect } from '../connectors/collect/collect.ts'
import { pushSource } from '../connectors/callback/push-source.ts'
import { job } from '../stream/graph/job.ts'
import { value } from '../stream/state/handles.ts'
import { offsetCommit } from '../log/client/group-admin.ts'
import type { RunningJob } from '../stream/runtime/run-job.ts'
import { serve, type Served } from './serve.ts'

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what tests look into.
  readonly json: any
}

const folder = mkdtempSync(join(tmpdir(), 'millrace-server-'))
let served: Served
let closeServed = async (): Promise<void> => {}

/** A request as any program could send it, whatever its headers are. */
function ask(
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: unknown; server?: Served } = {},
): Promise<Answer> {
  const url = new URL(path, (options.server ?? served).url)
  const body = options.body === undefined ? undefined : JSON.stringify(options.body)
  const headers = { ...(body !== undefined && { 'content-type': 'application/json' }), ...options.headers }
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: options.method ?? 'GET', headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        const isJson = response.headers['content-type']?.startsWith('application/json') === true
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          json: isJson ? JSON.parse(text) : undefined,
        })
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** Counts words by themselves; fails for good at the word "poison". */
function words(name: string): {
  readonly source: ReturnType<typeof pushSource<string>>
  readonly job: ReturnType<typeof job>
} {
  const source = pushSource<string>()
  return {
    source,
    job: job(name, (flow) => {
      flow
        .source('words', source)
        .filter((word) => word !== '')
        .keyBy((word) => word)
        .process('counted', {
          state: { n: value<number>() },
          onEvent(word, { state }) {
            if (word === 'poison') throw new Error('cannot count poison')
            state.n.set((state.n.get() ?? 0) + 1)
            return [`${word} ${state.n.get()}`]
          },
        })
        .sink('out', collect())
    }),
  }
}

before(async () => {
  served = await serve({
    data: folder,
    listen: { host: '127.0.0.1', port: 0 },
    http: { host: '127.0.0.1', port: 0 },
  })
  closeServed = () => served.close()
})

after(async () => {
  await closeServed()
  rmSync(folder, { recursive: true })
})

describe('topics over REST', () => {
  it('are created, listed, looked at and deleted', async () => {
    const created = await ask('/api/v1/topics', { method: 'POST', body: { name: 'orders', partitions: 2 } })
    assert.equal(created.status, 201)
    assert.deepEqual(created.json, { name: 'orders' })
    const producer = await createProducer(served.client)
    for (const partition of [0, 0, 1]) producer.send({ topic: 'orders', partition, value: 'x' })
    await producer.close()

    const [listed] = (await ask('/api/v1/topics')).json
    assert.match(listed.id, /^[\w-]{22}$/)
    const { id: _, ...view } = listed
    assert.deepEqual(view, {
      name: 'orders',
      internal: false,
      partitions: 2,
      records: 3,
      endOffsets: 3,
      config: {},
    })
    const { json: topic } = await ask('/api/v1/topics/orders')
    assert.deepEqual([topic.name, topic.id, topic.internal], ['orders', listed.id, false])
    assert.deepEqual(topic.partitions, [
      { partition: 0, leader: 1, startOffset: 0, endOffset: 2 },
      { partition: 1, leader: 1, startOffset: 0, endOffset: 1 },
    ])
    assert.deepEqual(
      topic.configs.find((one: { name: string }) => one.name === 'retention.ms')?.source,
      'default',
    )

    assert.equal((await ask('/api/v1/topics/orders', { method: 'DELETE' })).status, 204)
    assert.equal((await ask('/api/v1/topics/orders')).status, 404)
  })

  it('answer with a code and a message what cannot be done', async () => {
    await ask('/api/v1/topics', { method: 'POST', body: { name: 'taken' } })
    const refusals = [
      await ask('/api/v1/topics', { method: 'POST', body: { name: 'taken' } }),
      await ask('/api/v1/topics', { method: 'POST', body: { name: 'no/such name' } }),
      await ask('/api/v1/topics', { method: 'POST', body: { name: 'x', config: { 'no.such': '1' } } }),
      await ask('/api/v1/topics', { method: 'POST', body: { name: 'x', partitions: 0 } }),
      await ask('/api/v1/topics', { method: 'POST', body: { called: 'x' } }),
      await ask('/api/v1/topics/none'),
      await ask('/api/v1/topics/none', { method: 'DELETE' }),
      await ask('/api/v1/nothing'),
    ]
    assert.deepEqual(
      refusals.map(({ status, json }) => [status, json.code]),
      [
        [409, 'MR_TOPIC_EXISTS'],
        [400, 'MR_KAFKA_REFUSED'],
        [400, 'MR_KAFKA_REFUSED'],
        [400, 'MR_BAD_REQUEST'],
        [400, 'MR_BAD_REQUEST'],
        [404, 'MR_TOPIC_NOT_FOUND'],
        [404, 'MR_TOPIC_NOT_FOUND'],
        [404, 'MR_REST'],
      ],
    )
    for (const { json } of refusals) assert.ok(json.message.length > 10, json.message)
    await ask('/api/v1/topics/taken', { method: 'DELETE' })
  })

  it('list what the log keeps for itself only when asked to', async () => {
    await ask('/api/v1/topics', { method: 'POST', body: { name: 'counted' } })
    await offsetCommit(served.client, 'a-group', [{ topic: 'counted', partition: 0, offset: 0 }])
    const names = async (query: string): Promise<string[]> =>
      (await ask(`/api/v1/topics${query}`)).json.map((topic: { name: string }) => topic.name)
    assert.deepEqual(await names(''), ['counted'])
    assert.deepEqual(await names('?internal=true'), ['__consumer_offsets', 'counted'])
    await ask('/api/v1/topics/counted', { method: 'DELETE' })
  })
})

describe('groups over REST', () => {
  it('are listed with how far they are behind', async () => {
    await ask('/api/v1/topics', { method: 'POST', body: { name: 'read' } })
    const producer = await createProducer(served.client)
    for (let i = 0; i < 5; i++) producer.send({ topic: 'read', value: String(i) })
    await producer.close()
    await offsetCommit(served.client, 'readers', [{ topic: 'read', partition: 0, offset: 3 }])
    const groups = (await ask('/api/v1/groups')).json as { id: string }[]
    assert.deepEqual(
      groups.find((group) => group.id === 'readers'),
      { id: 'readers', type: 'classic', state: 'Empty', members: 0, lag: 2 },
    )
    assert.deepEqual((await ask('/api/v1/groups/readers')).json, {
      id: 'readers',
      type: 'classic',
      state: 'Empty',
      assignor: '',
      members: [],
      offsets: [{ topic: 'read', partition: 0, committed: 3, end: 5, lag: 2 }],
    })
    const unknown = await ask('/api/v1/groups/none')
    assert.deepEqual([unknown.status, unknown.json.code], [404, 'MR_GROUP_NOT_FOUND'])
    await ask('/api/v1/topics/read', { method: 'DELETE' })
  })
})

describe('jobs over REST', () => {
  it('are shown, saved and stopped', async () => {
    const { source, job: counting } = words('counting')
    const run = await served.run(counting, { checkpoint: { intervalMs: 10 } })
    for (const word of ['a', '', 'b', 'a']) await source.push(word)
    const step = async (name: string): Promise<{ eventsIn: number; filtered: number } | undefined> =>
      (await ask('/api/v1/jobs/counting')).json.steps.find((one: { name: string }) => one.name === name)
    await eventually(async () => (await step('out'))?.eventsIn === 3)
    await eventually(async () => (await ask('/api/v1/jobs/counting')).json.lastCheckpoint !== null)

    const [view] = (await ask('/api/v1/jobs')).json
    assert.deepEqual(
      { name: view.name, status: view.status, parallelism: view.parallelism, restarts: view.restarts },
      { name: 'counting', status: 'running', parallelism: 1, restarts: 0 },
    )
    assert.equal(view.error, null)
    assert.equal((await step('words'))?.eventsIn, 4)
    const { steps, checkpoints } = (await ask('/api/v1/jobs/counting/metrics')).json
    assert.equal(steps.find((one: { name: string }) => one.name === 'counted').eventsIn, 3)
    assert.ok(checkpoints.completed > 0)
    assert.ok((await ask('/api/v1/jobs/counting/checkpoints')).json.recent.length > 0)

    const path = join(folder, 'named-savepoint')
    const named = await ask('/api/v1/jobs/counting/savepoints', { method: 'POST', body: { path } })
    assert.deepEqual([named.status, named.json], [200, { path }])
    const unnamed = await ask('/api/v1/jobs/counting/savepoints', { method: 'POST' })
    assert.match(unnamed.json.path, /savepoints\/counting-/)
    for (const directory of [path, unnamed.json.path]) assert.ok(existsSync(directory), directory)

    const stopped = await ask('/api/v1/jobs/counting/stop', { method: 'POST', body: { savepoint: true } })
    assert.ok(existsSync(stopped.json.savepoint))
    assert.equal(run.status, 'stopped')
    const late = await ask('/api/v1/jobs/counting/savepoints', { method: 'POST' })
    assert.deepEqual([late.status, late.json.code], [409, 'MR_JOB_NOT_RUNNING'])
    // Stopping again changes nothing.
    assert.equal((await ask('/api/v1/jobs/counting/stop', { method: 'POST' })).status, 200)
  })

  it('of one name run once at a time', async () => {
    const first = words('twice')
    const run = await served.run(first.job, { checkpoint: false })
    const second = words('twice')
    await assert.rejects(served.run(second.job, { checkpoint: false }), { code: 'MR_JOB_RUNS' })
    assert.equal(run.status, 'running')
    await run.stop()
    const again = await served.run(second.job, { checkpoint: false })
    assert.equal((await ask('/api/v1/jobs/twice')).json.status, 'running')
    await again.stop()
  })

  it('that do not exist are answered with the names of those that do', async () => {
    const unknown = await ask('/api/v1/jobs/none')
    assert.deepEqual([unknown.status, unknown.json.code], [404, 'MR_JOB_NOT_FOUND'])
    assert.match(unknown.json.message, /counting/)
    const bad = await ask('/api/v1/jobs/counting/stop', { method: 'POST', body: { savepoint: 7 } })
    assert.deepEqual([bad.status, bad.json.code], [400, 'MR_BAD_REQUEST'])
  })

  it('that have finished show the end of time in every view', async () => {
    const source = pushSource<number>()
    const finished = job('finished', (flow) => {
      flow
        .source('numbers', source)
        .eventTime({ at: (n) => n })
        .sink('out', collect())
    })
    const run = await served.run(finished, { checkpoint: false })
    await source.push(1)
    source.end()
    await run.ended
    const { json } = await ask('/api/v1/overview')
    const view = json.jobs.find((one: { name: string }) => one.name === 'finished')
    assert.equal(view.status, 'finished')
    for (const step of view.steps) assert.equal(step.watermarkMs, null)
    assert.equal((await ask('/metrics')).status, 200)
  })
})

describe('health', () => {
  it('is well while the log answers', async () => {
    assert.deepEqual((await ask('/healthz')).json, { status: 'ok' })
    const ready = await ask('/readyz')
    assert.deepEqual([ready.status, ready.json], [200, { status: 'ok', log: 'ok', failedJobs: [] }])
  })

  it('is not ready once a job has failed', async () => {
    const { source, job: failing } = words('failing')
    const run: RunningJob = await served.run(failing, { restart: { limit: 0 } })
    await source.push('poison')
    await assert.rejects(run.ended, /cannot count poison/)
    const ready = await ask('/readyz')
    assert.equal(ready.status, 503)
    assert.deepEqual(ready.json.failedJobs, ['failing'])
    assert.match((await ask('/api/v1/jobs/failing')).json.error, /cannot count poison/)
    assert.equal((await ask('/healthz')).status, 200)
  })
})

describe('pages of other origins', () => {
  const create = { method: 'POST', body: { name: 'by-a-page' } }

  it('cannot read through a name of theirs that points here', async () => {
    const refused = await ask('/api/v1/topics', { headers: { host: 'evil.example:80' } })
    assert.deepEqual([refused.status, refused.json.code], [403, 'MR_REST'])
    for (const host of ['localhost', '127.0.0.1:1', '[::1]:80'])
      assert.equal((await ask('/api/v1/topics', { headers: { host } })).status, 200, host)
  })

  it('cannot change anything', async () => {
    for (const origin of ['http://evil.example', 'null', 'http://127.0.0.1:1']) {
      const refused = await ask('/api/v1/topics', { ...create, headers: { origin } })
      assert.deepEqual([refused.status, refused.json.code], [403, 'MR_REST'], origin)
    }
    // A form can send no JSON.
    const form = await ask('/api/v1/topics', {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: { name: 'by-a-form' },
    })
    assert.equal(form.status, 400)
    const encoded = await ask('/api/v1/topics', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: { name: 'by-a-form' },
    })
    assert.deepEqual([encoded.status, encoded.json.code], [415, 'MR_REST'])
    assert.match(encoded.json.message, /content-type: application\/json/)
    const own = await ask('/api/v1/topics', { ...create, headers: { origin: served.url ?? '' } })
    assert.equal(own.status, 201)
  })

  it('are not framed, and run only our script', async () => {
    const page = await ask('/')
    assert.match(
      String(page.headers['content-security-policy']),
      /default-src 'self'.*frame-ancestors 'none'/,
    )
  })
})

describe('a server', () => {
  it('outlives rubbish on its port', async () => {
    const { port, hostname } = new URL(served.url ?? '')
    await new Promise<void>((resolve, reject) => {
      const socket = connect({ host: hostname, port: Number(port) })
      socket.on('error', reject)
      socket.on('close', () => resolve())
      socket.resume()
      socket.write('\u0000\u0001 rubbish\r\n\r\n')
    })
    assert.equal((await ask('/healthz')).status, 200)
  })

  it('says that its address is taken, and leaves nothing running then', async () => {
    const taken = new URL(served.url ?? '')
    await assert.rejects(
      serve({
        data: join(folder, 'second'),
        listen: { host: '127.0.0.1', port: 0 },
        http: { host: taken.hostname, port: Number(taken.port) },
      }),
      { code: 'MR_ADDRESS_IN_USE' },
    )
    // The data directory is free again.
    const again = await serve({
      data: join(folder, 'second'),
      listen: { host: '127.0.0.1', port: 0 },
      http: false,
    })
    assert.equal(again.url, undefined)
    await again.close()
  })
})
