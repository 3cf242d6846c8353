/**
 * Aggregators: how many values of one type become one result, piece by piece. Partial results merge, so that sliding
 * windows can combine slices, sessions can grow together, and parallel subtasks could aggregate before an exchange.
 */

export interface Aggregator<In, Accumulator, Out> {
  /** Names the algorithm; part of the state's format, so that a restored job with another one is told so. */
  readonly kind: string
  create(): Accumulator
  /** Returns the new accumulator; may change and return the one it got. */
  add(accumulator: Accumulator, value: In): Accumulator
  /** Combines two; must leave both as they are. */
  merge(left: Accumulator, right: Accumulator): Accumulator
  result(accumulator: Accumulator): Out
  /** Set when the accumulator is a few plain numbers: windows then keep it in typed arrays, many times faster. */
  readonly numeric?: NumericAggregation<In>
}

/** What to do with one number per event; `mean` takes two columns (sum and count), the others one. */
export interface NumericAggregation<In> {
  readonly operation: 'count' | 'sum' | 'min' | 'max' | 'mean'
  /** The number of an event; absent for `count`. */
  readonly of?: (value: In) => number
}

/** The value type that an aggregator gives. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- `any` lets every aggregator match.
export type ResultOf<A> = A extends Aggregator<any, any, infer Out> ? Out : never

/** How many events there were. */
export function count(): Aggregator<unknown, number, number> {
  return {
    kind: 'count',
    create: () => 0,
    add: (n) => n + 1,
    merge: (left, right) => left + right,
    result: (n) => n,
    numeric: { operation: 'count' },
  }
}

/** The sum of a number of each event. */
export function sum<In>(of: (value: In) => number): Aggregator<In, number, number> {
  return {
    kind: 'sum',
    create: () => 0,
    add: (total, value) => total + of(value),
    merge: (left, right) => left + right,
    result: (total) => total,
    numeric: { operation: 'sum', of },
  }
}

/** The smallest number; `NaN` once one of them was `NaN`. */
export function min<In>(of: (value: In) => number): Aggregator<In, number, number> {
  return {
    kind: 'min',
    create: () => Infinity,
    add: (least, value) => Math.min(least, of(value)),
    merge: (left, right) => Math.min(left, right),
    result: (least) => least,
    numeric: { operation: 'min', of },
  }
}

/** The largest number; `NaN` once one of them was `NaN`. */
export function max<In>(of: (value: In) => number): Aggregator<In, number, number> {
  return {
    kind: 'max',
    create: () => -Infinity,
    add: (most, value) => Math.max(most, of(value)),
    merge: (left, right) => Math.max(left, right),
    result: (most) => most,
    numeric: { operation: 'max', of },
  }
}

/** The arithmetic mean. */
export function mean<In>(of: (value: In) => number): Aggregator<In, MeanAccumulator, number> {
  return {
    kind: 'mean',
    create: () => ({ sum: 0, n: 0 }),
    add(accumulator, value) {
      accumulator.sum += of(value)
      accumulator.n += 1
      return accumulator
    },
    merge: (left, right) => ({ sum: left.sum + right.sum, n: left.n + right.n }),
    result: (accumulator) => accumulator.sum / accumulator.n,
    numeric: { operation: 'mean', of },
  }
}

export interface MeanAccumulator {
  sum: number
  n: number
}

/** Every event, or what `of` takes from it, in the order they came. */
export function collect<In>(): Aggregator<In, In[], readonly In[]>
export function collect<In, Item>(of: (value: In) => Item): Aggregator<In, Item[], readonly Item[]>
export function collect<In, Item>(
  of?: (value: In) => Item,
): Aggregator<In, (In | Item)[], readonly (In | Item)[]> {
  return {
    kind: 'collect',
    create: () => [],
    add(items, value) {
      items.push(of === undefined ? value : of(value))
      return items
    },
    merge: (left, right) => [...left, ...right],
    result: (items) => items.slice(),
  }
}

/** The event for which `of` is largest; the first of them when several are. */
export function maxBy<In>(of: (value: In) => number): Aggregator<In, In | null, In | null> {
  return pick('maxBy', (challenger, champion) => of(challenger) > of(champion))
}

/** The event for which `of` is smallest; the first of them when several are. */
export function minBy<In>(of: (value: In) => number): Aggregator<In, In | null, In | null> {
  return pick('minBy', (challenger, champion) => of(challenger) < of(champion))
}

/** How many different values `of` gives; holds each of them, so for bounded sets. */
export function countDistinct<In>(
  of: (value: In) => string | number,
): Aggregator<In, Set<string | number>, number> {
  return {
    kind: 'countDistinct',
    create: () => new Set(),
    add: (seen, value) => seen.add(of(value)),
    merge: (left, right) => new Set([...left, ...right]),
    result: (seen) => seen.size,
  }
}

function pick<In>(
  kind: string,
  beats: (challenger: In, champion: In) => boolean,
): Aggregator<In, In | null, In | null> {
  const better = (champion: In | null, challenger: In | null): In | null =>
    champion === null || (challenger !== null && beats(challenger, champion)) ? challenger : champion
  return { kind, create: () => null, add: better, merge: better, result: (champion) => champion }
}
