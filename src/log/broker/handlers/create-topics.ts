import type { CreateTopicsRequest, CreateTopicsResponseInput } from '../../protocol/apis/create-topics.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { topicConfigKeys } from '../../storage/topic-config.ts'
import type { MutationQuota } from '../quotas/client-quotas.ts'
import { mutationQuota, OVER_QUOTA } from '../quotas/mutation-quota.ts'
import { AclOperation, mayOnTopic, showsOnCluster, showsTopic } from '../security/access.ts'
import type { Handler, RequestContext } from '../services.ts'
import type { TopicRefusal } from '../topic-catalog.ts'
import { describeTopicSetting } from '../topic-settings.ts'

/** The version whose clients know THROTTLING_QUOTA_EXCEEDED. */
const STRICT_QUOTA_FROM = 6

type TopicWanted = CreateTopicsRequest['topics'][number]
type TopicAnswer = NonNullable<CreateTopicsResponseInput['topics']>[number]

/** CreateTopics: each topic succeeds or fails on its own; `validateOnly` does everything but create. */
export const handleCreateTopics: Handler<CreateTopicsRequest, CreateTopicsResponseInput> = (
  request,
  context,
) => {
  const mayCreateAny = showsOnCluster(context, AclOperation.CREATE)
  const quota = mutationQuota(context, STRICT_QUOTA_FROM)
  const times = new Map<string, number>()
  for (const { name } of request.topics) times.set(name, (times.get(name) ?? 0) + 1)
  const topics: TopicAnswer[] = []
  const refused = new Set<string>()
  for (const wanted of request.topics) {
    if (times.get(wanted.name) === 1) {
      topics.push(
        mayCreateAny || mayOnTopic(context, AclOperation.CREATE, wanted.name)
          ? createOne(wanted, request.validateOnly, { context, quota })
          : failure(wanted.name, {
              error: ErrorCode.TOPIC_AUTHORIZATION_FAILED,
              message: 'Authorization failed.',
            }),
      )
    } else if (!refused.has(wanted.name)) {
      refused.add(wanted.name)
      topics.push(
        failure(wanted.name, { error: ErrorCode.INVALID_REQUEST, message: 'Duplicate topic name.' }),
      )
    }
  }
  return { topics, throttleTimeMs: quota.throttleMs }
}

function createOne(
  wanted: TopicWanted,
  validateOnly: boolean,
  { context, quota }: { readonly context: RequestContext; readonly quota: MutationQuota },
): TopicAnswer {
  const { services } = context
  const { name, assignments } = wanted
  const problem = assignmentProblem(wanted, services.logDirectory.nodeId)
  if (problem !== undefined) return failure(name, problem)
  const manual = assignments.length > 0
  const wish = {
    name,
    partitions: manual ? assignments.length : wanted.numPartitions,
    replicationFactor: manual ? 1 : wanted.replicationFactor,
    config: Object.fromEntries(wanted.configs.map((entry) => [entry.name, entry.value])),
  }
  const check = services.topics.check(wish)
  if (check.kind === 'refused') return failure(name, check)
  let topicId: string | undefined
  if (!validateOnly) {
    if (!quota.take(check.partitions)) return failure(name, OVER_QUOTA)
    const created = services.topics.create(wish)
    if (created.kind === 'refused') return failure(name, created)
    topicId = created.topic.id
  }
  const created = { name, ...(topicId !== undefined && { topicId }), errorCode: ErrorCode.NONE }
  if (!showsTopic(context, AclOperation.DESCRIBE_CONFIGS, name)) {
    const topicConfigErrorCode = ErrorCode.TOPIC_AUTHORIZATION_FAILED
    return { ...created, topicConfigErrorCode, numPartitions: -1, replicationFactor: -1, configs: null }
  }
  return {
    ...created,
    numPartitions: check.partitions,
    replicationFactor: 1,
    configs: topicConfigKeys.map(({ name: key }) => {
      const { value, source } = describeTopicSetting(key, { own: check.config, broker: services.config })
      return { name: key, value, readOnly: false, configSource: source, isSensitive: false }
    }),
  }
}

function assignmentProblem(wanted: TopicWanted, nodeId: number): Omit<TopicRefusal, 'kind'> | undefined {
  const { assignments, numPartitions, replicationFactor } = wanted
  if (assignments.length === 0) return undefined
  if (numPartitions !== -1 || replicationFactor !== -1) {
    const message = 'A manual partition assignment was given with a partition count or replication factor.'
    return { error: ErrorCode.INVALID_REQUEST, message }
  }
  const indexes = assignments.map(({ partitionIndex }) => partitionIndex).sort((a, b) => a - b)
  if (indexes.some((index, position) => index !== position)) {
    return {
      error: ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      message: 'The assigned partitions are not 0 and upwards without a gap.',
    }
  }
  if (assignments.some(({ brokerIds }) => brokerIds.length !== 1 || brokerIds[0] !== nodeId)) {
    return {
      error: ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      message: `Every partition has one replica, on broker ${nodeId}.`,
    }
  }
  return undefined
}

function failure(name: string, { error, message }: Omit<TopicRefusal, 'kind'>): TopicAnswer {
  return { name, errorCode: error, errorMessage: message, configs: null }
}
