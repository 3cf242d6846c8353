/**
 * Kafka Streams, unmodified, with exactly_once_v2, in groups of the classic protocol and of its own (KIP-1071):
 * applications and the target are killed while they work.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { listGroups } from '../src/log/client/group-admin.ts'
import type { LogClient } from '../src/log/client/log-client.ts'
import { FrameworkProcess } from './tools/framework-process.ts'
import { MortalTarget } from './tools/mortal-target.ts'
import { paths } from './tools/paths.ts'
import { lacking } from './tools/target.ts'
import {
  connectTo,
  feed,
  type FedRecord,
  makeTopics,
  send,
  TopicReader,
  topicSetting,
} from './tools/topic-content.ts'
import { classPath } from './tools/witnesses.ts'

const PREFIX = 'streams-'

type Protocol = 'classic' | 'streams'

/**
 * In groups of the streams protocol it is the broker that says how long a member may be silent. Applications give up when
 * their internal topics are not there after two heartbeats.
 */
const BROKER_SETTINGS = {
  'group.streams.min.session.timeout.ms': '1000',
  'group.streams.session.timeout.ms': '8000',
  'group.streams.min.heartbeat.interval.ms': '100',
  'group.streams.heartbeat.interval.ms': '2000',
  'group.streams.initial.rebalance.delay.ms': '0',
}

for (const protocol of ['classic', 'streams'] as const) {
  test(`Kafka Streams, ${protocol} protocol`, { skip: lacking('kafka-streams') }, async (t) => {
    await t.test('word count: every count comes once, whatever is killed', (wordTest) =>
      wordCount(wordTest, protocol),
    )
    await t.test('a join and windows: state comes back from its changelogs', (salesTest) =>
      joinAndWindows(salesTest, protocol),
    )
  })
}

test('Kafka Streams, streams protocol, two instances', { skip: lacking('kafka-streams') }, async (t) => {
  await using target = await MortalTarget.start({
    ...BROKER_SETTINGS,
    'group.streams.num.standby.replicas': '1',
  })
  const client = await connectTo(target.address)
  t.after(() => client.close())
  const options = { protocol: 'streams' } as const
  await using first = startApp('word-count', target, { ...options, stateFolder: temporaryFolder(t) })

  await t.test('who lacks a source topic waits for it', async () => {
    await first.until(/MissingSourceTopic|REBALANCING/)
    await sleep(2_000)
    assert.deepEqual(await groupTypes(client), ['streams'])
    first.mustRun()
    await makeTopics(client, { [`${PREFIX}lines`]: 3, [`${PREFIX}counts`]: 2 })
  })

  await t.test('one is killed: the other goes on from its standbys, every count comes once', async () => {
    await using counts = await TopicReader.start(client, `${PREFIX}counts`)
    const lines = Array.from({ length: 6_000 }, (_, index) => lineOf(index))
    const total = lines.length * WORDS_OF_A_LINE
    const fed = feed(
      client,
      `${PREFIX}lines`,
      lines.map((value) => ({ value })),
    )
    await counts.until(total / 10, { while: () => first.mustRun() })
    await using second = startApp('word-count', target, { ...options, stateFolder: temporaryFolder(t) })
    await second.until(/RUNNING/)
    await counts.until(total / 3, { while: () => second.mustRun() })
    await first.kill()
    await fed
    await counts.until(total, { while: () => second.mustRun() })
    await second.stop()
    assertCounts(counts, lines)
  })
})

async function wordCount(wordTest: TestContext, protocol: Protocol): Promise<void> {
  await using target = await MortalTarget.start(BROKER_SETTINGS)
  const client = await connectTo(target.address)
  wordTest.after(() => client.close())
  const stateFolder = temporaryFolder(wordTest)
  await makeTopics(client, { [`${PREFIX}lines`]: 3, [`${PREFIX}counts`]: 2 })
  await using counts = await TopicReader.start(client, `${PREFIX}counts`)

  const lines = Array.from({ length: 9_000 }, (_, index) => lineOf(index))
  const total = lines.length * WORDS_OF_A_LINE
  const fed = feed(
    client,
    `${PREFIX}lines`,
    lines.map((value) => ({ value })),
  )
  {
    await using first = startApp('word-count', target, { protocol, stateFolder })
    await counts.until(total / 10, { while: () => first.mustRun() })
    await first.kill()
  }
  await using second = startApp('word-count', target, { protocol, stateFolder })
  await counts.until(total / 3, { while: () => second.mustRun() })
  await target.killAndRestart()
  await fed
  await counts.until(total, { while: () => second.mustRun() })
  await second.stop()

  assertCounts(counts, lines)
  const internal = `${PREFIX}word-count-`
  assert.equal(await topicSetting(client, `${internal}counts-changelog`, 'cleanup.policy'), 'compact')
  assert.equal(await topicSetting(client, `${internal}by-word-repartition`, 'cleanup.policy'), 'delete')
  assert.equal(await topicSetting(client, `${internal}by-word-repartition`, 'retention.ms'), '-1')
}

