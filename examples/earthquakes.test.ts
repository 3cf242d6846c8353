/** The main job's answers against a plain batch computation over the same data, also through a kill -9 and a rescale. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runJob, startLog, type RunningLog } from 'millrace'
import { listOffsets } from '../src/log/client/admin.ts'
import { connectClient, type LogClient } from '../src/log/client/client.ts'
import { Fetcher, forEachFetchedRecord } from '../src/log/client/fetcher.ts'
import { offsetFetch } from '../src/log/client/group-admin.ts'
import { nodeWorld } from '../src/world/node.ts'
import type { Activity, Alert, Quake } from './earthquakes.ts'
import { expectedResults } from './earthquakes/batch-for-tests.ts'
import { feedQuakes, readQuakes } from './earthquakes/feed.ts'

const EVENTS = 1707
const jobModule = new URL('./earthquakes.ts', import.meta.url)
const command = fileURLToPath(new URL('../src/cli/bin.ts', import.meta.url))
const expected = expectedResults()

interface Setting {
  readonly folder: string
  readonly log: RunningLog
  readonly client: LogClient
}

async function withLog(work: (setting: Setting) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-earthquakes-test-'))
  try {
    await using log = await startLog({
      dataPath: join(folder, 'log'),
      listen: { host: '127.0.0.1', port: 0 },
    })
    const client = await connectClient({ world: nodeWorld(), bootstrap: log.bootstrap })
    try {
      await work({ folder, log, client })
    } finally {
      await client.close()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20))
}

/** How many reports are part of a checkpoint that is complete. */
async function reportsDone(client: LogClient): Promise<number> {
  const committed = await offsetFetch(client, 'millrace.earthquakes.quakes')
  return committed.reduce((sum, one) => sum + one.offset, 0)
}

/** All committed records of a topic, as JSON. */
async function readTopic<T>(client: LogClient, topic: string): Promise<T[]> {
  const { partitions } = await client.topic(topic)
  const query = partitions.map(({ partition }) => ({ topic, partition, at: 'latest' as const }))
  const ends = await listOffsets(client, query, { isolation: 'read_committed' })
  const unread = new Map(ends.filter((end) => end.offset > 0).map((end) => [end.partition, end.offset]))
  const fetcher = new Fetcher(client, { isolation: 'read_committed' })
  fetcher.assign([...unread.keys()].map((partition) => ({ topic, partition, offset: 0 })))
  const values: T[] = []
  while (unread.size > 0) {
    const fetched = await fetcher.poll()
    assert.ok(fetched !== undefined)
    forEachFetchedRecord(
      fetched,
      (cursor) => void values.push(JSON.parse(cursor.value()?.toString() ?? '') as T),
    )
    if (fetched.nextOffset >= (unread.get(fetched.partition) ?? 0)) unread.delete(fetched.partition)
  }
  fetcher.close()
  return values
}

const idsOf = (quakes: readonly Quake[]): string[] => quakes.map((quake) => quake.id).sort()
const sorted = (values: readonly object[]): string[] =>
  values.map((value) => JSON.stringify(Object.entries(value).sort())).sort()

async function checkAnswers(client: LogClient): Promise<void> {
  const results = await readTopic<Activity>(client, 'quake-activity')
  const windows = new Map<string, { quakes: number; strongest: number }>()
  for (const { key, windowStart, windowEnd, quakes, strongest } of results) {
    assert.equal(windowEnd - windowStart, 6 * 3_600_000)
    const before = windows.get(`${key}/${windowStart}`)
    assert.ok(quakes > (before?.quakes ?? 0), 'a later result corrects an earlier one by more quakes')
    windows.set(`${key}/${windowStart}`, { quakes, strongest })
  }
  assert.deepEqual(
    new Map([...windows].sort()),
    new Map([...expected.windows].sort()),
    'the last result of every window is that of all quakes that were in time for it',
  )
  const late = await readTopic<Quake>(client, 'quakes-late')
  assert.deepEqual(idsOf(late), [...expected.late].sort())
  const lateForAlerts = await readTopic<Quake>(client, 'quake-alerts-late')
  assert.deepEqual(idsOf(lateForAlerts), [...expected.lateForAlerts].sort())
  const alerts = await readTopic<Alert>(client, 'quake-alerts')
  assert.deepEqual(sorted(alerts), sorted(expected.alerts))
  assert.equal(results.length, 2431, 'how often windows were told is the same in every run')
}

describe('a week of earthquakes', () => {
  it('is what the batch computation takes it for', () => {
    const kinds = Object.groupBy(expected.alerts as readonly Alert[], (alert) => alert.kind)
    assert.deepEqual(
      {
        events: readQuakes().length,
        ignored: expected.ignored,
        onTime: EVENTS - expected.ignored - expected.late.length,
        late: expected.late.length,
        lateForAlerts: expected.lateForAlerts.length,
        alerts: [kinds.swarm?.length, kinds['swarm-over']?.length, kinds.aftershock?.length],
      },
      { events: EVENTS, ignored: 28, onTime: 1637, late: 42, lateForAlerts: 230, alerts: [2, 1, 17] },
    )
  })

  it('is answered as a batch computation does', async () => {
    await withLog(async ({ folder, log, client }) => {
      const run = await runJob(jobModule, {
        log,
        checkpoint: { intervalMs: 50, path: join(folder, 'checkpoints') },
      })
      assert.equal(await feedQuakes({ bootstrap: log.bootstrap, speed: Infinity }), EVENTS)
      await eventually(async () => (await reportsDone(client)) === EVENTS)
      const { steps } = run.metrics()
      const eventsIn = (name: string): number => steps.find((step) => step.name === name)?.eventsIn ?? 0
      const ignored = steps.reduce((sum, step) => sum + (step.counters['filtered'] ?? 0), 0)
      assert.deepEqual([eventsIn('quakes'), eventsIn('activity'), ignored], [EVENTS, 1679, 28])
      assert.equal(steps.find((step) => step.name === 'activity')?.counters['late'], 42)
      await run.stop()
      await checkAnswers(client)
    })
  })

  it('has the same answers when the job is killed in the middle and goes on with parallelism 2', async () => {
    await withLog(async ({ folder, log, client }) => {
      const quakes = readQuakes()
      const feed = { bootstrap: log.bootstrap, speed: Infinity }
      const data = join(folder, 'job')
      const args = ['run', fileURLToPath(jobModule), '--kafka', log.bootstrap, '--data', data, '--no-http']
      const job = spawn(
        process.execPath,
        ['--conditions=millrace-source', command, ...args, '--checkpoint-interval', '20'],
        { stdio: 'ignore' },
      )
      const ended = new Promise((resolve) => job.on('exit', (_, signal) => resolve(signal)))
      await feedQuakes({ ...feed, quakes: quakes.slice(0, 900) })
      await eventually(async () => (await reportsDone(client)) > 0)
      job.kill('SIGKILL')
      assert.equal(await ended, 'SIGKILL')

      await using run = await runJob(jobModule, {
        log,
        parallelism: 2,
        checkpoint: { intervalMs: 50, path: join(data, 'checkpoints') },
      })
      await feedQuakes({ ...feed, quakes: quakes.slice(900) })
      await eventually(async () => (await reportsDone(client)) === EVENTS)
      await run.stop()
      await checkAnswers(client)
    })
  })
})
