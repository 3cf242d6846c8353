/**
 * Remembers which pairs of schemas have been compared, so that recursive schemas end and shared ones cost their size, not
 * the number of ways that lead to them.
 *
 * A pair that is met again while it is being compared is assumed to be right (without differences). What is found wrong on
 * an assumption is wrong in any case, and remembered for good. What is found right is remembered with the pairs that it
 * was assumed of. Once such a pair turns out to be wrong, it is forgotten; once it turns out to be right, it hangs on what
 * that pair hangs on.
 */
import type { Incompatibility } from './parsed-schema.ts'

interface Compared {
  readonly result: readonly Incompatibility[]
  /** The pairs that were assumed to be right, as bits: one for each that is being compared, the outermost the lowest. */
  assumes: bigint
}

const NOTHING: readonly Incompatibility[] = []

export class ComparedPairs {
  readonly #compared = new Map<object, Map<object, Compared>>()
  /** Pairs that are being compared, with their bits. */
  readonly #open = new Map<object, Map<object, bigint>>()
  #depth = 0n
  /** What the pair that is being compared assumes, so far. */
  #assumes = 0n
  /** Pairs that were found right on assumptions, in that order. */
  readonly #assuming: { readonly pair: readonly [a: object, b: object]; readonly compared: Compared }[] = []

  /** The result of `compare` for the pair; what was found before where it was compared before, paths and all. */
  compare(a: object, b: object, compare: () => readonly Incompatibility[]): readonly Incompatibility[] {
    const known = this.#compared.get(a)?.get(b)
    const assumed = known === undefined ? this.#open.get(a)?.get(b) : known.assumes
    if (assumed !== undefined) {
      this.#assumes |= assumed
      return known?.result ?? NOTHING
    }
    const bit = 1n << this.#depth
    const outer = { assumes: this.#assumes, count: this.#assuming.length }
    const open = this.#open.get(a) ?? new Map<object, bigint>()
    this.#open.set(a, open.set(b, bit))
    this.#assumes = 0n
    this.#depth++
    const result = compare()
    this.#depth--
    open.delete(b)
    const assumes = result.length === 0 ? this.#assumes & ~bit : 0n
    const compared = { result, assumes }
    this.#settle(outer.count, { bit, isRight: result.length === 0, assumes })
    if (assumes !== 0n) this.#assuming.push({ pair: [a, b], compared })
    const pairs = this.#compared.get(a) ?? new Map<object, Compared>()
    this.#compared.set(a, pairs.set(b, compared))
    this.#assumes = outer.assumes | assumes
    return result
  }

  /** A pair is no assumption any more: what was found since then on it holds as it does, or is forgotten. */
  #settle(
    since: number,
    { bit, isRight, assumes }: { readonly bit: bigint; readonly isRight: boolean; readonly assumes: bigint },
  ): void {
    const later = this.#assuming.splice(since)
    for (const one of later) {
      const { pair, compared } = one
      if ((compared.assumes & bit) !== 0n) {
        if (!isRight) {
          this.#compared.get(pair[0])?.delete(pair[1])
          continue
        }
        compared.assumes = (compared.assumes & ~bit) | assumes
      }
      if (compared.assumes !== 0n) this.#assuming.push(one)
    }
  }
}
