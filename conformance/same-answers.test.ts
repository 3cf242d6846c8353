/**
 * The same requests to Millrace's log and to a real Kafka, byte by byte from the same client: the answers are the same
 * but for what names a server (addresses, ids) and the wording of messages.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { batchOf, WireClient } from '../src/log/broker/wire-client.test-kit.ts'
import type { Api } from '../src/log/protocol/api-schema.ts'
import { apis } from '../src/log/protocol/apis.ts'
import { nodeWorld } from '../src/world/node.ts'
import { GROUP_QUESTIONS } from './tools/group-questions.ts'
import { GroupServer } from './tools/group-server.ts'
import { sequencesOfUnknown } from './tools/sequence-questions.ts'
import { startKafka } from './tools/start-kafka.ts'
import { startTarget, lacking } from './tools/target.ts'

const NOW_MS = Date.now()
const CONFIGS = {
  plain: {},
  compacted: { 'cleanup.policy': 'compact' },
  both: { 'cleanup.policy': 'compact,delete' },
  wary: { 'min.insync.replicas': '2' },
  stamped: { 'message.timestamp.type': 'LogAppendTime' },
  small: { 'max.message.bytes': '1000' },
  strict: { 'message.timestamp.before.max.ms': '60000' },
} as const

/** One server as the questions see it. */
class Server {
  readonly #client: WireClient
  readonly prefix: string
  clusterId = ''

  constructor(client: WireClient, prefix: string) {
    this.#client = client
    this.prefix = prefix
  }

  call<Req, Res, ReqInput, ResInput>(
    api: Api<Req, Res, ReqInput, ResInput>,
    version: number,
    body: ReqInput,
  ): Promise<Res> {
    return this.#client.call(api, version, body)
  }

  async create(name: string, config: Readonly<Record<string, string>>, more: object = {}) {
    const configs = Object.entries(config).map(([key, value]) => ({ name: key, value }))
    const topic = {
      name: this.prefix + name,
      numPartitions: 1,
      replicationFactor: 1,
      assignments: [],
      configs,
    }
    const answer = await this.call(apis.createTopics, 7, {
      topics: [{ ...topic, ...more }],
      timeoutMs: 5_000,
    })
    const { errorCode, numPartitions, replicationFactor } = answer.topics[0]!
    return { errorCode, numPartitions, replicationFactor }
  }

  async produce(name: string, records: Buffer, version = 9) {
    const topicData = [{ name: this.prefix + name, partitionData: [{ index: 0, records }] }]
    const answer = await this.call(apis.produce, version, { acks: -1, timeoutMs: 3_000, topicData })
    const { errorCode, baseOffset, logStartOffset, recordErrors, logAppendTimeMs } =
      answer.responses[0]!.partitionResponses[0]!
    const stamped = logAppendTimeMs >= 0
    return {
      errorCode,
      baseOffset,
      logStartOffset,
      stamped,
      bad: recordErrors.map(({ batchIndex }) => batchIndex),
    }
  }

  async listOffsets(timestamp: number, version: number, isolationLevel = 0) {
    const topics = [{ name: `${this.prefix}plain`, partitions: [{ partitionIndex: 0, timestamp }] }]
    const body = { replicaId: -1, isolationLevel, topics, timeoutMs: 1_000 }
    return (await this.call(apis.listOffsets, version, body)).topics[0]!.partitions[0]
  }