/** Every word has counted up from one, once each. */
function assertCounts(counts: TopicReader, lines: readonly string[]): void {
  const byWord = Map.groupBy(counts.records, ({ key }) => key)
  const expected = new Map<string, number>()
  for (const word of lines.flatMap((line) => line.split(' ')))
    expected.set(word, (expected.get(word) ?? 0) + 1)
  assert.deepEqual([...byWord.keys()].toSorted(), [...expected.keys()].toSorted())
  for (const [word, count] of expected) {
    const seen = byWord.get(word)?.map(({ value }) => Number(value))
    assert.deepEqual(
      seen,
      Array.from({ length: count }, (_, index) => index + 1),
      word,
    )
  }
}

async function joinAndWindows(salesTest: TestContext, protocol: Protocol): Promise<void> {
  await using target = await MortalTarget.start(BROKER_SETTINGS)
  const client = await connectTo(target.address)
  salesTest.after(() => client.close())
  await makeTopics(client, { [`${PREFIX}sales`]: 1, [`${PREFIX}customers`]: 1, [`${PREFIX}sums`]: 1 })
  await using sums = await TopicReader.start(client, `${PREFIX}sums`)
  await send(
    client,
    `${PREFIX}customers`,
    Array.from({ length: CUSTOMERS }, (_, customer) => ({
      key: `customer-${customer}`,
      value: regionOf(customer),
      // Before every sale: Streams takes records of several topics in the order of their time.
      timestampMs: FIRST_MS - 1,
    })),
  )
  // The first application reads half of the last window, so what it hands over is in its stores alone.
  const half = (MINUTES / 2 - 0.5) * SALES_A_MINUTE
  await send(client, `${PREFIX}sales`, sales(0, half))
  {
    await using first = startApp('sales', target, { protocol, stateFolder: temporaryFolder(salesTest) })
    await sums.until(REGIONS.length * (MINUTES / 2 - 3), { while: () => first.mustRun() })
    await first.stop()
  }
  await target.killAndRestart()
  await send(client, `${PREFIX}sales`, sales(half, MINUTES * SALES_A_MINUTE))
  // Another folder: nothing is left of the first one's stores but their changelogs.
  await using second = startApp('sales', target, { protocol, stateFolder: temporaryFolder(salesTest) })
  const closedWindows = MINUTES - 2
  await sums.until(REGIONS.length * closedWindows, { while: () => second.mustRun() })
  await second.stop()

  const expected = new Map<string, number>()
  for (let index = 0; index < closedWindows * SALES_A_MINUTE; index++) {
    const { key, amount, timestampMs } = saleOf(index)
    const window = `${regionOf(Number(key.split('-')[1]))}@${timestampMs - (timestampMs % 60_000)}`
    expected.set(window, (expected.get(window) ?? 0) + amount)
  }
  assert.equal(expected.size, REGIONS.length * closedWindows)
  assert.deepEqual(
    sums.records.map(({ key, value }) => `${key}=${value}`).toSorted(),
    [...expected].map(([window, sum]) => `${window}=${sum}`).toSorted(),
  )
  const internal = `${PREFIX}sales-`
  const policy = await topicSetting(client, `${internal}sums-changelog`, 'cleanup.policy')
  assert.deepEqual(policy?.split(',').toSorted(), ['compact', 'delete'])
  assert.equal(await topicSetting(client, `${internal}customers-changelog`, 'cleanup.policy'), 'compact')
}

async function groupTypes(client: LogClient): Promise<string[]> {
  const groups = await listGroups(client)
  return groups.map(({ type }) => type.toLowerCase())
}

function startApp(
  name: 'word-count' | 'sales',
  target: MortalTarget,
  { protocol, stateFolder }: { readonly protocol: Protocol; readonly stateFolder: string },
): FrameworkProcess {
  return new FrameworkProcess({
    command: 'java',
    args: [
      ...['-Xmx512m', '-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error'],
      ...['-cp', classPath(paths.kafkaStreamsLibs, paths.kafkaStreamsClasses), 'StreamsApps'],
      ...[name, target.address, PREFIX, stateFolder, protocol],
    ],
  })
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'streams-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const WORDS_OF_A_LINE = 4

/** Few words that come often, and some that come seldom. */
function lineOf(index: number): string {
  return [index % 3, (index * 7) % 23, (index * 31) % 101, (index * 13) % 997]
    .map((number, column) => `${'abcd'[column]}${number}`)
    .join(' ')
}

const REGIONS = ['north', 'east', 'south', 'west'] as const
const CUSTOMERS = 40
const MINUTES = 20
const SALES_A_MINUTE = 600
const FIRST_MS = Date.UTC(2026, 0, 1)

function regionOf(customer: number): string {
  return REGIONS[customer % REGIONS.length] ?? ''
}

function saleOf(index: number): { key: string; amount: number; timestampMs: number } {
  const timestampMs = FIRST_MS + Math.floor((index * 60_000) / SALES_A_MINUTE)
  return { key: `customer-${(index * 17) % CUSTOMERS}`, amount: 1 + (index % 10), timestampMs }
}

function sales(from: number, to: number): FedRecord[] {
  return Array.from({ length: to - from }, (_, offset) => {
    const { key, amount, timestampMs } = saleOf(from + offset)
    return { key, value: String(amount), timestampMs }
  })
}
