/** A disk that is full: producers are told, checkpoints fail, nothing is lost, and everything goes on once there is room. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Kafka, logLevel } from 'kafkajs'
import { freePort } from '../conformance/tools/free-port.ts'
import { placeOf } from '../simulation/history.ts'
import type { StoredRecord } from '../simulation/history.ts'
import { readAll } from '../simulation/read-all.ts'
import { startLog } from '../src/log/broker/start-log.ts'
import { createTopics } from '../src/log/client/admin.ts'
import { connectClient, type LogClient } from '../src/log/client/client.ts'
import { createProducer } from '../src/log/client/producer.ts'
import { runJob } from '../src/stream/runtime/run-job.ts'
import { Simulation } from '../src/world/simulated/simulation.ts'
import { sleep } from '../src/world/world.ts'
import { nodeWorld } from '../src/world/node.ts'
import { checkAnswers } from './check-answers.ts'
import { PARTITIONS, TOPICS } from './counting-job.ts'
import { MillraceProcess } from './millrace-process.ts'
import { TopicFollower } from './topic-follower.ts'

const JOB = new URL('./counting-job.ts', import.meta.url)

/** Sends events one by one; returns those that were acknowledged, and the first error. */
async function produce(
  client: LogClient,
  session: string,
  count: number,
): Promise<{ acknowledged: string[]; error: Error | undefined }> {
  const producer = await createProducer(client, { deliveryTimeoutMs: 2_000, lingerMs: 0 })
  const acknowledged: string[] = []
  let failure: Error | undefined
  for (let number = 0; number < count && failure === undefined; number++) {
    const event = `${session}.${number}`
    const record = { topic: 'numbers', partition: number % PARTITIONS, key: null, value: event }
    producer.send(record, (error) => {
      if (error === undefined) acknowledged.push(event)
      else failure ??= error
    })
    await producer.flush().catch(() => undefined)
  }
  await producer.close({ discard: true })
  return { acknowledged, error: failure }
}

const createAll = (client: LogClient): Promise<unknown> =>
  createTopics(
    client,
    TOPICS.map((name) => ({ name, partitions: PARTITIONS })),
    { ifNotExists: true },
  )

test('simulated: log and job get over a full disk by themselves', async () => {
  const simulation = new Simulation({ seed: 1 })
  const server = simulation.machine('server')
  const { world } = simulation.machine('client')
  await simulation.run(async () => {
    const log = await startLog({ world: server.world, dataPath: '/log' })
    const client = await connectClient({ world, bootstrap: log.bootstrap })
    await createAll(client)
    const job = await runJob(JOB, {
      world: server.world,
      log,
      checkpoint: { path: '/checkpoints', intervalMs: 50 },
    })
    const content = async (): Promise<Map<string, StoredRecord[]>> => {
      const found = new Map<string, StoredRecord[]>()
      for (const topic of TOPICS) {
        for (let partition = 0; partition < PARTITIONS; partition++) {
          found.set(placeOf(topic, partition), await readAll(client, { topic, partition }, 'read_committed'))
        }
      }
      return found
    }
    const before = await produce(client, 'before/0', 100)
    assert.equal(before.error, undefined)

    const { conditions } = server.disk
    conditions.capacityBytes = server.disk.usedBytes + 5_000
    const full = await produce(client, 'full/1', 10_000)
    assert.match(String(full.error), /KAFKA_STORAGE_ERROR/)
    // Long enough for many checkpoints; the room that the removal of an old one makes is taken away too.
    for (let tries = 0; tries < 30; tries++) {
      conditions.capacityBytes = server.disk.usedBytes
      await sleep(simulation.clock, 100)
    }
    assert.notEqual(job.status, 'failed')

    conditions.capacityBytes = 1_000_000_000
    const after = await produce(client, 'after/2', 100)
    assert.equal(after.error, undefined)
    const end = await produce(client, 'end/0', PARTITIONS)
    await sleep(simulation.clock, 5_000)
    await job.stop()
    const acknowledged = [before, full, after, end].flatMap((one) => one.acknowledged)
    assert.equal(checkAnswers(await content(), acknowledged), undefined)
    await client.close()
    await log.close()
  })
})

test('real: a file system of 24 MiB, through the command and an unmodified client', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-full-'))
  t.after(() => {
    spawnSync('umount', [folder])
    rmSync(folder, { recursive: true, force: true })
  })
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', folder], { encoding: 'utf8' })
  if (mounted.status !== 0) {
    return t.skip(`no file system can be mounted here: ${mounted.error?.message ?? mounted.stderr.trim()}`)
  }
  const address = `127.0.0.1:${await freePort()}`
  const where = ['--listen', address, '--no-http', '--data', join(folder, 'data')]
  await using millrace = new MillraceProcess(['run', JOB.pathname, '--checkpoint-interval', '50', ...where])
  await millrace.ready
  const client = await connectClient({ world: nodeWorld(), bootstrap: address })
  await createAll(client)
  const follower = await TopicFollower.start(address, TOPICS)
  try {
    const before = await produce(client, 'before/0', 100)
    const filler = join(folder, 'filler')
    const { bavail, bsize } = statfsSync(folder)
    writeFileSync(filler, Buffer.alloc(bavail * bsize - 64 * 1024))
    const told = await sendUntilRefused(address)
    assert.equal(told.error, 'KAFKA_STORAGE_ERROR')
    unlinkSync(filler)

    const after = await produce(client, 'after/2', 100)
    assert.equal(after.error, undefined)
    const end = await produce(client, 'end/0', PARTITIONS)
    const acknowledged = [before, told, after, end].flatMap((one) => one.acknowledged)
    await follower.until(() => checkAnswers(follower.content, acknowledged) === undefined)
    await millrace.stop()
  } finally {
    await follower.close()
    await client.close()
  }
})

/** What kafkajs says when the log takes no more. */
async function sendUntilRefused(address: string): Promise<{ acknowledged: string[]; error: string }> {
  const kafka = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING })
  const producer = kafka.producer({ retry: { retries: 0 } })
  const acknowledged: string[] = []
  await producer.connect()
  try {
    for (let number = 0; ; number++) {
      const event = `full/1.${number}`
      const padded = { key: 'x'.repeat(500), value: event }
      await producer.send({ topic: 'numbers', acks: -1, messages: [padded] })
      acknowledged.push(event)
    }
  } catch (error) {
    const { type, cause } = error as { readonly type?: string; readonly cause?: { readonly type?: string } }
    return { acknowledged, error: cause?.type ?? type ?? String(error) }
  } finally {
    await producer.disconnect()
  }
}
