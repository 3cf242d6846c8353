/** From samples to medians, spreads and ratios, and to the table that is printed. */
import type { CaseSamples } from './alternate.ts'
import type { Benchmark, Measure, Sample } from './benchmark.ts'

export interface SideSummary {
  readonly median: number
  /** (largest − smallest) ÷ median. */
  readonly spread: number
  readonly samples: readonly number[]
}

export interface MeasureSummary {
  readonly ours: SideSummary | undefined
  readonly rival: SideSummary | undefined
  /** Our median ÷ the rival's; undefined when that is nothing, as errors should be. */
  readonly ratio: number | undefined
}

export type CaseSummary = Readonly<Record<string, MeasureSummary>>

export function summarize(measures: readonly Measure[], samples: CaseSamples): CaseSummary {
  return Object.fromEntries(
    measures.map(({ key }) => {
      const ours = summarizeSide(samples.ours, key)
      const rival = summarizeSide(samples.rival, key)
      const isRatio = ours !== undefined && rival !== undefined && rival.median !== 0
      return [key, { ours, rival, ratio: isRatio ? round(ours.median / rival.median) : undefined }]
    }),
  )
}

function summarizeSide(samples: readonly Sample[], key: string): SideSummary | undefined {
  const values = samples.map((sample) => sample[key]).filter((value) => value !== undefined)
  if (values.length === 0) return undefined
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const high = sorted[middle] ?? 0
  const median = sorted.length % 2 === 1 ? high : (high + (sorted[middle - 1] ?? 0)) / 2
  const width = (sorted.at(-1) ?? 0) - (sorted[0] ?? 0)
  return {
    median: round(median),
    spread: median === 0 ? 0 : round(width / median),
    samples: values.map(round),
  }
}

/** Four significant digits; what is beyond them is noise. */
function round(value: number): number {
  return Number(value.toPrecision(4))
}

/** A case's table: a head, then a row a measure that was taken. */
export function tableOf(
  benchmark: Pick<Benchmark, 'rival' | 'measures'>,
  summary: CaseSummary,
): readonly (readonly string[])[] {
  const header = ['', 'ours', benchmark.rival, 'ratio', 'spread']
  const rows = benchmark.measures.flatMap((measure) => {
    const { ours, rival, ratio } = summary[measure.key] ?? {
      ours: undefined,
      rival: undefined,
      ratio: undefined,
    }
    if (ours === undefined && rival === undefined) return []
    const number = (side: SideSummary | undefined): string =>
      side === undefined
        ? '–'
        : side.median.toLocaleString('en-US', {
            minimumFractionDigits: measure.digits,
            maximumFractionDigits: measure.digits,
          })
    const percent = (side: SideSummary | undefined): string =>
      side === undefined ? '–' : `${Math.round(side.spread * 100)} %`
    return [
      [
        `${measure.label} (${measure.better} is better)`,
        number(ours),
        number(rival),
        ratio === undefined ? '–' : `${ratio.toPrecision(3)}×`,
        `${percent(ours)} / ${percent(rival)}`,
      ],
    ]
  })
  return [header, ...rows]
}

export function printCase(benchmark: Benchmark, caseName: string, summary: CaseSummary): string {
  const rows = tableOf(benchmark, summary)
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
  return [`${benchmark.name} · ${caseName}`, ...rows.map(line)].join('\n')
}
