/**
 * The phases of a rebalance (Kafka's classic protocol):
 *
 *   Empty ──join──▶ PreparingRebalance ──all joined, or time over──▶ CompletingRebalance ──leader syncs──▶ Stable
 *     ▲                  ▲    │ nobody left                               │ join, leave, expiry              │
 *     └──────────────────┼────┘                                           │                                  │
 *                        └────────────────────────────────────────────────┴──────────────────────────────────┘
 *
 *  - A group that was empty waits `initialRebalanceDelayMs` for more members, again and again while new ones come,
 *    at most for the longest rebalance timeout.
 *  - Otherwise the join phase ends when every member has joined and every handed-out member id has been used, or at
 *    the longest rebalance timeout of the members; dynamic members that did not join are expelled then.
 *  - A new generation is written down when its leader brings the assignment, or at once when it has no members.
 */
import { assert } from '../../../base/assert.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { metadataFor, type Member } from './consumer-group.ts'
import { joinError, syncError, type GroupStep, type JoinResult } from './group-step.ts'

/** Begins a rebalance where the group's state asks for one. */
export function maybePrepareRebalance(step: GroupStep): void {
  const { state } = step.group
  if (state === 'Stable' || state === 'CompletingRebalance' || state === 'Empty') prepareRebalance(step)
}

export function prepareRebalance(step: GroupStep): void {
  const { group, config, now } = step
  if (group.state === 'CompletingRebalance') {
    for (const member of group.members.values()) answerSync(step, member, ErrorCode.REBALANCE_IN_PROGRESS)
  }
  clearPendingSync(step)
  const longestMs = longestRebalanceTimeoutMs(step)
  if (group.state === 'Empty') {
    const delayMs = Math.min(config.initialRebalanceDelayMs, longestMs)
    group.initialDelayLeftMs = longestMs - delayMs
    group.joinDeadlineMs = now.monotonicMs + delayMs
  } else {
    group.initialDelayLeftMs = undefined
    group.joinDeadlineMs = now.monotonicMs + longestMs
  }
  group.memberJoinedDuringDelay = false
  enter(step, 'PreparingRebalance')
  tryCompleteJoin(step)
}

/** Ends the join phase when everybody is there. The first wait of an empty group is never cut short. */
export function tryCompleteJoin(step: GroupStep): void {
  const { group } = step
  if (group.state !== 'PreparingRebalance' || group.initialDelayLeftMs !== undefined) return
  if (group.pendingMembers.size > 0) return
  for (const member of group.members.values()) if (member.joinWaiter === undefined) return
  completeJoin(step)
}

/** The join phase's time is over. */
export function joinDeadlineReached(step: GroupStep): void {
  const { group, config, now } = step
  const leftMs = group.initialDelayLeftMs
  if (leftMs !== undefined && group.memberJoinedDuringDelay && leftMs > 0) {
    const delayMs = Math.min(config.initialRebalanceDelayMs, leftMs)
    group.memberJoinedDuringDelay = false
    group.initialDelayLeftMs = leftMs - delayMs
    group.joinDeadlineMs = now.monotonicMs + delayMs
    return
  }
  completeJoin(step)
}

function completeJoin(step: GroupStep): void {
  const { group, now } = step
  for (const member of [...group.members.values()]) {
    if (member.joinWaiter === undefined && member.instanceId === null) forgetMember(step, member)
  }
  const joined = [...group.members.values()].filter((member) => member.joinWaiter !== undefined)
  if (joined.length === 0 && group.members.size > 0) {
    // Only static members that have not come back: they keep their places until their sessions end.
    group.initialDelayLeftMs = undefined
    group.joinDeadlineMs = now.monotonicMs + longestRebalanceTimeoutMs(step)
    return
  }
  group.joinDeadlineMs = Infinity
  group.initialDelayLeftMs = undefined
  group.generationId += 1
  if (group.members.size === 0) {
    group.protocolName = null
    enter(step, 'Empty')
    step.effects.records.push({
      kind: 'membership',
      groupId: group.id,
      value: group.membership(group.stateTimestampMs),
    })
    return
  }
  const leader = group.leaderId === null ? undefined : group.members.get(group.leaderId)
  if (leader?.joinWaiter === undefined) group.leaderId = joined[0]!.id
  group.protocolName = voteProtocol([...group.members.values()])
  enter(step, 'CompletingRebalance')
  for (const member of group.members.values()) {
    member.isNew = false
    member.deadlineMs = now.monotonicMs + member.sessionTimeoutMs
    group.pendingSync.add(member.id)
    answerJoin(step, member, { ...currentGeneration(step, member), errorCode: ErrorCode.NONE })
  }
  group.syncDeadlineMs = now.monotonicMs + longestRebalanceTimeoutMs(step)
}

