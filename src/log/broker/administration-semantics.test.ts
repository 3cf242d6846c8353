/** Topics, their configurations and security as Kafka 4.4 answers them; the numbers are those of COMPATIBILITY.md. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { alterConfigsApi } from '../protocol/apis/alter-configs.ts'
import { alterPartitionReassignmentsApi } from '../protocol/apis/alter-partition-reassignments.ts'
import { createAclsApi } from '../protocol/apis/create-acls.ts'
import { createTopicsApi } from '../protocol/apis/create-topics.ts'
import { deleteAclsApi } from '../protocol/apis/delete-acls.ts'
import { deleteTopicsApi } from '../protocol/apis/delete-topics.ts'
import { describeAclsApi } from '../protocol/apis/describe-acls.ts'
import { describeConfigsApi } from '../protocol/apis/describe-configs.ts'
import { electLeadersApi } from '../protocol/apis/elect-leaders.ts'
import { fetchApi } from '../protocol/apis/fetch.ts'
import { findCoordinatorApi } from '../protocol/apis/find-coordinator.ts'
import { incrementalAlterConfigsApi } from '../protocol/apis/incremental-alter-configs.ts'
import { listPartitionReassignmentsApi } from '../protocol/apis/list-partition-reassignments.ts'
import { metadataApi } from '../protocol/apis/metadata.ts'
import { produceApi } from '../protocol/apis/produce.ts'
import { saslAuthenticateApi } from '../protocol/apis/sasl-authenticate.ts'
import { saslHandshakeApi } from '../protocol/apis/sasl-handshake.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import { ZERO_UUID } from '../protocol/field.ts'
import { withBroker } from './coordinator-scene.test-kit.ts'
import { batchOf, type WireClient } from './wire-client.test-kit.ts'

const { NONE } = ErrorCode

async function create(
  client: WireClient,
  name: string,
  config: Record<string, string> = {},
): Promise<string> {
  const configs = Object.entries(config).map(([key, value]) => ({ name: key, value }))
  const wanted = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs }
  const { topics } = await client.call(createTopicsApi, 7, { topics: [wanted] })
  assert.equal(topics[0]!.errorCode, NONE, topics[0]!.errorMessage ?? '')
  return topics[0]!.topicId
}

async function produce(client: WireClient, name: string, records: Buffer, acks = -1) {
  const topicData = [{ name, partitionData: [{ index: 0, records }] }]
  const answer = await client.call(produceApi, 9, { acks, timeoutMs: 1_000, topicData })
  return answer.responses[0]!.partitionResponses[0]!
}

async function produceById(client: WireClient, topicId: string, records: Buffer): Promise<number> {
  const topicData = [{ topicId, partitionData: [{ index: 0, records }] }]
  const answer = await client.call(produceApi, 13, { acks: -1, timeoutMs: 1_000, topicData })
  return answer.responses[0]!.partitionResponses[0]!.errorCode
}

describe('topics', () => {
  it('of the coordinators are made by the broker alone, as they have to be, whoever names them first', () =>
    withBroker(async ({ client }) => {
      const names = ['__consumer_offsets', '__transaction_state']
      const { topics } = await client.call(createTopicsApi, 7, {
        topics: names.map((name) => ({
          name,
          numPartitions: 1,
          replicationFactor: 1,
          assignments: [],
          configs: [],
        })),
      })
      assert.deepEqual(
        topics.map(({ errorCode }) => errorCode),
        names.map(() => ErrorCode.INVALID_TOPIC_EXCEPTION),
      )
      const named = await client.call(metadataApi, 9, {
        topics: names.map((name) => ({ name })),
        allowAutoTopicCreation: true,
      })
      for (const { errorCode, isInternal, partitions } of named.topics)
        assert.deepEqual([errorCode, isInternal, partitions.length], [NONE, true, 4])
      const { results } = await client.call(describeConfigsApi, 4, {
        resources: names.map((resourceName) => ({
          resourceType: 2,
          resourceName,
          configurationKeys: ['cleanup.policy'],
        })),
      })
      for (const { configs } of results) assert.equal(configs[0]!.value, 'compact')
      for (const name of names)
        assert.equal(
          (await produce(client, name, batchOf(['forged']))).errorCode,
          ErrorCode.INVALID_TOPIC_EXCEPTION,
        )
    }))

  it('8: null is all of them, an empty list none, and ids name them too', () =>
    withBroker(async ({ client, topicId }) => {
      const all = await client.call(metadataApi, 12, { topics: null })
      assert.deepEqual(
        all.topics.map(({ name }) => name),
        ['t'],
      )
      assert.ok(
        all.topics[0]!.partitions.every(({ leaderEpoch, leaderId }) => leaderEpoch >= 0 && leaderId === 1),
      )
      assert.equal(all.controllerId, 1)
      assert.ok(all.clusterId)
      assert.deepEqual((await client.call(metadataApi, 12, { topics: [] })).topics, [])
      const byId = await client.call(metadataApi, 12, {
        topics: [
          { name: null, topicId },
          { name: null, topicId: 'BBBBBBBBBBBBBBBBBBBBBB' },
          { name: '', topicId: 'CCCCCCCCCCCCCCCCCCCCCC' },
          { name: '', topicId },
        ],
      })
      assert.deepEqual(
        byId.topics.map(({ name, errorCode }) => [name, errorCode]),
        [
          ['t', NONE],
          [null, ErrorCode.UNKNOWN_TOPIC_ID],
          [null, ErrorCode.UNKNOWN_TOPIC_ID],
        ],
      )
      for (const version of [10, 11]) {
        const topics = [{ name: null, topicId }, { name: 't' }]
        const refused = await client.call(metadataApi, version, { topics })
        assert.deepEqual(
          refused.topics.map(({ name, errorCode }) => [name, errorCode]),
          [
            ['', ErrorCode.INVALID_REQUEST],
            ['t', ErrorCode.INVALID_REQUEST],
          ],
        )
      }
    }))

  it('10: who holds the id of a topic that was made again is told that it is unknown', () =>
    withBroker(async ({ client, topicId }) => {
      await client.call(deleteTopicsApi, 6, { topics: [{ name: 't', topicId: ZERO_UUID }], timeoutMs: 1_000 })
      const again = await create(client, 't')
      assert.equal(await produceById(client, topicId, batchOf(['old'])), ErrorCode.UNKNOWN_TOPIC_ID)
      assert.equal(await produceById(client, again, batchOf(['new'])), NONE)
      const topics = [{ topicId, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 100 }] }]
      const fetched = await client.call(fetchApi, 13, { maxWaitMs: 60_000, minBytes: 1, topics })
      assert.equal(fetched.responses[0]!.partitions[0]!.errorCode, ErrorCode.UNKNOWN_TOPIC_ID)
    }))

  it('10: more in-sync replicas than there are brokers do not keep producers out', () =>
    withBroker(async ({ client }) => {
      await create(client, 'wary', { 'min.insync.replicas': '2' })
      assert.equal((await produce(client, 'wary', batchOf(['a']))).errorCode, NONE)
    }))

  it('11: clients do not write to internal topics', () =>
    withBroker(async ({ client }) => {
      await client.call(findCoordinatorApi, 4, { keyType: 0, coordinatorKeys: ['g'] })
      const answer = await produce(client, '__consumer_offsets', batchOf(['a'], {}, { key: 'k' }))
      assert.equal(answer.errorCode, ErrorCode.INVALID_TOPIC_EXCEPTION)
    }))

  it('12: every key of Kafka 4.4 is described, and AlterConfigs puts back what it does not name', () =>
    withBroker(async ({ client }) => {
      const describeTopic = async (configurationKeys: string[] | null) => {
        const resources = [{ resourceType: 2, resourceName: 't', configurationKeys }]
        return (await client.call(describeConfigsApi, 4, { resources })).results[0]!.configs
      }
      const names = (await describeTopic(null)).map(({ name }) => name)
      assert.deepEqual(names.toSorted(), KAFKA_TOPIC_KEYS)
      const alter = async (name: string, value: string): Promise<number> => {
        const resources = [{ resourceType: 2, resourceName: 't', configs: [{ name, value }] }]
        return (await client.call(alterConfigsApi, 1, { resources, validateOnly: false })).responses[0]!
          .errorCode
      }
      assert.equal(await alter('retention.ms', '777'), NONE)
      assert.equal(await alter('retention.bytes', '888'), NONE)
      const values = await describeTopic(['retention.ms', 'retention.bytes'])
      assert.deepEqual(
        values.map(({ value, configSource }) => [value, configSource]),
        [
          ['888', 1],
          ['604800000', 5],
        ],
      )
      const change = async (
        ...configs: { name: string; configOperation: number; value: string | null }[]
      ) => {
        const resources = [{ resourceType: 2, resourceName: 't', configs }]
        const answer = await client.call(incrementalAlterConfigsApi, 1, { resources, validateOnly: false })
        return answer.responses[0]!.errorCode
      }
      const set = { name: 'retention.ms', configOperation: 0, value: '5' }
      assert.equal(await change(set, set), ErrorCode.INVALID_REQUEST)
      assert.equal(await change({ ...set, value: null }), ErrorCode.INVALID_REQUEST)
      assert.equal(await change({ ...set, name: 'no.such' }), ErrorCode.INVALID_CONFIG)
    }))

  it('there is one place for a replica, and one leader', () =>
    withBroker(async ({ client }) => {
      for (const version of [0, 1, 2]) {
        const elected = await client.call(electLeadersApi, version, {
          topicPartitions: [
            { topic: 't', partitions: [0, 9] },
            { topic: 'nobody', partitions: [0] },
          ],
        })
        const { ELECTION_NOT_NEEDED, UNKNOWN_TOPIC_OR_PARTITION } = ErrorCode
        assert.deepEqual(
          elected.replicaElectionResults.map(({ partitionResult }) =>
            partitionResult.map(({ errorCode }) => errorCode),
          ),
          [[ELECTION_NOT_NEEDED, UNKNOWN_TOPIC_OR_PARTITION], [UNKNOWN_TOPIC_OR_PARTITION]],
        )
      }
      const everywhere = await client.call(electLeadersApi, 2, { topicPartitions: null })
      assert.deepEqual(everywhere.replicaElectionResults, [{ topic: 't', partitionResult: [] }])
      const reassign = async (replicas: number[] | null): Promise<number> => {
        const topics = [{ name: 't', partitions: [{ partitionIndex: 0, replicas }] }]
        const { responses } = await client.call(alterPartitionReassignmentsApi, 1, { topics })
        return responses[0]!.partitions[0]!.errorCode
      }
      assert.equal(await reassign(null), ErrorCode.NO_REASSIGNMENT_IN_PROGRESS)
      assert.equal(await reassign([1]), NONE)
      for (const replicas of [[], [2], [1, 1], [1, 2]])
        assert.equal(await reassign(replicas), ErrorCode.INVALID_REPLICA_ASSIGNMENT)
      assert.deepEqual((await client.call(listPartitionReassignmentsApi, 0, { topics: null })).topics, [])
    }))
})

describe('security that is not there', () => {
  it('43, 44: is said as a Kafka without it says it', () =>
    withBroker(async ({ client }) => {
      const { ILLEGAL_SASL_STATE, SECURITY_DISABLED } = ErrorCode
      const any = { principalFilter: null, hostFilter: null, operation: 1, permissionType: 1 }
      const filter = { resourceTypeFilter: 1, resourceNameFilter: null, ...any }
      const rule = { resourceType: 2, resourceName: 'x', principal: 'User:a', host: '*' }
      for (const version of [1, 2, 3]) {
        assert.equal((await client.call(describeAclsApi, version, filter)).errorCode, SECURITY_DISABLED)
        const creations = [{ ...rule, operation: 3, permissionType: 3 }]
        const made = await client.call(createAclsApi, version, { creations })
        assert.equal(made.results[0]!.errorCode, SECURITY_DISABLED)
        const removed = await client.call(deleteAclsApi, version, { filters: [filter] })
        assert.equal(removed.filterResults[0]!.errorCode, SECURITY_DISABLED)
      }
      assert.equal(
        (await client.call(saslHandshakeApi, 1, { mechanism: 'PLAIN' })).errorCode,
        ILLEGAL_SASL_STATE,
      )
      const authBytes = Buffer.from('\0user\0password')
      assert.equal((await client.call(saslAuthenticateApi, 2, { authBytes })).errorCode, ILLEGAL_SASL_STATE)
    }))
})

/** As DescribeConfigs of Kafka 4.4.0 names them. */
const KAFKA_TOPIC_KEYS = [
  'cleanup.policy',
  'compression.gzip.level',
  'compression.lz4.level',
  'compression.type',
  'compression.zstd.level',
  'delete.retention.ms',
  'errors.deadletterqueue.group.enable',
  'file.delete.delay.ms',
  'flush.messages',
  'flush.ms',
  'follower.replication.throttled.replicas',
  'index.interval.bytes',
  'leader.replication.throttled.replicas',
  'local.retention.bytes',
  'local.retention.ms',
  'max.compaction.lag.ms',
  'max.decompressed.message.bytes',
  'max.message.bytes',
  'message.timestamp.after.max.ms',
  'message.timestamp.before.max.ms',
  'message.timestamp.type',
  'min.cleanable.dirty.ratio',
  'min.compaction.lag.ms',
  'min.insync.replicas',
  'preallocate',
  'remote.copy.lag.bytes',
  'remote.copy.lag.ms',
  'remote.log.copy.disable',
  'remote.log.delete.on.disable',
  'remote.storage.enable',
  'retention.bytes',
  'retention.ms',
  'segment.bytes',
  'segment.index.bytes',
  'segment.jitter.ms',
  'segment.ms',
  'unclean.leader.election.enable',
]