  async fetch(name: string, fetchOffset: number, epoch = -1) {
    const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: 1 << 20, currentLeaderEpoch: epoch }]
    const topics = [{ topic: this.prefix + name, partitions }]
    const answer = await this.call(apis.fetch, 12, { maxWaitMs: 0, minBytes: 1, topics })
    const { records, ...partition } = answer.responses[0]!.partitions[0]!
    // Where stamped by the server, the bytes differ by the time; otherwise they are to be the same.
    return { ...partition, bytes: name === 'stamped' ? records?.length : records?.toString('hex') }
  }

  async deleteRecords(name: string, offset: number) {
    const topics = [{ name: this.prefix + name, partitions: [{ partitionIndex: 0, offset }] }]
    return (await this.call(apis.deleteRecords, 2, { topics, timeoutMs: 1_000 })).topics[0]!.partitions[0]
  }

  async describeConfigs(resourceType: number, resourceName: string, configurationKeys: string[] | null) {
    const resources = [{ resourceType, resourceName, configurationKeys }]
    const { results } = await this.call(apis.describeConfigs, 4, { resources })
    return { errorCode: results[0]!.errorCode, configs: results[0]!.configs }
  }

  async alter(configs: { name: string; configOperation: number; value: string | null }[], topic = 'plain') {
    const resources = [{ resourceType: 2, resourceName: this.prefix + topic, configs }]
    const answer = await this.call(apis.incrementalAlterConfigs, 1, { resources, validateOnly: true })
    return answer.responses[0]!.errorCode
  }

  async apiVersions(who: { clusterId?: string; nodeId?: number }) {
    const body = { clientSoftwareName: 'test', clientSoftwareVersion: '1', ...who }
    return (await this.call(apis.apiVersions, 5, body)).errorCode
  }
}

const FILTER = {
  resourceTypeFilter: 1,
  resourceNameFilter: null,
  patternTypeFilter: 1,
  principalFilter: null,
  hostFilter: null,
  operation: 1,
  permissionType: 1,
}

function damaged(batch: Buffer, change: (batch: Buffer) => void): Buffer {
  change(batch)
  return batch
}

const fresh = { timestampMs: NOW_MS }

