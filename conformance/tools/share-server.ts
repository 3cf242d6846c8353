/** Members of share groups made of single requests: what they were told last they say the next time. */
import { setTimeout as sleep } from 'node:timers/promises'
import { batchOf, type WireClient } from '../../src/log/broker/wire-client.test-kit.ts'
import { apis } from '../../src/log/protocol/apis.ts'
import { ErrorCode } from '../../src/log/protocol/error-code.ts'
import { forEachRecord, splitBatches, type BatchOptions } from '../../src/log/protocol/record-batch.ts'
import { listedGroups } from './listed-groups.ts'

type Heartbeat = Parameters<typeof apis.shareGroupHeartbeat.encodeRequest>[2]
type Fetch = Parameters<typeof apis.shareFetch.encodeRequest>[2]
type FetchAnswer = ReturnType<typeof apis.shareFetch.decodeResponse>

/** Acknowledgements of partition 0: first offset, last offset, types. */
export type Acks = readonly (readonly [first: number, last: number, ...types: number[]])[]

/** One server and one topic at a time, and what members were told last. Groups, members and topics by these words. */
export class ShareServer {
  readonly client: WireClient
  readonly prefix: string
  readonly #topicIds = new Map<string, string>()
  readonly #memberEpochs = new Map<string, number>()
  readonly #sessionEpochs = new Map<string, number>()

  constructor(client: WireClient, prefix: string) {
    this.client = client
    this.prefix = prefix
  }

  /** A Kafka that has just started creates its internal topics with the first question and loads them. */
  async ready(): Promise<void> {
    for (;;) {
      await this.client.call(apis.findCoordinator, 4, { keyType: 0, coordinatorKeys: [this.prefix] })
      const { groups } = await this.client.call(apis.shareGroupDescribe, 1, {
        groupIds: [`${this.prefix}nobody`],
        includeAuthorizedOperations: false,
      })
      if (groups.every(({ errorCode }) => errorCode === ErrorCode.GROUP_ID_NOT_FOUND)) return
      await sleep(100)
    }
  }

  async createTopic(name: string, numPartitions = 1): Promise<number> {
    const topics = [
      { name: this.prefix + name, numPartitions, replicationFactor: 1, assignments: [], configs: [] },
    ]
    const answer = await this.client.call(apis.createTopics, 7, { topics, timeoutMs: 5_000 })
    this.#topicIds.set(name, answer.topics[0]!.topicId)
    for (;;) {
      const { topics: known } = await this.client.call(apis.metadata, 12, {
        topics: [{ name: this.prefix + name }],
      })
      if (known[0]!.partitions.length === numPartitions) return answer.topics[0]!.errorCode
      await sleep(50)
    }
  }

  async produce(topic: string, values: readonly string[], options: BatchOptions = {}): Promise<object> {
    const answer = await this.client.call(apis.produce, 9, {
      transactionalId: null,
      acks: -1,
      timeoutMs: 5_000,
      topicData: [
        { name: this.prefix + topic, partitionData: [{ index: 0, records: batchOf(values, options) }] },
      ],
    })
    return answer.responses[0]!.partitionResponses.map(({ errorCode, baseOffset }) => [errorCode, baseOffset])
  }

  /** What a group is set to; undefined takes a setting back. */
  async configure(group: string, settings: Readonly<Record<string, string>>): Promise<object> {
    const configs = Object.entries(settings).map(([name, value]) => ({ name, configOperation: 0, value }))
    const { responses } = await this.client.call(apis.incrementalAlterConfigs, 1, {
      resources: [{ resourceType: 32, resourceName: this.prefix + group, configs }],
      validateOnly: false,
    })
    return responses.map(({ errorCode }) => errorCode)
  }

  /** The settings of a share group: name, value, where it comes from, type. */
  async settings(group: string): Promise<object> {
    const { results } = await this.client.call(apis.describeConfigs, 4, {
      resources: [{ resourceType: 32, resourceName: this.prefix + group, configurationKeys: null }],
      includeSynonyms: false,
      includeDocumentation: false,
    })
    return (
      results[0]!.configs
        // Millrace assigns at once.
        .filter(({ name }) => name.startsWith('share.') && name !== 'share.assignment.interval.ms')
        .map(({ name, value, configSource, configType }) => ({ name, value, configSource, configType }))
        .toSorted((one, other) => (one.name < other.name ? -1 : 1))
    )
  }

  async heartbeat(group: string, member: string, saying: Partial<Heartbeat> = {}): Promise<object> {
    const { errorCode, errorMessage, memberId, memberEpoch, heartbeatIntervalMs, assignment } =
      await this.#heartbeat(group, member, saying)
    return {
      errorCode,
      message: this.#plain(errorMessage)?.replace(/coordinator \(\d+\)/, 'coordinator (an epoch)') ?? null,
      memberId,
      memberEpoch: errorCode === 0 && memberEpoch > 0 ? 'an epoch' : memberEpoch,
      heartbeatIntervalMs,
      tellsAssignment: assignment !== null,
    }
  }

