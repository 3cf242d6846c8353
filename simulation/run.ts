/**
 * Runs seeded simulations and says which seeds break a promise.
 *
 *     npm run -s simulate -- --seeds 1000            seeds 1 to 1000 of each scenario
 *     npm run -s simulate -- --seeds 1000 --from 5000 --scenario job
 *     npm run -s simulate -- --scenario log --seed 4711     one seed, with everything that happened
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { runJobScenario } from './job-scenario.ts'
import { runLogScenario } from './log-scenario.ts'
import { runMirrorScenario } from './mirror-scenario.ts'
import type { ScenarioResult } from './scenario.ts'
import { runUpkeepScenario } from './upkeep-scenario.ts'

/** `upkeep`: what the log does to its records: compaction, retention, deletion. `log`: the log under clients of every kind. `job`: a job that reads from the log and writes to it. `mirror`: two copies. */
export const scenarios = {
  log: runLogScenario,
  job: runJobScenario,
  mirror: runMirrorScenario,
  upkeep: runUpkeepScenario,
} as const
export type ScenarioName = keyof typeof scenarios

interface Failure {
  readonly seed: number
  readonly message: string
}

interface Share {
  readonly scenario: ScenarioName
  readonly seeds: readonly number[]
}

/** Runs the seeds on all cores; calls `progress` with how many are done. */
export async function runSeeds(
  scenario: ScenarioName,
  seeds: readonly number[],
  progress: (done: number) => void = () => undefined,
): Promise<Failure[]> {
  const failures: Failure[] = []
  let done = 0
  const threads = Math.min(availableParallelism(), seeds.length)
  await Promise.all(
    Array.from({ length: threads }, (_, thread) => {
      const share: Share = { scenario, seeds: seeds.filter((_, index) => index % threads === thread) }
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

export function reproduction(scenario: ScenarioName, seed: number): string {
  return `npm run -s simulate -- --scenario ${scenario} --seed ${seed}`
}

async function runShare({ scenario, seeds }: Share): Promise<void> {
  for (const seed of seeds) {
    const { error } = await scenarios[scenario](seed)
    parentPort?.postMessage(error === undefined ? undefined : { seed, message: error.message })
  }
}

async function runOne(scenario: ScenarioName, seed: number): Promise<void> {
  const { error, history }: ScenarioResult = await scenarios[scenario](seed)
  for (const line of history.lines) console.log(line)
  if (error !== undefined) {
    console.log(error.stack)
    if (error.cause instanceof Error) console.log(error.cause.stack)
    process.exitCode = 1
  }
  console.log(
    `${scenario}, seed ${seed}: ${error === undefined ? 'every promise kept' : error.message} (run ${history.digest})`,
  )
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '100' },
      from: { type: 'string', default: '1' },
      seed: { type: 'string' },
      scenario: { type: 'string' },
    },
  })
  const names = Object.keys(scenarios) as ScenarioName[]
  const chosen = values.scenario === undefined ? names : names.filter((name) => name === values.scenario)
  if (chosen.length === 0) throw new Error(`--scenario is one of: ${names.join(', ')}`)
  if (values.seed !== undefined) {
    for (const scenario of chosen) await runOne(scenario, Number(values.seed))
    return
  }
  for (const scenario of chosen) await runMany(scenario, values)
}

async function runMany(
  scenario: ScenarioName,
  values: { readonly seeds: string; readonly from: string },
): Promise<void> {
  const seeds = Array.from({ length: Number(values.seeds) }, (_, index) => Number(values.from) + index)
  const startMs = performance.now()
  const failures = await runSeeds(scenario, seeds, (done) => {
    if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${seeds.length} seeds`)
  })
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
  for (const { seed, message } of failures)
    console.log(`seed ${seed}: ${message}\n    ${reproduction(scenario, seed)}`)
  console.log(
    `${scenario}: ${seeds.length - failures.length} of ${seeds.length} seeds kept every promise (${seconds} s)`,
  )
  if (failures.length > 0) process.exitCode = 1
}

if (!isMainThread && (workerData as Partial<Share> | null)?.seeds !== undefined)
  await runShare(workerData as Share)
else if (import.meta.main) await main()
