import { topicsOf, type InternalTopic } from '../../coordinator/group/streams/topology.ts'
import { StatusCode, type Status } from '../../coordinator/group/streams/status.ts'
import type {
  StreamsGroupHeartbeatRequest,
  StreamsGroupHeartbeatResponseInput,
} from '../../protocol/apis/streams-group-heartbeat.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { INTERNAL_TOPICS } from '../../storage/partition-directories.ts'
import { mutationQuota, OVER_QUOTA } from '../quotas/mutation-quota.ts'
import { AclOperation, mayOnGroup, mayOnTopic, showsOnCluster } from '../security/access.ts'
import type { Handler, RequestContext } from '../services.ts'
import { topicNameProblem } from '../topic-catalog.ts'

const KNOWS_MISSING_TAGS_FROM = 1
/** Clients of every version come again for what they are refused. */
const STRICT_QUOTA_FROM = 0

/**
 * StreamsGroupHeartbeat (KIP-1071): joins, lives, learns its tasks and leaves, all with this one request. Internal topics
 * that the group finds missing are created here, on behalf of the client; the next heartbeat finds them.
 */
export const handleStreamsGroupHeartbeat: Handler<
  StreamsGroupHeartbeatRequest,
  StreamsGroupHeartbeatResponseInput
> = async (request, context) => {
  const refusal = refusalOf(request, context)
  if (refusal !== undefined) return refusal
  const { apiVersion, services, connection } = context
  const { topicsToCreate, ...answer } = await services.groups.streamsHeartbeat({
    ...request,
    clientId: context.clientId ?? '',
    clientHost: connection.clientHost,
    knowsMissingTags: apiVersion >= KNOWS_MISSING_TAGS_FROM,
  })
  if (topicsToCreate.length === 0) return answer
  const { problem, throttleTimeMs } = createInternalTopics(topicsToCreate, context)
  const status = problem === undefined ? answer.status : withDetail(answer.status, problem)
  return { ...answer, throttleTimeMs, status }
}

function refusalOf(
  { groupId, topology }: StreamsGroupHeartbeatRequest,
  context: RequestContext,
): StreamsGroupHeartbeatResponseInput | undefined {
  if (!mayOnGroup(context, AclOperation.READ, groupId)) return refused(ErrorCode.GROUP_AUTHORIZATION_FAILED)
  if (topology === null) return undefined
  const topics = [...topicsOf(topology)]
  const internal = topics.filter((topic) => INTERNAL_TOPICS.has(topic))
  if (internal.length > 0)
    return refused(
      ErrorCode.STREAMS_INVALID_TOPOLOGY,
      `Use of Kafka internal topics ${internal.join(',')} in a Kafka Streams topology is prohibited.`,
    )
  const misnamed = topics.filter((topic) => topicNameProblem(topic) !== undefined)
  if (misnamed.length > 0)
    return refused(
      ErrorCode.STREAMS_INVALID_TOPOLOGY,
      `Topic names ${misnamed.join(',')} are not valid topic names.`,
    )
  return topics.every((topic) => mayOnTopic(context, AclOperation.DESCRIBE, topic))
    ? undefined
    : refused(ErrorCode.TOPIC_AUTHORIZATION_FAILED)
}

/** `problem`: what went wrong; undefined when nothing did. */
function createInternalTopics(
  wanted: readonly InternalTopic[],
  context: RequestContext,
): { readonly problem: string | undefined; readonly throttleTimeMs: number } {
  const mayCreateAny = showsOnCluster(context, AclOperation.CREATE)
  const forbidden = wanted.filter(
    ({ name }) => !mayCreateAny && !mayOnTopic(context, AclOperation.CREATE, name),
  )
  if (forbidden.length > 0)
    return {
      problem: `Unauthorized to CREATE on topics ${forbidden.map(({ name }) => name).join(', ')}.`,
      throttleTimeMs: 0,
    }
  const { topics } = context.services
  const quota = mutationQuota(context, STRICT_QUOTA_FROM)
  const failures: string[] = []
  for (const { name, partitions, replicationFactor, topicConfigs } of wanted) {
    const wish = {
      name,
      partitions,
      replicationFactor: replicationFactor === 0 ? -1 : replicationFactor,
      config: Object.fromEntries(topicConfigs.map(({ key, value }) => [key, value])),
    }
    const check = topics.check(wish)
    if (check.kind === 'valid' && !quota.take(check.partitions)) {
      failures.push(`${name} (${OVER_QUOTA.message})`)
      continue
    }
    const created = check.kind === 'valid' ? topics.create(wish) : check
    // A member that came just before may have created it.
    if (created.kind === 'refused' && created.error !== ErrorCode.TOPIC_ALREADY_EXISTS)
      failures.push(`${name} (${created.message})`)
  }
  return {
    problem: failures.length === 0 ? undefined : `Creation failed: ${failures.join(', ')}.`,
    throttleTimeMs: quota.throttleMs,
  }
}

function withDetail(status: readonly Status[], detail: string): Status[] {
  return status.map((one) =>
    one.statusCode === StatusCode.MISSING_INTERNAL_TOPICS
      ? { ...one, statusDetail: `${one.statusDetail}; ${detail}` }
      : one,
  )
}

function refused(
  errorCode: ErrorCode,
  errorMessage: string | null = null,
): StreamsGroupHeartbeatResponseInput {
  return {
    errorCode,
    errorMessage,
    memberId: '',
    memberEpoch: 0,
    heartbeatIntervalMs: 0,
    taskOffsetIntervalMs: 0,
    status: [],
    endpointInformationEpoch: 0,
  }
}