  /** Sends heartbeats until a member has so many partitions of all topics together. */
  async join(group: string, member: string, topics: readonly string[], count: number): Promise<number> {
    const subscribedTopicNames = topics.map((name) => this.prefix + name)
    let answer = await this.#heartbeat(group, member, { memberEpoch: 0, subscribedTopicNames })
    let has = 0
    for (;;) {
      if (answer.errorCode !== 0) return -answer.errorCode
      if (answer.assignment !== null)
        has = answer.assignment.topicPartitions.reduce((sum, { partitions }) => sum + partitions.length, 0)
      if (has === count) return has
      await sleep(100)
      answer = await this.#heartbeat(group, member)
    }
  }

  leave(group: string, member: string): Promise<object> {
    return this.heartbeat(group, member, { memberEpoch: -1 })
  }

  async describe(group: string): Promise<object> {
    const { groups } = await this.client.call(apis.shareGroupDescribe, 1, {
      groupIds: [this.prefix + group],
      includeAuthorizedOperations: true,
    })
    const { errorCode, errorMessage, groupState, assignorName, members, authorizedOperations } = groups[0]!
    return {
      errorCode,
      message: this.#plain(errorMessage),
      groupState,
      assignorName,
      authorizedOperations,
      members: members
        .map(({ assignment, subscribedTopicNames, memberEpoch: _epoch, ...member }) => ({
          ...member,
          subscribedTopicNames: subscribedTopicNames.map((name) => this.#plain(name)),
          assignment: assignment.topicPartitions.map(({ topicName, partitions }) => [
            this.#plain(topicName),
            partitions.length,
          ]),
        }))
        .toSorted((one, other) => (one.memberId < other.memberId ? -1 : 1)),
    }
  }

  list(filter: { statesFilter?: string[]; typesFilter?: string[] }): Promise<object> {
    return listedGroups(this.client, filter, this.prefix)
  }

  /** Fetches partition 0 of a topic in the next epoch of the member's session. */
  async fetch(
    group: string,
    member: string,
    topic: string,
    more: Partial<Fetch> & {
      readonly acks?: Acks
      readonly partition?: number
      readonly version?: number
    } = {},
  ): Promise<object> {
    const key = `${group}/${member}`
    const { acks = [], partition = 0, version = 2, ...rest } = more
    const epoch = more.shareSessionEpoch ?? this.#sessionEpochs.get(key) ?? 0
    const answer = await this.client.call(apis.shareFetch, version, {
      groupId: this.prefix + group,
      memberId: member,
      shareSessionEpoch: epoch,
      maxWaitMs: 500,
      minBytes: 1,
      maxBytes: 1_000_000,
      maxRecords: 500,
      batchSize: 500,
      topics: [
        {
          topicId: this.#topicIds.get(topic) ?? UNKNOWN_TOPIC_ID,
          partitions: [{ partitionIndex: partition, acknowledgementBatches: acks.map(asBatch) }],
        },
      ],
      forgottenTopicsData: [],
      ...rest,
    })
    this.#nextEpoch(key, epoch, answer.errorCode)
    return this.#shownFetch(answer)
  }

  /** Fetches until something was acquired, for a while: a Kafka initializes share-partitions in the background. */
  async fetchSome(group: string, member: string, topic: string, more: Partial<Fetch> = {}): Promise<object> {
    for (let tries = 1; ; tries++) {
      const answer = (await this.fetch(group, member, topic, more)) as {
        errorCode: number
        partitions: { acquired: unknown[] }[]
      }
      const isSome = answer.partitions.some(({ acquired }) => acquired.length > 0)
      if (answer.errorCode !== 0 || isSome || tries === MOST_FETCHES) return answer
    }
  }

  async acknowledge(
    group: string,
    member: string,
    topic: string,
    acks: Acks,
    more: {
      readonly shareSessionEpoch?: number
      readonly isRenewAck?: boolean
      readonly partition?: number
    } = {},
  ): Promise<object> {
    const key = `${group}/${member}`
    const epoch = more.shareSessionEpoch ?? this.#sessionEpochs.get(key) ?? 0
    const { partition = 0, isRenewAck = false } = more
    const answer = await this.client.call(apis.shareAcknowledge, 2, {
      groupId: this.prefix + group,
      memberId: member,
      shareSessionEpoch: epoch,
      isRenewAck,
      topics: [
        {
          topicId: this.#topicIds.get(topic) ?? UNKNOWN_TOPIC_ID,
          partitions: [{ partitionIndex: partition, acknowledgementBatches: acks.map(asBatch) }],
        },
      ],
    })
    this.#nextEpoch(key, epoch, answer.errorCode)
    const { errorCode, errorMessage, acquisitionLockTimeoutMs, responses } = answer
    return {
      errorCode,
      hasMessage: errorMessage !== null,
      acquisitionLockTimeoutMs,
      partitions: responses.flatMap(({ partitions }) =>
        partitions.map(({ partitionIndex, errorCode: error }) => ({ partitionIndex, error })),
      ),
    }
  }

  async offsets(group: string, topics: Readonly<Record<string, readonly number[]>> | null): Promise<object> {
    const { groups } = await this.client.call(apis.describeShareGroupOffsets, 1, {
      groups: [
        {
          groupId: this.prefix + group,
          topics:
            topics &&
            Object.entries(topics).map(([name, partitions]) => ({
              topicName: this.prefix + name,
              partitions,
            })),
        },
      ],
    })
    const { errorCode, errorMessage, topics: described } = groups[0]!
    return {
      errorCode,
      message: this.#plain(errorMessage),
      topics: described.map(({ topicName, partitions }) => ({
        topic: this.#plain(topicName),
        partitions: partitions.toSorted((one, other) => one.partitionIndex - other.partitionIndex),
      })),
    }
  }

  /** Kafka writes the start down before it moves, so that what it tells of it lags behind. */
  async lag(group: string): Promise<object> {
    const { groups } = await this.client.call(apis.describeShareGroupOffsets, 1, {
      groups: [{ groupId: this.prefix + group, topics: null }],
    })
    return groups[0]!.topics.map(({ partitions }) => partitions.map(({ lag }) => lag))
  }

  async alterOffsets(group: string, topic: string, offset: number, partition = 0): Promise<object> {
    const { errorCode, errorMessage, responses } = await this.client.call(apis.alterShareGroupOffsets, 0, {
      groupId: this.prefix + group,
      topics: [
        {
          topicName: this.prefix + topic,
          partitions: [{ partitionIndex: partition, startOffset: offset }],
        },
      ],
    })
    return {
      errorCode,
      hasMessage: errorMessage !== null,
      partitions: responses.map(({ partitions }) =>
        partitions.map(({ partitionIndex, errorCode: error }) => [partitionIndex, error]),
      ),
    }
  }

  async deleteOffsets(group: string, topic: string): Promise<object> {
    const { errorCode, errorMessage, responses } = await this.client.call(apis.deleteShareGroupOffsets, 0, {
      groupId: this.prefix + group,
      topics: [{ topicName: this.prefix + topic }],
    })
    return { errorCode, hasMessage: errorMessage !== null, topics: responses.map((one) => one.errorCode) }
  }

  async deleteGroup(group: string): Promise<number> {
    const answer = await this.client.call(apis.deleteGroups, 2, { groupsNames: [this.prefix + group] })
    return answer.results[0]!.errorCode
  }

  #heartbeat(group: string, member: string, saying: Partial<Heartbeat> = {}) {
    const key = `${group}/${member}`
    const memberEpoch = saying.memberEpoch ?? this.#memberEpochs.get(key) ?? 0
    return this.client
      .call(apis.shareGroupHeartbeat, 1, {
        groupId: group === '' ? '' : this.prefix + group,
        memberId: member,
        ...saying,
        memberEpoch,
      })
      .then((answer) => {
        if (answer.errorCode === 0) this.#memberEpochs.set(key, answer.memberEpoch)
        return answer
      })
  }

