/**
 * Aggregates that are a few numbers (count, sum, min, max, mean): rows of an `AccumulatorTable`, with the loops that
 * add, merge and emit generated for the very aggregates of the step, for the reason given in `fuse.ts`.
 */
import type { Aggregator, NumericAggregation } from '../../state/aggregators.ts'
import type { EntryReader, EntryWriter } from '../../state/entry-bytes.ts'
import type { Key, Output } from '../operator.ts'
import { AccumulatorTable } from './accumulator-table.ts'
import type { EntryWriterOf, SliceStore, WindowBounds } from './slice-store.ts'

/** So many results are emitted at a time. */
const BATCH_RESULTS = 1024

interface Compiled {
  addRun(
    table: AccumulatorTable,
    keys: readonly Key[],
    values: readonly unknown[],
    from: number,
    to: number,
  ): void
  /** Adds a row's columns into the row that `into` points at. */
  merge(into: AccumulatorTable, data: Float64Array, base: number): void
  result(key: Key, windowStart: number, windowEnd: number, data: Float64Array, base: number): unknown
}

type Aggregators = Readonly<Record<string, Aggregator<unknown, unknown, unknown>>>

/** True when `NumericSlices` can hold the aggregates. */
export function isNumeric(aggregators: Aggregators): boolean {
  return Object.values(aggregators).every(({ numeric }) => numeric !== undefined)
}

export class NumericSlices implements SliceStore<AccumulatorTable> {
  readonly format: string
  readonly #initial: readonly number[]
  readonly #compiled: Compiled

  constructor(aggregators: Aggregators, wrapError: (cause: unknown, event: unknown) => Error) {
    const plan = planOf(aggregators)
    this.#initial = plan.initial
    this.#compiled = compile(plan, wrapError)
    this.format = `numbers/1 ${plan.columns.join(' ')}`
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
    this.#compiled.addRun(table, keys, values, from, to)
  }

  fire(tables: readonly AccumulatorTable[], bounds: WindowBounds, output: Output<unknown>): void {
    const { windowStart, windowEnd } = bounds
    const { result } = this.#compiled
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
      if (table.find(key)) this.#compiled.merge(combined, table.data, table.base)
    }
    output.emit(
      this.#compiled.result(key, windowStart, windowEnd, combined.data, combined.base),
      windowEnd - 1,
    )
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
        this.#compiled.merge(combined, data, base)
      })
    }
    return combined
  }
}

/** Which columns there are, and what is done to them; offsets are from a row's base. */
interface Plan {
  readonly columns: readonly string[]
  readonly initial: readonly number[]
  readonly functions: readonly ((value: unknown) => number)[]
  readonly adds: readonly string[]
  readonly merges: readonly string[]
  readonly results: readonly (readonly [name: string, expression: string])[]
}

function planOf(aggregators: Aggregators): Plan {
  const columns: string[] = []
  const initial: number[] = []
  const functions: ((value: unknown) => number)[] = []
  const adds: string[] = []
  const merges: string[] = []
  const add = (
    name: string,
    options: { start: number; from: string; kind: 'add' | 'least' | 'most' },
  ): string => {
    const offset = columns.push(name)
    initial.push(options.start)
    const cell = `data[base + ${offset}]`
    const fold = (into: string, value: string): string =>
      options.kind === 'add'
        ? `${into} += ${value}`
        : `if (${value} ${options.kind === 'least' ? '<' : '>'} ${into} || ${value} !== ${value}) ${into} = ${value}`
    adds.push(fold(cell, options.from))
    merges.push(fold(`into.data[into.base + ${offset}]`, cell))
    return cell
  }
  let countCell: string | undefined
  // `count` and every `mean` share one column.
  const countOnce = (): string => (countCell ??= add('n=count', { start: 0, from: '1', kind: 'add' }))
  const numberOf = ({ of }: NumericAggregation<unknown>): string => `x${functions.push(of!) - 1}`
  const results = Object.entries(aggregators).map(([name, { numeric }]): readonly [string, string] => {
    const { operation } = numeric!
    switch (operation) {
      case 'count':
        return [name, countOnce()]
      case 'sum':
        return [name, add(`${name}=sum`, { start: 0, from: numberOf(numeric!), kind: 'add' })]
      case 'min':
        return [name, add(`${name}=min`, { start: Infinity, from: numberOf(numeric!), kind: 'least' })]
      case 'max':
        return [name, add(`${name}=max`, { start: -Infinity, from: numberOf(numeric!), kind: 'most' })]
      case 'mean':
        return [
          name,
          `${add(`${name}=mean`, { start: 0, from: numberOf(numeric!), kind: 'add' })} / ${countOnce()}`,
        ]
    }
  })
  return { columns, initial, functions, adds, merges, results }
}

function compile(plan: Plan, wrapError: (cause: unknown, event: unknown) => Error): Compiled {
  const fields = plan.results.map(([name, expression]) => `, ${JSON.stringify(name)}: ${expression}`).join('')
  const source = [
    '"use strict"',
    ...plan.functions.map((_, n) => `const f${n} = functions[${n}]`),
    'return {',
    'addRun(table, keys, values, from, to) { let i = from; try { for (; i < to; i++) {',
    // The user's functions come first: one that throws leaves the row as it was.
    ...(plan.functions.length > 0 ? ['const v = values[i]'] : []),
    ...plan.functions.map((_, n) => `const x${n} = f${n}(v)`),
    'table.locate(keys[i])',
    'const data = table.data, base = table.base',
    ...plan.adds,
    '} } catch (error) { throw wrapError(error, values[i]) } },',
    'merge(into, data, base) {',
    ...plan.merges,
    '},',
    'result(key, windowStart, windowEnd, data, base) {',
    `return { key, windowStart, windowEnd${fields} } } }`,
  ].join('\n')
  // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call -- the text holds the aggregates' names, quoted, and numbers.
  return new Function('functions', 'wrapError', source)(plan.functions, wrapError) as Compiled
}
