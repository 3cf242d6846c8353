import type * as Re2 from 're2js'
import { regexSize } from './coordinators/regex-size.ts'

export type BoundedRegex =
  | {
      readonly kind: 'compiled'
      /** In single matchers, with repetitions written out. */
      readonly size: number
      /** Whether the whole text fits. */
      matches(text: string): boolean
    }
  | { readonly kind: 'invalid'; readonly reason: string }

/** Longer than any sensible expression for names of at most 249 characters. */
const MAX_LENGTH = 4_096
/** Larger than that too, when repetitions are written out; a megabyte, and 30 ms for a long name. */
const MAX_SIZE = 5_000

/**
 * Regular expressions of clients in RE2's syntax: matched in linear time, and refused when they would need much memory,
 * so that no client can stop the broker with one. The engine is loaded when the first one comes.
 */
export class BoundedRegexes {
  #engine: typeof Re2 | undefined

  /** Has to have resolved before `compile` is called. */
  async load(): Promise<void> {
    this.#engine ??= await import('re2js')
  }

  compile(source: string): BoundedRegex {
    if (this.#engine === undefined)
      throw new Error('regular expressions are compiled before their engine is here')
    if (source.length > MAX_LENGTH)
      return { kind: 'invalid', reason: `it is longer than ${MAX_LENGTH} characters` }
    const size = regexSize(source)
    if (size > MAX_SIZE)
      return { kind: 'invalid', reason: 'it is too large with its repetitions written out' }
    try {
      const regex = this.#engine.RE2JS.compile(source)
      return { kind: 'compiled', size, matches: (text) => regex.matches(text) }
    } catch (error) {
      return { kind: 'invalid', reason: reasonOf(error, this.#engine) }
    }
  }
}

/** What is wrong without the prefix and the expression, which the engine's messages repeat. */
function reasonOf(error: unknown, engine: typeof Re2): string {
  if (error instanceof engine.RE2JSSyntaxException) return error.getDescription()
  return error instanceof Error ? error.message : String(error)
}
