/**
 * Millrace against its rivals, measured side by side on this machine.
 *
 *     npm run -s bench -- list                 the benchmarks by name
 *     npm run -s bench -- NAME [NAME …]        run these, print their tables, write bench/results/NAME.json
 *     npm run -s bench -- all
 *     npm run -s bench -- page                 write bench/results/README.md anew from the files beside it
 *
 * Options: --runs N (3), --case TEXT (only cases whose name holds TEXT), --only ours|rival, and --scale F, which makes
 * all amounts smaller to try a benchmark out. With --only, --scale or fewer than three runs no result is written; with
 * --case, the results of the other cases stay as they were.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { witness } from '../conformance/tools/witnesses.ts'
import { benchmarks } from './benchmarks.ts'
import { alternate } from './harness/alternate.ts'
import type { Benchmark, SideName } from './harness/benchmark.ts'
import { machineFacts } from './harness/machine-facts.ts'
import { writeResultsPage } from './harness/results-page.ts'
import { printCase, summarize } from './harness/summary.ts'

/** Fewer runs say nothing about how much they differ. */
const RUNS_MIN = 3

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '3' },
    scale: { type: 'string', default: '1' },
    case: { type: 'string', default: '' },
    only: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

if (values.help || positionals.length === 0 || positionals[0] === 'list') {
  console.log(
    'Benchmarks (npm run -s bench -- NAME [--runs N] [--case TEXT] [--only ours|rival] [--scale F], or all):',
  )
  for (const { name, what } of benchmarks) console.log(`  ${name.padEnd(20)}${what}`)
} else if (positionals[0] === 'page') {
  writeResultsPage(benchmarks)
} else {
  const chosen = positionals[0] === 'all' ? benchmarks : positionals.map(benchmarkOf)
  for (const benchmark of chosen) await measure(benchmark)
}

function benchmarkOf(name: string): Benchmark {
  const found = benchmarks.find((benchmark) => benchmark.name === name)
  if (found === undefined) {
    console.error(
      `There is no benchmark ${name}. Those there are: ${benchmarks.map((each) => each.name).join(', ')}.`,
    )
    process.exit(2)
  }
  return found
}

async function measure(benchmark: Benchmark): Promise<void> {
  for (const name of benchmark.needs) {
    if (witness(name).isHere()) continue
    console.error(`fetching ${name}: ${witness(name).what}`)
    witness(name).fetch()
  }
  const runs = Number(values.runs)
  const scale = Number(values.scale)
  const sides: SideName[] =
    values.only === 'ours' ? ['ours'] : values.only === 'rival' ? ['rival'] : ['ours', 'rival']
  for (const benchmarkCase of benchmark.cases.filter((each) => each.name.includes(values.case))) {
    const progress = (line: string): void => showProgress(`${benchmark.name} · ${line}`)
    const loadBefore = loadavg()[0] ?? 0
    const samples = await alternate(benchmarkCase, { runs, scale, sides, progress })
    showProgress('')
    const measures = summarize(benchmark.measures, samples)
    console.log(`${printCase(benchmark, benchmarkCase.name, measures)}\n`)
    if (scale !== 1 || sides.length !== 2 || runs < RUNS_MIN) continue
    const { name, configuration } = benchmarkCase
    const measuredOn = new Date().toISOString().slice(0, 10)
    record(benchmark, { name, measuredOn, runs, loadBefore, configuration, measures })
  }
}

interface RecordedCase {
  readonly name: string
  readonly measuredOn: string
  readonly runs: number
  /** What else the machine was doing: its load average over a minute, when the case began. */
  readonly loadBefore: number
  readonly configuration: unknown
  readonly measures: unknown
}

/** Puts a case into the benchmark's file, in place of its last result; the other cases keep theirs. */
function record(benchmark: Benchmark, recorded: RecordedCase): void {
  const folder = join(import.meta.dirname, 'results')
  const path = join(folder, `${benchmark.name}.json`)
  const before = existsSync(path)
    ? (JSON.parse(readFileSync(path, 'utf8')) as { readonly cases: readonly RecordedCase[] }).cases
    : []
  const { name, what, rival, configuration } = benchmark
  const cases = benchmark.cases.flatMap((each) =>
    each.name === recorded.name ? [recorded] : before.filter((one) => one.name === each.name),
  )
  const result = { benchmark: name, what, rival, machine: machineFacts(), configuration, cases }
  mkdirSync(folder, { recursive: true })
  writeFileSync(path, `${JSON.stringify(result, undefined, 2)}\n`)
  writeResultsPage(benchmarks)
  console.log(`written to bench/results/${name}.json\n`)
}

/** One line on the terminal that is written over; nothing where the output is not a terminal. */
function showProgress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`)
}
