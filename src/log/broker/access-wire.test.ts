/** What each API asks for, over the wire: refused with Kafka's error without the right, not with it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AccessScene, type Resource, withAccessRules } from './access-scene.test-kit.ts'
import { apis } from '../protocol/apis.ts'
import { ErrorCode, errorName } from '../protocol/error-code.ts'
import { ZERO_UUID } from '../protocol/field.ts'
import { AclOperation } from './security/access-codes.ts'
import { batchOf } from './wire-client.test-kit.ts'

type Right = readonly [operation: keyof typeof AclOperation, resource: Resource]

interface Case {
  readonly name: string
  /** All of these are needed. */
  readonly rights: readonly Right[]
  /** The error while the last of them lacks (while any lacks, unless `lacking` says otherwise). */
  readonly refused: number
  /** Errors that the answer tells. */
  readonly ask: (scene: AccessScene) => Promise<readonly number[]>
}

const TOPIC = ErrorCode.TOPIC_AUTHORIZATION_FAILED
const GROUP = ErrorCode.GROUP_AUTHORIZATION_FAILED
const CLUSTER = ErrorCode.CLUSTER_AUTHORIZATION_FAILED
const TRANSACTIONAL_ID = ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED

const PRODUCER = { producerId: 1, producerEpoch: 0 }
const MEMBER = { groupId: 'g', memberId: '', generationId: -1, generationIdOrMemberEpoch: -1 }
const ANY_ACL = {
  resourceTypeFilter: 1,
  resourceNameFilter: null,
  patternTypeFilter: 1,
  principalFilter: 'User:nobody',
  hostFilter: null,
  operation: 1,
  permissionType: 1,
}

function committed(topicId: string) {
  return [
    { name: 't', topicId, partitions: [{ partitionIndex: 0, committedOffset: 0, committedMetadata: null }] },
  ]
}

