import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  collect,
  count,
  generator,
  job,
  max,
  mean,
  min,
  randomAt,
  runJob,
  sliding,
  sum,
  tumbling,
  type Job,
  type WindowAssigner,
} from '../../index.ts'
import { createCombiner } from '../operators/windows/create-combiner.ts'
import { WATERMARK_START, type EventBatch, type Key, type PartialAggregates } from '../operators/operator.ts'
import { keyGroupOf, subtaskOfKeyGroup } from '../state/key-group.ts'
import { createExchangeMemory, ExchangePort, LocalBells } from './exchange-port.ts'
import { ExchangeWriter } from './exchange-writer.ts'
import { Gate } from './gate.ts'

interface Reading {
  readonly sensor: Key
  readonly n: number
  readonly at: number
}

/** Out of order by up to 40 ms, of which 20 are allowed for; some much later. */
function readingOf(i: number): Reading {
  const late = randomAt(i, 1) < 0.02 ? 500 : 0
  const sensor = Math.floor(randomAt(i, 2) * 40)
  return {
    sensor: sensor % 2 === 0 ? sensor : `sensor ${sensor}`,
    n: Math.floor(randomAt(i, 3) * 1000) - 500,
    at: Math.max(0, i - Math.floor(randomAt(i, 4) * 40) - late),
  }
}

function counting(windows: WindowAssigner, allowedLatenessMs: number): Job {
  return job('counting', (flow) => {
    const counts = flow
      .source('in', generator({ count: 5000, batchSize: 100, generate: readingOf }))
      .eventTime({ at: ({ at }) => at, outOfOrdernessMs: 20, everyMs: 50 })
      .keyBy(({ sensor }) => sensor)
      .window(windows, { allowedLatenessMs })
      .aggregate('counts', {
        events: count(),
        total: sum((r: Reading) => r.n),
        least: min((r: Reading) => r.n),
        most: max((r: Reading) => r.n),
        average: mean((r: Reading) => r.n),
      })
    counts.sink('out', collect())
    counts.late.sink('late', collect())
  })
}

async function resultsOf(made: Job, parallelism: number): Promise<{ out: string[]; late: string[] }> {
  const run = await runJob(made, { parallelism, checkpoint: { intervalMs: 5 }, outputCapacity: 100_000 })
  const read = async (sink: string): Promise<string[]> => {
    const lines: string[] = []
    for await (const value of run.output(sink)) lines.push(JSON.stringify(value))
    return lines.sort()
  }
  const [out, late] = await Promise.all([read('out'), read('late')])
  await run.ended
  assert.equal(run.metrics().steps.find(({ name }) => name === 'counts')?.eventsIn, 5000)
  return { out, late }
}

for (const [name, windows] of [
  ['tumbling', tumbling({ sizeMs: 100 })],
  ['sliding', sliding({ sizeMs: 100, slideMs: 30 })],
  ['hopping', sliding({ sizeMs: 50, slideMs: 80 })],
] as const) {
  test(`${name} windows give the same whether events were combined on their way or not`, async () => {
    for (const allowedLatenessMs of [0, 300]) {
      const alone = await resultsOf(counting(windows, allowedLatenessMs), 1)
      const combined = await resultsOf(counting(windows, allowedLatenessMs), 3)
      assert.ok(alone.late.length > 0)
      assert.deepEqual(combined.late, alone.late)
      assert.deepEqual(combined.out, alone.out)
    }
  })
}

test('a function that throws while events are combined is named as the window’s', async () => {
  const failing = job('failing', (flow) => {
    flow
      .source('in', generator({ count: 1000, splits: 2, generate: readingOf }))
      .eventTime({ at: ({ at }) => at })
      .keyBy(({ sensor }) => sensor)
      .window(tumbling({ sizeMs: 100 }))
      .aggregate('totals', {
        total: sum(() => {
          throw new Error('no number')
        }),
      })
      .sink('out', collect())
  })
  const run = await runJob(failing, { parallelism: 2, restart: { limit: 0 } })
  await assert.rejects(run.ended, /MR_USER_FUNCTION.*step totals.*aggregate function threw "no number"/)
})

/** One subtask that sends to another, with windows of 100 ms behind the exchange. */
function pair(): { readonly writer: ExchangeWriter; readonly arrived: () => string[] } {
  const memory = createExchangeMemory({ exchanges: 1, parallelism: 2 })
  const bells = new LocalBells()
  const seen: string[] = []
  const description = {
    kind: 'window',
    assigner: tumbling({ sizeMs: 100 }),
    options: {},
    logic: { kind: 'aggregate', aggregators: { n: count() } },
  } as const
  const combiner = createCombiner(description, { job: 'j', step: 's' })!
  const [writer, gate] = [0, 1].map((subtask) => {
    const port = new ExchangePort(memory, subtask, bells.of(subtask))
    const out = {
      batch: ({ keys, timestamps }: EventBatch<unknown>) => {
        for (const [i, key] of keys!.entries()) seen.push(`${key} at ${timestamps[i]}`)
      },
      partials: ({ keys, columns, sliceStart, events }: PartialAggregates) => {
        const rows = keys.map((key, i) => `${key}: ${columns[0]![i]}`)
        seen.push(`from ${sliceStart}, ${events} events: ${rows.join(', ')}`)
      },
      watermark: (watermarkMs: number) => {
        if (watermarkMs !== WATERMARK_START) seen.push(`watermark ${watermarkMs}`)
      },
      idle: () => {},
      end: () => {},
    }
    const segment = { isBlocked: () => false, alignmentChanged: () => {} }
    const receiving = new Gate({ exchange: 0, port, segment, out })
    const sending = new ExchangeWriter({
      exchange: 0,
      port,
      gate: receiving,
      maxParallelism: 128,
      exactWatermarks: false,
      combine: { step: 's', combiner },
    })
    if (subtask === 1) sending.idle(true)
    return subtask === 0 ? sending : receiving
  }) as [ExchangeWriter, Gate]
  seen.length = 0
  return {
    writer,
    arrived: () => {
      writer.flush()
      while (gate.step());
      return seen.splice(0)
    },
  }
}

/** Keys of the second of two subtasks. */
const [a, b] = Array.from({ length: 20 }, (_, i) => `k${i}`).filter(
  (key) => subtaskOfKeyGroup({ keyGroup: keyGroupOf(key, 128), parallelism: 2, maxParallelism: 128 }) === 1,
) as [string, string]

test('events of a key and slice travel as one, late ones as they are, and none are combined after idleness', () => {
  const { writer, arrived } = pair()
  const send = (...events: readonly (readonly [key: string, atMs: number])[]): string[] => {
    const keys = events.map(([key]) => key)
    writer.batch({ values: keys, timestamps: events.map(([, atMs]) => atMs), keys })
    return arrived()
  }
  assert.deepEqual(send([a, 10], [b, 20], [a, 30], [a, 110]), [
    `from 0, 3 events: ${a}: 2, ${b}: 1`,
    `from 100, 1 events: ${a}: 1`,
  ])
  writer.watermark(99)
  assert.deepEqual(send([a, 99], [a, 100], [a, 100]), [
    `from 100, 2 events: ${a}: 2`,
    `${a} at 99`,
    'watermark 99',
  ])
  writer.restoreWatermark(199)
  assert.deepEqual(send([a, 199], [b, 200]), [`from 200, 1 events: ${b}: 1`, `${a} at 199`])
  writer.idle(true)
  writer.idle(false)
  assert.deepEqual(send([a, 300], [a, 300]), [`${a} at 300`, `${a} at 300`])
})
