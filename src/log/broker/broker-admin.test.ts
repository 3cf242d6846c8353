/** Topics, configurations and offsets over the wire, in the simulated world. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Simulation } from '../../world/simulated/simulation.ts'
import { createPartitionsApi } from '../protocol/apis/create-partitions.ts'
import { createTopicsApi, type CreateTopicsRequestInput } from '../protocol/apis/create-topics.ts'
import { deleteRecordsApi } from '../protocol/apis/delete-records.ts'
import { deleteTopicsApi } from '../protocol/apis/delete-topics.ts'
import { describeClusterApi } from '../protocol/apis/describe-cluster.ts'
import { describeConfigsApi } from '../protocol/apis/describe-configs.ts'
import { describeLogDirsApi } from '../protocol/apis/describe-log-dirs.ts'
import { describeTopicPartitionsApi } from '../protocol/apis/describe-topic-partitions.ts'
import { fetchApi } from '../protocol/apis/fetch.ts'
import { incrementalAlterConfigsApi } from '../protocol/apis/incremental-alter-configs.ts'
import { listOffsetsApi } from '../protocol/apis/list-offsets.ts'
import { metadataApi } from '../protocol/apis/metadata.ts'
import { offsetForLeaderEpochApi } from '../protocol/apis/offset-for-leader-epoch.ts'
import { produceApi } from '../protocol/apis/produce.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import { ZERO_UUID } from '../protocol/field.ts'
import type { BrokerConfig } from './broker-config.ts'
import { startBroker, type Broker } from './broker.ts'
import { batchOf, WireClient } from './wire-client.test-kit.ts'

const LISTEN = { host: '127.0.0.1', port: 9092 }

interface Scene {
  readonly simulation: Simulation
  readonly client: WireClient
  readonly broker: Broker
  readonly reports: { readonly event: string }[]
}

function scenario(
  name: string,
  play: (scene: Scene) => Promise<void>,
  config: Partial<BrokerConfig> = {},
): void {
  test(name, async () => {
    const simulation = new Simulation({ seed: 5 })
    const reports: { event: string }[] = []
    const { world } = simulation.machine('server')
    const { network } = simulation.machine('laptop').world
    await simulation.run(async () => {
      const broker = await startBroker({
        world,
        dataPath: '/data',
        listen: LISTEN,
        config,
        report: (_level, event, fields) => reports.push({ event, ...fields }),
      })
      const client = await WireClient.connect(network, LISTEN)
      await play({ simulation, client, broker, reports })
      client.close()
      await broker.close()
    })
  })
}

type TopicWanted = CreateTopicsRequestInput['topics'][number]

function wanted(name: string, more: Partial<TopicWanted> = {}): TopicWanted {
  return { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [], ...more }
}

async function create(client: WireClient, ...topics: TopicWanted[]) {
  return (await client.call(createTopicsApi, 7, { topics })).topics
}

async function produce(
  client: WireClient,
  name: string,
  values: readonly string[],
  timestampMs = 1000,
): Promise<void> {
  const records = batchOf(values, {}, { timestampMs })
  const body = { acks: 1, timeoutMs: 1000, topicData: [{ name, partitionData: [{ index: 0, records }] }] }
  const { responses } = await client.call(produceApi, 9, body)
  assert.equal(responses[0]!.partitionResponses[0]!.errorCode, ErrorCode.NONE)
}

scenario('CreateTopics answers with what it made, and refuses what Kafka refuses', async ({ client }) => {
  const [made] = await create(
    client,
    wanted('made', {
      numPartitions: -1,
      replicationFactor: -1,
      configs: [{ name: 'retention.ms', value: '5' }],
    }),
  )
  assert.equal(made!.errorCode, ErrorCode.NONE)
  assert.deepEqual([made!.numPartitions, made!.replicationFactor], [1, 1])
  assert.equal(made!.configs!.find(({ name }) => name === 'retention.ms')?.value, '5')
  const refusals: [TopicWanted, number][] = [
    [wanted('made'), ErrorCode.TOPIC_ALREADY_EXISTS],
    [wanted('a/b'), ErrorCode.INVALID_TOPIC_EXCEPTION],
    [wanted('..'), ErrorCode.INVALID_TOPIC_EXCEPTION],
    [wanted('x'.repeat(250)), ErrorCode.INVALID_TOPIC_EXCEPTION],
    [wanted('none', { numPartitions: 0 }), ErrorCode.INVALID_PARTITIONS],
    [wanted('three', { replicationFactor: 3 }), ErrorCode.INVALID_REPLICATION_FACTOR],
    [wanted('conf', { configs: [{ name: 'no.such', value: '1' }] }), ErrorCode.INVALID_CONFIG],
    [wanted('conf', { configs: [{ name: 'retention.ms', value: 'soon' }] }), ErrorCode.INVALID_CONFIG],
    [
      wanted('manual', {
        numPartitions: 2,
        replicationFactor: 1,
        assignments: [{ partitionIndex: 0, brokerIds: [1] }],
      }),
      ErrorCode.INVALID_REQUEST,
    ],
  ]
  for (const [topic, error] of refusals)
    assert.equal((await create(client, topic))[0]!.errorCode, error, topic.name)
  await create(client, wanted('with.dot'))
  assert.equal((await create(client, wanted('with_dot')))[0]!.errorCode, ErrorCode.INVALID_TOPIC_EXCEPTION)
  const only = await client.call(createTopicsApi, 7, { topics: [wanted('tried')], validateOnly: true })
  assert.equal(only.topics[0]!.errorCode, ErrorCode.NONE)
  const { topics } = await client.call(metadataApi, 12, { topics: null })
  assert.deepEqual(topics.map(({ name }) => name).sort(), ['made', 'with.dot'])
})

scenario(
  'a topic that is deleted and made again has another id; the old one is unknown',
  async ({ client }) => {
    const [first] = await create(client, wanted('again'))
    const gone = await client.call(deleteTopicsApi, 6, {
      topics: [{ topicId: first!.topicId }],
      timeoutMs: 1000,
    })
    assert.equal(gone.responses[0]!.name, 'again')
    const [second] = await create(client, wanted('again'))
    assert.notEqual(second!.topicId, first!.topicId)
    const { topics } = await client.call(metadataApi, 12, {
      topics: [
        { name: null, topicId: first!.topicId },
        { name: null, topicId: second!.topicId },
      ],
    })
    assert.deepEqual(
      topics.map(({ errorCode }) => errorCode),
      [ErrorCode.UNKNOWN_TOPIC_ID, ErrorCode.NONE],
    )
    const unknown = await client.call(deleteTopicsApi, 6, {
      topics: [{ name: 'nobody', topicId: ZERO_UUID }],
      timeoutMs: 1000,
    })
    assert.equal(unknown.responses[0]!.errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  },
)

scenario('a waiting fetch learns at once that its topic was deleted', async ({ client, simulation }) => {
  const [made] = await create(client, wanted('doomed'))
  const topics = [
    { topicId: made!.topicId, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }] },
  ]
  const reader = await WireClient.connect(simulation.machine('reader').world.network, LISTEN)
  const waiting = reader.call(fetchApi, 13, { maxWaitMs: 1e9, minBytes: 1, topics })
  await client.call(deleteTopicsApi, 6, { topics: [{ name: 'doomed', topicId: ZERO_UUID }], timeoutMs: 1000 })
  assert.equal((await waiting).responses[0]!.partitions[0]!.errorCode, ErrorCode.UNKNOWN_TOPIC_ID)
  reader.close()
})

scenario('Metadata creates a topic only when client and broker allow it', async ({ client }) => {
  const ask = (version: number, name: string, allowAutoTopicCreation: boolean) =>
    client
      .call(metadataApi, version, { topics: [{ name }], allowAutoTopicCreation })
      .then(({ topics }) => topics[0]!)
  assert.equal((await ask(12, 'not-yet', false)).errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  assert.equal((await ask(12, 'not-yet', true)).errorCode, ErrorCode.NONE)
  assert.equal((await ask(1, 'by-old-client', true)).partitions.length, 1)
  assert.equal((await ask(12, 'not/valid', true)).errorCode, ErrorCode.INVALID_TOPIC_EXCEPTION)
  assert.deepEqual((await client.call(metadataApi, 1, { topics: [] })).topics, [])
  assert.equal((await client.call(metadataApi, 0, { topics: [] })).topics.length, 2)
})

scenario(
  'Metadata never creates when auto.create.topics.enable is false',
  async ({ client }) => {
    const { topics } = await client.call(metadataApi, 1, { topics: [{ name: 'never' }] })
    assert.equal(topics[0]!.errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  },
  { 'auto.create.topics.enable': false },
)

scenario('CreatePartitions only grows', async ({ client }) => {
  await create(client, wanted('growing', { numPartitions: 2 }))
  const grow = async (count: number) =>
    (
      await client.call(createPartitionsApi, 3, {
        topics: [{ name: 'growing', count, assignments: null }],
        timeoutMs: 1,
        validateOnly: false,
      })
    ).results[0]!.errorCode
  assert.deepEqual(
    [await grow(2), await grow(1), await grow(5)],
    [ErrorCode.INVALID_PARTITIONS, ErrorCode.INVALID_PARTITIONS, ErrorCode.NONE],
  )
  const { topics } = await client.call(metadataApi, 12, { topics: [{ name: 'growing' }] })
  assert.equal(topics[0]!.partitions.length, 5)
})

scenario('DescribeTopicPartitions pages with a cursor', async ({ client }) => {
  await create(client, wanted('a', { numPartitions: 3 }), wanted('b', { numPartitions: 2 }), wanted('c'))
  const seen: string[] = []
  let cursor: { topicName: string; partitionIndex: number } | null = null
  do {
    const page: Awaited<ReturnType<typeof ask>> = await ask(cursor)
    for (const { name, partitions } of page.topics)
      for (const { partitionIndex } of partitions) seen.push(`${name}${partitionIndex}`)
    cursor = page.nextCursor
  } while (cursor !== null)
  assert.deepEqual(seen, ['a0', 'a1', 'a2', 'b0', 'b1', 'c0'])

  function ask(after: { topicName: string; partitionIndex: number } | null) {
    return client.call(describeTopicPartitionsApi, 0, {
      topics: [],
      responsePartitionLimit: 2,
      cursor: after,
    })
  }
})

scenario('configurations are described with their sources, and changed key by key', async ({ client }) => {
  await create(client, wanted('configured', { configs: [{ name: 'retention.ms', value: '1000' }] }))
  const describe = async (keys: string[] | null, type = 2, name = 'configured') =>
    (
      await client.call(describeConfigsApi, 4, {
        resources: [{ resourceType: type, resourceName: name, configurationKeys: keys }],
        includeSynonyms: true,
        includeDocumentation: true,
      })
    ).results[0]!
  const alter = async (name: string, configOperation: number, value: string | null) =>
    (
      await client.call(incrementalAlterConfigsApi, 1, {
        resources: [
          { resourceType: 2, resourceName: 'configured', configs: [{ name, configOperation, value }] },
        ],
        validateOnly: false,
      })
    ).responses[0]!.errorCode
  const value = async (name: string) => (await describe([name])).configs[0]!.value

  assert.ok((await describe(null)).configs.length >= 25)
  const [retention] = (await describe(['retention.ms'])).configs
  assert.deepEqual([retention!.value, retention!.configSource, retention!.configType], ['1000', 1, 5])
  assert.deepEqual(
    retention!.synonyms.map(({ name, source }) => [name, source]),
    [
      ['retention.ms', 1],
      ['log.retention.ms', 5],
    ],
  )
  assert.ok(retention!.documentation)

  assert.equal(await alter('cleanup.policy', 2, 'compact'), ErrorCode.NONE)
  assert.equal(await value('cleanup.policy'), 'delete,compact')
  assert.equal(await alter('cleanup.policy', 3, 'delete'), ErrorCode.NONE)
  assert.equal(await value('cleanup.policy'), 'compact')
  assert.equal(await alter('retention.ms', 1, null), ErrorCode.NONE)
  assert.equal(await value('retention.ms'), '604800000')
  assert.equal(await alter('retention.ms', 0, 'never'), ErrorCode.INVALID_CONFIG)
  assert.equal(await alter('retention.ms', 2, '5'), ErrorCode.INVALID_CONFIG)

  assert.equal((await describe(null, 2, 'nobody')).errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  const broker = await describe(['num.partitions'], 4, '1')
  assert.deepEqual([broker.configs[0]!.value, broker.configs[0]!.readOnly], ['1', true])
})

scenario('ListOffsets finds both ends, times, and the largest timestamp', async ({ client, simulation }) => {
  const nowMs = simulation.clock.nowMs()
  await create(client, wanted('times'))
  await produce(client, 'times', ['a'], nowMs - 3000)
  await produce(client, 'times', ['b', 'c'], nowMs - 1000)
  await produce(client, 'times', ['d'], nowMs - 2000)
  const at = async (timestamp: number) => {
    const partitions = [{ partitionIndex: 0, timestamp }]
    const { topics } = await client.call(listOffsetsApi, 9, {
      replicaId: -1,
      topics: [{ name: 'times', partitions }],
    })
    const { errorCode, offset, timestamp: found } = topics[0]!.partitions[0]!
    assert.equal(errorCode, ErrorCode.NONE)
    return [offset, found]
  }
  assert.deepEqual(await at(-1), [4, -1])
  assert.deepEqual(await at(-2), [0, -1])
  assert.deepEqual(await at(-3), [1, nowMs - 1000])
  assert.deepEqual(await at(nowMs - 2500), [1, nowMs - 1000])
  assert.deepEqual(await at(nowMs), [-1, -1])
  assert.deepEqual(await at(-5), [-1, -1])
})

scenario('DeleteRecords moves the start; readers below it are told', async ({ client }) => {
  await create(client, wanted('trimmed'))
  await produce(client, 'trimmed', ['a', 'b', 'c', 'd'])
  const trim = async (offset: number) => {
    const partitions = [{ partitionIndex: 0, offset }]
    const { topics } = await client.call(deleteRecordsApi, 2, {
      topics: [{ name: 'trimmed', partitions }],
      timeoutMs: 1,
    })
    const { errorCode, lowWatermark } = topics[0]!.partitions[0]!
    return [errorCode, lowWatermark]
  }
  assert.deepEqual(await trim(2), [ErrorCode.NONE, 2])
  assert.deepEqual(await trim(9), [ErrorCode.OFFSET_OUT_OF_RANGE, -1])
  const topics = [
    { topic: 'trimmed', partitions: [{ partition: 0, fetchOffset: 1, partitionMaxBytes: 1000 }] },
  ]
  const below = await client.call(fetchApi, 12, { maxWaitMs: 1000, minBytes: 1, topics })
  assert.equal(below.responses[0]!.partitions[0]!.errorCode, ErrorCode.OFFSET_OUT_OF_RANGE)
  assert.deepEqual(await trim(-1), [ErrorCode.NONE, 4])
})

scenario('the cluster, its directory and its epochs are described', async ({ client, broker }) => {
  await create(client, wanted('sized'))
  await produce(client, 'sized', ['some bytes'])
  const cluster = await client.call(describeClusterApi, 2, { includeClusterAuthorizedOperations: true })
  assert.equal(cluster.clusterId, broker.clusterId)
  assert.deepEqual(
    cluster.brokers.map(({ host, port }) => [host, port]),
    [['127.0.0.1', 9092]],
  )
  const { results } = await client.call(describeLogDirsApi, 4, { topics: null })
  assert.ok(results[0]!.topics[0]!.partitions[0]!.partitionSize > 61)
  assert.ok(results[0]!.usableBytes > 0)
  const partitions = [{ partition: 0, leaderEpoch: 0 }]
  const epochs = await client.call(offsetForLeaderEpochApi, 4, { topics: [{ topic: 'sized', partitions }] })
  assert.equal(epochs.topics[0]!.partitions[0]!.endOffset, 1)
})

scenario(
  'silent connections are closed, working ones are not',
  async ({ client, simulation, reports }) => {
    const [made] = await create(client, wanted('quiet'))
    const network = simulation.machine('reader').world.network
    const silent = await WireClient.connect(network, LISTEN)
    const reader = await WireClient.connect(network, LISTEN)
    const topics = [
      { topicId: made!.topicId, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 10 }] },
    ]
    const waiting = reader.call(fetchApi, 13, { maxWaitMs: 30_000, minBytes: 1, topics })
    await silent.closed
    assert.equal((await waiting).responses[0]!.topicId, made!.topicId)
    assert.ok(reports.some(({ event }) => event === 'idle connection closed'))
    reader.close()
  },
  { 'connections.max.idle.ms': 10_000 },
)

scenario('counts what happens', async ({ client, broker }) => {
  await create(client, wanted('counted'))
  await produce(client, 'counted', ['a', 'b', 'c'])
  const metrics = broker.metrics()
  assert.equal(metrics.connections, 1)
  assert.ok(metrics.bytesIn > 100 && metrics.bytesOut > 100)
  const topic = metrics.topics.find((each) => each.topic === 'counted')
  assert.equal(topic?.messagesIn, 3)
  const api = metrics.apis.find((each) => each.api === 'Produce')
  assert.equal(api?.requests, 1)
  assert.equal(
    api?.latencyBuckets.reduce((sum, count) => sum + count),
    1,
  )
})
