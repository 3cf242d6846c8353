/**
 * Spark Structured Streaming, unmodified, from and to topics: it goes on from its checkpoint, over a restart of the target,
 * and reads past what transactions aborted.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { LogClient } from '../src/log/client/log-client.ts'
import { createTransactionalProducer } from '../src/log/client/transaction.ts'
import { FrameworkProcess } from './tools/framework-process.ts'
import { MortalTarget } from './tools/mortal-target.ts'
import { paths } from './tools/paths.ts'
import { lacking } from './tools/target.ts'
import { connectTo, makeTopics, TopicReader } from './tools/topic-content.ts'
import { classPath } from './tools/witnesses.ts'

const KEYS = 19
const HALF = 6_000

test('Spark Structured Streaming', { skip: lacking('spark') }, async (t) => {
  await using target = await MortalTarget.start()
  const client = await connectTo(target.address)
  t.after(() => client.close())
  const folder = mkdtempSync(join(tmpdir(), 'spark-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await makeTopics(client, { in: 3, copy: 2, counts: 2 })
  await using copy = await TopicReader.start(client, 'copy')
  await using counts = await TopicReader.start(client, 'counts')

  await t.test('reads and writes what there is', async () => {
    await sendInTransactions(client, 0, HALF)
    await using run = startQueries(target, folder)
    await run.finished({ timeoutMs: 180_000 })
    assert.match(run.said, new RegExp(`BATCH ${HALF}\nDONE`))
    await copy.until(HALF)
    assert.deepEqual(copy.records.map(({ value }) => value).toSorted(), valuesUpTo(HALF))
  })

  await t.test('goes on from its checkpoint, while the target is killed', async () => {
    await sendInTransactions(client, HALF, 2 * HALF)
    await using run = startQueries(target, folder)
    await copy.until(HALF * 1.2, { while: () => run.mustRun() })
    await target.killAndRestart()
    await run.finished({ timeoutMs: 180_000 })
    assert.match(run.said, new RegExp(`BATCH ${2 * HALF}\nDONE`))
    await copy.until(2 * HALF)
    assert.deepEqual(copy.records.map(({ value }) => value).toSorted(), valuesUpTo(2 * HALF))
  })

  await t.test('state comes back too: every last count is right', async () => {
    const keys = Array.from({ length: 2 * HALF }, (_, index) => keyOf(index))
    const expected = [...Map.groupBy(keys, (key) => key)]
      .map(([key, all]) => `${key}=${all.length}`)
      .toSorted()
    const told = (): string[] =>
      [...new Map(counts.records.map(({ key, value }) => [key, value])).values()].toSorted()
    await counts.until(() => told().join() === expected.join()).catch(() => undefined)
    assert.deepEqual(told(), expected)
  })
})

function startQueries(target: MortalTarget, folder: string): FrameworkProcess {
  // What Spark's own start scripts open on Java 17.
  const opened = ['lang', 'lang.invoke', 'lang.reflect', 'io', 'net', 'nio', 'util', 'util.concurrent']
  const packages = [
    ...[...opened, 'util.concurrent.atomic'].map((name) => `java.${name}`),
    ...['sun.nio.ch', 'sun.nio.cs', 'sun.security.action', 'sun.util.calendar'],
  ]
  return new FrameworkProcess({
    command: 'java',
    args: [
      ...['-Xmx1g', '-XX:TieredStopAtLevel=1', '-Dio.netty.tryReflectionSetAccessible=true'],
      ...packages.map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`),
      ...['-cp', classPath(paths.sparkLibs, paths.sparkClasses), 'StreamingQueries'],
      ...[target.address, 'in', 'copy', 'counts', folder],
    ],
    env: { SPARK_LOCAL_IP: '127.0.0.1' },
  })
}

function keyOf(index: number): string {
  return `key${(index * 7) % KEYS}`
}

function valuesUpTo(end: number): string[] {
  return Array.from({ length: end }, (_, index) => `record ${index}`).toSorted()
}

/** Each committed transaction is followed by one that is aborted, so that offsets have gaps of every kind. */
async function sendInTransactions(client: LogClient, from: number, to: number): Promise<void> {
  const producer = await createTransactionalProducer(client, { transactionalId: 'loader' })
  const SIZE = 500
  for (let start = from; start < to; start += SIZE) {
    producer.begin()
    for (let index = start; index < start + SIZE; index++)
      producer.send({ topic: 'in', key: Buffer.from(keyOf(index)), value: Buffer.from(`record ${index}`) })
    await producer.commit()
    producer.begin()
    for (let index = 0; index < 10; index++)
      producer.send({ topic: 'in', key: Buffer.from(keyOf(index)), value: Buffer.from('aborted') })
    await producer.flush()
    await producer.abort()
  }
  producer.close()
}