/** In order: later ones see what earlier ones did. */
const QUESTIONS: readonly (readonly [name: string, ask: (server: Server) => Promise<unknown>])[] = [
  ...Object.entries(CONFIGS).map(
    ([name, config]) => [`create ${name}`, (server: Server) => server.create(name, config)] as const,
  ),
  ['create again', (server) => server.create('plain', {})],
  [
    'create by defaults',
    (server) => server.create('defaults', {}, { numPartitions: -1, replicationFactor: -1 }),
  ],
  ['create without partitions', (server) => server.create('bad', {}, { numPartitions: 0 })],
  ['create with many replicas', (server) => server.create('bad', {}, { replicationFactor: 3 })],
  ['create with a wrong name', (server) => server.create('a/b', {})],
  ['create with a long name', (server) => server.create('x'.repeat(250), {})],
  ['create with an unknown key', (server) => server.create('bad', { 'no.such': '1' })],
  ['create with a wrong value', (server) => server.create('bad', { 'retention.ms': 'soon' })],
  ['create in tiered storage', (server) => server.create('bad', { 'remote.storage.enable': 'true' })],
  [
    'create as assigned',
    (server) =>
      server.create(
        'assigned',
        {},
        {
          numPartitions: -1,
          replicationFactor: -1,
          assignments: [
            { partitionIndex: 0, brokerIds: [1] },
            { partitionIndex: 1, brokerIds: [1] },
          ],
        },
      ),
  ],
  [
    'create on a stranger',
    (server) =>
      server.create(
        'bad',
        {},
        {
          numPartitions: -1,
          replicationFactor: -1,
          assignments: [{ partitionIndex: 0, brokerIds: [7] }],
        },
      ),
  ],
  // Kafka's controller tells its broker of a new topic after it told the client.
  ['(settle)', () => sleep(1_500)],
  ['ApiVersions for this node', (server) => server.apiVersions({ clusterId: server.clusterId, nodeId: 1 })],
  ['ApiVersions for another', (server) => server.apiVersions({ clusterId: server.clusterId, nodeId: 7 })],
  ['ApiVersions for half of it', (server) => server.apiVersions({ clusterId: server.clusterId })],
  ['produce', (server) => server.produce('plain', batchOf(['a', 'b'], {}, fresh))],
  ['produce gzip', (server) => server.produce('plain', batchOf(['c', 'd'], { compression: 'gzip' }, fresh))],
  [
    'produce zstd too early',
    (server) => server.produce('plain', batchOf(['e'], { compression: 'zstd' }, fresh), 6),
  ],
  ['produce older', (server) => server.produce('plain', batchOf(['e'], {}, { timestampMs: NOW_MS - 5_000 }))],
  [
    'produce into the future',
    (server) => server.produce('plain', batchOf(['f'], {}, { timestampMs: NOW_MS + 9e6 })),
  ],
  [
    'produce into the past',
    (server) => server.produce('strict', batchOf(['f'], {}, { timestampMs: NOW_MS - 9e6 })),
  ],
  ['produce stamped', (server) => server.produce('stamped', batchOf(['a']))],
  ['produce to a wary topic', (server) => server.produce('wary', batchOf(['a'], {}, fresh))],
  ['produce without a key', (server) => server.produce('compacted', batchOf(['a', 'b'], {}, fresh))],
  ['produce with a key', (server) => server.produce('compacted', batchOf(['a'], {}, { ...fresh, key: 'k' }))],
  ['produce too much', (server) => server.produce('small', batchOf(['x'.repeat(2_000)], {}, fresh))],
  [
    'produce much, compressed',
    (server) => server.produce('small', batchOf(['x'.repeat(2_000)], { compression: 'gzip' }, fresh)),
  ],
  ['produce nowhere', (server) => server.produce('nobody', batchOf(['a'], {}, fresh))],
  ...[11, 12].flatMap((version) =>
    [false, true].map(
      (transactional) =>
        [
          `sequences of an unknown producer, version ${version}, ${transactional ? '' : 'not '}in a transaction`,
          (server: Server) => sequencesOfUnknown(server, { version, transactional }),
        ] as const,
    ),
  ),
  ['produce nothing', (server) => server.produce('plain', Buffer.alloc(0))],
  [
    'produce two batches',
    (server) =>
      server.produce('plain', Buffer.concat([batchOf(['a'], {}, fresh), batchOf(['b'], {}, fresh)])),
  ],
  [
    'produce with a wrong CRC',
    (server) =>
      server.produce(
        'plain',
        damaged(batchOf(['a'], {}, fresh), (batch) => (batch[65]! ^= 1)),
      ),
  ],
  [
    'produce format 1',
    (server) =>
      server.produce(
        'plain',
        damaged(batchOf(['a'], {}, fresh), (batch) => (batch[16] = 1)),
      ),
  ],
  ['produce a control batch', (server) => server.produce('plain', batchOf(['a'], { control: true }, fresh))],
  ['fetch', (server) => server.fetch('plain', 0)],
  ['fetch inside a batch', (server) => server.fetch('plain', 3)],
  ['fetch at the end', (server) => server.fetch('plain', 5)],
  ['fetch beyond the end', (server) => server.fetch('plain', 6)],
  ['fetch stamped', (server) => server.fetch('stamped', 0)],
  ['fetch from nobody', (server) => server.fetch('nobody', 0)],
  ['fetch with a later epoch', (server) => server.fetch('plain', 0, 99)],
  ...[-1, -2, -3, -4, -5, -6, -7, -100, 0, NOW_MS - 4_000, NOW_MS, NOW_MS + 1].flatMap((timestamp) =>
    [0, 1].map(
      (isolation) =>
        [
          `ListOffsets ${timestamp > 0 ? `now ${timestamp - NOW_MS}` : timestamp}, isolation ${isolation}`,
          (server: Server) => server.listOffsets(timestamp, 11, isolation),
        ] as const,
    ),
  ),
  ['ListOffsets of a version that lacks it', (server) => server.listOffsets(-4, 7)],
  [
    'OffsetForLeaderEpoch',
    async (server) => {
      const partitions = [
        { partition: 0, leaderEpoch: 0 },
        { partition: 0, leaderEpoch: 9 },
        { partition: 0, leaderEpoch: 0, currentLeaderEpoch: 99 },
      ]
      const topics = [{ topic: `${server.prefix}plain`, partitions }]
      return (await server.call(apis.offsetForLeaderEpoch, 4, { topics })).topics[0]!.partitions
    },
  ],
  ['DeleteRecords of a compacted topic', (server) => server.deleteRecords('compacted', 1)],
  ['DeleteRecords of both', (server) => server.deleteRecords('both', -1)],
  ['DeleteRecords below nothing', (server) => server.deleteRecords('plain', -2)],
  ['DeleteRecords beyond the end', (server) => server.deleteRecords('plain', 99)],
  ['DeleteRecords', (server) => server.deleteRecords('plain', 1)],
  ['fetch what was deleted', (server) => server.fetch('plain', 0)],
  ...[0, 1, 2].map(
    (version) =>
      [
        `ElectLeaders version ${version}`,
        async (server: Server) => {
          const topicPartitions = [
            { topic: `${server.prefix}plain`, partitions: [0, 9] },
            { topic: 'nobody', partitions: [0] },
          ]
          const answer = await server.call(apis.electLeaders, version, { topicPartitions, timeoutMs: 1_000 })
          return [
            answer.errorCode,
            answer.replicaElectionResults.map(({ partitionResult }) => partitionResult),
          ]
        },
      ] as const,
  ),
  ...[null, [1], [], [2], [1, 1], [1, 2]].map(
    (replicas) =>
      [
        `AlterPartitionReassignments ${JSON.stringify(replicas)}`,
        async (server: Server) => {
          const topics = [{ name: `${server.prefix}plain`, partitions: [{ partitionIndex: 0, replicas }] }]
          const answer = await server.call(apis.alterPartitionReassignments, 1, { topics })
          return [answer.errorCode, answer.responses[0]!.partitions]
        },
      ] as const,
  ),
  [
    'ListPartitionReassignments',
    (server) => server.call(apis.listPartitionReassignments, 0, { topics: null }),
  ],
  ['DescribeAcls', (server) => server.call(apis.describeAcls, 3, FILTER)],
  ['DeleteAcls', (server) => server.call(apis.deleteAcls, 3, { filters: [FILTER] })],
  ['SaslHandshake', (server) => server.call(apis.saslHandshake, 1, { mechanism: 'PLAIN' })],
  ['DescribeConfigs of a topic', (server) => server.describeConfigs(2, `${server.prefix}compacted`, null)],
  [
    'DescribeConfigs of some keys',
    (server) => server.describeConfigs(2, `${server.prefix}plain`, ['no.such', 'retention.ms']),
  ],
  ['DescribeConfigs of nobody', (server) => server.describeConfigs(2, 'nobody', null)],
  ['DescribeConfigs of another broker', (server) => server.describeConfigs(4, '7', null)],
  ['alter: not a list', (server) => server.alter([{ name: 'retention.ms', configOperation: 2, value: '5' }])],
  ['alter: null', (server) => server.alter([{ name: 'retention.ms', configOperation: 0, value: null }])],
  ['alter: unknown key', (server) => server.alter([{ name: 'no.such', configOperation: 0, value: '1' }])],
  [
    'alter: delete an unknown key',
    (server) => server.alter([{ name: 'no.such', configOperation: 1, value: null }]),
  ],
  [
    'alter: nobody',
    (server) => server.alter([{ name: 'retention.ms', configOperation: 0, value: '1' }], 'nobody'),
  ],
  [
    'alter: twice the same',
    (server) =>
      server.alter([
        { name: 'retention.ms', configOperation: 0, value: '1' },
        { name: 'retention.ms', configOperation: 0, value: '2' },
      ]),
  ],
]

