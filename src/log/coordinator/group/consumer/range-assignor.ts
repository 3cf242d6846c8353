import { compare, subscribedTopics, type Assignor, type AssignableMember } from './assignor.ts'

/**
 * Gives each member a run of adjacent partitions of every topic that it is subscribed to, the same run of topics with
 * as many partitions: what joins topics by key wants. Static members come first, by instance id, so that a restart
 * does not move runs.
 */
export const assignRange: Assignor = (members, partitionsOf) => {
  const inOrder = members.toSorted(byInstance)
  const shares = new Map(members.map(({ id }) => [id, new Map<string, number[]>()]))
  for (const topicId of subscribedTopics(inOrder)) {
    const subscribers = inOrder.filter(({ topicIds }) => topicIds.has(topicId))
    const count = partitionsOf(topicId)
    const least = Math.floor(count / subscribers.length)
    const oneMore = count % subscribers.length
    let next = 0
    subscribers.forEach(({ id }, index) => {
      const share = least + (index < oneMore ? 1 : 0)
      if (share > 0)
        shares.get(id)!.set(
          topicId,
          Array.from({ length: share }, () => next++),
        )
    })
  }
  return shares
}

function byInstance(one: AssignableMember, other: AssignableMember): number {
  if (one.instanceId !== null && other.instanceId !== null) return compare(one.instanceId, other.instanceId)
  if (one.instanceId !== null) return -1
  if (other.instanceId !== null) return 1
  return compare(one.id, other.id)
}
