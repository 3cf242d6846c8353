/**
 * Clients that are slow, stuck or gone without a word, hundreds at a time: the log's memory stays bounded and others are
 * served meanwhile. The log runs in a process of its own, so that its memory is its own.
 */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { AttackedLog } from '../fuzz/attacked-log.ts'
import type { ServerOptions } from '../fuzz/log-server.ts'
import { createTopics } from '../src/log/client/admin.ts'
import { connectClient, type LogClient } from '../src/log/client/client.ts'
import { createProducer } from '../src/log/client/producer.ts'
import { requestFrame } from '../src/log/broker/wire-client.test-kit.ts'
import { fetchApi } from '../src/log/protocol/apis/fetch.ts'
import { metadataApi } from '../src/log/protocol/apis/metadata.ts'
import { CertificateAuthority, lacksOpenssl } from '../src/world/certificates.test-kit.ts'
import { nodeWorld } from '../src/world/node.ts'

const MIB = 1 << 20

interface Stage {
  readonly log: AttackedLog
  readonly client: LogClient
  /** A raw connection, for as long as the test lasts. */
  readonly socket: () => Promise<Socket>
  /** An honest producer's batch of 500 KB is acknowledged. */
  readonly serves: () => Promise<void>
  readonly memoryMib: (options?: { readonly collect: boolean }) => Promise<number>
}

async function withLog(
  t: TestContext,
  config: NonNullable<ServerOptions['config']>,
  body: (stage: Stage) => Promise<void>,
  listeners?: ServerOptions['listeners'],
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-stuck-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await using log = await AttackedLog.start({
    dataPath: join(folder, 'data'),
    config,
    ...(listeners && { listeners }),
  })
  const client = await connectClient({ world: nodeWorld(), bootstrap: `${log.host}:${log.port}` })
  const sockets: Socket[] = []
  try {
    await createTopics(client, [{ name: 't' }])
    await body({
      log,
      client,
      socket: async () => {
        const socket = await open(log)
        sockets.push(socket)
        return socket
      },
      serves: async () => {
        const producer = await createProducer(client, { lingerMs: 0, deliveryTimeoutMs: 60_000 })
        producer.send({ topic: 't', partition: 0, key: null, value: Buffer.alloc(500_000) })
        await producer.flush()
        await producer.close()
      },
      memoryMib: async (options) => (await log.memory(options)).residentBytes / MIB,
    })
  } finally {
    for (const socket of sockets) socket.destroy()
    await client.close()
  }
}

function open({ host, port }: { readonly host: string; readonly port: number }): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port }, () => resolve(socket))
    socket.on('error', reject)
    socket.on('error', () => undefined)
  })
}

/** Waits for what has to become true; the test's own time limit is the end of patience. */
async function until(isTrue: () => Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await sleep(50)
}

test('producers that send half of a large request and stop hold a bounded amount of memory', (t) =>
  withLog(t, { 'queued.max.request.bytes': 32 * MIB }, async ({ socket, serves, memoryMib, log }) => {
    await serves()
    const before = await memoryMib()
    const half = Buffer.alloc(4 + 8 * MIB)
    half.writeInt32BE(16 * MIB)
    // A produce request of version 9, as far as its header says.
    half.writeInt16BE(9, 6)
    const stuck = await Promise.all(Array.from({ length: 40 }, socket))
    for (const each of stuck) each.write(half)
    await sleep(1_000)
    const during = await memoryMib({ collect: false })
    t.diagnostic(`${Math.round(before)} MiB before, ${Math.round(during)} MiB with 40 halves of 16 MiB`)
    assert.ok(during - before < 32 + 16 + 40 * 0.5 + 60, `${before} MiB grew to ${during}`)
    await serves()
    for (const each of stuck) each.destroy()
    await serves()
    await until(async () => (await log.memory({ collect: false })).connections < 10)
  }))

/** 100 readers ask for 20 times 50 MiB, 1 GB each, and take nothing. */
async function readersThatReadNothing(
  t: TestContext,
  { serves, client, memoryMib }: Stage,
  reader: () => Promise<Socket>,
): Promise<void> {
  for (let count = 0; count < 120; count++) await serves()
  const before = await memoryMib()
  const { id } = (await client.metadata(['t'])).topics.get('t')!
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 50 * MIB }]
  const topics = [{ topic: 't', topicId: id, partitions }]
  const ask = requestFrame(fetchApi, 12, { maxWaitMs: 0, minBytes: 1, maxBytes: 50 * MIB, topics })
  for (const each of await Promise.all(Array.from({ length: 100 }, reader))) {
    each.pause()
    each.write(Buffer.concat(Array<Buffer>(20).fill(ask)))
  }
  await sleep(2_000)
  const during = await memoryMib({ collect: false })
  t.diagnostic(
    `${Math.round(before)} MiB before, ${Math.round(during)} MiB with 100 readers that ask for 1 GB each`,
  )
  // All answers together, one of each reader beyond that, and what the collector has not come to yet.
  assert.ok(during - before < 256 + 100 * 2 + 100, `${before} MiB grew to ${during}`)
  await serves()
}

