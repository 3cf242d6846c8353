/**
 * StreamsGroupHeartbeat (KIP-1071), the one request of members of a streams group: a member joins with epoch 0 and the
 * topology that it runs, tells which tasks it has, is told which it is assigned and what stands in the way of others,
 * and leaves with epoch -1, or -2 when it is static and will be back.
 */
import { ErrorCode } from '../../../protocol/error-code.ts'
import type { GroupStep } from '../group-step.ts'
import { endpointPartitions, sameEndpoint, type EndpointPartitions } from './endpoints.ts'
import { StreamsDraft } from './streams-draft.ts'
import { fenceStreamsMembers } from './streams-fence.ts'
import {
  LEFT_FOR_NOW_EPOCH,
  newStreamsMember,
  streamsMemberTombstones,
  type StreamsMember,
} from './streams-membership.ts'
import {
  configured,
  raiseStreamsEpoch,
  reconcileStreamsMember,
  updateStreamsTarget,
  type Delay,
} from './streams-progress.ts'
import type { Endpoint, StreamsMemberValue } from './streams-record.ts'
import { problemWithRequest, problemWithTasks } from './streams-request-check.ts'
import {
  clientTagsStatus,
  delayedStatus,
  shutdownStatus,
  staleStatus,
  topicsStatus,
  type Status,
} from './status.ts'
import {
  isWithin,
  listTasks,
  NOTHING_HELD,
  sameHeld,
  tasksFrom,
  type ListedTasks,
  type Tasks,
} from './tasks.ts'
import { sameTopology } from './streams-record.ts'
import type { ConfiguredTopology, InternalTopic, Topology } from './topology.ts'

export interface StreamsHeartbeatRequest {
  readonly groupId: string
  readonly memberId: string
  readonly memberEpoch: number
  readonly endpointInformationEpoch: number
  readonly instanceId: string | null
  readonly rackId: string | null
  /** -1: as before. Null fields: as before. */
  readonly rebalanceTimeoutMs: number
  readonly topology: Topology | null
  readonly activeTasks: readonly ListedTasks[] | null
  readonly standbyTasks: readonly ListedTasks[] | null
  readonly warmupTasks: readonly ListedTasks[] | null
  readonly processId: string | null
  readonly userEndpoint: Endpoint | null
  readonly clientTags: readonly { readonly key: string; readonly value: string }[] | null
  readonly taskOffsets:
    readonly { readonly subtopologyId: string; readonly partition: number; readonly offset: number }[] | null
  readonly shutdownApplication: boolean
  readonly clientId: string
  readonly clientHost: string
  /** From version 1. */
  readonly knowsMissingTags: boolean
}

export interface StreamsHeartbeatResult {
  readonly errorCode: ErrorCode
  readonly errorMessage: string | null
  readonly memberId: string
  readonly memberEpoch: number
  readonly heartbeatIntervalMs: number
  readonly taskOffsetIntervalMs: number
  readonly acceptableRecoveryLag: number
  readonly status: readonly Status[]
  /** Null: as before. */
  readonly activeTasks: readonly ListedTasks[] | null
  readonly standbyTasks: readonly ListedTasks[] | null
  readonly warmupTasks: readonly ListedTasks[] | null
  readonly endpointInformationEpoch: number
  /** Null: as before. */
  readonly partitionsByUserEndpoint: readonly EndpointPartitions[] | null
  /** Internal topics that are to be created now. */
  readonly topicsToCreate: readonly InternalTopic[]
}

type Refused = { readonly kind: 'refused'; readonly answer: StreamsHeartbeatResult }

/** `exists`: whether the group is known here, as whatever. */
export function streamsHeartbeat(
  step: GroupStep,
  request: StreamsHeartbeatRequest,
  exists: boolean,
): StreamsHeartbeatResult {
  const problem = problemWithRequest(request)
  if (problem !== undefined) return refuseStreams(problem.errorCode, problem.message)
  if (request.memberEpoch < 0) return leave(step, request, exists)
  const opened = open(step, request, exists)
  if (opened.kind === 'refused') return opened.answer
  return heartbeat(opened.draft, request)
}

