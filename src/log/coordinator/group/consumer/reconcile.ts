/**
 * Moves one member a step from what it has towards its target assignment (KIP-848):
 *
 *   stable ──target differs──▶ unrevoked ──member no longer owns what was taken──▶ stable, or unreleased
 *                                                                                    ▲   │ others still own
 *                                                                                    └───┘ part of the target
 *
 *  - A member first gives up what is not in its target; until it says so it stays in its epoch.
 *  - Then it comes into the epoch of the target with everything of it that nobody else holds, and is given the rest as
 *    the others release it.
 */
import type { Assignment, CurrentValue, OwnedPartitions } from './consumer-record.ts'
import { NOTHING_OWNED, type ConsumerMember } from './consumer-membership.ts'

/** What a member says it owns, by topic id; null when it did not say. */
export type OwnedByMember =
  readonly { readonly topicId: string; readonly partitions: readonly number[] }[] | null

interface Towards {
  readonly epoch: number
  readonly target: Assignment
  /** Ids of the topics that the member is subscribed to. */
  readonly subscribed: ReadonlySet<string>
  /** Its subscription has just changed: what it is not subscribed to any more is taken from it at once. */
  readonly subscriptionChanged: boolean
  readonly owned: OwnedByMember
  ownerOf(topicId: string, partition: number): string | undefined
}

/** The member's next current assignment, the very same object when nothing moves; 'fenced' when it has to start anew. */
export function reconcile(member: ConsumerMember, towards: Towards): CurrentValue | 'fenced' {
  const { current } = member
  const next = nextOf(member, towards)
  return next === 'fenced' || !sameCurrent(next, current) ? next : current
}

function nextOf(member: ConsumerMember, towards: Towards): CurrentValue | 'fenced' {
  const { current } = member
  switch (current.state) {
    case 'stable':
      if (current.memberEpoch !== towards.epoch) return advance(member, towards)
      return towards.subscriptionChanged ? withoutUnsubscribed(current, towards) : current
    case 'unrevoked':
      if (!stillOwns(towards.owned, current.pendingRevocation)) return advance(member, towards)
      return towards.subscriptionChanged ? withoutUnsubscribed(current, towards) : current
    case 'unreleased':
      return advance(member, towards)
    case 'unknown':
      // A newer broker wrote a state that is not known here: only a member that owns nothing can go on.
      return towards.owned === null || towards.owned.length > 0 ? 'fenced' : advance(member, towards)
  }
}

function advance(member: ConsumerMember, towards: Towards): CurrentValue {
  const { current } = member
  const kept = new Map<string, Map<number, number>>()
  const taken = new Map<string, Map<number, number>>()
  const given = new Map<string, number[]>()
  let unreleased = false
  for (const topicId of new Set([...towards.target.keys(), ...current.assigned.keys()])) {
    const target = new Set(towards.subscribed.has(topicId) ? towards.target.get(topicId) : undefined)
    for (const [partition, epoch] of current.assigned.get(topicId) ?? []) {
      put(target.has(partition) ? kept : taken, topicId, partition, epoch)
      target.delete(partition)
    }
    const free: number[] = []
    for (const partition of target) {
      const owner = towards.ownerOf(topicId, partition)
      if (owner === undefined || owner === member.id) free.push(partition)
      else unreleased = true
    }
    if (free.length > 0) given.set(topicId, free)
  }
  if (taken.size > 0 && stillOwns(towards.owned, taken)) {
    return {
      ...inEpoch(current, current.memberEpoch),
      state: 'unrevoked',
      assigned: kept,
      pendingRevocation: taken,
    }
  }
  for (const [topicId, partitions] of given)
    for (const partition of partitions) put(kept, topicId, partition, towards.epoch)
  return {
    ...inEpoch(current, towards.epoch),
    state: unreleased ? 'unreleased' : 'stable',
    assigned: ascending(kept),
    pendingRevocation: NOTHING_OWNED,
  }
}

/** Takes away the topics that the member is not subscribed to any more, and leaves the rest to a later step. */
function withoutUnsubscribed(current: CurrentValue, towards: Towards): CurrentValue {
  const kept = new Map<string, ReadonlyMap<number, number>>()
  const taken = new Map(current.pendingRevocation)
  for (const [topicId, partitions] of current.assigned) {
    if (towards.subscribed.has(topicId)) kept.set(topicId, partitions)
    else taken.set(topicId, new Map([...(taken.get(topicId) ?? []), ...partitions]))
  }
  if (kept.size === current.assigned.size) return current
  return stillOwns(towards.owned, taken)
    ? { ...current, state: 'unrevoked', assigned: kept, pendingRevocation: taken }
    : { ...current, assigned: kept }
}

/** Whether the member has some of these, for all that is known. */
function stillOwns(owned: OwnedByMember, partitions: OwnedPartitions): boolean {
  if (owned === null) return true
  return owned.some((topic) => {
    const pending = partitions.get(topic.topicId)
    return pending !== undefined && topic.partitions.some((partition) => pending.has(partition))
  })
}

/** The epochs of a member that comes into `epoch`: it may repeat the request that brought it there. */
function inEpoch(
  current: CurrentValue,
  epoch: number,
): Pick<CurrentValue, 'memberEpoch' | 'previousMemberEpoch'> {
  return {
    memberEpoch: epoch,
    previousMemberEpoch: epoch === current.memberEpoch ? current.previousMemberEpoch : current.memberEpoch,
  }
}

function put(
  owned: Map<string, Map<number, number>>,
  topicId: string,
  partition: number,
  epoch: number,
): void {
  let partitions = owned.get(topicId)
  if (partitions === undefined) owned.set(topicId, (partitions = new Map<number, number>()))
  partitions.set(partition, epoch)
}

function ascending(owned: ReadonlyMap<string, ReadonlyMap<number, number>>): OwnedPartitions {
  return new Map(
    Array.from(owned, ([topicId, partitions]) => [
      topicId,
      new Map([...partitions].toSorted(([one], [other]) => one - other)),
    ]),
  )
}

function sameCurrent(one: CurrentValue, other: CurrentValue): boolean {
  return (
    one === other ||
    (one.memberEpoch === other.memberEpoch &&
      one.previousMemberEpoch === other.previousMemberEpoch &&
      one.state === other.state &&
      sameOwned(one.assigned, other.assigned) &&
      sameOwned(one.pendingRevocation, other.pendingRevocation))
  )
}

/** Whether the same partitions are owned since the same epochs. */
export function sameOwned(one: OwnedPartitions, other: OwnedPartitions): boolean {
  if (one.size !== other.size) return false
  for (const [topicId, partitions] of one) {
    const others = other.get(topicId)
    if (others?.size !== partitions.size) return false
    for (const [partition, epoch] of partitions) if (others.get(partition) !== epoch) return false
  }
  return true
}