const CASES: readonly Case[] = [
  {
    name: 'Produce',
    rights: [['WRITE', 'topic t']],
    refused: TOPIC,
    ask: async ({ home, topicId }) => {
      const errors: number[] = []
      for (const version of [9, 13]) {
        const topicData = [{ name: 't', topicId, partitionData: [{ index: 0, records: batchOf(['a']) }] }]
        const { responses } = await home.call(apis.produce, version, { acks: -1, timeoutMs: 100, topicData })
        errors.push(responses[0]!.partitionResponses[0]!.errorCode)
      }
      return errors
    },
  },
  {
    name: 'Produce in a transaction',
    rights: [
      ['WRITE', 'topic t'],
      ['WRITE', 'transactional_id x'],
    ],
    refused: TRANSACTIONAL_ID,
    ask: async ({ home }) => {
      const records = batchOf(['a'], { ...PRODUCER, baseSequence: 0, transactional: true })
      const body = { transactionalId: 'x', acks: -1, timeoutMs: 100 }
      const topicData = [{ name: 't', partitionData: [{ index: 0, records }] }]
      const { responses } = await home.call(apis.produce, 11, { ...body, topicData })
      return [responses[0]!.partitionResponses[0]!.errorCode]
    },
  },
  {
    name: 'Fetch',
    rights: [['READ', 'topic t']],
    refused: TOPIC,
    ask: async ({ home, topicId }) => {
      const errors: number[] = []
      for (const version of [12, 13]) {
        const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 100 }]
        const body = { maxWaitMs: 0, minBytes: 1, topics: [{ topic: 't', topicId, partitions }] }
        const { responses } = await home.call(apis.fetch, version, body)
        errors.push(responses[0]!.partitions[0]!.errorCode)
      }
      return errors
    },
  },
  {
    name: 'ListOffsets',
    rights: [['DESCRIBE', 'topic t']],
    refused: TOPIC,
    ask: async ({ home }) => {
      const topics = [{ name: 't', partitions: [{ partitionIndex: 0, timestamp: -1 }] }]
      const answer = await home.call(apis.listOffsets, 7, { replicaId: -1, isolationLevel: 0, topics })
      return [answer.topics[0]!.partitions[0]!.errorCode]
    },
  },
  {
    name: 'Metadata of a named topic',
    rights: [['DESCRIBE', 'topic t']],
    refused: TOPIC,
    ask: async ({ home, topicId }) => {
      const named = await home.call(apis.metadata, 12, { topics: [{ name: 't' }] })
      const byId = await home.call(apis.metadata, 12, { topics: [{ topicId, name: null }] })
      return [named.topics[0]!.errorCode, byId.topics[0]!.errorCode]
    },
  },
  {
    name: 'Metadata that creates',
    rights: [
      ['DESCRIBE', 'topic new'],
      ['CREATE', 'topic new'],
    ],
    refused: TOPIC,
    ask: async ({ home }) => {
      const { topics } = await home.call(apis.metadata, 12, { topics: [{ name: 'new' }] })
      return [topics[0]!.errorCode]
    },
  },
  {
    name: 'OffsetForLeaderEpoch',
    rights: [['DESCRIBE', 'topic t']],
    refused: TOPIC,
    ask: async ({ home }) => {
      const topics = [{ topic: 't', partitions: [{ partition: 0, leaderEpoch: 0 }] }]
      const answer = await home.call(apis.offsetForLeaderEpoch, 4, { topics })
      return [answer.topics[0]!.partitions[0]!.errorCode]
    },
  },
  {
    name: 'DescribeTopicPartitions',
    rights: [['DESCRIBE', 'topic t']],
    refused: TOPIC,
    ask: async ({ home }) => {
      const body = { topics: [{ name: 't' }], responsePartitionLimit: 10, cursor: null }
      return [(await home.call(apis.describeTopicPartitions, 0, body)).topics[0]!.errorCode]
    },
  },
  {
    name: 'DescribeProducers',
    rights: [['READ', 'topic t']],
    refused: TOPIC,
    ask: async ({ home }) => {
      const topics = [{ name: 't', partitionIndexes: [0] }]
      return [(await home.call(apis.describeProducers, 0, { topics })).topics[0]!.partitions[0]!.errorCode]
    },
  },
  {
    name: 'CreateTopics',
    rights: [['CREATE', 'topic made']],
    refused: TOPIC,
    ask: async ({ home }) => {
      const topics = [{ name: 'made', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }]
      return [(await home.call(apis.createTopics, 7, { topics, validateOnly: true })).topics[0]!.errorCode]
    },
  },
  {
    name: 'CreateTopics of any name',
    rights: [['CREATE', 'cluster']],
    refused: TOPIC,
    ask: async ({ home }) => {
      const topics = [{ name: 'made', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }]
      return [(await home.call(apis.createTopics, 7, { topics, validateOnly: true })).topics[0]!.errorCode]
    },
  },
  {
    name: 'CreatePartitions',
    rights: [['ALTER', 'topic t']],
    refused: TOPIC,
    ask: async ({ home }) => {
      const topics = [{ name: 't', count: 2, assignments: null }]
      const body = { topics, timeoutMs: 100, validateOnly: true }
      return [(await home.call(apis.createPartitions, 3, body)).results[0]!.errorCode]
    },
  },
  {
    name: 'DeleteTopics',
    rights: [['DELETE', 'topic gone']],
    refused: TOPIC,
    ask: async ({ home }) => {
      const topics = [{ name: 'gone', topicId: ZERO_UUID }]
      return [(await home.call(apis.deleteTopics, 6, { topics, timeoutMs: 9 })).responses[0]!.errorCode]
    },
  },
  {
    name: 'DeleteRecords',
    rights: [['DELETE', 'topic t']],
    refused: TOPIC,
    ask: async ({ home }) => {
      const topics = [{ name: 't', partitions: [{ partitionIndex: 0, offset: 0 }] }]
      const answer = await home.call(apis.deleteRecords, 2, { topics, timeoutMs: 9 })
      return [answer.topics[0]!.partitions[0]!.errorCode]
    },
  },
  ...(
    [
      [2, 't', 'topic t', TOPIC],
      [4, '', 'cluster', CLUSTER],
      [32, 'g', 'group g', GROUP],
    ] as const
  ).flatMap(([resourceType, resourceName, resource, refused]): Case[] => [
    {
      name: `DescribeConfigs of ${resource}`,
      rights: [['DESCRIBE_CONFIGS', resource]],
      refused,
      ask: async ({ home }) => {
        const resources = [{ resourceType, resourceName, configurationKeys: null }]
        return [(await home.call(apis.describeConfigs, 4, { resources })).results[0]!.errorCode]
      },
    },
    {
      name: `AlterConfigs of ${resource}`,
      rights: [['ALTER_CONFIGS', resource]],
      refused,
      ask: async ({ home }) => {
        const one = { resourceType, resourceName, configs: [] }
        const body = { resources: [one], validateOnly: true }
        const whole = await home.call(apis.alterConfigs, 2, body)
        const step = await home.call(apis.incrementalAlterConfigs, 1, body)
        return [whole.responses[0]!.errorCode, step.responses[0]!.errorCode]
      },
    },
  ]),
  {
    name: 'FindCoordinator of a group',
    rights: [['DESCRIBE', 'group g']],
    refused: GROUP,
    ask: async ({ home }) => [
      (await home.call(apis.findCoordinator, 4, { keyType: 0, coordinatorKeys: ['g'] })).coordinators[0]!
        .errorCode,
      (await home.call(apis.findCoordinator, 2, { keyType: 0, key: 'g' })).errorCode,
    ],
  },
  {
    name: 'FindCoordinator of a transactional id',
    rights: [['DESCRIBE', 'transactional_id x']],
    refused: TRANSACTIONAL_ID,
    ask: async ({ home }) => [
      (await home.call(apis.findCoordinator, 4, { keyType: 1, coordinatorKeys: ['x'] })).coordinators[0]!
        .errorCode,
    ],
  },
  {
    name: 'JoinGroup',
    rights: [['READ', 'group g']],
    refused: GROUP,
    ask: async ({ home }) => {
      const body = { ...MEMBER, sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 100, protocolType: 'consumer' }
      return [(await home.call(apis.joinGroup, 9, { ...body, protocols: [] })).errorCode]
    },
  },
  {
    name: 'SyncGroup',
    rights: [['READ', 'group g']],
    refused: GROUP,
    ask: async ({ home }) => [(await home.call(apis.syncGroup, 5, { ...MEMBER, assignments: [] })).errorCode],
  },
  {
    name: 'Heartbeat',
    rights: [['READ', 'group g']],
    refused: GROUP,
    ask: async ({ home }) => [(await home.call(apis.heartbeat, 4, MEMBER)).errorCode],
  },
  {
    name: 'LeaveGroup',
    rights: [['READ', 'group g']],
    refused: GROUP,
    ask: async ({ home }) => [(await home.call(apis.leaveGroup, 5, { groupId: 'g', members: [] })).errorCode],
  },
  {
    name: 'DescribeGroups',
    rights: [['DESCRIBE', 'group g']],
    refused: GROUP,
    ask: async ({ home }) => [
      (await home.call(apis.describeGroups, 5, { groups: ['g'] })).groups[0]!.errorCode,
    ],
  },
  {
    name: 'DeleteGroups',
    rights: [['DELETE', 'group g']],
    refused: GROUP,
    ask: async ({ home }) => [
      (await home.call(apis.deleteGroups, 2, { groupsNames: ['g'] })).results[0]!.errorCode,
    ],
  },
  {
    name: 'OffsetCommit into a group',
    rights: [
      ['READ', 'topic t'],
      ['READ', 'group g'],
    ],
    refused: GROUP,
    ask: async ({ home, topicId }) => {
      const errors: number[] = []
      for (const version of [9, 10]) {
        const answer = await home.call(apis.offsetCommit, version, { ...MEMBER, topics: committed(topicId) })
        errors.push(answer.topics[0]!.partitions[0]!.errorCode)
      }
      return errors
    },
  },
  {
    name: 'OffsetCommit of a topic',
    rights: [
      ['READ', 'group g'],
      ['READ', 'topic t'],
    ],
    refused: TOPIC,
    ask: async ({ home, topicId }) => {
      const answer = await home.call(apis.offsetCommit, 10, { ...MEMBER, topics: committed(topicId) })
      return [answer.topics[0]!.partitions[0]!.errorCode]
    },
  },
  {
    name: 'OffsetFetch of a group',
    rights: [['DESCRIBE', 'group g']],
    refused: GROUP,
    ask: async ({ home }) => {
      const errors: number[] = []
      const several = await home.call(apis.offsetFetch, 8, { groups: [{ groupId: 'g', topics: null }] })
      errors.push(several.groups[0]!.errorCode)
      errors.push((await home.call(apis.offsetFetch, 7, { groupId: 'g', topics: null })).errorCode)
      return errors
    },
  },
  {
    name: 'OffsetFetch of a topic',
    rights: [
      ['DESCRIBE', 'group g'],
      ['DESCRIBE', 'topic t'],
    ],
    refused: TOPIC,
    ask: async ({ home, topicId }) => {
      const errors: number[] = []
      for (const version of [8, 10]) {
        const topics = [{ name: 't', topicId, partitionIndexes: [0] }]
        const { groups } = await home.call(apis.offsetFetch, version, { groups: [{ groupId: 'g', topics }] })
        errors.push(groups[0]!.topics[0]!.partitions[0]!.errorCode)
      }
      return errors
    },
  },
  {
    name: 'OffsetDelete of a group',
    rights: [['DELETE', 'group g']],
    refused: GROUP,
    ask: async ({ home }) => [
      (await home.call(apis.offsetDelete, 0, { groupId: 'g', topics: [] })).errorCode,
    ],
  },
  {
    name: 'OffsetDelete of a topic',
    rights: [
      ['DELETE', 'group held'],
      ['READ', 'topic t'],
    ],
    refused: TOPIC,
    ask: async ({ office, home, topicId }) => {
      await office.call(apis.offsetCommit, 9, { ...MEMBER, groupId: 'held', topics: committed(topicId) })
      const topics = [{ name: 't', partitions: [{ partitionIndex: 0 }] }]
      const answer = await home.call(apis.offsetDelete, 0, { groupId: 'held', topics })
      return [answer.topics[0]!.partitions[0]!.errorCode]
    },
  },
  {
    name: 'InitProducerId of a transactional id',
    rights: [['WRITE', 'transactional_id x']],
    refused: TRANSACTIONAL_ID,
    ask: async ({ home }) => {
      const body = { transactionalId: 'x', transactionTimeoutMs: 1000 }
      return [(await home.call(apis.initProducerId, 5, body)).errorCode]
    },
  },
  ...(
    [
      ['IDEMPOTENT_WRITE', 'cluster'],
      ['WRITE', 'topic whatever*'],
      ['ALL', 'topic *'],
    ] as const
  ).map((right): Case => ({
    name: `InitProducerId with ${right.join(' on ')}`,
    rights: [right],
    refused: CLUSTER,
    ask: async ({ home }) => {
      const body = { transactionalId: null, transactionTimeoutMs: 1000 }
      return [(await home.call(apis.initProducerId, 5, body)).errorCode]
    },
  })),
  {
    name: 'AddPartitionsToTxn',
    rights: [
      ['WRITE', 'topic t'],
      ['WRITE', 'transactional_id x'],
    ],
    refused: TRANSACTIONAL_ID,
    ask: async ({ home }) => {
      const answer = await home.call(apis.addPartitionsToTxn, 3, {
        v3AndBelowTransactionalId: 'x',
        v3AndBelowProducerId: 1,
        v3AndBelowProducerEpoch: 0,
        v3AndBelowTopics: [{ name: 't', partitions: [0] }],
      })
      return [answer.resultsByTopicV3AndBelow[0]!.resultsByPartition[0]!.partitionErrorCode]
    },
  },
  {
    name: 'AddPartitionsToTxn of brokers',
    rights: [['CLUSTER_ACTION', 'cluster']],
    refused: CLUSTER,
    ask: async ({ home }) => [(await home.call(apis.addPartitionsToTxn, 5, { transactions: [] })).errorCode],
  },
  {
    name: 'AddOffsetsToTxn of a group',
    rights: [
      ['WRITE', 'transactional_id x'],
      ['READ', 'group g'],
    ],
    refused: GROUP,
    ask: async ({ home }) => {
      const body = { transactionalId: 'x', ...PRODUCER, groupId: 'g' }
      return [(await home.call(apis.addOffsetsToTxn, 4, body)).errorCode]
    },
  },
  {
    name: 'EndTxn',
    rights: [['WRITE', 'transactional_id x']],
    refused: TRANSACTIONAL_ID,
    ask: async ({ home }) => [
      (await home.call(apis.endTxn, 5, { transactionalId: 'x', ...PRODUCER, committed: true })).errorCode,
    ],
  },
  {
    name: 'TxnOffsetCommit of a topic',
    rights: [
      ['WRITE', 'transactional_id x'],
      ['READ', 'group g'],
      ['READ', 'topic t'],
    ],
    refused: TOPIC,
    ask: async ({ home, topicId }) => {
      const body = { transactionalId: 'x', ...PRODUCER, ...MEMBER, topics: committed(topicId) }
      return [(await home.call(apis.txnOffsetCommit, 5, body)).topics[0]!.partitions[0]!.errorCode]
    },
  },
  {
    name: 'TxnOffsetCommit into a group',
    rights: [
      ['WRITE', 'transactional_id x'],
      ['READ', 'topic t'],
      ['READ', 'group g'],
    ],
    refused: GROUP,
    ask: async ({ home, topicId }) => {
      const body = { transactionalId: 'x', ...PRODUCER, ...MEMBER, topics: committed(topicId) }
      return [(await home.call(apis.txnOffsetCommit, 5, body)).topics[0]!.partitions[0]!.errorCode]
    },
  },
  {
    name: 'DescribeTransactions',
    rights: [['DESCRIBE', 'transactional_id x']],
    refused: TRANSACTIONAL_ID,
    ask: async ({ home }) => {
      const answer = await home.call(apis.describeTransactions, 0, { transactionalIds: ['x'] })
      return [answer.transactionStates[0]!.errorCode]
    },
  },
  {
    name: 'WriteTxnMarkers',
    rights: [['ALTER', 'cluster']],
    refused: CLUSTER,
    ask: async ({ home }) => {
      const topics = [{ name: 'nowhere', partitionIndexes: [0] }]
      const marker = { ...PRODUCER, transactionResult: false, topics, coordinatorEpoch: 0 }
      const answer = await home.call(apis.writeTxnMarkers, 1, { markers: [marker] })
      return [answer.markers[0]!.topics[0]!.partitions[0]!.errorCode]
    },
  },
  {
    name: 'DescribeLogDirs',
    rights: [['DESCRIBE', 'cluster']],
    refused: CLUSTER,
    ask: async ({ home }) => [(await home.call(apis.describeLogDirs, 4, { topics: null })).errorCode],
  },
  {
    name: 'ElectLeaders',
    rights: [['ALTER', 'cluster']],
    refused: CLUSTER,
    ask: async ({ home }) => {
      const topicPartitions = [{ topic: 't', partitions: [0] }]
      const body = { electionType: 0, topicPartitions, timeoutMs: 100 }
      return [(await home.call(apis.electLeaders, 2, body)).errorCode]
    },
  },
  {
    name: 'AlterPartitionReassignments',
    rights: [['ALTER', 'cluster']],
    refused: CLUSTER,
    ask: async ({ home }) => [
      (await home.call(apis.alterPartitionReassignments, 0, { timeoutMs: 100, topics: [] })).errorCode,
    ],
  },
  {
    name: 'ListPartitionReassignments',
    rights: [['DESCRIBE', 'cluster']],
    refused: CLUSTER,
    ask: async ({ home }) => [
      (await home.call(apis.listPartitionReassignments, 0, { timeoutMs: 100, topics: null })).errorCode,
    ],
  },
  {
    name: 'DescribeAcls',
    rights: [['DESCRIBE', 'cluster']],
    refused: CLUSTER,
    ask: async ({ home }) => [(await home.call(apis.describeAcls, 3, ANY_ACL)).errorCode],
  },
  {
    name: 'CreateAcls and DeleteAcls',
    rights: [['ALTER', 'cluster']],
    refused: CLUSTER,
    ask: async ({ home }) => {
      const creation = { resourceType: 2, resourceName: 'z', principal: 'User:nobody', host: '*' }
      const creations = [{ ...creation, operation: 3, permissionType: 3 }]
      const created = await home.call(apis.createAcls, 3, { creations })
      const deleted = await home.call(apis.deleteAcls, 3, { filters: [ANY_ACL] })
      return [created.results[0]!.errorCode, deleted.filterResults[0]!.errorCode]
    },
  },
]

