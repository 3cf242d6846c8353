/**
 * ConsumerGroupHeartbeat (KIP-848), the one request of the consumer protocol: a member joins with epoch 0, tells what it
 * is subscribed to and owns, is told what it is assigned, and leaves with epoch -1, or -2 when it is static and will be
 * back. Each heartbeat carries the group on as far as it can go: see `ConsumerMembership` for the epochs.
 */
import { ErrorCode } from '../../../protocol/error-code.ts'
import type { GroupStep } from '../group-step.ts'
import { ConsumerDraft } from './consumer-draft.ts'
import { LEFT_FOR_NOW_EPOCH, NOTHING_OWNED, type ConsumerMember } from './consumer-membership.ts'
import type { OwnedPartitions } from './consumer-record.ts'
import { fence } from './fence.ts'
import { bringUpToDate, newMember, problemWithRegex, replaceStaticMember } from './group-progress.ts'
import { openForJoin } from './conversion.ts'
import { sameOwned, type OwnedByMember } from './reconcile.ts'

const LEAVE_EPOCH = -1

export interface ConsumerHeartbeatRequest {
  readonly groupId: string
  readonly memberId: string
  readonly memberEpoch: number
  readonly instanceId: string | null
  readonly rackId: string | null
  /** -1: as before. Null fields: as before. */
  readonly rebalanceTimeoutMs: number
  readonly subscribedTopicNames: readonly string[] | null
  readonly subscribedTopicRegex: string | null
  readonly serverAssignor: string | null
  readonly topicPartitions: OwnedByMember
  readonly clientId: string
  readonly clientHost: string
  /** What a member is to be called that does not name itself (version 0), unique. */
  readonly newMemberId: string
  /** From version 1. */
  readonly requiresMemberId: boolean
  /** Which topics the client may know of: a regular expression matches no others. Absent: all. */
  readonly mayDescribe?: (topic: string) => boolean
}

export interface ConsumerHeartbeatResult {
  readonly errorCode: ErrorCode
  readonly errorMessage: string | null
  readonly memberId: string | null
  readonly memberEpoch: number
  readonly heartbeatIntervalMs: number
  /** Null: as before. */
  readonly assignment: {
    readonly topicPartitions: readonly { readonly topicId: string; readonly partitions: readonly number[] }[]
  } | null
}

/** `exists`: whether the group is known here, as whatever. */
export function consumerHeartbeat(
  step: GroupStep,
  request: ConsumerHeartbeatRequest,
  exists: boolean,
): ConsumerHeartbeatResult {
  const problem = problemWith(step, request)
  if (problem !== undefined) return problem
  if (request.memberEpoch < 0) return leave(step, request, exists)
  const joins = request.memberEpoch === 0
  if (!exists && !joins)
    return refuse(ErrorCode.GROUP_ID_NOT_FOUND, `Consumer group ${request.groupId} not found.`)
  const opened = openForJoin(step, joins)
  if (opened.kind === 'refused') return refuse(ErrorCode.GROUP_ID_NOT_FOUND, opened.message)
  return heartbeat(opened.draft, request)
}

function heartbeat(draft: ConsumerDraft, request: ConsumerHeartbeatRequest): ConsumerHeartbeatResult {
  const { step } = draft
  const { groupId, instanceId } = request
  const memberId = request.memberId === '' ? request.newMemberId : request.memberId
  const { maxSize } = step.config.consumer
  if (draft.membership.members.size >= maxSize && !draft.membership.members.has(memberId))
    return refuse(
      ErrorCode.GROUP_MAX_SIZE_REACHED,
      `The consumer group has reached its maximum capacity of ${maxSize} members.`,
    )
  const found =
    instanceId === null ? dynamicMember(draft, request, memberId) : staticMember(draft, request, memberId)
  if (found.kind === 'refused') return found.answer
  const before = found.member
  const value = {
    ...before.value,
    instanceId: instanceId ?? before.value.instanceId,
    rackId: request.rackId ?? before.value.rackId,
    rebalanceTimeoutMs:
      request.rebalanceTimeoutMs === -1 ? before.value.rebalanceTimeoutMs : request.rebalanceTimeoutMs,
    serverAssignor: request.serverAssignor ?? before.value.serverAssignor,
    subscribedTopicNames:
      request.subscribedTopicNames === null
        ? before.value.subscribedTopicNames
        : [...new Set(request.subscribedTopicNames)].toSorted(),
    subscribedTopicRegex: request.subscribedTopicRegex ?? before.value.subscribedTopicRegex,
    clientId: request.clientId,
    clientHost: request.clientHost,
    classic: null,
  }
  const regexProblem = problemWithRegex(draft, value.subscribedTopicRegex)
  if (regexProblem !== undefined) return refuse(ErrorCode.INVALID_REGULAR_EXPRESSION, regexProblem)
  const progress = bringUpToDate(draft, {
    before,
    value,
    owned: request.topicPartitions,
    ...(request.mayDescribe && { mayDescribe: request.mayDescribe }),
  })
  if (progress === 'fenced')
    return refuse(
      ErrorCode.FENCED_MEMBER_EPOCH,
      'The consumer group member is in a unknown state. The member must abandon all its partitions and rejoin.',
    )
  const { sessionTimeoutMs, heartbeatIntervalMs } = step.config.consumer.ofGroup(groupId)
  step.group.deadlines.set(memberId, 'session', step.now.monotonicMs + sessionTimeoutMs)
  const isFull =
    request.rebalanceTimeoutMs !== -1 &&
    (request.subscribedTopicNames !== null || request.subscribedTopicRegex !== null) &&
    request.topicPartitions !== null
  const tellsAssignment =
    request.memberEpoch === 0 || isFull || !sameOwned(before.current.assigned, progress.assigned)
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    memberId,
    memberEpoch: progress.memberEpoch,
    heartbeatIntervalMs,
    assignment: tellsAssignment ? asAssignment(progress.assigned) : null,
  }
}

