/** A topic as far as groups are concerned. */
export interface TopicShape {
  readonly id: string
  readonly name: string
  readonly partitionCount: number
}

/** The topics that there are at the time of a decision. */
export interface TopicsView {
  /** Another number whenever a topic has come, gone or grown. */
  readonly version: number
  topic(name: string): TopicShape | undefined
  topicById(id: string): TopicShape | undefined
  names(): Iterable<string>
}

/** Compiles regular expressions that clients wrote: in RE2's syntax, matched in linear time. */
export interface TopicRegexes {
  compile(source: string): CompiledRegex
}

export type CompiledRegex =
  | { readonly kind: 'compiled'; matches(topic: string): boolean }
  | { readonly kind: 'invalid'; readonly reason: string }

/**
 * Tells whether topics are what they were: a hash over their names, ids and partition counts that fits a number
 * exactly. Topics that do not exist are left out.
 */
export function metadataHash(names: ReadonlySet<string>, topics: TopicsView): number {
  let low = 0x811c9dc5
  let high = 0x01000193
  const mix = (text: string): void => {
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at)
      low = Math.imul(low ^ unit, 0x01000193)
      high = Math.imul(high ^ unit, 0x5bd1e995)
      high ^= high >>> 13
    }
  }
  for (const name of [...names].toSorted()) {
    const topic = topics.topic(name)
    if (topic !== undefined) mix(`${name}/${topic.id}/${topic.partitionCount};`)
  }
  return (high & 0x1f_ffff) * 2 ** 32 + (low >>> 0)
}