test('44: every API refuses with Kafka’s error what no rule allows, and nothing else', () =>
  withAccessRules(async (scene) => {
    await scene.office.call(apis.metadata, 12, { topics: [{ name: 'gone' }] })
    for (const { name, rights, refused, ask } of CASES) {
      for (const right of rights.slice(0, -1)) await scene.allow(...right)
      const without = await ask(scene)
      assert.deepEqual(
        without.map(errorName),
        without.map(() => errorName(refused)),
        `${name} without ${rights.at(-1)!.join(' on ')}`,
      )
      await scene.allow(...rights.at(-1)!)
      for (const error of await ask(scene))
        assert.ok(!errorName(error).includes('AUTHORIZATION'), `${name}: ${errorName(error)}`)
      await scene.forget()
    }
  }))

test('44: lists leave out what the client may not see', () =>
  withAccessRules(async ({ office, home, allow, forget }) => {
    await office.call(apis.metadata, 12, { topics: [{ name: 'open' }] })
    for (const groupId of ['g', 'open'])
      await office.call(apis.offsetCommit, 9, { ...MEMBER, groupId, topics: committed(ZERO_UUID) })
    const topics = async (): Promise<unknown[]> => {
      const all = await home.call(apis.metadata, 12, { topics: null })
      const body = { topics: [], responsePartitionLimit: 10, cursor: null }
      const paged = await home.call(apis.describeTopicPartitions, 0, body)
      const names = all.topics.map(({ name }) => name).sort()
      assert.deepEqual(
        paged.topics.map(({ name }) => name),
        names,
      )
      return names
    }
    const groups = async (): Promise<unknown[]> =>
      (await home.call(apis.listGroups, 4, {})).groups.map(({ groupId }) => groupId).sort()
    assert.deepEqual(await topics(), [])
    assert.deepEqual(await groups(), [])
    await allow('READ', 'topic op*')
    await allow('DELETE', 'group open')
    assert.deepEqual(await topics(), ['open'])
    assert.deepEqual(await groups(), ['open'])
    await allow('DESCRIBE', 'cluster')
    assert.deepEqual(await groups(), ['g', 'open'])

    await forget()
    await allow('READ', 'group g')
    const offsets = async (): Promise<unknown[]> => {
      const answer = await home.call(apis.offsetFetch, 8, { groups: [{ groupId: 'g', topics: null }] })
      return answer.groups[0]!.topics.map(({ name }) => name)
    }
    assert.deepEqual(await offsets(), [])
    await allow('DESCRIBE', 'topic t')
    assert.deepEqual(await offsets(), ['t'])
  }))

