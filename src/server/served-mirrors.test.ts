/** A process that keeps its log and sends everything on: an edge box, with and without a network. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import * as net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { reportNothing } from '../base/report.ts'
import { startBroker } from '../log/broker/broker.ts'
import { createTopics } from '../log/client/admin.ts'
import { connectClient } from '../log/client/client.ts'
import { createProducer } from '../log/client/producer.ts'
import { recordsOf } from '../mirror/mirror.test-kit.ts'
import { nodeWorld } from '../world/node.ts'
import type { MirrorView } from './mirror-view.ts'
import { serve } from './serve.ts'

const world = nodeWorld()
const folder = mkdtempSync(join(tmpdir(), 'millrace-edge-'))
after(() => rmSync(folder, { recursive: true, force: true }))

async function freePort(): Promise<number> {
  const server = net.createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function until(ready: () => boolean): Promise<void> {
  while (!ready()) await new Promise((resolve) => setTimeout(resolve, 10))
}

test('works while the centre is away, and sends everything on when it is there', async () => {
  const central = { host: '127.0.0.1', port: await freePort() }
  const bootstrap = `${central.host}:${central.port}`
  const reports: string[] = []
  await using edge = await serve({
    data: join(folder, 'edge'),
    // Who comes in has to say who he is; the mirror is of the house.
    listeners: [{ host: '127.0.0.1', port: 0, sasl: { mechanisms: ['PLAIN'], users: { ada: 'engine' } } }],
    http: { host: '127.0.0.1', port: 0 },
    mirrors: [{ to: { bootstrap }, topics: ['*'], prefix: 'edge-7.', refreshIntervalMs: 100 }],
    report: (level, event) => reports.push(`${level} ${event}`),
  })
  const [mirror] = edge.mirrors
  await createTopics(edge.client, [{ name: 'readings' }])
  const producer = await createProducer(edge.client)
  for (let index = 0; index < 100; index++) producer.send({ topic: 'readings', value: String(index) })
  await producer.flush()
  await until(() => mirror!.status().state === 'waiting')
  assert.match(mirror!.status().problem ?? '', /the target is away: MR_CONNECT_FAILED/)
  assert.ok(reports.includes('warn mirror: waiting'))

  const dataPath = join(folder, 'central')
  const broker = await startBroker({ world, dataPath, listen: central, report: reportNothing })
  await until(() => mirror!.status().records === 100)
  producer.send({ topic: 'readings', value: 'later' })
  await producer.close()
  await until(() => mirror!.status().records === 101 && mirror!.status().lag === 0)

  const text = async (path: string): Promise<string> => (await fetch(edge.url + path)).text()
  const [shown, ...others] = JSON.parse(await text('/api/v1/mirrors')) as MirrorView[]
  assert.deepEqual(others, [])
  assert.deepEqual([shown!.from, shown!.to, shown!.state], [edge.bootstrap, bootstrap, 'copying'])
  assert.ok(shown!.failures > 0)
  assert.match(shown!.lastFailure!.reason, /the target is away/)
  const [partition] = shown!.partitions
  assert.deepEqual([partition!.target, partition!.position, partition!.lag], ['edge-7.readings', 101, 0])
  const labels = `mirror="${mirror!.name}",from="${edge.bootstrap}",to="${bootstrap}"`
  const metrics = await text('/metrics')
  for (const line of [
    `millrace_mirror_status{${labels},status="copying"} 1`,
    `millrace_mirror_records_total{${labels}} 101`,
    `millrace_mirror_partition_lag{${labels},topic="readings",partition="0"} 0`,
  ])
    assert.ok(metrics.includes(`\n${line}\n`), line)
  assert.match(metrics, /millrace_mirror_failures_total\{.*\} [1-9]/)
  const client = await connectClient({ world, bootstrap })
  assert.deepEqual(await recordsOf(client, 'edge-7.readings'), await recordsOf(edge.client, 'readings'))
  await client.close()
  await edge.close()
  await broker.close()
})
