/**
 * Holds a job to its promise: whatever happens on the way, checkpoints, crashes, another parallelism, its output is
 * what it would have been. Runs the script once undisturbed, then once for each disturbance at each place in it.
 */
import assert from 'node:assert/strict'
import type { Job } from '../stream/graph/plan.ts'
import { testJob, type JobTest, type TestJobOptions } from './test-job.ts'

export interface GoldenJobOptions {
  /** Makes the job; called for every run. */
  readonly job: () => Job
  /** What happens, in order. Each is a place for a disturbance. Must end the sources last, for windows to close. */
  readonly script: readonly ((test: JobTest) => Promise<void>)[]
  /** The sinks to compare. */
  readonly sinks: readonly string[]
  /** Parallelisms to start with and to restore at. Default: 1, 2 and 3. */
  readonly parallelisms?: readonly number[]
  readonly test?: TestJobOptions
  /** Makes outputs comparable whose order may differ. Default: sorted as JSON. */
  readonly normalize?: (events: readonly unknown[]) => unknown
}

/** Throws an `AssertionError` that says which disturbance changed the output. Returns the undisturbed output by sink. */
export async function goldenJob(
  options: GoldenJobOptions,
): Promise<Readonly<Record<string, readonly unknown[]>>> {
  const parallelisms = options.parallelisms ?? [1, 2, 3]
  const normalize = options.normalize ?? sorted
  const golden = await play(options, parallelisms[0]!, () => Promise.resolve())
  for (const from of parallelisms) {
    for (const to of parallelisms) {
      for (let place = 0; place < options.script.length; place++) {
        for (const disturb of Object.keys(DISTURBANCES) as Disturbance[]) {
          const outputs = await play(options, from, async (test, step) => {
            if (step === place) await DISTURBANCES[disturb](test, to)
          })
          for (const sink of options.sinks) {
            const message = `${disturb} before step ${place} of the script, parallelism ${from} → ${to}, sink ${sink}`
            assert.deepEqual(normalize(outputs[sink]!), normalize(golden[sink]!), message)
          }
        }
      }
    }
  }
  return golden
}

type Disturbance = keyof typeof DISTURBANCES

const DISTURBANCES = {
  /** Nothing since the checkpoint is lost. */
  'checkpoint, crash and restore': async (test: JobTest, parallelism: number): Promise<void> => {
    await test.checkpoint()
    await test.restore({ parallelism })
  },
  /** The sources rewind to the last checkpoint of the script, or to their beginning. */
  'a crash': async (test: JobTest, parallelism: number): Promise<void> => {
    await test.restore({ parallelism })
  },
  'a crash between a complete checkpoint and its commit': async (
    test: JobTest,
    parallelism: number,
  ): Promise<void> => {
    await test.checkpoint()
    await test.checkpointWithoutCommit()
    await test.restore({ parallelism })
  },
} as const

async function play(
  options: GoldenJobOptions,
  parallelism: number,
  before: (test: JobTest, step: number) => Promise<void>,
): Promise<Record<string, readonly unknown[]>> {
  await using test = await testJob(options.job(), { ...options.test, parallelism })
  for (const [step, happen] of options.script.entries()) {
    await before(test, step)
    await happen(test)
    // A checkpoint from time to time, so that crashes find chains of changes.
    if (step % 2 === 1) await test.checkpoint()
  }
  return Object.fromEntries(options.sinks.map((sink) => [sink, test.output(sink)]))
}

function sorted(events: readonly unknown[]): unknown {
  return events.map((event) => JSON.stringify(event)).sort()
}
