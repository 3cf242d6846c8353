import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import {
  collect,
  count,
  fromAsyncIterable,
  generator,
  job,
  pushSource,
  runJob,
  tumbling,
  value,
  type Committable,
  type Job,
  type JsonValue,
  type RunJobOptions,
  type Sink,
  type SinkWriter,
} from '../../index.ts'
import type { EventBatch } from '../operators/operator.ts'

const root = mkdtempSync(join(tmpdir(), 'millrace-run-job-'))
after(() => rmSync(root, { recursive: true }))

let directories = 0
const directory = (): string => join(root, `${directories++}`)

const fast: RunJobOptions = {
  checkpoint: { intervalMs: 5, minPauseMs: 1 },
  restart: { backoffMs: 1, limit: 5 },
}

/** Numbers 0 … count − 1, each with its running number within its key. */
function numbers(
  count: number,
  sink: Sink<string>,
  options: { readonly ratePerSecond?: number; readonly step?: string } = {},
): Job {
  return job('numbers', (flow) => {
    flow
      .source('in', generator({ count, splits: 2, batchSize: 64, generate: (i) => i, ...options }))
      .keyBy((i) => i % 7)
      .process(options.step ?? 'numbered', {
        state: { n: value<number>() },
        onEvent(i, { state }) {
          const n = (state.n.get() ?? 0) + 1
          state.n.set(n)
          return [`${i % 7}#${n}`]
        },
      })
      .sink('out', sink)
  })
}

function expected(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${i % 7}#${Math.floor(i / 7) + 1}`).sort()
}

/** A transactional target outside the job, which fails where it is told to. */
class ModelTarget implements Sink<string> {
  readonly kind = 'model'
  readonly guarantee = 'exactly-once'
  readonly visible: string[] = []
  readonly #transactions = new Map<string, readonly string[]>()
  readonly #failAt: Readonly<Record<string, number>>
  readonly #calls: Record<string, number> = {}
  #transactionIds = 0
  readonly failedAt: string[] = []

  /** For each point of the protocol, at which of its visits the target fails. */
  constructor(failAt: Readonly<Record<string, number>> = {}) {
    this.#failAt = failAt
  }

  createWriter(): SinkWriter<string> {
    let buffer: string[] = []
    let prepared: { readonly checkpointId: number; readonly id: string }[] = []
    return {
      recover: (restored: readonly Committable[]) => {
        this.#point('before recover')
        const ids = new Set(restored.map(({ data }) => data as string))
        for (const id of ids) this.#commit(id)
        this.#point('after recover')
        return Promise.resolve()
      },
      write: (batch: EventBatch<string>) => {
        this.#point('write')
        buffer.push(...batch.values)
      },
      blocked: () => undefined,
      prepareCommit: async (checkpointId: number): Promise<JsonValue | undefined> => {
        this.#point('cut')
        const values = buffer
        buffer = []
        await Promise.resolve()
        this.#point('before prepared')
        const id = `${this.#transactionIds++}`
        this.#transactions.set(id, values)
        prepared.push({ checkpointId, id })
        this.#point('after prepared')
        return id
      },
      commit: async (checkpointId: number) => {
        this.#point('before commit')
        await Promise.resolve()
        for (const { checkpointId: of, id } of prepared) {
          if (of > checkpointId) continue
          this.#commit(id)
          this.#point('inside commit')
        }
        prepared = prepared.filter(({ checkpointId: of }) => of > checkpointId)
        this.#point('after commit')
      },
      close: () => Promise.resolve(),
    }
  }

