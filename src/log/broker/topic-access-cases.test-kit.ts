/** Requests of topics and of the cluster's administration, each with the rights that it needs and the error that it gets without them. */
import { apis } from '../protocol/apis.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import type { AccessCase } from './access-scene.test-kit.ts'
import { ZERO_UUID } from '../protocol/field.ts'
import { batchOf } from './wire-client.test-kit.ts'

const TOPIC = ErrorCode.TOPIC_AUTHORIZATION_FAILED
const GROUP = ErrorCode.GROUP_AUTHORIZATION_FAILED
const CLUSTER = ErrorCode.CLUSTER_AUTHORIZATION_FAILED
const TRANSACTIONAL_ID = ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED

const PRODUCER = { producerId: 1, producerEpoch: 0 }
const ANY_ACL = {
  resourceTypeFilter: 1,
  resourceNameFilter: null,
  patternTypeFilter: 1,
  principalFilter: 'User:nobody',
  hostFilter: null,
  operation: 1,
  permissionType: 1,
}

/** The topics `t` and `gone` exist. */
export const TOPIC_ACCESS_CASES: readonly AccessCase[] = [
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
      return [(await home.call(apis.deleteTopics, 6, { topics, timeoutMs: 2000 })).responses[0]!.errorCode]
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
      [2, 't', 'topic t', TOPIC, 'topic t'],
      [4, '', 'cluster', CLUSTER, 'cluster'],
      [16, 'm', 'cluster', CLUSTER, 'client metrics m'],
      [32, 'g', 'group g', GROUP, 'group g'],
    ] as const
  ).flatMap(([resourceType, resourceName, resource, refused, what]): AccessCase[] => [
    {
      name: `DescribeConfigs of ${what}`,
      rights: [['DESCRIBE_CONFIGS', resource]],
      refused,
      ask: async ({ home }) => {
        const resources = [{ resourceType, resourceName, configurationKeys: null }]
        return [(await home.call(apis.describeConfigs, 4, { resources })).results[0]!.errorCode]
      },
    },
    {
      name: `AlterConfigs of ${what}`,
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
  {
    name: 'DescribeClientQuotas',
    rights: [['DESCRIBE_CONFIGS', 'cluster']],
    refused: CLUSTER,
    ask: async ({ home }) => [
      (await home.call(apis.describeClientQuotas, 1, { components: [], strict: false })).errorCode,
    ],
  },
  {
    name: 'AlterClientQuotas',
    rights: [['ALTER_CONFIGS', 'cluster']],
    refused: CLUSTER,
    ask: async ({ home }) => {
      const entity = [{ entityType: 'user', entityName: 'nobody' }]
      const ops = [{ key: 'producer_byte_rate', value: 1, remove: false }]
      const body = { entries: [{ entity, ops }], validateOnly: true }
      return [(await home.call(apis.alterClientQuotas, 1, body)).entries[0]!.errorCode]
    },
  },
  {
    name: 'DescribeUserScramCredentials',
    rights: [['DESCRIBE', 'cluster']],
    refused: CLUSTER,
    ask: async ({ home }) => [
      (await home.call(apis.describeUserScramCredentials, 0, { users: [{ name: 'nobody' }] })).errorCode,
    ],
  },
  {
    name: 'AlterUserScramCredentials',
    rights: [['ALTER', 'cluster']],
    refused: CLUSTER,
    ask: async ({ home }) => {
      const body = { deletions: [{ name: 'nobody', mechanism: 1 }], upsertions: [] }
      return [(await home.call(apis.alterUserScramCredentials, 0, body)).results[0]!.errorCode]
    },
  },
  {
    name: 'DescribeQuorum',
    rights: [['DESCRIBE', 'cluster']],
    refused: CLUSTER,
    ask: async ({ home }) => {
      const topics = [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }]
      return [(await home.call(apis.describeQuorum, 2, { topics })).errorCode]
    },
  },
  {
    name: 'UpdateFeatures',
    rights: [['ALTER', 'cluster']],
    refused: CLUSTER,
    ask: async ({ home }) => [
      (await home.call(apis.updateFeatures, 2, { featureUpdates: [], validateOnly: true })).errorCode,
    ],
  },
  {
    name: 'ListConfigResources',
    rights: [['DESCRIBE_CONFIGS', 'cluster']],
    refused: CLUSTER,
    ask: async ({ home }) => [
      (await home.call(apis.listConfigResources, 1, { resourceTypes: [2] })).errorCode,
    ],
  },
]
