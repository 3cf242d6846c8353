/** Topics, offsets and groups: what an administrator or a tool asks of a cluster. Each call retries what may pass. */
import { ZERO_UUID } from '../protocol/field.ts'
import { createPartitionsApi } from '../protocol/apis/create-partitions.ts'
import { createTopicsApi } from '../protocol/apis/create-topics.ts'
import { deleteTopicsApi } from '../protocol/apis/delete-topics.ts'
import { listOffsetsApi } from '../protocol/apis/list-offsets.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import type { TopicMetadata } from './cluster-metadata.ts'
import { KafkaError, throwIfError } from './kafka-error.ts'
import type { LogClient } from './log-client.ts'

export interface NewTopic {
  readonly name: string
  /** Default: the broker's. */
  readonly partitions?: number
  /** Default: the broker's. */
  readonly replicationFactor?: number
  /** Kafka's topic settings, such as `retention.ms`. */
  readonly config?: Readonly<Record<string, string>>
}

/** Throws `MR_TOPIC_EXISTS` unless `ifNotExists`, `MR_KAFKA_REFUSED` with the broker's reason, `MR_NOT_AUTHORIZED`. */
export async function createTopics(
  client: LogClient,
  topics: readonly NewTopic[],
  options: { readonly ifNotExists?: boolean; readonly validateOnly?: boolean } = {},
): Promise<void> {
  await client.retry(async () => {
    const answer = await client.request(
      createTopicsApi,
      {
        topics: topics.map((topic) => ({
          name: topic.name,
          numPartitions: topic.partitions ?? -1,
          replicationFactor: topic.replicationFactor ?? -1,
          assignments: [],
          configs: Object.entries(topic.config ?? {}).map(([name, value]) => ({ name, value })),
        })),
        timeoutMs: client.requestTimeoutMs,
        validateOnly: options.validateOnly ?? false,
      },
      { node: 'controller' },
    )
    for (const { name, errorCode, errorMessage } of answer.topics) {
      if (errorCode === ErrorCode.TOPIC_ALREADY_EXISTS && options.ifNotExists === true) continue
      throwIfError(errorCode, {
        doing: 'creating the topic',
        detail: errorMessage,
        topic: name,
        needs: { topic: `Create on the topic ${name} or on the cluster` },
      })
    }
  })
}

/** Throws `MR_TOPIC_NOT_FOUND` or `MR_NOT_AUTHORIZED`. */
export async function deleteTopics(client: LogClient, names: readonly string[]): Promise<void> {
  const answer = await client.request(
    deleteTopicsApi,
    {
      topics: names.map((name) => ({ name, topicId: ZERO_UUID })),
      topicNames: names,
      timeoutMs: client.requestTimeoutMs,
    },
    { node: 'controller' },
  )
  for (const { name, errorCode, errorMessage } of answer.responses) {
    throwIfError(errorCode, { doing: 'deleting the topic', detail: errorMessage, topic: name ?? '' })
  }
}

/** Raises a topic's partition count to `total`. */
export async function createPartitions(client: LogClient, topic: string, total: number): Promise<void> {
  const answer = await client.request(
    createPartitionsApi,
    {
      topics: [{ name: topic, count: total, assignments: null }],
      timeoutMs: client.requestTimeoutMs,
      validateOnly: false,
    },
    { node: 'controller' },
  )
  for (const { name, errorCode, errorMessage } of answer.results) {
    throwIfError(errorCode, { doing: 'adding partitions', detail: errorMessage, topic: name })
  }
}

export interface OffsetQuery {
  readonly topic: string
  readonly partition: number
  /** `latest` is the end; with `read_committed` the last stable offset. A number: the first record at or after that time (ms). */
  readonly at: 'earliest' | 'latest' | number
}

export interface ListedOffset {
  readonly topic: string
  readonly partition: number
  /** -1 when no record is that young. */
  readonly offset: number
  /** Of the record found by time, in ms; -1 otherwise. */
  readonly timestampMs: number
}

/** Answers in the order of the queries. Throws `MR_TOPIC_NOT_FOUND` or `MR_NOT_AUTHORIZED` with topic and partition. */
export function listOffsets(
  client: LogClient,
  queries: readonly OffsetQuery[],
  options: { readonly isolation?: 'read_committed' | 'read_uncommitted' } = {},
): Promise<readonly ListedOffset[]> {
  return client.retry(async () => {
    const { topics } = await client.metadata([...new Set(queries.map((query) => query.topic))])
    const byLeader = Map.groupBy(queries, (query) => leaderOf(topics.get(query.topic), query))
    const answers = await Promise.all(
      [...byLeader].map(([leader, group]) =>
        askLeader(client, { leader, queries: group, isolation: options.isolation }),
      ),
    )
    const found = new Map(answers.flat().map((one) => [`${one.topic}/${one.partition}/${one.at}`, one]))
    return queries.map(({ topic, partition, at }) => {
      const { offset, timestampMs } = found.get(`${topic}/${partition}/${at}`)!
      return { topic, partition, offset, timestampMs }
    })
  })
}

function leaderOf(found: TopicMetadata | undefined, { topic, partition }: OffsetQuery): number {
  const refused = (errorCode: number): KafkaError => {
    const needs = { topic: `Describe on the topic ${topic}` }
    return new KafkaError(errorCode, { doing: 'listing offsets', topic, partition, needs })
  }
  if (found !== undefined && found.errorCode !== ErrorCode.NONE) throw refused(found.errorCode)
  const known = found?.partitions[partition]
  if (known === undefined) throw refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  if (known.leader < 0) throw refused(ErrorCode.LEADER_NOT_AVAILABLE)
  return known.leader
}

async function askLeader(
  client: LogClient,
  options: {
    readonly leader: number
    readonly queries: readonly OffsetQuery[]
    readonly isolation: 'read_committed' | 'read_uncommitted' | undefined
  },
): Promise<readonly (ListedOffset & OffsetQuery)[]> {
  const results: (ListedOffset & OffsetQuery)[] = []
  // A partition may be asked once in a request: queries of one partition at several times go one after the other.
  for (const [, queries] of Map.groupBy(options.queries, (query) => query.at)) {
    const at = queries[0]!.at
    const timestamp = at === 'earliest' ? -2 : at === 'latest' ? -1 : at
    const answer = await client.request(
      listOffsetsApi,
      {
        replicaId: -1,
        isolationLevel: options.isolation === 'read_committed' ? 1 : 0,
        topics: [...Map.groupBy(queries, (query) => query.topic)].map(([name, group]) => ({
          name,
          partitions: group.map(({ partition }) => ({ partitionIndex: partition, timestamp })),
        })),
        timeoutMs: client.requestTimeoutMs,
      },
      { node: options.leader },
    )
    for (const { name: topic, partitions } of answer.topics) {
      for (const { partitionIndex: partition, errorCode, offset, timestamp: timestampMs } of partitions) {
        throwIfError(errorCode, {
          doing: 'listing offsets',
          topic,
          partition,
          needs: { topic: `Describe on the topic ${topic}` },
        })
        results.push({ topic, partition, at, offset, timestampMs })
      }
    }
  }
  return results
}
