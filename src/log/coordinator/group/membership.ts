/**
 * JoinGroup, SyncGroup, Heartbeat and LeaveGroup of the classic protocol, and what happens when time passes.
 * `rebalance.ts` holds the phases; here are the requests' own rules: who may join, what a rejoin means, static members
 * (KIP-345), member ids that are handed out before the first join (KIP-394).
 */
import { ErrorCode } from '../../protocol/error-code.ts'
import {
  NO_BYTES,
  type ConsumerGroup,
  type JoinProtocol,
  type Member,
  type Waiter,
} from './consumer-group.ts'
import { identityError, joinError, syncError } from './group-step.ts'
import type { GroupStep, JoinRequest, MemberIdentity, SyncRequest } from './group-step.ts'
import * as rebalance from './rebalance.ts'

/** A member of a client too old to say when it gives up joining (before KIP-394) is forgotten after this time. */
const NEW_MEMBER_JOIN_TIMEOUT_MS = 300_000

export function join(step: GroupStep, request: JoinRequest, waiter: Waiter): void {
  const { group, config } = step
  const refuse = (errorCode: number, memberId = request.memberId): void => {
    step.effects.replies.push({ kind: 'join', waiter, result: joinError(errorCode, memberId) })
  }
  if (isFull(group, request, config.maxSize)) return refuse(ErrorCode.GROUP_MAX_SIZE_REACHED, '')
  if (!supportsProtocols(group, request)) return refuse(ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
  if (request.memberId === '') return joinNew(step, request, waiter)
  if (group.pendingMembers.has(request.memberId)) return addMember(step, request, request.memberId, waiter)

  const identity = identityError(group, request)
  if (identity !== ErrorCode.NONE) return refuse(identity)
  const member = group.members.get(request.memberId)!
  switch (group.state) {
    case 'PreparingRebalance':
      updateMember(step, member, request, waiter)
      rebalance.tryCompleteJoin(step)
      return
    case 'CompletingRebalance':
    case 'Stable': {
      // A repeated request of this generation is answered again; the leader of a stable group asks for a new one.
      const repeated = sameProtocols(member, request.protocols)
      const leaderRejoins = group.state === 'Stable' && member.id === group.leaderId
      if (repeated && !leaderRejoins) {
        member.deadlineMs = step.now.monotonicMs + member.sessionTimeoutMs
        step.effects.replies.push({ kind: 'join', waiter, result: rebalance.currentGeneration(step, member) })
        return
      }
      updateMember(step, member, request, waiter)
      rebalance.prepareRebalance(step)
      return
    }
    case 'Empty':
    case 'Dead':
      return refuse(ErrorCode.UNKNOWN_MEMBER_ID)
  }
}

function joinNew(step: GroupStep, request: JoinRequest, waiter: Waiter): void {
  const { group, effects, now } = step
  const newId = request.newMemberId
  if (request.groupInstanceId !== null) {
    const replaced = group.members.get(group.staticMembers.get(request.groupInstanceId) ?? '')
    if (replaced !== undefined) return replaceStaticMember(step, replaced, request, waiter)
  } else if (request.requiresKnownMemberId) {
    group.pendingMembers.set(newId, now.monotonicMs + request.sessionTimeoutMs)
    effects.replies.push({ kind: 'join', waiter, result: joinError(ErrorCode.MEMBER_ID_REQUIRED, newId) })
    return
  }
  addMember(step, request, newId, waiter)
}

function addMember(step: GroupStep, request: JoinRequest, memberId: string, waiter: Waiter): void {
  const { group, now } = step
  group.pendingMembers.delete(memberId)
  if (group.members.size === 0) {
    group.protocolType = request.protocolType
    group.leaderId = memberId
  }
  group.members.set(memberId, {
    id: memberId,
    instanceId: request.groupInstanceId,
    clientId: request.clientId,
    clientHost: request.clientHost,
    sessionTimeoutMs: request.sessionTimeoutMs,
    rebalanceTimeoutMs: rebalanceTimeoutMs(request),
    protocols: request.protocols,
    assignment: NO_BYTES,
    joinWaiter: waiter,
    syncWaiter: undefined,
    deadlineMs: now.monotonicMs + NEW_MEMBER_JOIN_TIMEOUT_MS,
    isNew: true,
  })
  if (request.groupInstanceId !== null) group.staticMembers.set(request.groupInstanceId, memberId)
  if (group.state === 'PreparingRebalance') {
    group.memberJoinedDuringDelay = true
    rebalance.tryCompleteJoin(step)
  } else {
    rebalance.maybePrepareRebalance(step)
  }
}

function updateMember(step: GroupStep, member: Member, request: JoinRequest, waiter: Waiter): void {
  // A second JoinGroup of the same member takes the place of the first, whose connection has usually gone.
  rebalance.answerJoin(step, member, joinError(ErrorCode.REBALANCE_IN_PROGRESS, member.id))
  member.protocols = request.protocols
  member.sessionTimeoutMs = request.sessionTimeoutMs
  member.rebalanceTimeoutMs = rebalanceTimeoutMs(request)
  member.clientId = request.clientId
  member.clientHost = request.clientHost
  member.joinWaiter = waiter
  member.deadlineMs = step.now.monotonicMs + member.sessionTimeoutMs
}

/**
 * A static member came back without its member id: it gets a new one, and whoever uses the old is fenced. In a stable
 * group it keeps its assignment without a rebalance, unless its new metadata changes the group's protocol.
 */
function replaceStaticMember(step: GroupStep, member: Member, request: JoinRequest, waiter: Waiter): void {
  const { group, effects } = step
  const oldId = member.id
  const newId = request.newMemberId
  const oldLeader = group.leaderId
  const oldMetadata = member.protocols.find(({ name }) => name === group.protocolName)?.metadata
  rebalance.answerJoin(step, member, joinError(ErrorCode.FENCED_INSTANCE_ID, oldId))
  rebalance.answerSync(step, member, ErrorCode.FENCED_INSTANCE_ID)
  renameMember(group, member, newId)
  updateMember(step, member, request, waiter)
  if (group.state === 'PreparingRebalance') return rebalance.tryCompleteJoin(step)
  if (group.state !== 'Stable') return rebalance.prepareRebalance(step)
  const newMetadata = member.protocols.find(({ name }) => name === group.protocolName)?.metadata
  if (oldMetadata === undefined || newMetadata === undefined || !oldMetadata.equals(newMetadata)) {
    return rebalance.prepareRebalance(step)
  }
  effects.records.push({
    kind: 'membership',
    groupId: group.id,
    value: group.membership(group.stateTimestampMs),
  })
  const result = rebalance.currentGeneration(step, member)
  const isLeader = group.leaderId === newId
  // Told its old id as the leader's, an old client does not take itself for the leader: nobody waits for its assignment.
  rebalance.answerJoin(
    step,
    member,
    request.canSkipAssignment
      ? { ...result, skipAssignment: isLeader }
      : { ...result, leader: oldLeader ?? '', members: [] },
  )
}

function renameMember(group: ConsumerGroup, member: Member, newId: string): void {
  const members = [...group.members.values()]
  const oldId = member.id
  member.id = newId
  // Keeps the order of joining.
  group.members.clear()
  for (const each of members) group.members.set(each.id, each)
  if (member.instanceId !== null) group.staticMembers.set(member.instanceId, newId)
  if (group.leaderId === oldId) group.leaderId = newId
  if (group.pendingSync.delete(oldId)) group.pendingSync.add(newId)
}

export function sync(step: GroupStep, request: SyncRequest, waiter: Waiter): void {
  const { group, effects, now } = step
  const refuse = (errorCode: number): void => {
    effects.replies.push({ kind: 'sync', waiter, result: syncError(errorCode) })
  }
  const identity = identityError(group, request)
  if (identity !== ErrorCode.NONE) return refuse(identity)
  if (request.generationId !== group.generationId) return refuse(ErrorCode.ILLEGAL_GENERATION)
  if (
    (request.protocolType !== null && request.protocolType !== group.protocolType) ||
    (request.protocolName !== null && request.protocolName !== group.protocolName)
  ) {
    return refuse(ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
  }
  const member = group.members.get(request.memberId)!
  member.deadlineMs = now.monotonicMs + member.sessionTimeoutMs
  switch (group.state) {
    case 'PreparingRebalance':
      return refuse(ErrorCode.REBALANCE_IN_PROGRESS)
    case 'Stable':
      notePendingSync(step, member)
      member.syncWaiter = waiter
      rebalance.answerSync(step, member, ErrorCode.NONE)
      return
    case 'CompletingRebalance':
      rebalance.answerSync(step, member, ErrorCode.REBALANCE_IN_PROGRESS)
      member.syncWaiter = waiter
      notePendingSync(step, member)
      if (member.id === group.leaderId) assign(step, request.assignments)
      return
    case 'Empty':
    case 'Dead':
      return refuse(ErrorCode.UNKNOWN_MEMBER_ID)
  }
}

/** The leader brought the assignment: the generation is written down and everybody who waits is told. */
function assign(step: GroupStep, assignments: SyncRequest['assignments']): void {
  const { group, effects, now } = step
  const byMember = new Map(assignments.map(({ memberId, assignment }) => [memberId, assignment]))
  for (const member of group.members.values()) {
    member.assignment = byMember.get(member.id) ?? NO_BYTES
    if (member.syncWaiter !== undefined) member.deadlineMs = now.monotonicMs + member.sessionTimeoutMs
  }
  rebalance.enter(step, 'Stable')
  effects.records.push({
    kind: 'membership',
    groupId: group.id,
    value: group.membership(group.stateTimestampMs),
  })
  for (const member of group.members.values()) rebalance.answerSync(step, member, ErrorCode.NONE)
}

function notePendingSync(step: GroupStep, member: Member): void {
  const { group } = step
  group.pendingSync.delete(member.id)
  if (group.pendingSync.size === 0) group.syncDeadlineMs = Infinity
}

export function heartbeat(
  { group, now }: GroupStep,
  request: MemberIdentity & { readonly generationId: number },
): ErrorCode {
  const identity = identityError(group, request)
  if (identity !== ErrorCode.NONE) return identity
  if (group.state === 'Empty' || group.state === 'Dead') return ErrorCode.UNKNOWN_MEMBER_ID
  if (request.generationId !== group.generationId) return ErrorCode.ILLEGAL_GENERATION
  const member = group.members.get(request.memberId)!
  member.deadlineMs = now.monotonicMs + member.sessionTimeoutMs
  return group.state === 'PreparingRebalance' ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE
}

/** One member leaves; a static one may be named by its instance id alone (an empty member id). */
export function leave(step: GroupStep, identity: MemberIdentity): ErrorCode {
  const { group } = step
  const { groupInstanceId } = identity
  const memberId =
    identity.memberId === '' && groupInstanceId !== null
      ? (group.staticMembers.get(groupInstanceId) ?? '')
      : identity.memberId
  if (groupInstanceId === null && group.pendingMembers.delete(memberId)) {
    rebalance.tryCompleteJoin(step)
    return ErrorCode.NONE
  }
  const error = identityError(group, { memberId, groupInstanceId })
  if (error === ErrorCode.NONE) rebalance.removeMember(step, group.members.get(memberId)!)
  return error
}

/** Time has passed: expels who has been silent, ends the phases whose time is over. */
export function tick(step: GroupStep): void {
  const { group, now } = step
  const nowMs = now.monotonicMs
  for (const [memberId, deadlineMs] of group.pendingMembers) {
    if (deadlineMs <= nowMs) group.pendingMembers.delete(memberId)
  }
  for (const member of [...group.members.values()]) {
    const present = group.members.get(member.id) === member
    if (present && sessionDeadlineMs(member) <= nowMs) rebalance.removeMember(step, member)
  }
  rebalance.tryCompleteJoin(step)
  if (group.state === 'PreparingRebalance' && group.joinDeadlineMs <= nowMs)
    rebalance.joinDeadlineReached(step)
  if (group.syncDeadlineMs <= nowMs) rebalance.syncDeadlineReached(step)
}

/** When `tick` has something to do at the earliest (monotonic); Infinity when never. */
export function nextTickMs(group: ConsumerGroup): number {
  let nextMs = Math.min(
    group.state === 'PreparingRebalance' ? group.joinDeadlineMs : Infinity,
    group.syncDeadlineMs,
  )
  for (const deadlineMs of group.pendingMembers.values()) nextMs = Math.min(nextMs, deadlineMs)
  for (const member of group.members.values()) nextMs = Math.min(nextMs, sessionDeadlineMs(member))
  return nextMs
}

/** A member whose request is waiting here is alive, but a new one may not wait for ever. */
function sessionDeadlineMs(member: Member): number {
  const waiting = member.syncWaiter !== undefined || (member.joinWaiter !== undefined && !member.isNew)
  return waiting ? Infinity : member.deadlineMs
}

function isFull(group: ConsumerGroup, request: JoinRequest, maxSize: number): boolean {
  if (group.members.has(request.memberId) || group.pendingMembers.has(request.memberId)) {
    return group.members.size > maxSize
  }
  if (request.groupInstanceId !== null && group.staticMembers.has(request.groupInstanceId)) return false
  return group.members.size + group.pendingMembers.size >= maxSize
}

function supportsProtocols(group: ConsumerGroup, request: JoinRequest): boolean {
  if (request.protocolType === '' || request.protocols.length === 0) return false
  if (group.members.size === 0) return true
  if (group.protocolType !== request.protocolType) return false
  // A member that joins anew need not agree with what it said before.
  const others = [...group.members.values()].filter((member) => member.id !== request.memberId)
  const isCommon = rebalance.commonProtocols(others)
  return request.protocols.some(({ name }) => isCommon(name))
}

function sameProtocols(member: Member, protocols: readonly JoinProtocol[]): boolean {
  return (
    member.protocols.length === protocols.length &&
    member.protocols.every((protocol, index) => {
      const other = protocols[index]!
      return protocol.name === other.name && protocol.metadata.equals(other.metadata)
    })
  )
}

function rebalanceTimeoutMs(request: JoinRequest): number {
  return request.rebalanceTimeoutMs < 0 ? request.sessionTimeoutMs : request.rebalanceTimeoutMs
}
