import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  collect,
  count,
  generator,
  job,
  map,
  session,
  sliding,
  sum,
  tumbling,
  value,
  type Job,
} from '../index.ts'
import { goldenJob } from './golden-job.ts'
import { testJob } from './test-job.ts'

interface Reading {
  readonly sensor: string
  readonly celsius: number
  readonly at: number
}

const anything = generator<Reading>({ generate: (i) => ({ sensor: 's', celsius: i, at: i }) })

/** Windows with late output, a keyed process with state and timers, and a union of two sources. */
function everyStep(): Job {
  return job('every-step', (flow) => {
    const first = flow.source('first', anything).eventTime({ at: (r) => r.at, outOfOrdernessMs: 10 })
    const second = flow.source('second', anything).eventTime({ at: (r) => r.at, outOfOrdernessMs: 10 })
    const bySensor = first
      .union(second)
      .filter((r) => r.celsius >= 0)
      .keyBy((r) => r.sensor)
    const windows = bySensor
      .window(tumbling({ sizeMs: 100 }), { allowedLatenessMs: 20 })
      .aggregate('windows', { n: count(), total: sum((r) => r.celsius) })
    windows.sink('windows-out', collect())
    windows.late.sink('late', collect())
    bySensor
      .window(sliding({ sizeMs: 100, slideMs: 50 }))
      .aggregate('slides', { n: count() })
      .sink('slides-out', collect())
    bySensor
      .window(session({ gapMs: 60 }))
      .reduce('sessions', (a, b) => (a.celsius > b.celsius ? a : b))
      .sink('sessions-out', collect())
    const silent = bySensor.process('silence', {
      state: { last: value<number>(), seen: map<string, number>() },
      onEvent(reading, { state, timers }) {
        timers.delete('event', (state.last.get() ?? -1) + 200)
        state.last.set(reading.at)
        state.seen.set(`${reading.at % 2}`, (state.seen.get(`${reading.at % 2}`) ?? 0) + 1)
        timers.register('event', reading.at + 200)
      },
      onTimer(timer, { key, state }) {
        return [{ key, silentSince: state.last.get(), seen: state.seen.entries(), at: timer.timeMs }]
      },
    })
    silent.sink('silent', collect())
    silent
      .keyBy((s) => s.key)
      .reduce('latest', (_, b) => b)
      .sink('latest-out', collect())
  })
}

const reading = (sensor: string, at: number, celsius = at % 10): Reading => ({ sensor, celsius, at })

test('a job of every step gives the same whatever happens on the way', async () => {
  const output = await goldenJob({
    job: everyStep,
    test: { splits: { first: 2 } },
    sinks: ['windows-out', 'late', 'slides-out', 'sessions-out', 'silent', 'latest-out'],
    script: [
      (t) =>
        t.send(
          'first',
          ['a', 'b', 'c', 'd', 'e'].map((sensor, i) => reading(sensor, 10 + i)),
        ),
      (t) => t.send('first', [reading('a', 95), reading('b', 130), reading('c', 160)], { split: 1 }),
      (t) => t.send('second', [reading('a', 190), reading('e', 230), reading('f', 20)]),
      (t) => t.send('first', [reading('a', 390), reading('b', 420), reading('c', -1, -5)]),
      (t) => t.send('first', [reading('d', 400)], { split: 1 }),
      (t) => t.send('second', [reading('a', 900), reading('a', 30)]),
      (t) => t.end(),
    ],
    parallelisms: [1, 3],
  })
  assert.equal(output['late']?.length, 1)
  assert.ok(output['silent']!.length >= 6)
  assert.ok(output['windows-out']!.length > 6)
})

test('outputs, state, watermarks and time are there to be looked at', async () => {
  const plain = job('plain', (flow) => {
    flow
      .source('in', anything)
      .eventTime({ at: (r) => r.at, idleAfterMs: 1000 })
      .keyBy((r) => r.sensor)
      .process('sums', {
        state: { total: value<number>() },
        onEvent(r, { state, timers, nowMs }) {
          state.total.set((state.total.get() ?? 0) + r.celsius)
          timers.register('processing', nowMs() + 500)
        },
        onTimer: (_, { key, state }) => [`${key}: ${state.total.get()}`],
      })
      .sink('out', collect())
  })
  await using t = await testJob(plain, { splits: { in: 2 } })
  await t.send('in', [reading('a', 10, 1), reading('a', 20, 2), reading('b', 15, 5)])
  assert.deepEqual([...t.state('sums', 'total')].sort(), [
    ['a', 3],
    ['b', 5],
  ])
  assert.equal(t.watermark('sums'), undefined)
  assert.deepEqual(
    t.metrics('in.event-time').splits.map(({ split, holdsBack }) => [split, holdsBack]),
    [
      ['0', false],
      ['1', true],
    ],
  )
  await t.advance(499)
  assert.deepEqual(t.output('out'), [])
  await t.advance(1)
  assert.deepEqual(t.output('out').toSorted(), ['a: 3', 'b: 5'])
  await t.advance(500)
  assert.equal(t.watermark('sums'), 19, 'split 1 has become idle')
  assert.deepEqual(t.committed('out'), [])
  await t.checkpoint()
  assert.equal(t.committed('out').length, 2)
})

test('an error of a step names it', async () => {
  const broken = job('broken', (flow) => {
    flow
      .source('in', anything)
      .map((r) => r.sensor.length.toFixed(200))
      .sink('out', collect())
  })
  const t = await testJob(broken)
  await assert.rejects(t.send('in', [reading('a', 1)]), /MR_USER_FUNCTION.*step map-1/)
  await t[Symbol.asyncDispose]()
})
