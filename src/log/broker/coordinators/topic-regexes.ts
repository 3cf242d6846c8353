import type * as Re2 from 're2js'
import type { CompiledRegex, TopicRegexes } from '../../coordinator/group/consumer/topics-view.ts'
import { regexSize } from './regex-size.ts'

type Compiled = CompiledRegex & { readonly kind: 'compiled' }

/** Longer than any sensible expression for names of at most 249 characters. */
const MAX_LENGTH = 4_096
/** Larger than that too, when repetitions are written out; a megabyte, and 30 ms for a long name. */
const MAX_SIZE = 5_000
/** So many expressions are kept with what they matched, and so large ones together. */
const MAX_KEPT = 1_000
const MAX_KEPT_SIZE = 100_000
/** So many verdicts an expression remembers before it begins anew: topics come and go. */
const MAX_VERDICTS = 20_000

/**
 * Regular expressions of clients in RE2's syntax, as Kafka has them: matched in linear time, and refused when they would
 * need much memory, so that no client can stop the broker with one. The engine is loaded when the first one comes.
 */
export class Re2TopicRegexes implements TopicRegexes {
  readonly #kept = new Map<string, Compiled>()
  #keptSize = 0
  #engine: typeof Re2 | undefined

  /** Has to have resolved before `compile` is called. */
  async load(): Promise<void> {
    this.#engine ??= await import('re2js')
  }

  compile(source: string): CompiledRegex {
    const kept = this.#kept.get(source)
    if (kept !== undefined) return kept
    if (this.#engine === undefined)
      throw new Error('regular expressions are compiled before their engine is here')
    if (source.length > MAX_LENGTH)
      return { kind: 'invalid', reason: `it is longer than ${MAX_LENGTH} characters` }
    const size = regexSize(source)
    if (size > MAX_SIZE)
      return { kind: 'invalid', reason: 'it is too large with its repetitions written out' }
    try {
      const compiled = remembering(this.#engine.RE2JS.compile(source))
      if (this.#kept.size >= MAX_KEPT || this.#keptSize + size > MAX_KEPT_SIZE) {
        this.#kept.clear()
        this.#keptSize = 0
      }
      this.#kept.set(source, compiled)
      this.#keptSize += size
      return compiled
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

/** Topics are matched again whenever one comes or goes: what is known of the others is remembered. */
function remembering(regex: Re2.RE2JS): Compiled {
  const verdicts = new Map<string, boolean>()
  return {
    kind: 'compiled',
    matches(topic) {
      const known = verdicts.get(topic)
      if (known !== undefined) return known
      if (verdicts.size >= MAX_VERDICTS) verdicts.clear()
      const verdict = regex.matches(topic)
      verdicts.set(topic, verdict)
      return verdict
    },
  }
}
