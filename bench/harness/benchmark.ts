/** What a benchmark is: cases, each run by two sides in turn, each run giving one number for every measure. */
import type { WitnessName } from '../../conformance/tools/witnesses.ts'

export type SideName = 'ours' | 'rival'

export interface Measure {
  readonly key: string
  readonly label: string
  readonly better: 'higher' | 'lower'
  /** Digits after the point in the table. */
  readonly digits: number
}

/** A value for each measure's key; a side that cannot tell one leaves it out. */
export type Sample = Readonly<Record<string, number>>

export type Facts = Readonly<Record<string, unknown>>

/** One side of a case, started and ready; it is run several times. */
export interface OpenSide extends AsyncDisposable {
  /** Runs once before the measured runs, so that compilers and caches are warm. */
  warmUp?(): Promise<void>
  run(): Promise<Sample>
}

export interface BenchmarkCase {
  readonly name: string
  readonly configuration: Facts
  /** @param options.scale 1 for a measurement; less makes every amount smaller, to try a benchmark out. */
  open(side: SideName, options: { readonly scale: number }): Promise<OpenSide>
}

export interface Benchmark {
  readonly name: string
  /** One line: what is measured, against what. */
  readonly what: string
  readonly rival: string
  readonly needs: readonly WitnessName[]
  /** What both sides are given; goes into the result as it is. */
  readonly configuration: Facts
  readonly measures: readonly Measure[]
  readonly cases: readonly BenchmarkCase[]
}
