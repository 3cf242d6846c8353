/** What is wrong with a StreamsGroupHeartbeat, in Kafka's words: whatever the group, or for its topology. */
import { ErrorCode } from '../../../protocol/error-code.ts'
import type { StreamsHeartbeatRequest } from './streams-heartbeat.ts'
import { LEFT_FOR_NOW_EPOCH } from './streams-membership.ts'
import type { ConfiguredTopology, Topology } from './topology.ts'

export function problemWithRequest(
  request: StreamsHeartbeatRequest,
): { readonly errorCode: ErrorCode; readonly message: string } | undefined {
  const message = problemWithIdentity(request) ?? problemWithTasksGiven(request)
  if (message !== undefined) return { errorCode: ErrorCode.INVALID_REQUEST, message }
  return problemWithTopology(request)
}

function problemWithIdentity(request: StreamsHeartbeatRequest): string | undefined {
  if (request.memberId.trim() === '') return "MemberId can't be empty."
  if (request.groupId.trim() === '') return "GroupId can't be empty."
  if (request.instanceId?.trim() === '') return "InstanceId can't be empty."
  if (request.rackId?.trim() === '') return "RackId can't be empty."
  const { memberEpoch } = request
  if (memberEpoch === LEFT_FOR_NOW_EPOCH && request.instanceId === null) return "InstanceId can't be null."
  if (memberEpoch < LEFT_FOR_NOW_EPOCH)
    return `MemberEpoch is ${memberEpoch}, but must be greater than or equal to -2.`
  return undefined
}

function problemWithTasksGiven(request: StreamsHeartbeatRequest): string | undefined {
  const { activeTasks, standbyTasks, warmupTasks } = request
  if (request.memberEpoch === 0) {
    if (request.rebalanceTimeoutMs === -1) return 'RebalanceTimeoutMs must be provided in first request.'
    const given = { ActiveTasks: activeTasks, StandbyTasks: standbyTasks, WarmupTasks: warmupTasks }
    for (const [name, tasks] of Object.entries(given))
      if (tasks === null || tasks.length > 0) return `${name} must be empty when (re-)joining.`
    if (request.topology === null) return 'Topology must be non-null when (re-)joining.'
  } else if (request.topology !== null) {
    return 'Topology can only be provided when (re-)joining.'
  }
  const given = [activeTasks, standbyTasks, warmupTasks]
  if (given.some((tasks) => tasks !== null) && given.some((tasks) => tasks === null))
    return 'If one task-type is non-null, all must be non-null.'
  return undefined
}

/**
 * Far more than applications have. What it takes to find out how many partitions their topics have grows with the square
 * of the number of subtopologies, and with that times the number of names.
 */
const MOST_SUBTOPOLOGIES = 500
const MOST_NAMES = 10_000

function problemWithSize({ subtopologies }: Topology): string | undefined {
  if (subtopologies.length > MOST_SUBTOPOLOGIES)
    return `The topology has ${subtopologies.length} subtopologies, and may have ${MOST_SUBTOPOLOGIES}.`
  let names = 0
  for (const each of subtopologies) {
    const internal = [...each.stateChangelogTopics, ...each.repartitionSourceTopics]
    names += each.sourceTopics.length + each.repartitionSinkTopics.length + internal.length
    for (const { topicConfigs } of internal) names += topicConfigs.length
    for (const { sourceTopics, repartitionSourceTopics } of each.copartitionGroups)
      names += 1 + sourceTopics.length + repartitionSourceTopics.length
  }
  return names > MOST_NAMES
    ? `The topology names ${names} topics and settings of them, and may name ${MOST_NAMES}.`
    : undefined
}

function problemWithTopology({
  topology,
}: StreamsHeartbeatRequest): { readonly errorCode: ErrorCode; readonly message: string } | undefined {
  const tooLarge = topology === null ? undefined : problemWithSize(topology)
  if (tooLarge !== undefined) return { errorCode: ErrorCode.STREAMS_INVALID_TOPOLOGY, message: tooLarge }
  for (const { stateChangelogTopics, sourceTopicRegex } of topology?.subtopologies ?? []) {
    const sized = stateChangelogTopics.find(({ partitions }) => partitions !== 0)
    if (sized !== undefined) {
      const message = `Changelog topic ${sized.name} must have an undefined partition count, but it is set to ${sized.partitions}.`
      return { errorCode: ErrorCode.STREAMS_INVALID_TOPOLOGY, message }
    }
    if (sourceTopicRegex.length > 0) {
      const message = 'Regular expressions for source topics are not supported yet.'
      return { errorCode: ErrorCode.INVALID_REQUEST, message }
    }
  }
  return undefined
}

/** Tasks that a member says it has and that the topology has not. */
export function problemWithTasks(
  { activeTasks, standbyTasks, warmupTasks }: StreamsHeartbeatRequest,
  { subtopologies }: ConfiguredTopology,
): string | undefined {
  for (const { subtopologyId, partitions } of [activeTasks, standbyTasks, warmupTasks].flatMap(
    (tasks) => tasks ?? [],
  )) {
    const count = subtopologies?.get(subtopologyId)?.taskCount
    if (count === undefined) return `Subtopology ${subtopologyId} does not exist in the topology.`
    const wrong = partitions.find((partition) => partition < 0 || partition >= count)
    if (wrong !== undefined)
      return `Task ${wrong} for subtopology ${subtopologyId} is invalid. Number of tasks for this subtopology: ${count}`
  }
  return undefined
}
