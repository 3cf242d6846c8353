/**
 * Aggregates that are a few numbers each (count, sum, min, max, mean), as columns: which there are, where a new key
 * begins, and how numbers are folded into them. The loops that do it are generated for the very aggregates of the step,
 * for the reason given in `fuse.ts`. `count` and every `mean` share one column.
 */
import type { Aggregator, NumericAggregation } from '../../state/aggregators.ts'
import type { Key } from '../operator.ts'
import type { AccumulatorTable } from './accumulator-table.ts'

export type Aggregators = Readonly<Record<string, Aggregator<unknown, unknown, unknown>>>

/** True when the aggregates are numbers. */
export function isNumeric(aggregators: Aggregators): boolean {
  return Object.values(aggregators).every(({ numeric }) => numeric !== undefined)
}

interface Column {
  readonly name: string
  readonly start: number
  /** What an event adds: the text of an expression. */
  readonly from: string
  readonly kind: 'add' | 'least' | 'most'
}

export interface NumericPlan {
  readonly columns: readonly Column[]
  /** The user's functions, `x0`, `x1` … in the columns' expressions. */
  readonly functions: readonly ((value: unknown) => number)[]
  /** The text of each result, given the text of the columns' cells. */
  readonly results: readonly (readonly [name: string, expression: (cell: Cell) => string])[]
}

type Cell = (column: number) => string

export function planOf(aggregators: Aggregators): NumericPlan {
  const columns: Column[] = []
  const functions: ((value: unknown) => number)[] = []
  const add = (column: Column): number => columns.push(column) - 1
  let counted: number | undefined
  const count = (): number => (counted ??= add({ name: 'n=count', start: 0, from: '1', kind: 'add' }))
  const numberOf = ({ of }: NumericAggregation<unknown>): string => `x${functions.push(of!) - 1}`
  const results = Object.entries(aggregators).map(
    ([name, { numeric }]): readonly [string, (cell: Cell) => string] => {
      const { operation } = numeric!
      const column = (start: number, kind: Column['kind']): number =>
        add({ name: `${name}=${operation}`, start, from: numberOf(numeric!), kind })
      const plain = (n: number): readonly [string, (cell: Cell) => string] => [name, (cell) => cell(n)]
      switch (operation) {
        case 'count':
          return plain(count())
        case 'sum':
          return plain(column(0, 'add'))
        case 'min':
          return plain(column(Infinity, 'least'))
        case 'max':
          return plain(column(-Infinity, 'most'))
        case 'mean': {
          const sum = column(0, 'add')
          const n = count()
          return [name, (cell) => `${cell(sum)} / ${cell(n)}`]
        }
      }
    },
  )
  return { columns, functions, results }
}

export type WrapError = (cause: unknown, event: unknown) => Error

/** The loops over the rows of tables; a row's columns begin at `data[base + 1]`. */
export interface NumericLoops {
  addRun(
    table: AccumulatorTable,
    keys: readonly Key[],
    values: readonly unknown[],
    from: number,
    to: number,
  ): void
  /** Adds to the row of each key what the columns hold for it. */
  addPartials(table: AccumulatorTable, keys: readonly Key[], columns: readonly Float64Array[]): void
  /** Adds a row's columns into the row that `into` points at. */
  merge(into: AccumulatorTable, data: Float64Array, base: number): void
  result(key: Key, windowStart: number, windowEnd: number, data: Float64Array, base: number): unknown
}

export function compileLoops(plan: NumericPlan, wrapError: WrapError): NumericLoops {
  const { columns } = plan
  const cell = (n: number): string => `data[base + ${n + 1}]`
  const fields = plan.results.map(([name, expression]) => `, ${JSON.stringify(name)}: ${expression(cell)}`)
  return evaluate(plan, wrapError, [
    'addRun(table, keys, values, from, to) { let i = from; try { for (; i < to; i++) {',
    // The user's functions come first: one that throws leaves the row as it was.
    ...calls(plan, 'values[i]'),
    'table.locate(keys[i])',
    'const data = table.data, base = table.base',
    ...columns.map((column, n) => fold(column, cell(n), column.from)),
    '} } catch (error) { throw wrapError(error, values[i]) } },',
    'addPartials(table, keys, columns) {',
    ...columns.map((_, n) => `const c${n} = columns[${n}]`),
    'for (let i = 0; i < keys.length; i++) {',
    'table.locate(keys[i])',
    'const data = table.data, base = table.base',
    ...columns.map((column, n) => fold(column, cell(n), `c${n}[i]`)),
    '} },',
    'merge(into, data, base) {',
    ...columns.map((column, n) => fold(column, `into.data[into.base + ${n + 1}]`, cell(n))),
    '},',
    'result(key, windowStart, windowEnd, data, base) {',
    `return { key, windowStart, windowEnd${fields.join('')} } }`,
  ]) as NumericLoops
}

/** Adds one event to a row of columns that stand side by side. */
export type AddToColumns = (columns: readonly Float64Array[], row: number, value: unknown) => void

export function compileAddToColumns(plan: NumericPlan, wrapError: WrapError): AddToColumns {
  const { add } = evaluate(plan, wrapError, [
    'add(columns, row, value) { try {',
    ...calls(plan, 'value'),
    ...plan.columns.map(
      (column, n) => `const c${n} = columns[${n}]; ${fold(column, `c${n}[row]`, column.from)}`,
    ),
    '} catch (error) { throw wrapError(error, value) } }',
  ]) as { readonly add: AddToColumns }
  return add
}

function fold({ kind }: Column, into: string, value: string): string {
  if (kind === 'add') return `${into} += ${value}`
  const beats = kind === 'least' ? '<' : '>'
  return `if (${value} ${beats} ${into} || ${value} !== ${value}) ${into} = ${value}`
}

function calls({ functions }: NumericPlan, value: string): string[] {
  if (functions.length === 0) return []
  return [`const v = ${value}`, ...functions.map((_, n) => `const x${n} = f${n}(v)`)]
}

/** An object of methods from their text. */
function evaluate(plan: NumericPlan, wrapError: WrapError, methods: readonly string[]): unknown {
  const constants = plan.functions.map((_, n) => `const f${n} = functions[${n}]`)
  const source = ['"use strict"', ...constants, 'return {', ...methods, '}'].join('\n')
  // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call -- the text holds the aggregates' names, quoted, and numbers.
  return new Function('functions', 'wrapError', source)(plan.functions, wrapError)
}
