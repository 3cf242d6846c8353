/**
 * Runs a case's two sides in turn: warm-up of each, then ours, rival, ours, rival … so that what else the machine does
 * meanwhile falls on both. Both sides stay started in between.
 */
import { execFileSync } from 'node:child_process'
import type { BenchmarkCase, Sample, SideName } from './benchmark.ts'

export interface CaseSamples {
  readonly ours: readonly Sample[]
  readonly rival: readonly Sample[]
}

export async function alternate(
  benchmarkCase: BenchmarkCase,
  options: {
    readonly runs: number
    readonly scale: number
    readonly sides: readonly SideName[]
    progress(line: string): void
  },
): Promise<CaseSamples> {
  await using opened = new AsyncDisposableStack()
  const sides = []
  for (const name of options.sides) {
    options.progress(`${benchmarkCase.name}: starting ${name}`)
    sides.push({ name, side: opened.use(await benchmarkCase.open(name, { scale: options.scale })) })
  }
  for (const { name, side } of sides) {
    if (side.warmUp === undefined) continue
    options.progress(`${benchmarkCase.name}: warming up ${name}`)
    await side.warmUp()
  }
  const samples: Record<SideName, Sample[]> = { ours: [], rival: [] }
  for (let run = 1; run <= options.runs; run++) {
    for (const { name, side } of sides) {
      options.progress(`${benchmarkCase.name}: run ${run} of ${options.runs}, ${name}`)
      execFileSync('sync') // So that no run pays for what the one before it left to be written.
      samples[name].push(await side.run())
    }
  }
  return samples
}