test('44: authorized operations are those that rules allow', () =>
  withAccessRules(async ({ office, home, allow, deny }) => {
    const seen = async (client: typeof home): Promise<unknown> => {
      const metadata = await client.call(apis.metadata, 10, {
        topics: [{ name: 't' }],
        includeTopicAuthorizedOperations: true,
        includeClusterAuthorizedOperations: true,
      })
      const cluster = await client.call(apis.describeCluster, 1, { includeClusterAuthorizedOperations: true })
      const groups = await client.call(apis.describeGroups, 5, {
        groups: ['g'],
        includeAuthorizedOperations: true,
      })
      assert.equal(metadata.clusterAuthorizedOperations, cluster.clusterAuthorizedOperations)
      return [
        metadata.topics[0]!.topicAuthorizedOperations,
        cluster.clusterAuthorizedOperations,
        groups.groups[0]!.authorizedOperations,
      ].map(operationsIn)
    }
    assert.deepEqual(await seen(office), [
      'READ WRITE CREATE DELETE ALTER DESCRIBE DESCRIBE_CONFIGS ALTER_CONFIGS',
      'CREATE ALTER DESCRIBE CLUSTER_ACTION DESCRIBE_CONFIGS ALTER_CONFIGS IDEMPOTENT_WRITE',
      'READ DELETE DESCRIBE DESCRIBE_CONFIGS ALTER_CONFIGS',
    ])
    assert.deepEqual(await seen(home), ['none', '', 'none'])
    await allow('ALL', 'topic t')
    await deny('DELETE', 'topic *')
    await allow('ALTER_CONFIGS', 'cluster')
    await allow('READ', 'group g')
    const topic = 'READ WRITE CREATE ALTER DESCRIBE DESCRIBE_CONFIGS ALTER_CONFIGS'
    assert.deepEqual(await seen(home), [topic, '', 'READ DESCRIBE'])
    await allow('ALTER', 'cluster')
    const cluster = 'ALTER DESCRIBE DESCRIBE_CONFIGS ALTER_CONFIGS'
    assert.deepEqual(await seen(home), [topic, cluster, 'READ DESCRIBE'])
  }))