type FoundMember =
  | { readonly kind: 'found'; readonly member: ConsumerMember }
  | { readonly kind: 'refused'; readonly answer: ConsumerHeartbeatResult }

function dynamicMember(
  { membership }: ConsumerDraft,
  request: ConsumerHeartbeatRequest,
  memberId: string,
): FoundMember {
  const member = membership.members.get(memberId)
  if (member === undefined) {
    return request.memberEpoch === 0
      ? { kind: 'found', member: newMember(memberId) }
      : unknownMember(memberId, request.groupId)
  }
  return withEpoch(member, request)
}

function staticMember(
  draft: ConsumerDraft,
  request: ConsumerHeartbeatRequest,
  memberId: string,
): FoundMember {
  const instanceId = request.instanceId!
  const member = draft.membership.staticMember(instanceId)
  if (request.memberEpoch === 0) {
    if (member === undefined)
      return { kind: 'found', member: draft.membership.members.get(memberId) ?? newMember(memberId) }
    if (member.value.classic === null && member.current.memberEpoch !== LEFT_FOR_NOW_EPOCH) {
      const message = `Static member ${memberId} with instance id ${instanceId} cannot join the group because the instance id is owned by ${member.id} member.`
      return { kind: 'refused', answer: refuse(ErrorCode.UNRELEASED_INSTANCE_ID, message) }
    }
    return { kind: 'found', member: replaceStaticMember(draft, member, memberId) }
  }
  const identity = staticIdentityProblem(member, { instanceId, memberId })
  if (identity !== undefined) return { kind: 'refused', answer: identity }
  return withEpoch(member!, request)
}

function staticIdentityProblem(
  member: ConsumerMember | undefined,
  { instanceId, memberId }: { readonly instanceId: string; readonly memberId: string },
): ConsumerHeartbeatResult | undefined {
  if (member === undefined)
    return refuse(ErrorCode.UNKNOWN_MEMBER_ID, `Instance id ${instanceId} is unknown.`)
  if (member.id !== memberId)
    return refuse(
      ErrorCode.FENCED_INSTANCE_ID,
      `Static member ${memberId} with instance id ${instanceId} was fenced by member ${member.id}.`,
    )
  return undefined
}

/** Lets a member through that is in the epoch it says, or that did not hear of the one it was brought into. */
function withEpoch(member: ConsumerMember, request: ConsumerHeartbeatRequest): FoundMember {
  const { memberEpoch, topicPartitions } = request
  const { current } = member
  if (memberEpoch === 0 || memberEpoch === current.memberEpoch) return { kind: 'found', member }
  const missedAnAnswer =
    memberEpoch < current.memberEpoch &&
    memberEpoch === current.previousMemberEpoch &&
    isWithin(topicPartitions, current.assigned)
  if (missedAnAnswer) return { kind: 'found', member }
  const relation = memberEpoch > current.memberEpoch ? 'greater' : 'smaller'
  const message = `The consumer group member has a ${relation} member epoch (${memberEpoch}) than the one known by the group coordinator (${current.memberEpoch}). The member must abandon all its partitions and rejoin.`
  return { kind: 'refused', answer: refuse(ErrorCode.FENCED_MEMBER_EPOCH, message) }
}

