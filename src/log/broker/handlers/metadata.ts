import type { MetadataRequest, MetadataResponseInput } from '../../protocol/apis/metadata.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { ZERO_UUID } from '../../protocol/field.ts'
import type { Topic } from '../../storage/log-directory.ts'
import { INTERNAL_TOPICS } from '../../storage/partition-directories.ts'
import { CONSUMER_OFFSETS } from '../coordinators/internal-topics.ts'
import { mutationQuota } from '../quotas/mutation-quota.ts'
import {
  AclOperation,
  authorizedOperations,
  clusterOperations,
  mayOnTopic,
  showsOnCluster,
  showsTopic,
} from '../security/access.ts'
import type { Handler, RequestContext } from '../services.ts'
import { topicNameProblem } from '../topic-catalog.ts'

/** Versions 10 and 11 have fields for ids and null names, but Kafka takes neither before version 12. */
const IDS_FROM = 12

type TopicMetadata = NonNullable<MetadataResponseInput['topics']>[number]

/**
 * Metadata: brokers, topics, partitions. Asking for a topic by name creates it when both the client and the broker
 * allow it; before version 4 clients could not refuse. Topics that the client may not describe are left out of all, and
 * refused where they are named.
 */
export const handleMetadata: Handler<MetadataRequest, MetadataResponseInput> = (request, context) => {
  const { apiVersion, services } = context
  const { logDirectory } = services
  const { advertised } = context.connection
  const { nodeId } = logDirectory
  const all = request.topics === null || (apiVersion === 0 && request.topics.length === 0)
  const mayCreate =
    services.config['auto.create.topics.enable'] && (apiVersion < 4 || request.allowAutoTopicCreation)
  const asked = request.topics ?? []
  const misused =
    apiVersion < IDS_FROM && asked.some(({ name, topicId }) => name === null || topicId !== ZERO_UUID)
  const topics = misused
    ? asked.map(({ name }) => failed(name ?? '', ErrorCode.INVALID_REQUEST))
    : all
      ? Array.from(logDirectory.topics())
          .filter(({ name }) => showsTopic(context, AclOperation.DESCRIBE, name))
          .map((topic) => describe(topic, nodeId))
      : distinct(asked).map(({ name, topicId }) =>
          goesById({ name, topicId }) ? byId(context, topicId) : byName(context, name ?? '', mayCreate),
        )
  return {
    brokers: [{ nodeId, host: advertised.host, port: advertised.port }],
    clusterId: logDirectory.clusterId,
    controllerId: nodeId,
    topics: request.includeTopicAuthorizedOperations
      ? topics.map((topic) => withOperations(topic, context))
      : topics,
    ...(request.includeClusterAuthorizedOperations && {
      clusterAuthorizedOperations: clusterOperations(context),
    }),
  }
}

function withOperations(topic: TopicMetadata, context: RequestContext): TopicMetadata {
  const { errorCode, name } = topic
  if (errorCode !== ErrorCode.NONE || name === null || name === undefined) return topic
  return { ...topic, topicAuthorizedOperations: authorizedOperations(context, 'TOPIC', name) }
}

function byId(context: RequestContext, topicId: string): TopicMetadata {
  const { logDirectory } = context.services
  const topic = logDirectory.topicById(topicId)
  const refused = (errorCode: ErrorCode): TopicMetadata => ({
    errorCode,
    name: null,
    topicId,
    partitions: [],
  })
  if (topic === undefined) return refused(ErrorCode.UNKNOWN_TOPIC_ID)
  if (!mayOnTopic(context, AclOperation.DESCRIBE, topic.name))
    return refused(ErrorCode.TOPIC_AUTHORIZATION_FAILED)
  return describe(topic, logDirectory.nodeId)
}

function byName(context: RequestContext, name: string, mayCreate: boolean): TopicMetadata {
  const { services } = context
  if (!mayOnTopic(context, AclOperation.DESCRIBE, name))
    return failed(name, ErrorCode.TOPIC_AUTHORIZATION_FAILED)
  const topic = services.logDirectory.topic(name)
  if (topic !== undefined) return describe(topic, services.logDirectory.nodeId)
  if (topicNameProblem(name) !== undefined) return failed(name, ErrorCode.INVALID_TOPIC_EXCEPTION)
  if (!mayCreate) return failed(name, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  if (!showsOnCluster(context, AclOperation.CREATE) && !mayOnTopic(context, AclOperation.CREATE, name))
    return failed(name, ErrorCode.TOPIC_AUTHORIZATION_FAILED)
  return create(context, name)
}

function create(context: RequestContext, name: string): TopicMetadata {
  const { services } = context
  const { nodeId } = services.logDirectory
  if (INTERNAL_TOPICS.has(name)) {
    const coordinator = name === CONSUMER_OFFSETS ? services.groups : services.transactions
    const topic = coordinator.available() ? services.logDirectory.topic(name) : undefined
    return topic === undefined ? failed(name, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) : describe(topic, nodeId)
  }
  // Who has created too many topics is told what somebody is told who asks too early, and asks again.
  if (!mutationQuota(context, 0).take(services.config['num.partitions']))
    return failed(name, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  const created = services.topics.create({ name, partitions: -1, replicationFactor: -1, config: {} })
  return created.kind === 'created' ? describe(created.topic, nodeId) : failed(name, created.error)
}

function failed(name: string, errorCode: ErrorCode): TopicMetadata {
  return { errorCode, name, topicId: ZERO_UUID, isInternal: INTERNAL_TOPICS.has(name), partitions: [] }
}

function describe(topic: Topic, nodeId: number): TopicMetadata {
  const replicas = [nodeId]
  return {
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.id,
    isInternal: topic.internal,
    partitions: topic.partitions.map((log) => ({
      errorCode: ErrorCode.NONE,
      partitionIndex: log.partition,
      leaderId: nodeId,
      leaderEpoch: log.leaderEpoch,
      replicaNodes: replicas,
      isrNodes: replicas,
    })),
  }
}

/** Java's consumer sends an empty name with an id. */
function goesById({ name, topicId }: { readonly name: string | null; readonly topicId: string }): boolean {
  return topicId !== ZERO_UUID || name === null
}

function distinct<T extends { readonly name: string | null; readonly topicId: string }>(
  topics: readonly T[],
): T[] {
  const seen = new Set<string>()
  return topics.filter(({ name, topicId }) => {
    const key = goesById({ name, topicId }) ? `id ${topicId}` : `name ${name}`
    return !seen.has(key) && seen.add(key)
  })
}