/** The group as a streams group; a member that joins makes one of a group of the classic protocol that nobody is in. */
function open(
  step: GroupStep,
  { groupId, memberEpoch, memberId, instanceId }: StreamsHeartbeatRequest,
  exists: boolean,
): { readonly kind: 'opened'; readonly draft: StreamsDraft } | Refused {
  const { group } = step
  const joins = memberEpoch === 0
  if (!exists && !joins) return refused(ErrorCode.GROUP_ID_NOT_FOUND, `Streams group ${groupId} not found.`)
  if (exists && group.streams === undefined) {
    if (!joins || group.consumer !== undefined || group.members.size > 0)
      return refused(ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} is not a streams group.`)
    if (group.stored !== undefined) step.effects.records.push({ kind: 'membership', groupId, value: null })
    step.effects.conversion = { kind: 'upgraded' }
  }
  const draft = new StreamsDraft(step)
  const { members, staticMembers } = draft.membership
  const { maxSize } = step.config.streams
  const isKnown = members.has(memberId) || (instanceId !== null && staticMembers.has(instanceId))
  if (joins && members.size >= maxSize && !isKnown)
    return refused(
      ErrorCode.GROUP_MAX_SIZE_REACHED,
      `The streams group has reached its maximum capacity of ${maxSize} members.`,
    )
  return { kind: 'opened', draft }
}

function heartbeat(draft: StreamsDraft, request: StreamsHeartbeatRequest): StreamsHeartbeatResult {
  const { step } = draft
  const { group } = step
  const { groupId, memberId } = request
  const wasEmpty = draft.membership.members.size === 0
  const found = findMember(draft, request)
  if (found.kind === 'refused') return found.answer
  const before = found.member
  const value = changed(before.value, request)
  const isNew = !draft.membership.members.has(memberId)
  const isChanged = isNew || !sameMember(before.value, value)
  if (isChanged) draft.emit({ kind: 'streams-member', groupId, memberId, value })
  const topologyProblem = takeTopology(draft, request.topology)
  if (topologyProblem !== undefined) return topologyProblem
  const topology = configured(draft)
  if (topology.invalid !== undefined)
    return refuseStreams(ErrorCode.STREAMS_INVALID_TOPOLOGY, topology.invalid)
  const tasksProblem = topology.problem === undefined ? problemWithTasks(request, topology) : undefined
  if (tasksProblem !== undefined) return refuseStreams(ErrorCode.INVALID_REQUEST, tasksProblem)

  // A static member that came back is not assigned anything else for a new host alone.
  const isStatic = request.instanceId !== null && !isNew
  raiseStreamsEpoch(draft, topology, isStatic ? changesAssignment(before.value, value) : isChanged)
  const settings = step.config.streams.ofGroup(groupId)
  const { streamsVolatile } = group
  if (wasEmpty && settings.initialRebalanceDelayMs > 0)
    streamsVolatile.delayUntilMs ??= step.now.monotonicMs + settings.initialRebalanceDelayMs
  if (request.taskOffsets !== null) streamsVolatile.noteOffsets(memberId, request.taskOffsets, topology)
  const delay = updateStreamsTarget(draft, topology)
  const current = reconcileStreamsMember(draft, memberId, { owned: ownedBy(request), delay })
  if (current === 'fenced')
    return refuseStreams(
      ErrorCode.FENCED_MEMBER_EPOCH,
      'The streams group member is in a unknown state. The member must abandon all its tasks and rejoin.',
    )
  group.deadlines.set(memberId, 'session', step.now.monotonicMs + settings.sessionTimeoutMs)
  if (request.shutdownApplication) streamsVolatile.shutdownRequestedBy = memberId
  const tellsTasks = request.memberEpoch === 0 || !sameHeld(before.current.assigned, current.assigned)
  const endpointChanged = !sameEndpoint(before.value.userEndpoint, value.userEndpoint)
  if (endpointChanged || (tellsTasks && value.userEndpoint !== null)) streamsVolatile.endpointEpoch += 1
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    memberId,
    memberEpoch: current.memberEpoch,
    heartbeatIntervalMs: settings.heartbeatIntervalMs,
    taskOffsetIntervalMs: settings.taskOffsetIntervalMs,
    acceptableRecoveryLag: settings.acceptableRecoveryLag,
    status: statusOf(draft, { value, topology, delay, request }),
    activeTasks: tellsTasks ? listTasks(current.assigned.active) : null,
    standbyTasks: tellsTasks ? listTasks(current.assigned.standby) : null,
    warmupTasks: tellsTasks ? listTasks(current.assigned.warmup) : null,
    endpointInformationEpoch: streamsVolatile.endpointEpoch,
    partitionsByUserEndpoint:
      streamsVolatile.endpointEpoch === request.endpointInformationEpoch
        ? null
        : endpointPartitions(draft.membership, topology, step.topics),
    topicsToCreate: topology.toCreate,
  }
}

function statusOf(
  draft: StreamsDraft,
  told: {
    readonly value: StreamsMemberValue
    readonly topology: ConfiguredTopology
    readonly delay: Delay | undefined
    readonly request: StreamsHeartbeatRequest
  },
): Status[] {
  const { step } = draft
  const { value, topology, delay, request } = told
  const { rackAwareTags } = step.config.streams.ofGroup(step.group.id)
  const { shutdownRequestedBy } = step.group.streamsVolatile
  return [
    ...staleStatus(value.topologyEpoch, topology.epoch),
    ...delayedStatus(delay),
    ...topicsStatus(topology.problem),
    ...shutdownStatus(shutdownRequestedBy),
    ...(request.knowsMissingTags ? clientTagsStatus(rackAwareTags, value.clientTags) : []),
  ]
}

type FoundMember = { readonly kind: 'found'; readonly member: StreamsMember } | Refused

function findMember(draft: StreamsDraft, request: StreamsHeartbeatRequest): FoundMember {
  const { memberId, memberEpoch, instanceId, groupId } = request
  if (instanceId !== null) return findStaticMember(draft, request, instanceId)
  const member = draft.membership.members.get(memberId)
  if (memberEpoch === 0) return { kind: 'found', member: member ?? newStreamsMember(memberId) }
  return member === undefined ? unknownMember(memberId, groupId) : withEpoch(member, request)
}

function findStaticMember(
  draft: StreamsDraft,
  request: StreamsHeartbeatRequest,
  instanceId: string,
): FoundMember {
  const { memberId } = request
  const member = draft.membership.staticMember(instanceId)
  if (request.memberEpoch !== 0) {
    const problem = identityProblem(member, instanceId, memberId)
    return problem === undefined ? withEpoch(member!, request) : problem
  }
  if (member === undefined)
    return { kind: 'found', member: draft.membership.members.get(memberId) ?? newStreamsMember(memberId) }
  if (member.current.memberEpoch !== LEFT_FOR_NOW_EPOCH)
    return refused(
      ErrorCode.UNRELEASED_INSTANCE_ID,
      `Static member ${memberId} with instance id ${instanceId} cannot join the group because the instance id is owned by ${member.id} member.`,
    )
  return { kind: 'found', member: replaceStaticMember(draft, member, memberId) }
}

/** A static member came back under another member id: it gets all that the old one had. */
function replaceStaticMember(draft: StreamsDraft, old: StreamsMember, memberId: string): StreamsMember {
  const groupId = draft.step.group.id
  const target = draft.membership.targetOf(old.id)
  const current = { ...old.current, memberEpoch: 0, previousMemberEpoch: 0 }
  draft.step.group.deadlines.forget(old.id)
  draft.emit(
    ...streamsMemberTombstones(groupId, old.id),
    { kind: 'streams-member', groupId, memberId, value: old.value },
    { kind: 'streams-target', groupId, memberId, value: target },
    { kind: 'streams-current', groupId, memberId, value: current },
  )
  return draft.membership.members.get(memberId)!
}

function identityProblem(
  member: StreamsMember | undefined,
  instanceId: string,
  memberId: string,
): Refused | undefined {
  if (member === undefined)
    return refused(ErrorCode.UNKNOWN_MEMBER_ID, `Instance id ${instanceId} is unknown.`)
  if (member.id === memberId) return undefined
  return refused(
    ErrorCode.FENCED_INSTANCE_ID,
    `Static member ${memberId} with instance id ${instanceId} was fenced by member ${member.id}.`,
  )
}

/** Lets a member through that is in the epoch it says, or that did not hear of the one it was brought into. */
function withEpoch(member: StreamsMember, request: StreamsHeartbeatRequest): FoundMember {
  const { current } = member
  const { memberEpoch } = request
  if (memberEpoch === current.memberEpoch) return { kind: 'found', member }
  const owned = ownedBy(request)
  const missedAnAnswer =
    memberEpoch < current.memberEpoch &&
    memberEpoch === current.previousMemberEpoch &&
    owned !== undefined &&
    isWithin(owned, current.assigned)
  if (missedAnAnswer) return { kind: 'found', member }
  const relation = memberEpoch > current.memberEpoch ? 'greater' : 'smaller'
  return refused(
    ErrorCode.FENCED_MEMBER_EPOCH,
    `The streams group member has a ${relation} member epoch (${memberEpoch}) than the one known by the group coordinator (${current.memberEpoch}). The member must abandon all its partitions and rejoin.`,
  )
}

function ownedBy({ activeTasks, standbyTasks, warmupTasks }: StreamsHeartbeatRequest): Tasks | undefined {
  if (activeTasks === null) return undefined
  return {
    active: tasksFrom(activeTasks),
    standby: tasksFrom(standbyTasks ?? []),
    warmup: tasksFrom(warmupTasks ?? []),
  }
}

function changed(before: StreamsMemberValue, request: StreamsHeartbeatRequest): StreamsMemberValue {
  return {
    instanceId: request.instanceId ?? before.instanceId,
    rackId: request.rackId ?? before.rackId,
    clientId: request.clientId,
    clientHost: request.clientHost,
    rebalanceTimeoutMs:
      request.rebalanceTimeoutMs === -1 ? before.rebalanceTimeoutMs : request.rebalanceTimeoutMs,
    topologyEpoch: request.topology?.epoch ?? before.topologyEpoch,
    processId: request.processId ?? before.processId,
    userEndpoint:
      request.memberEpoch === 0 ? request.userEndpoint : (request.userEndpoint ?? before.userEndpoint),
    clientTags: request.clientTags ?? before.clientTags,
  }
}

function sameMember(one: StreamsMemberValue, other: StreamsMemberValue): boolean {
  return (
    !changesAssignment(one, other) &&
    one.instanceId === other.instanceId &&
    one.clientId === other.clientId &&
    one.clientHost === other.clientHost &&
    one.rebalanceTimeoutMs === other.rebalanceTimeoutMs &&
    sameEndpoint(one.userEndpoint, other.userEndpoint)
  )
}

/** Whether tasks may have to be assigned otherwise. */
function changesAssignment(one: StreamsMemberValue, other: StreamsMemberValue): boolean {
  return (
    one.topologyEpoch !== other.topologyEpoch ||
    one.rackId !== other.rackId ||
    one.processId !== other.processId ||
    !sameTags(one.clientTags, other.clientTags)
  )
}

function sameTags(one: StreamsMemberValue['clientTags'], other: StreamsMemberValue['clientTags']): boolean {
  if (one === other) return true
  const names = ({ key, value }: (typeof one)[number]): string => JSON.stringify([key, value])
  const others = new Set(other.map(names))
  return one.length === other.length && one.every((tag) => others.has(names(tag)))
}

/** The first member that joins brings the topology; who joins with an older one is told so; it does not change. */
function takeTopology(draft: StreamsDraft, topology: Topology | null): StreamsHeartbeatResult | undefined {
  const { membership, step } = draft
  if (topology === null || (membership.topology !== undefined && membership.topology.epoch > topology.epoch))
    return membership.topology === undefined
      ? refuseStreams(
          ErrorCode.UNKNOWN_SERVER_ERROR,
          'The topology is null and the group topology is also null.',
        )
      : undefined
  if (membership.topology === undefined) {
    draft.emit({ kind: 'streams-topology', groupId: step.group.id, value: topology })
    return undefined
  }
  return sameTopology(membership.topology, topology)
    ? undefined
    : refuseStreams(ErrorCode.INVALID_REQUEST, 'Topology updates are not supported yet.')
}

function leave(step: GroupStep, request: StreamsHeartbeatRequest, exists: boolean): StreamsHeartbeatResult {
  const { group } = step
  const { groupId, memberId, memberEpoch, instanceId } = request
  if (!exists) return refuseStreams(ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} not found.`)
  if (group.streams === undefined)
    return refuseStreams(ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} is not a streams group.`)
  const draft = new StreamsDraft(step)
  const member =
    instanceId === null ? draft.membership.members.get(memberId) : draft.membership.staticMember(instanceId)
  if (instanceId === null && member === undefined) return unknownMember(memberId, groupId).answer
  const problem = instanceId === null ? undefined : identityProblem(member, instanceId, memberId)
  if (problem !== undefined) return problem.answer
  if (request.shutdownApplication) group.streamsVolatile.shutdownRequestedBy = memberId
  if (memberEpoch === LEFT_FOR_NOW_EPOCH) leaveForNow(draft, member!)
  else fenceStreamsMembers(draft, new Set([memberId]))
  return { ...NOTHING_TOLD, errorCode: ErrorCode.NONE, errorMessage: null, memberId, memberEpoch, status: [] }
}

/** A static member keeps its tasks while it is away, but what it commits under its old epoch is not taken any more. */
function leaveForNow(draft: StreamsDraft, { id, current }: StreamsMember): void {
  const { step } = draft
  step.group.deadlines.cancel(id, 'revocation')
  const active = new Map(Array.from(current.assigned.active.keys(), (task) => [task, 0]))
  draft.emit({
    kind: 'streams-current',
    groupId: step.group.id,
    memberId: id,
    value: {
      ...current,
      memberEpoch: LEFT_FOR_NOW_EPOCH,
      assigned: { ...current.assigned, active },
      pendingRevocation: NOTHING_HELD,
    },
  })
}

const NOTHING_TOLD = {
  memberId: '',
  memberEpoch: 0,
  heartbeatIntervalMs: 0,
  taskOffsetIntervalMs: 0,
  acceptableRecoveryLag: -1,
  status: [],
  activeTasks: null,
  standbyTasks: null,
  warmupTasks: null,
  endpointInformationEpoch: 0,
  partitionsByUserEndpoint: null,
  topicsToCreate: [],
}

function unknownMember(memberId: string, groupId: string): Refused {
  return refused(ErrorCode.UNKNOWN_MEMBER_ID, `Member ${memberId} is not a member of group ${groupId}.`)
}

function refused(errorCode: ErrorCode, message: string): Refused {
  return { kind: 'refused', answer: refuseStreams(errorCode, message) }
}

export function refuseStreams(errorCode: ErrorCode, errorMessage: string | null): StreamsHeartbeatResult {
  return { ...NOTHING_TOLD, errorCode, errorMessage }
}
