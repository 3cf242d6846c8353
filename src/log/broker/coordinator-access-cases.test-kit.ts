/** Requests of groups and transactions, each with the rights that it needs and the error that it gets without them. */
import { apis } from '../protocol/apis.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import type { AccessCase } from './access-scene.test-kit.ts'

const TOPIC = ErrorCode.TOPIC_AUTHORIZATION_FAILED
const GROUP = ErrorCode.GROUP_AUTHORIZATION_FAILED
const CLUSTER = ErrorCode.CLUSTER_AUTHORIZATION_FAILED
const TRANSACTIONAL_ID = ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED

const PRODUCER = { producerId: 1, producerEpoch: 0 }
/** Nobody in particular: commits of a client that is in no group. */
export const NO_MEMBER = { groupId: 'g', memberId: '', generationId: -1, generationIdOrMemberEpoch: -1 }
const PROTOCOL = { protocolType: 'consumer', protocolName: 'range' }
const STREAMING = {
  groupId: 'streams',
  memberId: 'm',
  memberEpoch: 0,
  endpointInformationEpoch: 0,
  rebalanceTimeoutMs: 1_000,
  processId: 'p',
  activeTasks: [],
  standbyTasks: [],
  warmupTasks: [],
  topology: {
    epoch: 0,
    subtopologies: [
      {
        subtopologyId: '0',
        sourceTopics: ['t'],
        sourceTopicRegex: [],
        stateChangelogTopics: [],
        repartitionSinkTopics: [],
        repartitionSourceTopics: [],
        copartitionGroups: [],
      },
    ],
  },
}

const JOINING = {
  groupId: 'new',
  memberId: 'AAAAAAAAAAAAAAAAAAAAAQ',
  memberEpoch: 0,
  rebalanceTimeoutMs: 1000,
  subscribedTopicNames: ['t'],
  topicPartitions: [],
}

export function committedTo(name: string, topicId: string) {
  const partitions = [{ partitionIndex: 0, committedOffset: 0, committedMetadata: null }]
  return [{ name, topicId, partitions }]
}

