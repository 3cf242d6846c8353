import { compare } from '../consumer/assignor.ts'
import type { Assignment } from '../consumer/consumer-record.ts'

interface Subscriber {
  readonly id: string
  /** Ids of the topics that it is subscribed to and that exist. */
  readonly topicIds: ReadonlySet<string>
}

/**
 * Deals partitions to the members of a share group: every partition to at least one member, every member at least one
 * partition, none to more members than that takes. Members with the same subscription are dealt to together. The same
 * input always gives the same result.
 */
export function assignSimple(
  members: readonly Subscriber[],
  partitionsOf: (topicId: string) => number,
): Map<string, Assignment> {
  const dealt = new Map<string, Map<string, number[]>>()
  for (const { id } of members) dealt.set(id, new Map())
  const bySubscription = Map.groupBy(members, ({ topicIds }) => [...topicIds].toSorted().join())
  const taken = new Set<string>()
  for (const alike of [...bySubscription.values()].toSorted((one, other) => other.length - one.length)) {
    const ids = alike.map(({ id }) => id).toSorted(compare)
    const partitions = [...alike[0]!.topicIds]
      .toSorted(compare)
      .flatMap((topicId) =>
        Array.from({ length: partitionsOf(topicId) }, (_, partition) => ({ topicId, partition })),
      )
    // What other members have already is only dealt again when there is nothing else.
    const free = partitions.filter(({ topicId, partition }) => !taken.has(`${topicId}:${partition}`))
    const wanted = free.length > 0 ? free : partitions
    for (let at = 0; wanted.length > 0 && at < Math.max(ids.length, wanted.length); at++) {
      const { topicId, partition } = wanted[at % wanted.length]!
      taken.add(`${topicId}:${partition}`)
      const mine = dealt.get(ids[at % ids.length]!)!
      const partitionsOfTopic = mine.get(topicId)
      if (partitionsOfTopic === undefined) mine.set(topicId, [partition])
      else partitionsOfTopic.push(partition)
    }
  }
  return dealt
}
