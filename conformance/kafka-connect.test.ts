/**
 * Kafka Connect, unmodified, with the file connectors of Kafka's distribution: lines of a file go through a topic into
 * another file, over restarts of the worker and of the target.
 */
import assert from 'node:assert/strict'
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { FrameworkProcess } from './tools/framework-process.ts'
import { freePort } from './tools/free-port.ts'
import { MortalTarget } from './tools/mortal-target.ts'
import { paths } from './tools/paths.ts'
import { lacking } from './tools/target.ts'
import { connectTo, makeTopics, TopicReader, topicSetting } from './tools/topic-content.ts'
import { classPath } from './tools/witnesses.ts'

const PATIENCE_MS = 180_000
const TOPIC = 'lines'

test('Kafka Connect', { skip: lacking('kafka-connect') }, async (t) => {
  await t.test('standalone: lines in are lines out', async (standaloneTest) => {
    await using target = await MortalTarget.start()
    const files = filesOf(standaloneTest)
    const worker = writeProperties(files.folder, 'worker', {
      ...(await workerSettings(target)),
      'offset.storage.file.filename': join(files.folder, 'offsets'),
    })
    const source = writeProperties(files.folder, 'source', { name: 'source', ...sourceSettings(files.input) })
    const sink = writeProperties(files.folder, 'sink', { name: 'sink', ...sinkSettings(files.output) })
    const start = (): FrameworkProcess => startWorker('ConnectStandalone', [worker, source, sink])

    write(files.input, 0, 1_000)
    {
      await using first = start()
      await linesOf(files.output, 1_000, first)
      write(files.input, 1_000, 2_000)
      await linesOf(files.output, 1_500, first)
      await target.killAndRestart()
      write(files.input, 2_000, 3_000)
      await linesOf(files.output, 3_000, first)
      await first.stop({ signal: 'SIGTERM' })
    }
    write(files.input, 3_000, 4_000)
    await using second = start()
    await linesOf(files.output, 4_000, second)
    await second.stop({ signal: 'SIGTERM' })
    assert.deepEqual(await linesOf(files.output, 4_000), numbered(4_000))
  })

  await t.test('distributed: a source that is killed writes every line once', async (distributedTest) => {
    await using target = await MortalTarget.start()
    const client = await connectTo(target.address)
    distributedTest.after(() => client.close())
    await makeTopics(client, { [TOPIC]: 1 })
    await using lines = await TopicReader.start(client, TOPIC)
    const files = filesOf(distributedTest)
    const settings = {
      ...(await workerSettings(target)),
      'group.id': 'connect',
      'exactly.once.source.support': 'enabled',
      ...topicOf('config'),
      ...topicOf('offset'),
      ...topicOf('status'),
      'offset.storage.partitions': '3',
      'status.storage.partitions': '2',
      // A worker that was killed holds its place until its session ends.
      'session.timeout.ms': '6000',
      'heartbeat.interval.ms': '500',
      'scheduled.rebalance.max.delay.ms': '500',
    }
    const worker = writeProperties(files.folder, 'worker', settings)
    const start = (): FrameworkProcess => startWorker('ConnectDistributed', [worker])
    const rest = settings.listeners

    write(files.input, 0, 2_000)
    {
      await using first = start()
      await setConnector(rest, 'source', sourceSettings(files.input), first)
      await setConnector(rest, 'sink', sinkSettings(files.output), first)
      await lines.until(1_000, { while: () => first.mustRun() })
      await first.kill()
    }
    write(files.input, 2_000, 4_000)
    // The connectors are not told again: they are in the topic of configurations.
    await using second = start()
    await lines.until(3_000, { while: () => second.mustRun() })
    await target.killAndRestart()
    write(files.input, 4_000, 6_000)
    await lines.until(6_000, { while: () => second.mustRun() })
    await until(() => new Set(readLines(files.output)).size === 6_000, second)
    await second.stop({ signal: 'SIGTERM' })
    assert.deepEqual(
      lines.records.map(({ value }) => value),
      numbered(6_000),
    )
    for (const name of ['config', 'offset', 'status'])
      assert.equal(await topicSetting(client, `connect-${name}`, 'cleanup.policy'), 'compact')
  })
})

async function workerSettings(target: MortalTarget) {
  const text = 'org.apache.kafka.connect.storage.StringConverter'
  return {
    'bootstrap.servers': target.address,
    listeners: `http://127.0.0.1:${await freePort()}`,
    'key.converter': text,
    'value.converter': text,
    'offset.flush.interval.ms': '500',
    'plugin.discovery': 'hybrid_warn',
  }
}

function topicOf(what: 'config' | 'offset' | 'status'): Record<string, string> {
  return { [`${what}.storage.topic`]: `connect-${what}`, [`${what}.storage.replication.factor`]: '1' }
}

function sourceSettings(file: string): Record<string, string> {
  const connector = 'org.apache.kafka.connect.file.FileStreamSourceConnector'
  return { 'connector.class': connector, 'tasks.max': '1', file, topic: TOPIC, 'batch.size': '100' }
}

function sinkSettings(file: string): Record<string, string> {
  const connector = 'org.apache.kafka.connect.file.FileStreamSinkConnector'
  return { 'connector.class': connector, 'tasks.max': '1', file, topics: TOPIC }
}

function startWorker(
  kind: 'ConnectStandalone' | 'ConnectDistributed',
  args: readonly string[],
): FrameworkProcess {
  return new FrameworkProcess({
    command: 'java',
    args: [
      ...['-Xmx512m', '-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error'],
      ...['-cp', classPath(paths.kafkaConnectLibs), `org.apache.kafka.connect.cli.${kind}`, ...args],
    ],
  })
}

/** Asks until the worker takes it: it may be starting or rebalancing. */
async function setConnector(
  rest: string,
  name: string,
  settings: Readonly<Record<string, string>>,
  worker: FrameworkProcess,
): Promise<void> {
  let answer = ''
  await until(async () => {
    try {
      const response = await fetch(`${rest}/connectors/${name}/config`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(settings),
      })
      answer = await response.text()
      return response.ok
    } catch {
      return false
    }
  }, worker).catch((error: unknown) => {
    throw new Error(`the connector ${name} was not taken: ${answer}`, { cause: error })
  })
}

interface Files {
  readonly folder: string
  readonly input: string
  readonly output: string
}

function filesOf(t: TestContext): Files {
  const folder = mkdtempSync(join(tmpdir(), 'connect-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return { folder, input: join(folder, 'in.txt'), output: join(folder, 'out.txt') }
}

function writeProperties(folder: string, name: string, settings: Readonly<Record<string, string>>): string {
  const path = join(folder, `${name}.properties`)
  const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`)
  writeFileSync(path, lines.join(''))
  return path
}

function numbered(count: number, from = 0): string[] {
  return Array.from({ length: count - from }, (_, index) => `line ${from + index}`)
}

function write(file: string, from: number, to: number): void {
  appendFileSync(file, `${numbered(to, from).join('\n')}\n`)
}

function readLines(file: string): string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []
}

/** The lines of a file, once there are so many. */
async function linesOf(file: string, count: number, worker?: FrameworkProcess): Promise<string[]> {
  await until(() => readLines(file).length >= count, worker)
  return readLines(file)
}

async function until(condition: () => boolean | Promise<boolean>, worker?: FrameworkProcess): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS
  while (!(await condition())) {
    worker?.mustRun()
    if (performance.now() > deadlineMs)
      throw new Error(`what was waited for did not come. ${worker?.said ?? ''}`)
    await sleep(50)
  }
}