export const COORDINATOR_ACCESS_CASES: readonly AccessCase[] = [
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
      const body = {
        ...NO_MEMBER,
        sessionTimeoutMs: 10_000,
        rebalanceTimeoutMs: 100,
        protocolType: 'consumer',
      }
      return [(await home.call(apis.joinGroup, 9, { ...body, protocols: [] })).errorCode]
    },
  },
  {
    name: 'SyncGroup',
    rights: [['READ', 'group g']],
    refused: GROUP,
    ask: async ({ home }) => [
      (await home.call(apis.syncGroup, 5, { ...NO_MEMBER, ...PROTOCOL, assignments: [] })).errorCode,
    ],
  },
  {
    name: 'Heartbeat',
    rights: [['READ', 'group g']],
    refused: GROUP,
    ask: async ({ home }) => [(await home.call(apis.heartbeat, 4, NO_MEMBER)).errorCode],
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
    rights: [['DELETE', 'group alone']],
    refused: GROUP,
    ask: async ({ home }) => [
      (await home.call(apis.deleteGroups, 2, { groupsNames: ['alone'] })).results[0]!.errorCode,
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
        const answer = await home.call(apis.offsetCommit, version, {
          ...NO_MEMBER,
          topics: committedTo('t', topicId),
        })
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
      const answer = await home.call(apis.offsetCommit, 10, {
        ...NO_MEMBER,
        topics: committedTo('t', topicId),
      })
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
        errors.push(groups[0]!.topics[0]?.partitions[0]!.errorCode ?? groups[0]!.errorCode)
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
      await office.call(apis.offsetCommit, 9, {
        ...NO_MEMBER,
        groupId: 'held',
        topics: committedTo('t', topicId),
      })
      const topics = [{ name: 't', partitions: [{ partitionIndex: 0 }] }]
      const answer = await home.call(apis.offsetDelete, 0, { groupId: 'held', topics })
      return [answer.topics[0]?.partitions[0]!.errorCode ?? answer.errorCode]
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
  ).map((right): AccessCase => ({
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
    ask: async ({ home }) => {
      const transaction = { transactionalId: 'x', ...PRODUCER, verifyOnly: true }
      const transactions = [{ ...transaction, topics: [{ name: 't', partitions: [0] }] }]
      return [(await home.call(apis.addPartitionsToTxn, 5, { transactions })).errorCode]
    },
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
      const body = { transactionalId: 'x', ...PRODUCER, ...NO_MEMBER, topics: committedTo('t', topicId) }
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
      const body = { transactionalId: 'x', ...PRODUCER, ...NO_MEMBER, topics: committedTo('t', topicId) }
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
    name: 'ConsumerGroupHeartbeat into a group',
    rights: [
      ['DESCRIBE', 'topic t'],
      ['READ', 'group new'],
    ],
    refused: GROUP,
    ask: async ({ home }) => [(await home.call(apis.consumerGroupHeartbeat, 1, JOINING)).errorCode],
  },
  {
    name: 'ConsumerGroupHeartbeat for a topic',
    rights: [
      ['READ', 'group new'],
      ['DESCRIBE', 'topic t'],
    ],
    refused: TOPIC,
    ask: async ({ home }) => [(await home.call(apis.consumerGroupHeartbeat, 1, JOINING)).errorCode],
  },
  {
    name: 'ConsumerGroupDescribe of a group with topics',
    rights: [
      ['DESCRIBE', 'group joined'],
      ['DESCRIBE', 'topic t'],
    ],
    refused: TOPIC,
    ask: async ({ office, home }) => {
      await office.call(apis.consumerGroupHeartbeat, 1, { ...JOINING, groupId: 'joined' })
      const body = { groupIds: ['joined'], includeAuthorizedOperations: false }
      return [(await home.call(apis.consumerGroupDescribe, 1, body)).groups[0]!.errorCode]
    },
  },
  {
    name: 'ConsumerGroupDescribe',
    rights: [['DESCRIBE', 'group g']],
    refused: GROUP,
    ask: async ({ home }) => {
      const body = { groupIds: ['g'], includeAuthorizedOperations: false }
      return [(await home.call(apis.consumerGroupDescribe, 1, body)).groups[0]!.errorCode]
    },
  },
  {
    name: 'StreamsGroupHeartbeat into a group',
    rights: [
      ['DESCRIBE', 'topic t'],
      ['READ', 'group streams'],
    ],
    refused: GROUP,
    ask: async ({ home }) => [(await home.call(apis.streamsGroupHeartbeat, 1, STREAMING)).errorCode],
  },
  {
    name: 'StreamsGroupHeartbeat for a topic',
    rights: [
      ['READ', 'group streams'],
      ['DESCRIBE', 'topic t'],
    ],
    refused: TOPIC,
    ask: async ({ home }) => [(await home.call(apis.streamsGroupHeartbeat, 1, STREAMING)).errorCode],
  },
  {
    name: 'StreamsGroupHeartbeat that needs a topic made',
    rights: [
      ['READ', 'group making'],
      ['DESCRIBE', 'topic t'],
      ['DESCRIBE', 'topic kept'],
      ['CREATE', 'topic kept'],
    ],
    refused: TOPIC,
    ask: async ({ home }) => {
      const kept = { name: 'kept', partitions: 0, replicationFactor: 0, topicConfigs: [] }
      const subtopology = { ...STREAMING.topology.subtopologies[0]!, stateChangelogTopics: [kept] }
      const topology = { epoch: 0, subtopologies: [subtopology] }
      const body = { ...STREAMING, groupId: 'making', topology }
      const { errorCode, status } = await home.call(apis.streamsGroupHeartbeat, 1, body)
      const forbidden = status?.some(({ statusDetail }) => statusDetail.includes('Unauthorized to CREATE'))
      return [forbidden === true ? ErrorCode.TOPIC_AUTHORIZATION_FAILED : errorCode]
    },
  },
  {
    name: 'StreamsGroupDescribe of a group with topics',
    rights: [
      ['DESCRIBE', 'group streams'],
      ['DESCRIBE', 'topic t'],
    ],
    refused: TOPIC,
    ask: async ({ office, home }) => {
      await office.call(apis.streamsGroupHeartbeat, 1, STREAMING)
      const body = { groupIds: ['streams'], includeAuthorizedOperations: false }
      return [(await home.call(apis.streamsGroupDescribe, 1, body)).groups[0]!.errorCode]
    },
  },
]
