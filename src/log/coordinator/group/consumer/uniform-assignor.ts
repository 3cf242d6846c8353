/**
 * Deals partitions so that everybody has about as many, and moves as few as that takes.
 *
 * When all members are subscribed to the same topics: each keeps what it has up to its share, and what is left over goes
 * to those that have less, in runs. Shares differ by one partition at most.
 *
 * Otherwise: each keeps what it is still subscribed to; what nobody has goes, the topics with the fewest subscribers
 * first, to the subscriber with the least; then partitions move from a subscriber with more to one with at least two
 * fewer until there is none. Each move makes the sum of the squares of the shares smaller, so that this ends.
 */
import { compare, subscribedTopics, type AssignableMember, type Assignor } from './assignor.ts'

interface Share {
  readonly member: AssignableMember
  readonly partitions: Map<string, Set<number>>
  size: number
}

export const assignUniform: Assignor = (members, partitionsOf) => {
  const shares = members
    .toSorted((one, other) => compare(one.id, other.id))
    .map((member): Share => ({ member, partitions: new Map(), size: 0 }))
  const topicIds = subscribedTopics(members)
  const counts = new Map(topicIds.map((topicId) => [topicId, partitionsOf(topicId)]))
  if (shares.every(({ member }) => member.topicIds.size === topicIds.length)) dealEvenly(shares, counts)
  else dealBySubscription(shares, counts)
  return new Map(
    shares.map(({ member, partitions }) => [
      member.id,
      new Map(
        Array.from(partitions, ([topicId, indexes]) => [topicId, [...indexes].toSorted((a, b) => a - b)]),
      ),
    ]),
  )
}

function dealEvenly(shares: readonly Share[], counts: ReadonlyMap<string, number>): void {
  let total = 0
  for (const count of counts.values()) total += count
  const least = Math.floor(total / shares.length)
  let largerShares = total % shares.length
  const free = freePartitions(counts)
  for (const share of shares) {
    forEachKept(share.member, free, (topicId, partition) => {
      if (share.size > least || (share.size === least && largerShares === 0)) return false
      if (share.size === least) largerShares -= 1
      give(share, topicId, partition)
      return true
    })
  }
  const left = entries(free)
  for (const share of shares) {
    let quota = least
    if (share.size <= least && largerShares > 0) {
      quota += 1
      largerShares -= 1
    }
    while (share.size < quota) {
      const next = left.next()
      if (next.done === true) return
      give(share, next.value.topicId, next.value.partition)
    }
  }
}

function dealBySubscription(shares: readonly Share[], counts: ReadonlyMap<string, number>): void {
  const free = freePartitions(counts)
  for (const share of shares) {
    forEachKept(share.member, free, (topicId, partition) => {
      if (!share.member.topicIds.has(topicId)) return false
      give(share, topicId, partition)
      return true
    })
  }
  const subscribers = new Map(
    Array.from(counts.keys(), (topicId) => [
      topicId,
      shares.filter(({ member }) => member.topicIds.has(topicId)),
    ]),
  )
  const rarestFirst = [...counts.keys()].toSorted(
    (one, other) => subscribers.get(one)!.length - subscribers.get(other)!.length,
  )
  for (const topicId of rarestFirst) {
    for (const partition of free.get(topicId)!) give(smallest(subscribers.get(topicId)!), topicId, partition)
  }
  for (let moved = true; moved;) {
    moved = false
    for (const topicId of rarestFirst) {
      const candidates = subscribers.get(topicId)!
      for (;;) {
        const to = smallest(candidates)
        const from = largestWith(candidates, topicId)
        if (from === undefined || from.size < to.size + 2) break
        const partition = Math.max(...from.partitions.get(topicId)!)
        take(from, topicId, partition)
        give(to, topicId, partition)
        moved = true
      }
    }
  }
}

/** Offers each partition that a member has so far, and is still there, to be kept. */
function forEachKept(
  member: AssignableMember,
  free: ReadonlyMap<string, Set<number>>,
  keep: (topicId: string, partition: number) => boolean,
): void {
  for (const [topicId, partitions] of member.target) {
    const left = free.get(topicId)
    if (left === undefined) continue
    for (const partition of partitions)
      if (left.has(partition) && keep(topicId, partition)) left.delete(partition)
  }
}

function freePartitions(counts: ReadonlyMap<string, number>): Map<string, Set<number>> {
  return new Map(Array.from(counts, ([topicId, count]) => [topicId, new Set(Array(count).keys())]))
}

function* entries(
  partitions: ReadonlyMap<string, ReadonlySet<number>>,
): Generator<{ readonly topicId: string; readonly partition: number }, void, void> {
  for (const [topicId, indexes] of partitions) for (const partition of indexes) yield { topicId, partition }
}

function give(share: Share, topicId: string, partition: number): void {
  let partitions = share.partitions.get(topicId)
  if (partitions === undefined) share.partitions.set(topicId, (partitions = new Set()))
  partitions.add(partition)
  share.size += 1
}

function take(share: Share, topicId: string, partition: number): void {
  const partitions = share.partitions.get(topicId)!
  partitions.delete(partition)
  if (partitions.size === 0) share.partitions.delete(topicId)
  share.size -= 1
}

function smallest(shares: readonly Share[]): Share {
  return shares.reduce((least, share) => (share.size < least.size ? share : least))
}

function largestWith(shares: readonly Share[], topicId: string): Share | undefined {
  let largest: Share | undefined
  for (const share of shares) {
    if (share.partitions.has(topicId) && (largest === undefined || share.size > largest.size)) largest = share
  }
  return largest
}
