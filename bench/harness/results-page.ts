/** `bench/results/README.md`: what was recorded, as tables; made from the JSON files beside it whenever one changes. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Benchmark } from './benchmark.ts'
import { tableOf, type CaseSummary } from './summary.ts'

const folder = join(import.meta.dirname, '..', 'results')
const pagePath = join(folder, 'README.md')

interface Recorded {
  readonly machine: { readonly cores: number; readonly processor: string; readonly memoryGiB: number }
  readonly cases: readonly {
    readonly name: string
    readonly measuredOn: string
    readonly runs: number
    /** Absent in older files. */
    readonly loadBefore?: number
    readonly measures: CaseSummary
  }[]
}

export function writeResultsPage(benchmarks: readonly Benchmark[]): void {
  writeFileSync(pagePath, renderResults(benchmarks))
}

/** Whether the page says what the files say. */
export function isResultsPageFresh(benchmarks: readonly Benchmark[]): boolean {
  return readFileSync(pagePath, 'utf8') === renderResults(benchmarks)
}

function renderResults(benchmarks: readonly Benchmark[]): string {
  const sections = benchmarks.flatMap((benchmark) => {
    const path = join(folder, `${benchmark.name}.json`)
    if (!existsSync(path)) return []
    const recorded = JSON.parse(readFileSync(path, 'utf8')) as Recorded
    return [renderBenchmark(benchmark, recorded)]
  })
  return (
    [
      '# What was measured',
      'Written by `npm run -s bench -- NAME`, never by hand. Each table is one invocation: both sides in turn on one machine, ' +
        'medians of the runs, a ratio of ours to theirs, and the spread of each side, (largest − smallest) ÷ median. How it is ' +
        'done, and what the rivals are given: [bench/README.md](../README.md) and the JSON files here. The load is that of the ' +
        'machine over the minute before: where it is well above 0, something else was running beside.',
      ...sections,
      '',
    ]
      .join('\n\n')
      .trimEnd() + '\n'
  )
}

function renderBenchmark(benchmark: Benchmark, { machine, cases }: Recorded): string {
  const tables = cases.map((one) => {
    const [head = [], ...rows] = tableOf(benchmark, one.measures)
    const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
    return [
      `### ${one.name}`,
      `${one.measuredOn}, ${one.runs} runs${one.loadBefore === undefined ? '' : `, load ${one.loadBefore.toFixed(1)}`}`,
      [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n'),
    ].join('\n\n')
  })
  const where = `${machine.cores} cores (${machine.processor}), ${machine.memoryGiB} GiB`
  return [`## ${benchmark.name}`, `${benchmark.what}. ${where}.`, ...tables].join('\n\n')
}