/** -2147483648 says that they were not computed. */
function operationsIn(bits: number): string {
  if (bits < 0) return 'none'
  return Object.entries(AclOperation)
    .filter(([, code]) => (bits & (1 << code)) !== 0)
    .map(([name]) => name)
    .join(' ')
}

test('44: what is refused of a request does not touch the rest of it', () =>
  withAccessRules(async ({ office, home, allow, topicId }) => {
    const made = await office.call(apis.metadata, 12, { topics: [{ name: 'u' }] })
    await allow('ALL', 'topic t')
    await allow('READ', 'group g')
    const data = [{ index: 0, records: batchOf(['a']) }]
    const topicData = ['u', 't'].map((name) => ({ name, partitionData: data }))
    const produced = await home.call(apis.produce, 9, { acks: -1, timeoutMs: 100, topicData })
    assert.deepEqual(
      produced.responses.map((topic) => [topic.name, topic.partitionResponses[0]!.errorCode]),
      [
        ['u', TOPIC],
        ['t', ErrorCode.NONE],
      ],
    )
    const topics = [...committed(topicId), { ...committed(made.topics[0]!.topicId)[0]!, name: 'u' }]
    const commit = await home.call(apis.offsetCommit, 9, { ...MEMBER, topics })
    assert.deepEqual(
      commit.topics.map((topic) => [topic.name, topic.partitions[0]!.errorCode]),
      [
        ['t', ErrorCode.NONE],
        ['u', TOPIC],
      ],
    )
    const groups = [{ groupId: 'g', topics: topics.map(({ name }) => ({ name, partitionIndexes: [0] })) }]
    const fetched = await home.call(apis.offsetFetch, 8, { groups })
    assert.deepEqual(
      fetched.groups[0]!.topics.map((topic) => [topic.name, topic.partitions[0]!.errorCode]),
      [
        ['t', ErrorCode.NONE],
        ['u', TOPIC],
      ],
    )
    const end = await office.call(apis.listOffsets, 7, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: 'u', partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
    })
    assert.equal(end.topics[0]!.partitions[0]!.offset, 0)
  }))