const LOW = 'consumer.session.timeout.ms'

/** What one node says about its cluster, and groups' own settings. */
const CLUSTER_QUESTIONS: typeof QUESTIONS = [
  ...(
    [
      [LOW, '50000'],
      [LOW, '1000'],
      [LOW, 'soon'],
      ['consumer.heartbeat.interval.ms', '60000'],
      ['no.such', '1'],
    ] as const
  ).map(
    ([name, value]) =>
      [
        `alter a group: ${name} = ${value}`,
        async (server: Server) => {
          const configs = [{ name, configOperation: 0, value }]
          const resources = [{ resourceType: 32, resourceName: `${server.prefix}own`, configs }]
          const answer = await server.call(apis.incrementalAlterConfigs, 1, {
            resources,
            validateOnly: false,
          })
          return [answer.responses[0]!.errorCode, answer.responses[0]!.errorMessage]
        },
      ] as const,
  ),
  ['(settle groups)', () => sleep(500)],
  [
    'DescribeConfigs of a group',
    (server) => server.describeConfigs(32, `${server.prefix}own`, [LOW, 'no.such']),
  ],
  [
    'DescribeConfigs of another group',
    (server) => server.describeConfigs(32, `${server.prefix}other`, [LOW]),
  ],
  ['DescribeConfigs of no group', (server) => server.describeConfigs(32, '', [LOW])],
  ...[[32], [4], [16], [99], [32, 4]].map(
    (resourceTypes) =>
      [
        `ListConfigResources ${resourceTypes.join(' ')}`,
        async (server: Server) => {
          const answer = await server.call(apis.listConfigResources, 1, { resourceTypes })
          const names = answer.configResources.map((one) => one.resourceName.replace(server.prefix, ''))
          return [answer.errorCode, names.filter((name) => name === 'own' || name === '1')]
        },
      ] as const,
  ),
  ...[[0], [1], [2], [2, 'nobody'], [2, 'nobody', '__cluster_metadata']].map(
    ([version, ...given]) =>
      [
        `DescribeQuorum version ${version} ${given.join(' ')}`,
        async (server: Server) => {
          const names = given.length === 0 ? ['__cluster_metadata'] : given.map(String)
          const topics = names.map((topicName) => ({ topicName, partitions: [{ partitionIndex: 0 }] }))
          const answer = await server.call(apis.describeQuorum, Number(version), { topics })
          const partitions = answer.topics.flatMap((topic) => topic.partitions)
          return [
            answer.errorCode,
            partitions.map(({ errorCode, leaderId, currentVoters }) => [
              errorCode,
              leaderId,
              currentVoters.map(({ replicaId }) => replicaId),
            ]),
          ]
        },
      ] as const,
  ),
  ...(
    [
      ['group.version', 1],
      ['group.version', 0],
      ['transaction.version', 9],
      ['no.such', 1],
    ] as const
  ).flatMap(([feature, maxVersionLevel]) =>
    [0, 1, 2].map(
      (version) =>
        [
          `UpdateFeatures version ${version}: ${feature} ${maxVersionLevel}`,
          async (server: Server) => {
            const featureUpdates = [{ feature, maxVersionLevel }]
            const answer = await server.call(apis.updateFeatures, version, { featureUpdates })
            return [answer.errorCode, answer.results]
          },
        ] as const,
    ),
  ),
]

