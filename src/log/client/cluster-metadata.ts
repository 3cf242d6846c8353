/** What a client knows of the cluster: brokers, topics, leaders. */
import type { MetadataResponse } from '../protocol/apis/metadata.ts'

export interface ClusterMetadata {
  readonly clusterId: string | null
  readonly controllerId: number
  readonly brokers: ReadonlyMap<number, BrokerAddress>
  /** By name. A topic that was asked for and does not exist is there with its `errorCode`. */
  readonly topics: ReadonlyMap<string, TopicMetadata>
}

export interface BrokerAddress {
  readonly nodeId: number
  readonly host: string
  readonly port: number
}

export interface TopicMetadata {
  readonly name: string
  /** 22 characters of base64url; `ZERO_UUID` when the broker is too old to tell. */
  readonly id: string
  readonly internal: boolean
  readonly errorCode: number
  /** By partition number. */
  readonly partitions: readonly PartitionMetadata[]
}

export interface PartitionMetadata {
  readonly partition: number
  readonly errorCode: number
  /** Node id; -1 while there is no leader. */
  readonly leader: number
  readonly leaderEpoch: number
}

export function clusterMetadataOf(response: MetadataResponse): ClusterMetadata {
  return {
    clusterId: response.clusterId,
    controllerId: response.controllerId,
    brokers: new Map(response.brokers.map(({ nodeId, host, port }) => [nodeId, { nodeId, host, port }])),
    topics: new Map(response.topics.map((topic) => [topic.name ?? '', topicOf(topic)])),
  }
}

function topicOf(topic: MetadataResponse['topics'][number]): TopicMetadata {
  return {
    name: topic.name ?? '',
    id: topic.topicId,
    internal: topic.isInternal,
    errorCode: topic.errorCode,
    partitions: topic.partitions
      .map((one) => ({
        partition: one.partitionIndex,
        errorCode: one.errorCode,
        leader: one.leaderId,
        leaderEpoch: one.leaderEpoch,
      }))
      .sort((a, b) => a.partition - b.partition),
  }
}