test('44: a fetch that waits is refused once it may not read any more', () =>
  withAccessRules(async ({ office, home, allow, deny }) => {
    await allow('READ', 'topic t')
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 100 }]
    const topics = [{ topic: 't', partitions }]
    const waiting = home.call(apis.fetch, 12, { maxWaitMs: 10_000, minBytes: 1, topics })
    await deny('READ', 'topic t')
    const topicData = [{ name: 't', partitionData: [{ index: 0, records: batchOf(['secret']) }] }]
    await office.call(apis.produce, 9, { acks: -1, timeoutMs: 100, topicData })
    const { errorCode, records } = (await waiting).responses[0]!.partitions[0]!
    assert.deepEqual([errorCode, records?.length], [TOPIC, 0])
  }))

test('44: rules are created, listed and deleted as Kafka does', () =>
  withAccessRules(async ({ office, allow, reports }) => {
    await allow('READ', 'topic t')
    await allow('WRITE', 'topic t')
    await allow('READ', 'topic pre*')
    const list = async (filter: object): Promise<unknown[]> => {
      const answer = await office.call(apis.describeAcls, 3, {
        ...ANY_ACL,
        principalFilter: null,
        hostFilter: 'home',
        ...filter,
      })
      assert.equal(answer.errorCode, ErrorCode.NONE)
      return answer.resources.flatMap(({ resourceName, patternType, acls }) =>
        acls.map(({ operation }) => `${resourceName} ${patternType} ${operation}`),
      )
    }
    assert.deepEqual(await list({}), ['t 3 3', 't 3 4', 'pre 4 3'])
    assert.deepEqual(await list({ patternTypeFilter: 2, resourceNameFilter: 'prefix' }), ['pre 4 3'])
    assert.deepEqual(await list({ operation: 4 }), ['t 3 4'])
    const filters = [
      { ...ANY_ACL, principalFilter: null, hostFilter: 'home', operation: 3 },
      { ...ANY_ACL, principalFilter: 'User:nobody' },
    ]
    const deleted = await office.call(apis.deleteAcls, 3, { filters })
    assert.deepEqual(
      deleted.filterResults.map(({ matchingAcls }) => matchingAcls.map(({ resourceName }) => resourceName)),
      [['t', 'pre'], []],
    )
    assert.deepEqual(await list({}), ['t 3 4'])
    assert.equal(reports.filter(({ event }) => event === 'access rule created').length, 3)
    assert.equal(reports.filter(({ event }) => event === 'access rule deleted').length, 2)

    const good = { resourceType: 2, resourceName: 'x', principal: 'User:a', host: '*', operation: 3 }
    const creations = [
      { ...good, permissionType: 3 },
      { ...good, permissionType: 3, resourceName: '' },
      { ...good, permissionType: 3, resourceType: 4 },
      { ...good, permissionType: 1 },
      { ...good, permissionType: 3, operation: 1 },
      { ...good, permissionType: 3, resourceType: 1 },
      { ...good, permissionType: 3, resourcePatternType: 2 },
      { ...good, permissionType: 3, principal: 'alice' },
    ]
    const { results } = await office.call(apis.createAcls, 3, { creations })
    const [first, ...others] = results.map(({ errorCode }) => errorCode)
    assert.equal(first, ErrorCode.NONE)
    assert.deepEqual(
      others,
      others.map(() => ErrorCode.INVALID_REQUEST),
    )
  }))

test('44: refusals are counted and reported, a few of them', () =>
  withAccessRules(async ({ home, broker, reports }) => {
    for (let index = 0; index < 50; index++) {
      await home.call(apis.metadata, 12, { topics: [{ name: 't' }] })
    }
    const lines = reports.filter(({ event }) => event === 'access denied')
    assert.ok(lines.length >= 10 && lines.length < 20, String(lines.length))
    const { principal, host, operation, resourceType, resource } = lines[0]!
    assert.deepEqual(
      { principal, host, operation, resourceType, resource },
      {
        principal: 'User:ANONYMOUS',
        host: 'home',
        operation: 'DESCRIBE',
        resourceType: 'TOPIC',
        resource: 't',
      },
    )
    assert.equal(broker.metrics().authorizationsDenied, 50)
  }))
