import type { CompiledRegex, TopicRegexes } from '../../coordinator/group/consumer/topics-view.ts'
import { type BoundedRegex, BoundedRegexes } from '../bounded-regexes.ts'

type Compiled = CompiledRegex & { readonly kind: 'compiled' }

/** So many expressions are kept with what they matched, and so large ones together. */
const MAX_KEPT = 1_000
const MAX_KEPT_SIZE = 100_000
/** So many verdicts an expression remembers before it begins anew: topics come and go. */
const MAX_VERDICTS = 20_000

/** Regular expressions for the names of topics, which are matched again and again: as Kafka has them, in RE2's syntax. */
export class Re2TopicRegexes implements TopicRegexes {
  readonly #regexes = new BoundedRegexes()
  readonly #kept = new Map<string, Compiled>()
  #keptSize = 0

  /** Has to have resolved before `compile` is called. */
  load(): Promise<void> {
    return this.#regexes.load()
  }

  compile(source: string): CompiledRegex {
    const kept = this.#kept.get(source)
    if (kept !== undefined) return kept
    const regex = this.#regexes.compile(source)
    if (regex.kind === 'invalid') return regex
    const compiled = remembering(regex)
    if (this.#kept.size >= MAX_KEPT || this.#keptSize + regex.size > MAX_KEPT_SIZE) {
      this.#kept.clear()
      this.#keptSize = 0
    }
    this.#kept.set(source, compiled)
    this.#keptSize += regex.size
    return compiled
  }
}

/** Topics are matched again whenever one comes or goes: what is known of the others is remembered. */
function remembering(regex: BoundedRegex & { readonly kind: 'compiled' }): Compiled {
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
