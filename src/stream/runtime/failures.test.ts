import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { collect, generator, job, runJob, type Job, type Sink, type SinkWriter } from '../../index.ts'
import { nodeWorld } from '../../world/node.ts'
import type { World } from '../../world/world.ts'

const root = mkdtempSync(join(tmpdir(), 'millrace-failures-'))
after(() => rmSync(root, { recursive: true }))

/** A sink that does nothing but what a test gives it to do. */
function sinkOf(createWriter: (subtask: number) => Partial<SinkWriter<unknown>>): Sink<unknown> {
  const nothing: SinkWriter<unknown> = {
    recover: () => Promise.resolve(),
    write: () => {},
    blocked: () => undefined,
    prepareCommit: () => Promise.resolve('prepared'),
    commit: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
  return {
    kind: 'test',
    guarantee: 'exactly-once',
    createWriter: ({ subtask }) => ({ ...nothing, ...createWriter(subtask) }),
  }
}

function numbersTo(sink: Sink<unknown>, options: { count?: number; ratePerSecond?: number } = {}): Job {
  return job('numbers', (flow) => {
    flow.source('in', generator({ count: 1000, splits: 2, generate: (i) => i, ...options })).sink('out', sink)
  })
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

test('a commit that takes longer than the next checkpoint is not joined by a second one', async () => {
  let under = 0
  let most = 0
  const commits: number[] = []
  const slow = sinkOf(() => ({
    async commit(checkpointId) {
      most = Math.max(most, ++under)
      await pause(8)
      under--
      commits.push(checkpointId)
    },
  }))
  const run = await runJob(numbersTo(slow, { ratePerSecond: 20_000 }), {
    checkpoint: { intervalMs: 2, minPauseMs: 0 },
  })
  await run.ended
  assert.equal(most, 1)
  assert.ok(commits.length > 2)
  assert.deepEqual(
    commits,
    commits.toSorted((a, b) => a - b),
  )
})

test('a sink that waits for what then fails fails the job, also when there are no checkpoints', async () => {
  let attempts = 0
  const stuck = sinkOf(() => {
    const waiting = attempts++ === 0 ? Promise.reject(new Error('the target is gone')) : undefined
    waiting?.catch(() => {})
    return { blocked: () => waiting }
  })
  const run = await runJob(numbersTo(stuck), { checkpoint: false, restart: { backoffMs: 1 } })
  await run.ended
  assert.match(run.metrics().lastError ?? '', /MR_JOB_FAILED.*the target is gone/)
})

test('a sink that cannot prepare while others still wait for barriers costs a restart, not the process', async () => {
  let failed = false
  const failing = sinkOf((subtask) => ({
    prepareCommit() {
      if (failed || subtask === 1) return Promise.resolve(undefined)
      failed = true
      return Promise.reject(new Error('it does not flush'))
    },
  }))
  const both = job('both', (flow) => {
    const numbers = flow.source(
      'in',
      generator({ count: 4000, splits: 2, ratePerSecond: 100_000, generate: (i) => i }),
    )
    numbers.sink('before', failing)
    numbers
      .keyBy((i) => i % 7)
      .process('same', { onEvent: (i) => [i] })
      .sink('behind', collect())
  })
  const run = await runJob(both, {
    parallelism: 2,
    checkpoint: { intervalMs: 2, minPauseMs: 1 },
    restart: { backoffMs: 1 },
  })
  let count = 0
  for await (const _ of run.output('behind')) count++
  await run.ended
  assert.equal(count, 4000)
  assert.match(run.metrics().lastError ?? '', /it does not flush/)
})

test('what cannot be written is the sink’s failure, not that of the step before it', async () => {
  const picky = sinkOf(() => ({
    write() {
      throw new TypeError('no such field')
    },
  }))
  const many = job('many', (flow) => {
    flow
      .source('in', generator({ count: 2000, batchSize: 2000, generate: (i) => i }))
      .keyBy((i) => i % 7)
      .process('innocent', { onEvent: (i) => [i] })
      .sink('picky', picky)
  })
  const run = await runJob(many, { restart: { limit: 0 } })
  await assert.rejects(run.ended, /MR_SINK_WRITE.*step picky.*no such field/)
})

test('a job that has ended can be stopped, but not for a savepoint', async () => {
  const run = await runJob(numbersTo(sinkOf(() => ({}))))
  await run.ended
  await run.stop()
  await assert.rejects(run.stop({ savepoint: join(root, 'never') }), /MR_JOB_NOT_RUNNING/)
})

test('a job that cannot be stopped with a savepoint goes on', async () => {
  writeFileSync(join(root, 'a-file'), '')
  const endless = numbersTo(
    sinkOf(() => ({})),
    { count: 1e9, ratePerSecond: 1000 },
  )
  const run = await runJob(endless, { checkpoint: { intervalMs: 5 }, restart: { backoffMs: 1 } })
  await assert.rejects(run.stop({ savepoint: join(root, 'a-file', 'below') }))
  const { completed } = run.metrics().checkpoints
  while (run.metrics().checkpoints.completed === completed) await pause(2)
  assert.equal(run.status, 'running')
  await run.stop({ savepoint: join(root, 'good') })
  assert.equal(run.status, 'stopped')
})

const inWorkers = new URL('./failing-job-for-tests.ts', import.meta.url)

/** Counts the workers that did not end by themselves. */
function watchedWorld(): { readonly world: World; readonly terminated: () => number } {
  const world = nodeWorld()
  let terminated = 0
  const workers = Object.assign(Object.create(world.workers) as typeof world.workers, {
    spawn: (options: Parameters<typeof world.workers.spawn>[0]) => {
      const worker = world.workers.spawn(options)
      return {
        ...worker,
        terminate: () => {
          terminated++
          return worker.terminate()
        },
      }
    },
  })
  return { world: { ...world, workers }, terminated: () => terminated }
}

test('a worker that ends in good order before the job does has failed', async () => {
  const trap = join(root, 'exit')
  writeFileSync(trap, 'exit')
  process.env['MILLRACE_TEST_FAILURE'] = trap
  const run = await runJob(inWorkers, { restart: { backoffMs: 1 } })
  let count = 0
  for await (const _ of run.output('out')) count++
  await run.ended
  delete process.env['MILLRACE_TEST_FAILURE']
  assert.match(run.metrics().lastError ?? '', /MR_WORKER_DIED.*ended before the job did/)
  assert.equal(count, 1000)
})

test('workers of a job that cannot be opened everywhere close what they opened', async () => {
  const trap = join(root, 'open')
  writeFileSync(trap, 'open')
  process.env['MILLRACE_TEST_FAILURE'] = trap
  const { world, terminated } = watchedWorld()
  await assert.rejects(runJob(inWorkers, { world, parallelism: 2 }), /subtask 1 cannot be opened/)
  delete process.env['MILLRACE_TEST_FAILURE']
  assert.equal(terminated(), 0)
})