/**
 * Kafka words its messages as it likes, and orders settings by their hash. That a value is the default is also said
 * where Kafka's own setup has made it one (`min.insync.replicas` of a cluster with eligible leader replicas).
 */
function comparable(answer: unknown): unknown {
  return JSON.parse(
    JSON.stringify(answer ?? null, (key, value: unknown) => {
      if (/errorMessage$/i.test(key)) return undefined
      if (key !== 'configs' || !Array.isArray(value)) return value
      return (value as { name: string; configSource: number }[])
        .map((config) => (config.configSource === 3 ? { ...config, configSource: 5 } : config))
        .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    }),
  )
}

async function connect(address: string, prefix: string): Promise<{ server: Server; client: WireClient }> {
  const [host = '', port = ''] = address.split(':')
  const client = await WireClient.connect(nodeWorld().network, { host, port: Number(port) })
  const server = new Server(client, prefix)
  const { clusterId } = await server.call(apis.metadata, 12, { topics: [] })
  server.clusterId = clusterId ?? ''
  return { server, client }
}

test('Millrace answers as Kafka does', { skip: lacking('kafka') }, async (t) => {
  await using target = await startTarget()
  // Otherwise Kafka assigns once a second at most, and members hear of it later.
  await using kafka = await startKafka({ settings: { 'group.consumer.assignment.interval.ms': '0' } })
  const ours = await connect(target.address, target.prefix)
  const theirs = await connect(kafka.address, target.prefix)
  for (const [name, ask] of [...QUESTIONS, ...CLUSTER_QUESTIONS]) {
    await t.test(name, async () => {
      const [given, expected] = await Promise.all([ask(ours.server), ask(theirs.server)])
      assert.deepEqual(comparable(given), comparable(expected))
    })
  }
  const ourGroups = new GroupServer(ours.client, target.prefix)
  const theirGroups = new GroupServer(theirs.client, target.prefix)
  for (const [name, ask] of GROUP_QUESTIONS) {
    await t.test(`groups: ${name}`, async () => {
      const [given, expected] = await Promise.all([ask(ourGroups), ask(theirGroups)])
      assert.deepEqual(given, expected)
    })
  }
  ours.client.close()
  theirs.client.close()
})
