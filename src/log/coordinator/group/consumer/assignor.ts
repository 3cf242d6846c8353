import type { Assignment } from './consumer-record.ts'

/** What an assignor is given of a member. */
export interface AssignableMember {
  readonly id: string
  readonly instanceId: string | null
  /** Ids of the topics that it is subscribed to and that exist. */
  readonly topicIds: ReadonlySet<string>
  /** Its target so far. */
  readonly target: Assignment
}

/**
 * Deals the partitions of the subscribed topics to the members. Every partition goes to exactly one member that is
 * subscribed to its topic; the same input always gives the same result.
 */
export type Assignor = (
  members: readonly AssignableMember[],
  partitionsOf: (topicId: string) => number,
) => Map<string, Assignment>

/** All topics that anybody is subscribed to, in an order that does not depend on who joined first. */
export function subscribedTopics(members: readonly AssignableMember[]): string[] {
  const topicIds = new Set<string>()
  for (const member of members) for (const topicId of member.topicIds) topicIds.add(topicId)
  return [...topicIds].toSorted()
}

/** By code units, as everywhere where the outcome has to be the same on every machine. */
export function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}
