/**
 * JoinGroup, SyncGroup, Heartbeat and LeaveGroup of members that use the classic protocol in a group of the consumer
 * protocol, while an application is being upgraded member by member. To them the server is the group's leader: JoinGroup
 * is answered at once, the generation is the member epoch, SyncGroup brings what the member is assigned, and Heartbeat
 * sends it back to JoinGroup whenever there is a step to go.
 */
import { ErrorCode } from '../../../protocol/error-code.ts'
import type { Waiter } from '../consumer-group.ts'
import {
  joinError,
  syncError,
  type GroupStep,
  type JoinRequest,
  type MemberIdentity,
  type SyncRequest,
} from '../group-step.ts'
import { commonProtocols } from '../rebalance.ts'
import { ConsumerDraft } from './consumer-draft.ts'
import { NO_ASSIGNMENT, type ConsumerMember, type ConsumerMembership } from './consumer-membership.ts'
import { decodeSubscription, encodeAssignment, type Subscription } from './consumer-protocol.ts'
import type { MemberValue } from './consumer-record.ts'
import { assignmentById, assignmentByName, downgrade, mayDowngrade } from './conversion.ts'
import { fence } from './fence.ts'
import {
  changeMember,
  newMember,
  reconcileMember,
  replaceStaticMember,
  updateTarget,
} from './group-progress.ts'