  #nextEpoch(key: string, epoch: number, errorCode: number): void {
    if (errorCode !== 0) return
    this.#sessionEpochs.set(key, epoch === -1 ? 0 : epoch + 1)
  }

  #shownFetch({ errorCode, acquisitionLockTimeoutMs, responses }: FetchAnswer) {
    return {
      errorCode,
      acquisitionLockTimeoutMs,
      partitions: responses.flatMap(({ partitions }) =>
        partitions.map((partition) => ({
          partition: partition.partitionIndex,
          error: partition.errorCode,
          acknowledgeError: partition.acknowledgeErrorCode,
          acquired: partition.acquiredRecords.map((range) => Object.values(range)),
          values: valuesIn(partition.records ?? Buffer.alloc(0), partition.acquiredRecords),
        })),
      ),
    }
  }

  #plain<Text extends string | null>(text: Text): Text {
    return (text === null ? null : text.replaceAll(this.prefix, '')) as Text
  }
}

const MOST_FETCHES = 60
const UNKNOWN_TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAZw'

function asBatch([firstOffset, lastOffset, ...acknowledgeTypes]: Acks[number]) {
  return { firstOffset, lastOffset, acknowledgeTypes }
}

/** What a member would be given of an answer. */
function valuesIn(
  records: Buffer,
  acquired: readonly { readonly firstOffset: number; readonly lastOffset: number }[],
): string[] {
  const values: string[] = []
  for (const batch of splitBatches(records)) {
    forEachRecord(batch, (offset, _timestampMs, _key, value) => {
      if (acquired.some(({ firstOffset, lastOffset }) => offset >= firstOffset && offset <= lastOffset))
        values.push(String(value))
    })
  }
  return values
}
