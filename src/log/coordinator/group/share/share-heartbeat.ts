/**
 * ShareGroupHeartbeat (KIP-932): a member joins with epoch 0, tells what it is subscribed to, is told what it is
 * assigned, and leaves with epoch -1. Kafka initializes share-partitions and computes assignments in the background, so
 * that members hear of them a heartbeat later; here it is done at once.
 */
import { ErrorCode } from '../../../protocol/error-code.ts'
import type { Instant } from '../../coordinator-record.ts'
import type { Assignment } from '../consumer/consumer-record.ts'
import { metadataHash } from '../consumer/topics-view.ts'
import type { GroupSurroundings } from '../group-step.ts'
import {
  NEW_MEMBER,
  UNKNOWN_MEMBER,
  shareMemberTombstones,
  type ShareGroup,
  type ShareMember,
  type ShareMembership,
} from './share-group.ts'
import type { ShareRecord, ShareTopics } from './share-record.ts'
import { assignSimple } from './simple-assignor.ts'

export interface ShareHeartbeatRequest {
  readonly groupId: string
  readonly memberId: string
  readonly memberEpoch: number
  readonly rackId: string | null
  /** Null: as before. */
  readonly subscribedTopicNames: readonly string[] | null
  readonly clientId: string
  readonly clientHost: string
}

export interface ShareHeartbeatResult {
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

const LEAVE_EPOCH = -1
const MAX_MEMBER_ID_LENGTH = 36

/** A decision in progress: later parts see what earlier ones decided, on a copy that is made with the first record. */
export class ShareDraft {
  readonly group: ShareGroup
  readonly now: Instant
  readonly surroundings: GroupSurroundings
  readonly records: ShareRecord[] = []
  #membership: ShareMembership

  constructor(group: ShareGroup, now: Instant, surroundings: GroupSurroundings) {
    this.group = group
    this.now = now
    this.surroundings = surroundings
    this.#membership = group.membership
  }

  get membership(): ShareMembership {
    return this.#membership
  }

  emit(...records: readonly ShareRecord[]): void {
    for (const record of records) {
      if (this.records.length === 0) this.#membership = this.#membership.copy()
      this.records.push(record)
      this.#membership.apply(record)
    }
  }
}

/** What is wrong with a request whatever the group. */
export function problemWithHeartbeat(request: ShareHeartbeatRequest): ShareHeartbeatResult | undefined {
  const invalid = (message: string | null): ShareHeartbeatResult =>
    refuseShare(ErrorCode.INVALID_REQUEST, message)
  if (request.memberId === '' || request.memberId.length > MAX_MEMBER_ID_LENGTH) return invalid(null)
  if (request.groupId.trim() === '') return invalid("GroupId can't be empty.")
  if (request.rackId?.trim() === '') return invalid("RackId can't be empty.")
  if (request.memberEpoch < LEAVE_EPOCH) return invalid('MemberEpoch is invalid.')
  if (request.memberEpoch === 0 && (request.subscribedTopicNames ?? []).length === 0)
    return invalid('SubscribedTopicNames must be set in first request.')
  return undefined
}

export function shareHeartbeat(draft: ShareDraft, request: ShareHeartbeatRequest): ShareHeartbeatResult {
  const { group, now, surroundings } = draft
  const { groupId, memberId } = request
  const known = draft.membership.members.get(memberId)
  if (request.memberEpoch === LEAVE_EPOCH) return leave(draft, known, request)
  const problem = admissionProblem(draft, known, request)
  if (problem !== undefined) return problem
  const before = known ?? { id: memberId, value: UNKNOWN_MEMBER, current: NEW_MEMBER }
  const value = {
    rackId: request.rackId ?? before.value.rackId,
    clientId: request.clientId,
    clientHost: request.clientHost,
    subscribedTopicNames:
      request.subscribedTopicNames === null
        ? before.value.subscribedTopicNames
        : [...new Set(request.subscribedTopicNames)].toSorted(),
  }
  if (known === undefined || JSON.stringify(value) !== JSON.stringify(before.value))
    draft.emit({ kind: 'share-member', groupId, memberId, value })
  const subscriptionChanged =
    value.subscribedTopicNames.join() !== before.value.subscribedTopicNames.join() || known === undefined
  raiseShareEpoch(draft, subscriptionChanged)
  updateShareTarget(draft)
  const current = moveToTarget(draft, memberId)
  const { sessionTimeoutMs, heartbeatIntervalMs } = surroundings.config.share.ofGroup(groupId)
  group.deadlines.set(memberId, 'session', now.monotonicMs + sessionTimeoutMs)
  const tells =
    request.memberEpoch === 0 ||
    request.subscribedTopicNames !== null ||
    !sameAssignment(current.assigned, before.current.assigned)
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    memberId,
    memberEpoch: current.memberEpoch,
    heartbeatIntervalMs,
    assignment: tells
      ? {
          topicPartitions: Array.from(current.assigned, ([topicId, partitions]) => ({ topicId, partitions })),
        }
      : null,
  }
}

function leave(
  draft: ShareDraft,
  known: ShareMember | undefined,
  { groupId, memberId }: ShareHeartbeatRequest,
): ShareHeartbeatResult {
  if (known === undefined) return unknownMember(memberId, groupId)
  removeShareMembers(draft, [memberId])
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    memberId,
    memberEpoch: LEAVE_EPOCH,
    heartbeatIntervalMs: 0,
    assignment: null,
  }
}