test('readers that ask for much and read nothing cost a bounded amount of memory', (t) =>
  withLog(t, {}, (stage) => readersThatReadNothing(t, stage, stage.socket)))

test('so do readers over TLS', { skip: lacksOpenssl }, async (t) => {
  using authority = new CertificateAuthority()
  const { certificatePath: certificate, keyPath: key } = authority.issue('/CN=localhost')
  const at = { host: '127.0.0.1', port: 0 }
  await withLog(
    t,
    {},
    async (stage) => {
      const { host, ports } = stage.log
      const readers: Socket[] = []
      await readersThatReadNothing(t, stage, () => {
        const reader = connectTls({ host, port: ports[1]!, rejectUnauthorized: false })
        readers.push(reader)
        return new Promise((resolve, reject) => {
          reader.once('secureConnect', () => resolve(reader))
          reader.on('error', reject)
        })
      })
      for (const reader of readers) reader.destroy()
    },
    [
      { name: 'PLAIN', ...at },
      { name: 'TLS', ...at, tls: { certificate, key } },
    ],
  )
})

/** How many connections several processes made in so many seconds. */
async function connectsOf(port: number, options: { processes: number; seconds: number }): Promise<number> {
  const connector = join(import.meta.dirname, 'connector.ts')
  const made = await Promise.all(
    Array.from({ length: options.processes }, () => {
      const child = fork(connector, [String(port), String(options.seconds)])
      return new Promise<number>((resolve, reject) => {
        child.once('message', (count) => resolve(count as number))
        child.once('exit', (code) => reject(new Error(`the connector ended with ${code}`)))
      })
    }),
  )
  return made.reduce((sum, count) => sum + count)
}

test('thousands of connections a second that come and go in every way leave nothing behind, and others are served', (t) =>
  withLog(t, {}, async ({ serves, log, memoryMib }) => {
    await serves()
    const before = await log.memory()
    const seconds = 3
    let isOver = false
    const attack = connectsOf(log.port, { processes: 3, seconds }).finally(() => (isOver = true))
    const waits: number[] = []
    while (!isOver) {
      const beganMs = performance.now()
      await serves()
      waits.push(performance.now() - beganMs)
      await sleep(10)
    }
    const during = await memoryMib({ collect: false })
    const rate = Math.round((await attack) / seconds)
    waits.sort((a, b) => a - b)
    const p99 = Math.round(waits[Math.floor(waits.length * 0.99)]!)
    t.diagnostic(
      `${rate} connections a second; others' produces of 500 KB took at most ${p99} ms (99 %); ` +
        `${Math.round(before.residentBytes / MIB)} MiB before, ${Math.round(during)} MiB during`,
    )
    await serves()
    await until(async () => (await log.memory({ collect: false })).connections <= before.connections + 2)
    const after = await log.memory()
    assert.ok(after.heapBytes - before.heapBytes < 8 * MIB)
  }))

test('connections that fall silent are closed after connections.max.idle.ms, half of a request or not', (t) =>
  withLog(t, { 'connections.max.idle.ms': 1_000 }, async ({ socket, log }) => {
    const sockets = await Promise.all(Array.from({ length: 200 }, socket))
    for (const [index, each] of sockets.entries())
      if (index % 2 === 0) each.write(Buffer.from([0, 0, 1, 0, 0, 3]))
    for (let tries = 0; tries < 100 && (await log.memory({ collect: false })).connections > 2; tries++)
      await sleep(100)
    assert.ok((await log.memory()).connections <= 2)
  }))

test('requests that come byte by byte are answered, and nobody else waits for them', (t) =>
  withLog(t, {}, async ({ socket, serves }) => {
    const frame = requestFrame(metadataApi, 12, { topics: null })
    const slow = await Promise.all(Array.from({ length: 50 }, socket))
    const answers = slow.map((each) => new Promise((resolve) => each.once('data', resolve)))
    for (const each of slow) each.setNoDelay(true)
    for (const byte of frame) {
      for (const each of slow) each.write(Buffer.from([byte]))
      await sleep(1)
    }
    await serves()
    await Promise.all(answers)
  }))