  #commit(id: string): void {
    this.visible.push(...(this.#transactions.get(id) ?? []))
    this.#transactions.delete(id)
  }

  #point(name: string): void {
    this.#calls[name] = (this.#calls[name] ?? 0) + 1
    if (this.#calls[name] !== this.#failAt[name]) return
    this.failedAt.push(name)
    throw new Error(`the target fails ${name}`)
  }
}

test('a bounded job finishes, with all its output once and its figures', async () => {
  const run = await runJob(numbers(5000, collect()), fast)
  const output: string[] = []
  for await (const event of run.output<string>('out')) output.push(event)
  await run.ended
  assert.deepEqual(output.sort(), expected(5000))
  assert.equal(run.status, 'finished')
  const metrics = run.metrics()
  const step = metrics.steps.find(({ name }) => name === 'numbered')
  assert.equal(step?.eventsIn, 5000)
  assert.equal(step?.gauges['stateEntries'], 7)
  assert.ok(metrics.checkpoints.completed >= 1)
  assert.throws(() => run.output('nothing'), /MR_OUTPUT_UNKNOWN.*Its outputs are: out/)
  await assert.rejects(run.savepoint(directory()), /MR_JOB_NOT_RUNNING/)
})

test('a crash at every point of the commit protocol leaves each event once', async () => {
  const points = [
    'write',
    'cut',
    'before prepared',
    'after prepared',
    'before commit',
    'inside commit',
    'after commit',
  ]
  for (const point of [...points, 'before recover', 'after recover']) {
    for (const parallelism of [1, 2]) {
      for (const visit of parallelism === 1 ? [1, 5] : [2]) {
        // The first start recovers nothing; failing there is told to who starts the job.
        const failAt = point.endsWith('recover') ? { write: 9, [point]: parallelism + 1 } : { [point]: visit }
        const target = new ModelTarget(failAt)
        const checkpoint = { intervalMs: 2, minPauseMs: 1, ...(visit === 2 ? { path: directory() } : {}) }
        const run = await runJob(numbers(2000, target, { ratePerSecond: 150_000 }), {
          ...fast,
          parallelism,
          checkpoint,
        })
        await run.ended
        const where = `${target.failedAt.join(', then ')}, visit ${visit}, parallelism ${parallelism}`
        assert.deepEqual(target.visible.sort(), expected(2000), where)
        assert.ok(target.failedAt.includes(point) || visit > 1, `never failed at ${point}`)
      }
    }
  }
})

test('a job goes on from its last checkpoint in another process, at another parallelism', async () => {
  const path = directory()
  const target = new ModelTarget()
  let poisoned = true
  const poison = (parallelism: number): Job =>
    job('poisoned', (flow) => {
      flow
        .source(
          'in',
          generator({ count: 4000, splits: 3, batchSize: 50, ratePerSecond: 40_000, generate: (i) => i }),
        )
        .map((i) => {
          if (poisoned && i === 500 + 1000 * parallelism) throw new Error('poison')
          return i
        })
        .keyBy((i) => i % 7)
        .process('numbered', {
          state: { n: value<number>() },
          onEvent(_, { key, state }) {
            state.n.set((state.n.get() ?? 0) + 1)
            return [`${key}#${state.n.get()}`]
          },
        })
        .sink('out', target)
    })
  const options: RunJobOptions = { checkpoint: { intervalMs: 5, minPauseMs: 1, path }, restart: { limit: 0 } }
  for (const parallelism of [1, 3]) {
    const run = await runJob(poison(parallelism), { ...options, parallelism })
    await assert.rejects(run.ended, /MR_USER_FUNCTION.*poison/)
    assert.equal(run.status, 'failed')
  }
  poisoned = false
  const run = await runJob(poison(2), { ...options, parallelism: 2 })
  await run.ended
  assert.deepEqual(target.visible.sort(), expected(4000))
})

test('a savepoint begins another job, if its state fits', async () => {
  const target = new ModelTarget()
  const savepoint = directory()
  const run = await runJob(numbers(1_000_000, target, { ratePerSecond: 50_000 }), { ...fast, parallelism: 2 })
  while (run.metrics().checkpoints.completed < 3) await new Promise((resolve) => setTimeout(resolve, 2))
  await run.savepoint(directory())
  await run.stop({ savepoint })
  assert.equal(run.status, 'stopped')
  const until = target.visible.length
  assert.ok(until > 0)
  await assert.rejects(
    runJob(numbers(until + 100, target, { step: 'renamed' }), { ...fast, from: savepoint }),
    /MR_SAVEPOINT_MISFIT.*step "numbered" is not in the job/,
  )
  await assert.rejects(
    runJob(numbers(1, target), { ...fast, from: savepoint, maxParallelism: 64 }),
    /MR_SAVEPOINT_MISFIT.*128 key groups/,
  )
  const again = { ...fast, checkpoint: { intervalMs: 5, path: directory() }, from: savepoint, parallelism: 3 }
  // Further than either of the splits can have come.
  const end = until + 40_000
  for (const count of [until + 20_000, end]) {
    // The second time it goes on from where the first one came to.
    const next = await runJob(numbers(count, target), again)
    await next.ended
  }
  assert.deepEqual(target.visible.toSorted().slice(0, 5), expected(end).slice(0, 5))
  assert.equal(new Set(target.visible).size, target.visible.length)
  assert.equal(target.visible.length, end)
  const dropped = await runJob(numbers(until, new ModelTarget(), { step: 'renamed' }), {
    ...fast,
    from: savepoint,
    allowDroppedState: true,
  })
  await dropped.ended
})

test('a job whose output nobody reads comes to a halt, and stops when asked to', async () => {
  const abort = new AbortController()
  const run = await runJob(numbers(10_000_000, collect()), {
    ...fast,
    outputCapacity: 200,
    signal: abort.signal,
  })
  while (run.metrics().subtasks[0]!.blockedMs < 20) await new Promise((resolve) => setTimeout(resolve, 5))
  const { eventsIn } = run.metrics().steps.find(({ name }) => name === 'out')!
  assert.ok(eventsIn < 5_000_000, `${eventsIn} events were taken`)
  abort.abort()
  await run.ended
  assert.equal(run.status, 'stopped')
})

test('frames that are larger than the ring between subtasks get through', async () => {
  const run = await runJob(numbers(20_000, collect()), {
    ...fast,
    parallelism: 2,
    ringBytes: 1024,
    outputCapacity: 50_000,
  })
  const output: string[] = []
  for await (const event of run.output<string>('out')) output.push(event)
  assert.deepEqual(output.sort(), expected(20_000))
})

test('events can be pushed and pulled in by the program', async () => {
  const pushed = pushSource<number>({ capacity: 4 })
  const both = job('both', (flow) => {
    const pulled = flow.source(
      'pulled',
      fromAsyncIterable(async function* () {
        for (let i = 0; i < 100; i++) yield await Promise.resolve(i)
      }),
    )
    flow
      .source('pushed', pushed)
      .union(pulled)
      .sink('out', collect({ visible: 'at-once' }))
  })
  await using run = await runJob(both)
  for (let i = 100; i < 200; i++) await pushed.push(i)
  assert.ok(pushed.waiting <= 4)
  pushed.end()
  await assert.rejects(pushed.push(1), /MR_SOURCE_ENDED/)
  const output: number[] = []
  for await (const event of run.output<number>('out')) output.push(event)
  assert.deepEqual(
    output.sort((a, b) => a - b),
    Array.from({ length: 200 }, (_, i) => i),
  )
})

test('a job that never works fails after its restarts', async () => {
  const never = job('never', (flow) => {
    flow
      .source('in', generator({ count: 10, generate: (i) => i }))
      .map((i): number => {
        throw new Error(`no ${i}`)
      })
      .sink('out', collect())
  })
  const run = await runJob(never, { restart: { limit: 2, backoffMs: 1 } })
  await assert.rejects(run.ended, /MR_USER_FUNCTION.*no 0/)
  assert.equal(run.metrics().restarts, 2)
  assert.match(run.metrics().lastError ?? '', /no 0/)
})

const counting = new URL('./counting-job-for-tests.ts', import.meta.url)

test('a job in worker threads survives the death of one', async () => {
  const trap = join(root, 'trap')
  writeFileSync(trap, '')
  process.env['MILLRACE_TEST_TRAP'] = trap
  const run = await runJob(counting, {
    parallelism: 2,
    checkpoint: { intervalMs: 20 },
    restart: { backoffMs: 1 },
  })
  const counts = new Map<string, number>()
  for await (const { key, windowStart, n } of run.output<{ key: string; windowStart: number; n: number }>(
    'out',
  )) {
    assert.equal(counts.has(`${key} ${windowStart}`), false, 'each window once')
    counts.set(`${key} ${windowStart}`, n)
  }
  await run.ended
  delete process.env['MILLRACE_TEST_TRAP']
  assert.equal(existsSync(trap), false)
  assert.match(run.metrics().lastError ?? '', /MR_WORKER_DIED.*exit code 7/)
  assert.equal(counts.size, 1000)
  assert.ok([...counts.values()].every((n) => n === 20))
})

test('a module that is no job is refused', async () => {
  await assert.rejects(runJob(new URL('./ring.ts', import.meta.url)), /MR_JOB_MODULE.*does not export a job/)
  await assert.rejects(runJob(new URL('./nowhere.ts', import.meta.url)), /MR_JOB_MODULE/)
})

test('windows of two jobs at once do not meet', async () => {
  const make = (name: string): Job =>
    job(name, (flow) => {
      flow
        .source('in', generator({ count: 1000, generate: (i) => i }))
        .eventTime({ at: (i) => i })
        .keyBy(() => 'all')
        .window(tumbling({ sizeMs: 100 }))
        .aggregate('counts', { n: count() })
        .sink('out', collect())
    })
  const runs = await Promise.all([runJob(make('one'), fast), runJob(make('two'), fast)])
  for (const run of runs) {
    let windows = 0
    for await (const _ of run.output('out')) windows++
    assert.equal(windows, 10)
    await run.ended
  }
})
