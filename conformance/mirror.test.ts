/**
 * A mirror between Millrace and a real Kafka, both ways, as its own process that is killed again and again while
 * connections are cut and records are being written: in the end every record is there once, in order, as it was.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTopics, listOffsets } from '../src/log/client/admin.ts'
import { connectClient, type LogClient } from '../src/log/client/client.ts'
import { offsetCommit, offsetFetch } from '../src/log/client/group-admin.ts'
import { createProducer } from '../src/log/client/producer.ts'
import { createTransactionalProducer } from '../src/log/client/transaction.ts'
import { deleteRecordsApi } from '../src/log/protocol/apis/delete-records.ts'
import { recordsOf, type SeenRecord } from '../src/mirror/mirror.test-kit.ts'
import { nodeWorld } from '../src/world/node.ts'
import { CuttingProxy } from '../src/log/client/cutting-proxy.test-kit.ts'
import { freePort } from './tools/free-port.ts'
import { repositoryRoot } from './tools/paths.ts'
import { startMillrace } from './tools/start-millrace.ts'
import { type RunningServer, startKafka } from './tools/start-kafka.ts'
import { lacking } from './tools/target.ts'

const world = nodeWorld()
const PARTITIONS = 2
const TOPICS = ['plain', 'transactional', 'shared'] as const
const KILLS = 5

describe('a mirror with a real Kafka', { skip: lacking('kafka') }, () => {
  let edge: RunningServer
  let kafka: RunningServer
  let third: RunningServer
  let proxy: CuttingProxy
  const clients: Record<'edge' | 'kafka' | 'third', LogClient | undefined> = {
    edge: undefined,
    kafka: undefined,
    third: undefined,
  }
  const running = new Set<ChildProcess>()

  before(async () => {
    proxy = await CuttingProxy.listen()
    const port = await freePort()
    const listeners = [{ name: 'PROXIED', protocol: 'PLAINTEXT', port, advertisedPort: proxy.port }] as const
    ;[edge, third, kafka] = await Promise.all([startMillrace(), startMillrace(), startKafka({ listeners })])
    proxy.connectTo(port)
    clients.edge = await connectClient({ world, bootstrap: edge.address })
    clients.kafka = await connectClient({ world, bootstrap: kafka.address })
    clients.third = await connectClient({ world, bootstrap: third.address })
  })

  after(async () => {
    for (const child of running) child.kill('SIGKILL')
    for (const client of Object.values(clients)) await client?.close()
    proxy[Symbol.dispose]()
    for (const server of [edge, third, kafka]) await server[Symbol.asyncDispose]()
  })

  interface Finished {
    readonly code: number | null
    readonly said: string
  }

  function mirror(args: readonly string[]): {
    readonly child: ChildProcess
    readonly ended: Promise<Finished>
  } {
    const bin = join(repositoryRoot, 'src/cli/bin.ts')
    const child = spawn(process.execPath, ['--conditions=millrace-source', bin, 'mirror', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    running.add(child)
    let said = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
    const ended = new Promise<Finished>((resolve) =>
      child.on('close', (code) => {
        running.delete(child)
        resolve({ code, said })
      }),
    )
    return { child, ended }
  }

  /** Kills it a few times, each time when it has copied something, while `writing` goes on; then lets it copy the rest. */
  async function mirrorThroughDisaster(args: readonly string[], writing: Promise<void>): Promise<string> {
    let written = false
    void writing.finally(() => (written = true))
    let copied = 0
    for (let kill = 0; kill < KILLS || !written; kill++) {
      const { child, ended } = mirror([...args, '--output', 'json', '--every', '1'])
      let said = ''
      child.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()))
      const copying = async (): Promise<void> => {
        // When all is copied there is nothing to wait for.
        while (!/"records":[1-9]|"state":"copying".*"lag":0,/.test(said)) await sleep(10)
      }
      await Promise.race([copying(), ended.then((end) => assert.fail(end.said))])
      if (/"records":[1-9]/.test(said)) copied++
      child.kill('SIGKILL')
      await ended
    }
    await writing
    assert.ok(copied > 0, 'none has copied anything before it was killed')
    proxy.budgetBytes = Infinity
    const { code, said } = await mirror([...args, '--once']).ended
    assert.equal(code, 0, said)
    return said
  }

  async function write(client: LogClient): Promise<void> {
    const plain = await createProducer(client, { compression: 'lz4', batchSizeBytes: 5_000, lingerMs: 1 })
    const shared = await createProducer(client, { compression: 'none', batchSizeBytes: 3_000, lingerMs: 1 })
    const committing = await createTransactionalProducer(client, { transactionalId: 'writer', lingerMs: 1 })
    for (let round = 0; round < 60; round++) {
      committing.begin()
      for (let index = 0; index < 50; index++) {
        const number = round * 50 + index
        const record = {
          partition: number % PARTITIONS,
          key: number % 11 === 0 ? null : `k${number}`,
          value: number % 13 === 0 ? null : `${number} `.repeat(1 + (number % 40)),
          timestampMs: 1_700_000_000_000 + number,
          headers: [{ key: 'number', value: String(number) }],
        }
        plain.send({ topic: 'plain', ...record })
        shared.send({ topic: 'shared', ...record })
        committing.send({ topic: 'transactional', ...record })
      }
      if (round % 5 === 3) {
        await committing.flush()
        await committing.abort()
      } else await committing.commit()
      await Promise.all([plain.flush(), shared.flush()])
      await sleep(60)
    }
    committing.close()
    await plain.close()
    await shared.close()
  }

  const withoutOffset = (record: SeenRecord): object => ({ ...record, offset: 0 })

  test('from Millrace to Kafka', { timeout: 240_000 }, async () => {
    const config = { 'retention.ms': '-1', 'max.message.bytes': '600000' }
    await createTopics(
      clients.edge!,
      TOPICS.map((name) => ({ name, partitions: PARTITIONS, config })),
    )
    // What the target has of its own: the offsets of this topic cannot be kept.
    await createTopics(clients.kafka!, [{ name: 'shared', partitions: PARTITIONS }])
    const own = await createProducer(clients.kafka!)
    for (let index = 0; index < 10; index++)
      own.send({ topic: 'shared', partition: index % PARTITIONS, value: 'its own' })
    await own.close()

    proxy.budgetBytes = 60_000
    const args = ['--from', edge.address, '--to', `127.0.0.1:${proxy.port}`, '--topics', ...TOPICS]
    const said = await mirrorThroughDisaster([...args, '--groups', 'readers'], writeAndCommit(clients.edge!))
    assert.ok(proxy.cuts > 5, `${proxy.cuts} cuts`)
    assert.match(said, /shared +0 +translated/)

    for (let partition = 0; partition < PARTITIONS; partition++) {
      for (const topic of ['plain', 'transactional']) {
        const there = await recordsOf(clients.kafka!, topic, { partition })
        assert.deepEqual(there, await recordsOf(clients.edge!, topic, { partition }), `${topic}-${partition}`)
        assert.ok(there.length > 1_000)
      }
      const shared = await recordsOf(clients.kafka!, 'shared', { partition })
      assert.deepEqual(
        shared.slice(5).map(withoutOffset),
        (await recordsOf(clients.edge!, 'shared', { partition })).map(withoutOffset),
      )
    }
    for (const { topic, partition, offset } of await offsetFetch(clients.kafka!, 'readers')) {
      const [source] = (await recordsOf(clients.edge!, topic, { partition })).filter(
        (one) => one.offset === 200,
      )
      const [target] = (await recordsOf(clients.kafka!, topic, { partition })).filter(
        (one) => one.offset === offset,
      )
      assert.equal(target?.headers, source?.headers, `${topic}-${partition}`)
    }
    assert.equal((await offsetFetch(clients.kafka!, 'readers')).length, 4)
  })

  /** A group stands in the middle of the topics without transactions. */
  async function writeAndCommit(client: LogClient): Promise<void> {
    await write(client)
    const places = ['plain', 'shared'].flatMap((topic) => [0, 1].map((partition) => ({ topic, partition })))
    await offsetCommit(
      client,
      'readers',
      places.map((place) => ({ ...place, offset: 200 })),
    )
  }

  test('and from Kafka to another Millrace', { timeout: 240_000 }, async () => {
    proxy.budgetBytes = 200_000
    const args = ['--from', `127.0.0.1:${proxy.port}`, '--to', third.address, '--topics', ...TOPICS]
    await mirrorThroughDisaster(args, Promise.resolve())
    for (let partition = 0; partition < PARTITIONS; partition++) {
      for (const topic of TOPICS) {
        const there = await recordsOf(clients.third!, topic, { partition })
        assert.deepEqual(
          there,
          await recordsOf(clients.kafka!, topic, { partition }),
          `${topic}-${partition}`,
        )
      }
    }
  })

  test('keeps offsets behind a beginning that is gone and over long gaps', { timeout: 120_000 }, async () => {
    proxy.budgetBytes = Infinity
    await createTopics(clients.edge!, [{ name: 'gaps' }])
    const producer = await createTransactionalProducer(clients.edge!, { transactionalId: 'gaps' })
    for (const [count, outcome] of [
      [5_000, 'commit'],
      [3_000, 'abort'],
      [10, 'commit'],
      [40, 'abort'],
      [10, 'commit'],
    ] as const) {
      producer.begin()
      for (let index = 0; index < count; index++)
        producer.send({ topic: 'gaps', partition: 0, value: `${outcome} ${index}` })
      await producer.flush()
      await producer[outcome]()
    }
    producer.close()
    const partitions = [{ partitionIndex: 0, offset: 4_321 }]
    const topics = [{ name: 'gaps', partitions }]
    await clients.edge!.request(deleteRecordsApi, { topics, timeoutMs: 10_000 })
    const args = [
      '--from',
      edge.address,
      '--to',
      kafka.address,
      '--topics',
      'gaps',
      '--name',
      'gaps',
      '--once',
    ]
    const { code, said } = await mirror(args).ended
    assert.equal(code, 0, said)
    const there = await recordsOf(clients.kafka!, 'gaps')
    assert.deepEqual(there, await recordsOf(clients.edge!, 'gaps'))
    assert.equal(there[0]?.offset, 4_321)
    assert.equal(there.length, 699)
    const [start] = await listOffsets(clients.kafka!, [{ topic: 'gaps', partition: 0, at: 'earliest' }])
    assert.equal(start?.offset, 4_321)
  })

  test('waits while the target is away, and says so', { timeout: 120_000 }, async () => {
    await createTopics(clients.edge!, [{ name: 'waiting' }])
    const producer = await createProducer(clients.edge!)
    const { child, ended } = mirror([
      ...['--from', edge.address, '--to', `127.0.0.1:${proxy.port}`],
      ...['--topics', 'waiting', '--name', 'waiting', '--output', 'json', '--every', '1'],
    ])
    let said = ''
    child.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()))
    const until = async (pattern: RegExp): Promise<void> => {
      while (!pattern.test(said)) await Promise.race([sleep(20), ended.then(() => assert.fail(said))])
    }
    await until(/"state":"copying"/)
    proxy.goAway()
    for (let index = 0; index < 100; index++) producer.send({ topic: 'waiting', value: String(index) })
    await producer.close()
    await until(/"state":"waiting".*"lag":100/)
    proxy.comeBack()
    await until(/"state":"copying".*"records":100/)
    child.kill('SIGTERM')
    assert.equal((await ended).code, 0)
    assert.deepEqual(await recordsOf(clients.kafka!, 'waiting'), await recordsOf(clients.edge!, 'waiting'))
  })
})