/** The assignment phase has lasted a whole rebalance timeout: members that did not ask for theirs are expelled. */
export function syncDeadlineReached(step: GroupStep): void {
  const { group } = step
  const late = [...group.pendingSync]
  clearPendingSync(step)
  if (late.length === 0) return
  for (const memberId of late) {
    const member = group.members.get(memberId)
    if (member !== undefined) forgetMember(step, member)
  }
  maybePrepareRebalance(step)
}

export function clearPendingSync({ group }: GroupStep): void {
  group.pendingSync.clear()
  group.syncDeadlineMs = Infinity
}

/** Takes a member out and answers what it was waiting for; the caller sees to the rebalance. */
export function forgetMember(step: GroupStep, member: Member): void {
  const { group } = step
  answerJoin(step, member, joinError(ErrorCode.UNKNOWN_MEMBER_ID, member.id))
  answerSync(step, member, ErrorCode.UNKNOWN_MEMBER_ID)
  group.members.delete(member.id)
  group.pendingSync.delete(member.id)
  if (member.instanceId !== null && group.staticMembers.get(member.instanceId) === member.id) {
    group.staticMembers.delete(member.instanceId)
  }
  if (group.leaderId === member.id) {
    const next = group.members.keys().next()
    group.leaderId = next.done === true ? null : next.value
  }
}

/** Takes a member out and lets the others go on without it. */
export function removeMember(step: GroupStep, member: Member): void {
  forgetMember(step, member)
  if (step.group.state === 'PreparingRebalance') tryCompleteJoin(step)
  else maybePrepareRebalance(step)
}

/** What a member is told about the generation as it stands; the leader alone sees the members. */
export function currentGeneration({ group }: GroupStep, member: Member): JoinResult {
  const isLeader = member.id === group.leaderId
  return {
    errorCode: ErrorCode.NONE,
    generationId: group.generationId,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    leader: group.leaderId ?? '',
    skipAssignment: false,
    memberId: member.id,
    members: isLeader ? memberList(group.members, group.protocolName) : [],
  }
}

export function memberList(
  members: ReadonlyMap<string, Member>,
  protocolName: string | null,
): JoinResult['members'] {
  return [...members.values()].map((member) => ({
    memberId: member.id,
    groupInstanceId: member.instanceId,
    metadata: metadataFor(member, protocolName),
  }))
}

export function answerJoin({ effects }: GroupStep, member: Member, result: JoinResult): void {
  if (member.joinWaiter === undefined) return
  effects.replies.push({ kind: 'join', waiter: member.joinWaiter, result })
  member.joinWaiter = undefined
}

export function answerSync({ group, effects }: GroupStep, member: Member, errorCode: number): void {
  if (member.syncWaiter === undefined) return
  const result =
    errorCode === ErrorCode.NONE
      ? {
          errorCode,
          protocolType: group.protocolType,
          protocolName: group.protocolName,
          assignment: member.assignment,
        }
      : syncError(errorCode)
  effects.replies.push({ kind: 'sync', waiter: member.syncWaiter, result })
  member.syncWaiter = undefined
}

export function enter(
  { group, now }: GroupStep,
  state: 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable',
): void {
  group.state = state
  group.stateTimestampMs = now.wallMs
}

function longestRebalanceTimeoutMs({ group }: GroupStep): number {
  let longest = 0
  for (const member of group.members.values()) longest = Math.max(longest, member.rebalanceTimeoutMs)
  return longest
}

/** Each member votes for the first of its protocols that all support; most votes win. */
export function voteProtocol(members: readonly Pick<Member, 'protocols'>[]): string {
  const votes = new Map<string, number>()
  const isCommon = commonProtocols(members)
  for (const member of members) {
    const choice = member.protocols.find(({ name }) => isCommon(name))
    assert(choice !== undefined, 'members without a common protocol are refused when they join')
    votes.set(choice.name, (votes.get(choice.name) ?? 0) + 1)
  }
  let winner = ''
  let most = 0
  for (const [name, count] of votes) if (count > most) [winner, most] = [name, count]
  return winner
}

/** Says of a protocol whether all members know it. Clients may name any number of them. */
export function commonProtocols(members: Iterable<Pick<Member, 'protocols'>>): (name: string) => boolean {
  const known = Array.from(members, ({ protocols }) => new Set(protocols.map(({ name }) => name)))
  return (name) => known.every((names) => names.has(name))
}
