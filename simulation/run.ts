/**
 * Runs seeded simulations of the log and says which seeds break a promise.
 *
 *     npm run -s simulate -- --seeds 1000            seeds 1 to 1000
 *     npm run -s simulate -- --seeds 1000 --from 5000
 *     npm run -s simulate -- --seed 4711             one seed, with everything that happened
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { runLogScenario } from './log-scenario.ts'

interface Failure {
  readonly seed: number
  readonly message: string
}

interface Share {
  readonly seeds: readonly number[]
}

/** Runs the seeds on all cores; calls `progress` with how many are done. */
export async function runSeeds(
  seeds: readonly number[],
  progress: (done: number) => void = () => undefined,
): Promise<Failure[]> {
  const failures: Failure[] = []
  let done = 0
  const threads = Math.min(availableParallelism(), seeds.length)
  await Promise.all(
    Array.from({ length: threads }, (_, thread) => {
      const share: Share = { seeds: seeds.filter((_, index) => index % threads === thread) }
      const worker = new Worker(new URL(import.meta.url), { workerData: share })
      worker.on('message', (failure: Failure | undefined) => {
        if (failure !== undefined) failures.push(failure)
        progress(++done)
      })
      return new Promise<void>((resolve, reject) => {
        worker.on('error', reject)
        worker.on('exit', () => resolve())
      })
    }),
  )
  return failures.sort((a, b) => a.seed - b.seed)
}

export function reproduction(seed: number): string {
  return `npm run -s simulate -- --seed ${seed}`
}

async function runShare({ seeds }: Share): Promise<void> {
  for (const seed of seeds) {
    const { error } = await runLogScenario(seed)
    parentPort?.postMessage(error === undefined ? undefined : { seed, message: error.message })
  }
}

async function runOne(seed: number): Promise<void> {
  const { error, history } = await runLogScenario(seed)
  for (const line of history.lines) console.log(line)
  if (error !== undefined) {
    console.log(error.stack)
    if (error.cause instanceof Error) console.log(error.cause.stack)
    process.exitCode = 1
  }
  console.log(
    `seed ${seed}: ${error === undefined ? 'every promise kept' : error.message} (run ${history.digest})`,
  )
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '100' },
      from: { type: 'string', default: '1' },
      seed: { type: 'string' },
    },
  })
  if (values.seed !== undefined) return runOne(Number(values.seed))
  const seeds = Array.from({ length: Number(values.seeds) }, (_, index) => Number(values.from) + index)
  const startMs = performance.now()
  const failures = await runSeeds(seeds, (done) => {
    if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${seeds.length} seeds`)
  })
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
  for (const { seed, message } of failures) console.log(`seed ${seed}: ${message}\n    ${reproduction(seed)}`)
  console.log(`${seeds.length - failures.length} of ${seeds.length} seeds kept every promise (${seconds} s)`)
  if (failures.length > 0) process.exitCode = 1
}

if (!isMainThread && (workerData as Partial<Share> | null)?.seeds !== undefined)
  await runShare(workerData as Share)
else if (import.meta.main) await main()