export function joinAsClassic(step: GroupStep, request: JoinRequest, waiter: Waiter): void {
  const { effects, group, config, now } = step
  const refuse = (errorCode: number, memberId = request.memberId): void => {
    effects.replies.push({ kind: 'join', waiter, result: joinError(errorCode, memberId) })
  }
  const draft = new ConsumerDraft(step)
  const { members } = draft.membership
  const isUnknown = request.memberId === ''
  const memberId = isUnknown ? request.newMemberId : request.memberId
  if (members.size >= config.consumer.maxSize && !members.has(memberId))
    return refuse(ErrorCode.GROUP_MAX_SIZE_REACHED, '')
  const { mayUpgrade, mayDowngrade: mayGoBack } = config.consumer
  if ((!mayUpgrade && !mayGoBack) || !supportsProtocols(draft.membership, request))
    return refuse(ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
  if (isUnknown && request.groupInstanceId === null && request.requiresKnownMemberId)
    return refuse(ErrorCode.MEMBER_ID_REQUIRED, memberId)
  const subscription = decodeSubscription(request.protocols[0]!.metadata)
  if (subscription === undefined) return refuse(ErrorCode.INCONSISTENT_GROUP_PROTOCOL)

  const found = findOrMake(draft, request, { memberId, isUnknown })
  if (typeof found === 'number') return refuse(found)
  const { member, replaces } = found
  const lastOfConsumerProtocol =
    replaces !== undefined && replaces.value.classic === null && othersAreClassic(draft, memberId)
  const change = {
    before: member,
    value: classicValue(member, request, subscription),
    owned: Array.from(assignmentById(step, subscription.ownedPartitions), ([topicId, partitions]) => ({
      topicId,
      partitions,
    })),
  }
  const subscriptionChanged = changeMember(draft, change)
  const remaining = [...draft.membership.members.values()]
  const goesBack = lastOfConsumerProtocol && mayDowngrade(step, remaining)
  if (!goesBack) updateTarget(draft)
  if (!goesBack || !subscriptionChanged) {
    if (reconcileMember(draft, change, subscriptionChanged) === 'fenced')
      return refuse(ErrorCode.UNKNOWN_MEMBER_ID)
  }
  const generationId = draft.membership.members.get(memberId)!.current.memberEpoch
  if (goesBack) {
    downgrade(draft, { remaining: [...draft.membership.members.values()], rebalance: subscriptionChanged })
  } else {
    group.deadlines.cancel(memberId, 'join')
    group.deadlines.set(memberId, 'session', now.monotonicMs + request.sessionTimeoutMs)
    group.deadlines.set(memberId, 'sync', now.monotonicMs + change.value.rebalanceTimeoutMs)
  }
  effects.replies.push({
    kind: 'join',
    waiter,
    result: {
      errorCode: ErrorCode.NONE,
      generationId,
      protocolType: 'consumer',
      protocolName: request.protocols[0]!.name,
      leader: '',
      skipAssignment: false,
      memberId,
      members: [],
    },
  })
}

/** A protocol is supported when all members of the classic protocol know it. */
function supportsProtocols(membership: ConsumerMembership, request: JoinRequest): boolean {
  if (request.protocolType !== 'consumer' || request.protocols.length === 0) return false
  const classic = [...membership.members.values()].flatMap(({ value }) => value.classic ?? [])
  const isCommon = commonProtocols(classic)
  return request.protocols.some(({ name }) => isCommon(name))
}

function findOrMake(
  draft: ConsumerDraft,
  request: JoinRequest,
  { memberId, isUnknown }: { readonly memberId: string; readonly isUnknown: boolean },
): { readonly member: ConsumerMember; readonly replaces: ConsumerMember | undefined } | ErrorCode {
  const { membership } = draft
  const asBefore = membership.members.get(memberId) ?? newMember(memberId)
  if (request.groupInstanceId === null) return { member: asBefore, replaces: undefined }
  const existing = membership.staticMember(request.groupInstanceId)
  if (!isUnknown) {
    if (existing === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
    return existing.id === memberId ? { member: existing, replaces: existing } : ErrorCode.FENCED_INSTANCE_ID
  }
  if (existing === undefined) return { member: asBefore, replaces: undefined }
  return { member: replaceStaticMember(draft, existing, memberId), replaces: existing }
}

function othersAreClassic({ membership }: ConsumerDraft, memberId: string): boolean {
  for (const { id, value } of membership.members.values())
    if (id !== memberId && value.classic === null) return false
  return true
}

function classicValue(member: ConsumerMember, request: JoinRequest, subscription: Subscription): MemberValue {
  return {
    instanceId: request.groupInstanceId ?? member.value.instanceId,
    rackId: subscription.rackId ?? member.value.rackId,
    clientId: request.clientId,
    clientHost: request.clientHost,
    subscribedTopicNames: [...new Set(subscription.topics)].toSorted(),
    // The classic protocol knows no expressions: its clients match them themselves.
    subscribedTopicRegex: '',
    rebalanceTimeoutMs:
      request.rebalanceTimeoutMs < 0 ? request.sessionTimeoutMs : request.rebalanceTimeoutMs,
    serverAssignor: member.value.serverAssignor,
    classic: { sessionTimeoutMs: request.sessionTimeoutMs, protocols: request.protocols },
  }
}

export function syncAsClassic(step: GroupStep, request: SyncRequest, waiter: Waiter): void {
  const { effects, group, now } = step
  const refuse = (errorCode: number): void => {
    effects.replies.push({ kind: 'sync', waiter, result: syncError(errorCode) })
  }
  const membership = group.consumer!
  const member = classicMember(membership, request)
  if (typeof member === 'number') return refuse(member)
  const { value, current } = member
  if (request.generationId !== current.memberEpoch) return refuse(ErrorCode.ILLEGAL_GENERATION)
  const protocol = value.classic!.protocols[0]!
  if (
    (request.protocolType !== null && request.protocolType !== 'consumer') ||
    (request.protocolName !== null && request.protocolName !== protocol.name)
  )
    return refuse(ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
  if (membership.groupEpoch > current.memberEpoch && current.state !== 'unrevoked') {
    group.deadlines.setIfAbsent(member.id, 'join', now.monotonicMs + value.rebalanceTimeoutMs)
    return refuse(ErrorCode.REBALANCE_IN_PROGRESS)
  }
  group.deadlines.cancel(member.id, 'sync')
  group.deadlines.set(member.id, 'session', now.monotonicMs + value.classic!.sessionTimeoutMs)
  const version = decodeSubscription(protocol.metadata)?.version ?? 0
  const assigned = Array.from(
    current.assigned,
    ([topicId, partitions]) => [topicId, [...partitions.keys()]] as const,
  )
  effects.replies.push({
    kind: 'sync',
    waiter,
    result: {
      errorCode: ErrorCode.NONE,
      protocolType: request.protocolType,
      protocolName: request.protocolName,
      assignment: encodeAssignment(version, assignmentByName(step, assigned)),
    },
  })
}

export function heartbeatAsClassic(
  { group, now }: GroupStep,
  request: MemberIdentity & { readonly generationId: number },
): ErrorCode {
  const membership = group.consumer!
  const member = classicMember(membership, request)
  if (typeof member === 'number') return member
  const { id, value, current } = member
  if (request.generationId !== current.memberEpoch) return ErrorCode.ILLEGAL_GENERATION
  group.deadlines.set(id, 'session', now.monotonicMs + value.classic!.sessionTimeoutMs)
  const hasToJoin =
    current.memberEpoch < membership.groupEpoch ||
    current.state === 'unrevoked' ||
    (current.state === 'unreleased' && !waitsForOthers(membership, member))
  if (!hasToJoin) return ErrorCode.NONE
  group.deadlines.setIfAbsent(id, 'join', now.monotonicMs + value.rebalanceTimeoutMs)
  return ErrorCode.REBALANCE_IN_PROGRESS
}

/** Whether somebody else still has a partition of the member's target. */
function waitsForOthers(membership: ConsumerMembership, { id, current }: ConsumerMember): boolean {
  for (const [topicId, partitions] of membership.targets.get(id) ?? NO_ASSIGNMENT) {
    const mine = current.assigned.get(topicId)
    for (const partition of partitions) {
      if (mine?.has(partition) !== true && membership.ownerOf(topicId, partition) !== undefined) return true
    }
  }
  return false
}

/** LeaveGroup takes members of either protocol out: administrators use it too. */
export function leaveConsumerGroup(step: GroupStep, identities: readonly MemberIdentity[]): ErrorCode[] {
  const draft = new ConsumerDraft(step)
  const leaving = new Set<string>()
  const errors = identities.map(({ memberId, groupInstanceId }) => {
    const found =
      groupInstanceId === null
        ? draft.membership.members.get(memberId)
        : draft.membership.staticMember(groupInstanceId)
    if (found === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
    if (groupInstanceId !== null && memberId !== '' && found.id !== memberId)
      return ErrorCode.FENCED_INSTANCE_ID
    leaving.add(found.id)
    return ErrorCode.NONE
  })
  fence(draft, leaving)
  return errors
}

function classicMember(
  membership: ConsumerMembership,
  { memberId, groupInstanceId }: MemberIdentity,
): ConsumerMember | ErrorCode {
  const member =
    groupInstanceId === null ? membership.members.get(memberId) : membership.staticMember(groupInstanceId)
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
  if (member.id !== memberId) return ErrorCode.FENCED_INSTANCE_ID
  return member.value.classic === null ? ErrorCode.UNKNOWN_MEMBER_ID : member
}
