/** What StreamsGroupHeartbeat tells a member of the state of its group, with Kafka's numbers and words. */
import type { Delay } from './streams-progress.ts'
import type { TopicsProblem } from './topology.ts'

export interface Status {
  readonly statusCode: number
  readonly statusDetail: string
}

export const StatusCode = {
  STALE_TOPOLOGY: 0,
  MISSING_SOURCE_TOPICS: 1,
  INCORRECTLY_PARTITIONED_TOPICS: 2,
  MISSING_INTERNAL_TOPICS: 3,
  SHUTDOWN_APPLICATION: 4,
  ASSIGNMENT_DELAYED: 5,
  MISSING_CLIENT_TAGS: 6,
} as const

const TOPICS_CODES: Readonly<Record<TopicsProblem['kind'], number>> = {
  'missing source topics': StatusCode.MISSING_SOURCE_TOPICS,
  'incorrectly partitioned topics': StatusCode.INCORRECTLY_PARTITIONED_TOPICS,
  'missing internal topics': StatusCode.MISSING_INTERNAL_TOPICS,
}

export function staleStatus(memberEpoch: number, groupEpoch: number): Status[] {
  if (memberEpoch >= groupEpoch) return []
  const statusDetail = `The member's topology epoch ${memberEpoch} is behind the group's topology epoch ${groupEpoch}.`
  return [{ statusCode: StatusCode.STALE_TOPOLOGY, statusDetail }]
}

export function delayedStatus(delay: Delay | undefined): Status[] {
  if (delay === undefined) return []
  const statusDetail = `Assignment delayed due to the configured ${delay}.`
  return [{ statusCode: StatusCode.ASSIGNMENT_DELAYED, statusDetail }]
}

export function topicsStatus(problem: TopicsProblem | undefined): Status[] {
  return problem === undefined
    ? []
    : [{ statusCode: TOPICS_CODES[problem.kind], statusDetail: problem.detail }]
}

export function shutdownStatus(requestedBy: string | undefined): Status[] {
  if (requestedBy === undefined) return []
  const statusDetail = `Streams group member ${requestedBy} encountered a fatal error and requested a shutdown for the entire application.`
  return [{ statusCode: StatusCode.SHUTDOWN_APPLICATION, statusDetail }]
}

export function clientTagsStatus(
  required: readonly string[],
  tags: readonly { readonly key: string }[],
): Status[] {
  const missing = required.filter((name) => !tags.some(({ key }) => key === name))
  if (missing.length === 0) return []
  const statusDetail = `Missing required client tags for rack-aware standby assignment: ${missing.join(', ')}. Configure them via 'client.tag.<tagKey>' in your Streams config.`
  return [{ statusCode: StatusCode.MISSING_CLIENT_TAGS, statusDetail }]
}