function admissionProblem(
  { membership, surroundings }: ShareDraft,
  known: ShareMember | undefined,
  { memberId, memberEpoch, groupId }: ShareHeartbeatRequest,
): ShareHeartbeatResult | undefined {
  if (known === undefined) {
    if (memberEpoch !== 0) return unknownMember(memberId, groupId)
    const { maxSize } = surroundings.config.share
    if (membership.members.size < maxSize) return undefined
    return refuseShare(
      ErrorCode.GROUP_MAX_SIZE_REACHED,
      `The share group has reached its maximum capacity of ${maxSize} members.`,
    )
  }
  const { current } = known
  const isKnownEpoch =
    memberEpoch === 0 || memberEpoch === current.memberEpoch || memberEpoch === current.previousMemberEpoch
  if (isKnownEpoch) return undefined
  const relation = memberEpoch > current.memberEpoch ? 'greater' : 'smaller'
  return refuseShare(
    ErrorCode.FENCED_MEMBER_EPOCH,
    `The share group member has a ${relation} member epoch (${memberEpoch}) than the one known by the group coordinator (${current.memberEpoch}). The member must abandon all its partitions and rejoin.`,
  )
}

/** Takes members out of the group; the others hear of a new assignment with their next heartbeats. */
export function removeShareMembers(draft: ShareDraft, memberIds: readonly string[]): void {
  if (memberIds.length === 0) return
  for (const memberId of memberIds) draft.emit(...shareMemberTombstones(draft.group.id, memberId))
  raiseShareEpoch(draft, true)
}

/** Raises the group epoch when it must be, or when the subscribed topics are not what they were. */
function raiseShareEpoch(draft: ShareDraft, must: boolean): void {
  const { group, membership, surroundings } = draft
  const { topics } = surroundings
  if (!must && group.topicsSeen === topics.version) return
  const names = membership.subscribedTopics()
  const hash = metadataHash(names, topics)
  if (must || hash !== membership.metadataHash) {
    const value = { epoch: membership.groupEpoch + 1, metadataHash: hash }
    draft.emit({ kind: 'share-epoch', groupId: group.id, value })
  }
  noteTopics(draft, names)
  group.topicsSeen = topics.version
}

/** Writes down of which partitions the group has share-partitions from now on; what was deleted has none. */
function noteTopics(draft: ShareDraft, names: ReadonlySet<string>): void {
  const { topics } = draft.surroundings
  const noted = new Map<string, { name: string; partitions: readonly number[] }>()
  for (const [id, topic] of draft.membership.topics)
    if (topics.topicById(id) !== undefined) noted.set(id, topic)
  for (const name of names) {
    const topic = topics.topic(name)
    if (topic !== undefined)
      noted.set(topic.id, { name, partitions: [...Array(topic.partitionCount).keys()] })
  }
  if (!sameTopics(noted, draft.membership.topics))
    draft.emit({ kind: 'share-topics', groupId: draft.group.id, value: noted })
}

function updateShareTarget(draft: ShareDraft): void {
  const { group, membership, now, surroundings } = draft
  const { topics, config } = surroundings
  if (membership.groupEpoch <= membership.assignmentEpoch) return
  const sinceMs = now.wallMs - membership.assignmentTimestampMs
  if (sinceMs >= 0 && sinceMs < config.share.ofGroup(group.id).assignmentIntervalMs) return
  const members = Array.from(membership.members.values(), ({ id, value }) => ({
    id,
    topicIds: new Set(value.subscribedTopicNames.flatMap((name) => topics.topic(name)?.id ?? [])),
  }))
  const shares = assignSimple(members, (topicId) => topics.topicById(topicId)?.partitionCount ?? 0)
  for (const [memberId, value] of shares) {
    const target = membership.targets.get(memberId)
    if (target === undefined || !sameAssignment(target, value))
      draft.emit({ kind: 'share-target', groupId: group.id, memberId, value })
  }
  const value = { epoch: membership.groupEpoch, timestampMs: now.wallMs }
  draft.emit({ kind: 'share-assignment-epoch', groupId: group.id, value })
}

function moveToTarget(draft: ShareDraft, memberId: string): ShareMember['current'] {
  const { membership, group } = draft
  const { current } = membership.members.get(memberId)!
  const assigned = membership.targets.get(memberId) ?? new Map<string, number[]>()
  if (current.memberEpoch === membership.assignmentEpoch) return current
  const value = {
    memberEpoch: membership.assignmentEpoch,
    previousMemberEpoch: current.memberEpoch,
    assigned,
  }
  draft.emit({ kind: 'share-current', groupId: group.id, memberId, value })
  return value
}

function sameAssignment(one: Assignment, other: Assignment): boolean {
  return JSON.stringify([...one]) === JSON.stringify([...other])
}

function sameTopics(one: ShareTopics, other: ShareTopics): boolean {
  return JSON.stringify([...one]) === JSON.stringify([...other])
}

function unknownMember(memberId: string, groupId: string): ShareHeartbeatResult {
  return refuseShare(ErrorCode.UNKNOWN_MEMBER_ID, `Member ${memberId} is not a member of group ${groupId}.`)
}

export function refuseShare(errorCode: ErrorCode, errorMessage: string | null): ShareHeartbeatResult {
  return {
    errorCode,
    errorMessage,
    memberId: null,
    memberEpoch: 0,
    heartbeatIntervalMs: 0,
    assignment: null,
  }
}
