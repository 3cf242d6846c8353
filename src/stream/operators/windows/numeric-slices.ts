import type { EntryReader, EntryWriter } from '../../state/entry-bytes.ts'
import type { Key, Output, PartialAggregates } from '../operator.ts'
import { AccumulatorTable } from './accumulator-table.ts'
import { compileLoops, planOf, type Aggregators, type NumericLoops } from './numeric-plan.ts'
import type { EntryWriterOf, SliceStore, WindowBounds } from './slice-store.ts'

/** So many results are emitted at a time. */
const BATCH_RESULTS = 1024

/** Aggregates that are a few numbers (`numeric-plan.ts`): rows of an `AccumulatorTable`. */
export class NumericSlices implements SliceStore<AccumulatorTable> {
  readonly format: string
  readonly #initial: readonly number[]
  readonly #loops: NumericLoops

  constructor(aggregators: Aggregators, wrapError: (cause: unknown, event: unknown) => Error) {
    const plan = planOf(aggregators)
    this.#initial = plan.columns.map(({ start }) => start)
    this.#loops = compileLoops(plan, wrapError)
    this.format = `numbers/1 ${plan.columns.map(({ name }) => name).join(' ')}`
  }

  createTable(expectedKeys: number): AccumulatorTable {
    return new AccumulatorTable(this.#initial, expectedKeys)
  }

  sizeOf(table: AccumulatorTable): number {
    return table.size
  }

  addRun(
    table: AccumulatorTable,
    keys: readonly Key[],
    values: readonly unknown[],
    from: number,
    to: number,
  ): void {
    this.#loops.addRun(table, keys, values, from, to)
  }

  addPartials(table: AccumulatorTable, partials: PartialAggregates): void {
    this.#loops.addPartials(table, partials.keys, partials.columns)
  }

  fire(tables: readonly AccumulatorTable[], bounds: WindowBounds, output: Output<unknown>): void {
    const { windowStart, windowEnd } = bounds
    const { result } = this.#loops
    let values: unknown[] = []
    const timestamps = Array.from({ length: BATCH_RESULTS }, () => windowEnd - 1)
    const flush = (): void => {
      timestamps.length = values.length
      if (values.length > 0) output.emitBatch({ values, timestamps, keys: undefined })
      values = []
    }
    this.#combine(tables).forEach((key, data, base) => {
      if (values.push(result(key, windowStart, windowEnd, data, base)) === BATCH_RESULTS) flush()
    })
    flush()
  }

  fireKey(
    tables: readonly AccumulatorTable[],
    key: Key,
    bounds: WindowBounds,
    output: Output<unknown>,
  ): void {
    const { windowStart, windowEnd } = bounds
    const combined = new AccumulatorTable(this.#initial)
    combined.locate(key)
    for (const table of tables) {
      if (table.find(key)) this.#loops.merge(combined, table.data, table.base)
    }
    output.emit(this.#loops.result(key, windowStart, windowEnd, combined.data, combined.base), windowEnd - 1)
  }

  write(table: AccumulatorTable, mode: 'full' | 'changes', writerOf: EntryWriterOf): void {
    const write = (key: Key, data: Float64Array, base: number): void => {
      const writer: EntryWriter = writerOf(key)
      writer.key(key)
      for (let column = 1; column <= this.#initial.length; column++) writer.float64(data[base + column]!)
    }
    if (mode === 'changes') return table.takeDirty(write)
    table.forEach(write)
    table.clearDirty()
  }

  read(table: AccumulatorTable, reader: EntryReader): void {
    table.locate(reader.key())
    for (let column = 1; column <= this.#initial.length; column++)
      table.data[table.base + column] = reader.float64()
    table.clearDirty()
  }

  #combine(tables: readonly AccumulatorTable[]): AccumulatorTable {
    if (tables.length === 1) return tables[0]!
    const largest = tables.reduce((most, table) => Math.max(most, table.numericRows), 0)
    const combined = new AccumulatorTable(this.#initial, largest)
    for (const table of tables) {
      table.forEach((key, data, base) => {
        combined.locate(key)
        this.#loops.merge(combined, data, base)
      })
    }
    return combined
  }
}
