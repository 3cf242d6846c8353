import type { MetadataRequest, MetadataResponseInput } from '../../protocol/apis/metadata.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { ZERO_UUID } from '../../protocol/field.ts'
import type { Topic } from '../../storage/log-directory.ts'
import { CLUSTER_OPERATIONS, TOPIC_OPERATIONS } from '../authorized-operations.ts'
import type { BrokerServices, Handler } from '../services.ts'
import { topicNameProblem } from '../topic-catalog.ts'

/** Versions 10 and 11 have fields for ids and null names, but Kafka takes neither before version 12. */
const IDS_FROM = 12

type TopicMetadata = NonNullable<MetadataResponseInput['topics']>[number]

/**
 * Metadata: brokers, topics, partitions. Asking for a topic by name creates it when both the client and the broker
 * allow it; before version 4 clients could not refuse.
 */
export const handleMetadata: Handler<MetadataRequest, MetadataResponseInput> = (
  request,
  { apiVersion, services },
) => {
  const { logDirectory, advertised } = services
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
      ? Array.from(logDirectory.topics(), (topic) => describe(topic, nodeId))
      : distinct(asked).map(({ name, topicId }) =>
          name === null ? byId(services, topicId) : byName(services, name, mayCreate),
        )
  return {
    brokers: [{ nodeId, host: advertised.host, port: advertised.port }],
    clusterId: logDirectory.clusterId,
    controllerId: nodeId,
    topics: request.includeTopicAuthorizedOperations
      ? topics.map((topic) => ({ ...topic, topicAuthorizedOperations: TOPIC_OPERATIONS }))
      : topics,
    ...(request.includeClusterAuthorizedOperations && { clusterAuthorizedOperations: CLUSTER_OPERATIONS }),
  }
}

function byId(services: BrokerServices, topicId: string): TopicMetadata {
  const topic = services.logDirectory.topicById(topicId)
  if (topic === undefined)
    return { errorCode: ErrorCode.UNKNOWN_TOPIC_ID, name: null, topicId, partitions: [] }
  return describe(topic, services.logDirectory.nodeId)
}

function byName(services: BrokerServices, name: string, mayCreate: boolean): TopicMetadata {
  const topic = services.logDirectory.topic(name)
  if (topic !== undefined) return describe(topic, services.logDirectory.nodeId)
  if (topicNameProblem(name) !== undefined) return failed(name, ErrorCode.INVALID_TOPIC_EXCEPTION)
  if (!mayCreate) return failed(name, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  const created = services.topics.create({ name, partitions: -1, replicationFactor: -1, config: {} })
  return created.kind === 'created'
    ? describe(created.topic, services.logDirectory.nodeId)
    : failed(name, created.error)
}

function failed(name: string, errorCode: ErrorCode): TopicMetadata {
  return { errorCode, name, topicId: ZERO_UUID, partitions: [] }
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

function distinct<T extends { readonly name: string | null; readonly topicId: string }>(
  topics: readonly T[],
): T[] {
  const seen = new Set<string>()
  return topics.filter(({ name, topicId }) => {
    const key = name === null ? `id ${topicId}` : `name ${name}`
    return !seen.has(key) && seen.add(key)
  })
}