function isWithin(owned: OwnedByMember, assigned: OwnedPartitions): boolean {
  return (
    owned?.every(({ topicId, partitions }) => {
      const mine = assigned.get(topicId)
      return mine !== undefined && partitions.every((partition) => mine.has(partition))
    }) ?? false
  )
}

function leave(step: GroupStep, request: ConsumerHeartbeatRequest, exists: boolean): ConsumerHeartbeatResult {
  const { groupId, memberId, memberEpoch, instanceId } = request
  if (!exists) return refuse(ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} not found.`)
  if (step.group.consumer === undefined)
    return refuse(ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} is not a consumer group.`)
  const draft = new ConsumerDraft(step)
  const answer: ConsumerHeartbeatResult = {
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    memberId,
    memberEpoch,
    heartbeatIntervalMs: 0,
    assignment: null,
  }
  if (instanceId === null) {
    if (!draft.membership.members.has(memberId)) return unknownMember(memberId, groupId).answer
  } else {
    const member = draft.membership.staticMember(instanceId)
    const identity = staticIdentityProblem(member, { instanceId, memberId })
    if (identity !== undefined) return identity
    if (memberEpoch === LEFT_FOR_NOW_EPOCH) {
      const { current } = member!
      step.group.deadlines.cancel(memberId, 'revocation')
      draft.emit({
        kind: 'current',
        groupId,
        memberId,
        value: { ...current, memberEpoch: LEFT_FOR_NOW_EPOCH, pendingRevocation: NOTHING_OWNED },
      })
      return answer
    }
  }
  fence(draft, new Set([memberId]))
  return answer
}

/** What is wrong with a request whatever the group. */
function problemWith(
  { config }: GroupStep,
  request: ConsumerHeartbeatRequest,
): ConsumerHeartbeatResult | undefined {
  const invalid = (message: string): ConsumerHeartbeatResult => refuse(ErrorCode.INVALID_REQUEST, message)
  const { memberEpoch, memberId } = request
  if (request.groupId.trim() === '') return invalid("GroupId can't be empty.")
  if (request.instanceId?.trim() === '') return invalid("InstanceId can't be empty.")
  if (request.rackId?.trim() === '') return invalid("RackId can't be empty.")
  if (memberEpoch < LEFT_FOR_NOW_EPOCH) return invalid('MemberEpoch is invalid.')
  const wantsMemberId = memberEpoch !== 0 || request.requiresMemberId
  if (wantsMemberId && memberId.trim() === '') return invalid("MemberId can't be empty.")
  if (memberEpoch === LEFT_FOR_NOW_EPOCH && request.instanceId === null)
    return invalid("InstanceId can't be null.")
  if (memberEpoch === 0) {
    if (request.rebalanceTimeoutMs === -1)
      return invalid('RebalanceTimeoutMs must be provided in first request.')
    if (request.topicPartitions === null || request.topicPartitions.length > 0)
      return invalid('TopicPartitions must be empty when (re-)joining.')
    if (request.subscribedTopicNames === null && (request.subscribedTopicRegex ?? '') === '')
      return invalid(
        'Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.',
      )
  }
  const { serverAssignor } = request
  if (
    memberEpoch !== LEAVE_EPOCH &&
    serverAssignor !== null &&
    !config.consumer.assignors.includes(serverAssignor)
  )
    return refuse(
      ErrorCode.UNSUPPORTED_ASSIGNOR,
      `ServerAssignor ${serverAssignor} is not supported. Supported assignors: ${config.consumer.assignors.join(', ')}.`,
    )
  return undefined
}

function asAssignment(assigned: OwnedPartitions): NonNullable<ConsumerHeartbeatResult['assignment']> {
  return {
    topicPartitions: Array.from(assigned, ([topicId, partitions]) => ({
      topicId,
      partitions: [...partitions.keys()],
    })),
  }
}

function unknownMember(
  memberId: string,
  groupId: string,
): { readonly kind: 'refused'; readonly answer: ConsumerHeartbeatResult } {
  const message = `Member ${memberId} is not a member of group ${groupId}.`
  return { kind: 'refused', answer: refuse(ErrorCode.UNKNOWN_MEMBER_ID, message) }
}

export function refuse(errorCode: ErrorCode, errorMessage: string | null): ConsumerHeartbeatResult {
  return {
    errorCode,
    errorMessage,
    memberId: null,
    memberEpoch: 0,
    heartbeatIntervalMs: 0,
    assignment: null,
  }
}
