/** The consumer group protocol (KIP-848) over the wire, in every version that is served, in the simulated world. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sleep } from '../../world/world.ts'
import { consumerGroupDescribeApi } from '../protocol/apis/consumer-group-describe.ts'
import { consumerGroupHeartbeatApi } from '../protocol/apis/consumer-group-heartbeat.ts'
import { describeConfigsApi } from '../protocol/apis/describe-configs.ts'
import { incrementalAlterConfigsApi } from '../protocol/apis/incremental-alter-configs.ts'
import { listConfigResourcesApi } from '../protocol/apis/list-config-resources.ts'
import { createPartitionsApi } from '../protocol/apis/create-partitions.ts'
import { deleteTopicsApi } from '../protocol/apis/delete-topics.ts'
import { listGroupsApi } from '../protocol/apis/list-groups.ts'
import { offsetCommitApi } from '../protocol/apis/offset-commit.ts'
import { offsetFetchApi } from '../protocol/apis/offset-fetch.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import { inEveryVersion, withBroker } from './coordinator-scene.test-kit.ts'
import type { WireClient } from './wire-client.test-kit.ts'

const { NONE } = ErrorCode

const JOINING = {
  memberEpoch: 0,
  rebalanceTimeoutMs: 30_000,
  subscribedTopicNames: ['t'],
  topicPartitions: [],
}

async function describeGroup(client: WireClient, groupId: string) {
  const body = { groupIds: [groupId], includeAuthorizedOperations: false }
  return (await client.call(consumerGroupDescribeApi, 1, body)).groups[0]!
}

describe('groups of the consumer protocol over the wire', () => {
  it('a member joins, lives, is described and leaves', () =>
    withBroker(async ({ client, topicId }) => {
      await inEveryVersion(consumerGroupHeartbeatApi, async (version) => {
        const groupId = `g${version}`
        const joined = await client.call(consumerGroupHeartbeatApi, version, {
          ...JOINING,
          groupId,
          memberId: version === 0 ? '' : 'm',
        })
        const memberId = joined.memberId ?? ''
        assert.deepEqual([joined.errorCode, joined.memberEpoch, joined.heartbeatIntervalMs], [NONE, 2, 5_000])
        assert.equal(memberId, version === 0 ? memberId : 'm')
        assert.notEqual(memberId, '')
        assert.deepEqual(joined.assignment?.topicPartitions, [{ topicId, partitions: [0, 1] }])
        const alive = await client.call(consumerGroupHeartbeatApi, version, {
          groupId,
          memberId,
          memberEpoch: 2,
        })
        assert.deepEqual([alive.errorCode, alive.assignment], [NONE, null])
        await inEveryVersion(consumerGroupDescribeApi, async (describeVersion) => {
          const { groups } = await client.call(consumerGroupDescribeApi, describeVersion, {
            groupIds: [groupId, 'nobody'],
            includeAuthorizedOperations: true,
          })
          const [{ groupState, members }, nobody] = groups as [(typeof groups)[0], (typeof groups)[0]]
          assert.deepEqual([groupState, members.length, members[0]!.clientId], ['Stable', 1, 'wire-test'])
          assert.deepEqual(members[0]!.assignment.topicPartitions, [
            { topicId, topicName: 't', partitions: [0, 1] },
          ])
          assert.equal(nobody.errorCode, ErrorCode.GROUP_ID_NOT_FOUND)
        })
        const left = await client.call(consumerGroupHeartbeatApi, version, {
          groupId,
          memberId,
          memberEpoch: -1,
        })
        assert.deepEqual([left.errorCode, left.memberEpoch], [NONE, -1])
      })
      const { groups } = await client.call(listGroupsApi, 5, {
        typesFilter: ['consumer'],
        statesFilter: ['empty'],
      })
      assert.deepEqual(groups.map(({ groupId }) => groupId).toSorted(), ['g0', 'g1'])
    }))

  it('members, assignments and offsets survive a power cut, and go on in their epoch', () =>
    withBroker(async (scene) => {
      const join = { ...JOINING, groupId: 'g', subscribedTopicNames: null, subscribedTopicRegex: 't|u' }
      const first = await scene.client.call(consumerGroupHeartbeatApi, 1, {
        ...join,
        memberId: 'a',
        instanceId: 'i',
      })
      assert.deepEqual(first.assignment?.topicPartitions[0]?.partitions, [0, 1])
      await scene.client.call(consumerGroupHeartbeatApi, 1, { ...join, memberId: 'b' })
      const partitions = [{ partitionIndex: 0, committedOffset: 5, committedMetadata: null }]
      const who = { groupId: 'g', memberId: 'a', groupInstanceId: 'i', generationIdOrMemberEpoch: 2 }
      const committed = await scene.client.call(offsetCommitApi, 9, {
        ...who,
        topics: [{ name: 't', partitions }],
      })
      assert.equal(committed.topics[0]!.partitions[0]!.errorCode, NONE)
      const before = await describeGroup(scene.client, 'g')
      assert.deepEqual([before.groupState, before.groupEpoch, before.members.length], ['Reconciling', 3, 2])

      const { client, simulation, topicId } = await scene.restart()
      assert.deepEqual(await describeGroup(client, 'g'), before)
      const beat = (owned: readonly number[]): ReturnType<typeof heartbeat> =>
        heartbeat(client, topicId, owned)
      assert.deepEqual((await beat([0, 1])).assignment?.topicPartitions, [{ topicId, partitions: [0] }])
      assert.equal((await beat([0])).memberEpoch, 3)
      const fetched = await client.call(offsetFetchApi, 9, {
        groups: [
          { groupId: 'g', memberId: 'a', memberEpoch: 3, topics: [{ name: 't', partitionIndexes: [0] }] },
        ],
        requireStable: true,
      })
      assert.equal(fetched.groups[0]!.topics[0]!.partitions[0]!.committedOffset, 5)
      await sleep(simulation.clock, 45_100)
      assert.equal((await describeGroup(client, 'g')).groupState, 'Empty')
    }))

  it('topics that grow and go are seen by the next heartbeat', () =>
    withBroker(async ({ client, topicId }) => {
      await client.call(consumerGroupHeartbeatApi, 1, { ...JOINING, groupId: 'g', memberId: 'a' })
      await client.call(createPartitionsApi, 3, {
        topics: [{ name: 't', count: 3, assignments: null }],
        timeoutMs: 1_000,
        validateOnly: false,
      })
      const grown = await client.call(consumerGroupHeartbeatApi, 1, {
        groupId: 'g',
        memberId: 'a',
        memberEpoch: 2,
      })
      assert.deepEqual(grown.assignment?.topicPartitions, [{ topicId, partitions: [0, 1, 2] }])
      await client.call(deleteTopicsApi, 5, { topicNames: ['t'], timeoutMs: 1_000 })
      const gone = await client.call(consumerGroupHeartbeatApi, 1, {
        groupId: 'g',
        memberId: 'a',
        memberEpoch: 3,
        topicPartitions: [],
      })
      assert.deepEqual([gone.memberEpoch, gone.assignment?.topicPartitions], [4, []])
    }))

  it('a group’s own settings count for it, are bounded by the broker’s, and survive a power cut', () =>
    withBroker(async (scene) => {
      const alter = async (name: string, value: string | null, configOperation = 0): Promise<number> => {
        const resources = [
          { resourceType: 32, resourceName: 'g', configs: [{ name, configOperation, value }] },
        ]
        return (await scene.client.call(incrementalAlterConfigsApi, 1, { resources, validateOnly: false }))
          .responses[0]!.errorCode
      }
      assert.equal(await alter('consumer.heartbeat.interval.ms', '7000'), NONE)
      assert.equal(await alter('consumer.session.timeout.ms', '60000'), NONE)
      assert.equal(await alter('consumer.session.timeout.ms', '61000'), ErrorCode.INVALID_CONFIG)
      assert.equal(await alter('consumer.session.timeout.ms', 'soon'), ErrorCode.INVALID_CONFIG)
      assert.equal(await alter('no.such', '1'), ErrorCode.INVALID_CONFIG)
      const { client, simulation } = await scene.restart()
      const resources = [{ resourceType: 32, resourceName: 'g', configurationKeys: null }]
      const { results } = await client.call(describeConfigsApi, 4, { resources, includeSynonyms: true })
      assert.deepEqual(
        results[0]!.configs
          .filter(({ name }) => name.startsWith('consumer.'))
          .map(({ name, value, configSource }) => [name, value, configSource]),
        [
          ['consumer.session.timeout.ms', '60000', 8],
          ['consumer.heartbeat.interval.ms', '7000', 8],
          ['consumer.assignment.interval.ms', '0', 5],
        ],
      )
      const listed = await client.call(listConfigResourcesApi, 1, { resourceTypes: [32] })
      assert.deepEqual(listed.configResources, [{ resourceName: 'g', resourceType: 32 }])
      const join = { ...JOINING, memberId: 'm' }
      const own = await client.call(consumerGroupHeartbeatApi, 1, { ...join, groupId: 'g' })
      const other = await client.call(consumerGroupHeartbeatApi, 1, { ...join, groupId: 'other' })
      assert.deepEqual([own.heartbeatIntervalMs, other.heartbeatIntervalMs], [7_000, 5_000])
      await sleep(simulation.clock, 50_000)
      assert.equal((await describeGroup(client, 'g')).groupState, 'Stable')
      assert.equal((await describeGroup(client, 'other')).groupState, 'Empty')
    }))

  it('an expression that would cost too much is refused', () =>
    withBroker(async ({ client }) => {
      for (const subscribedTopicRegex of [
        '(',
        '(?!t)',
        '((a{1000}){1000}){1000}',
        '('.repeat(3_000),
        'a'.repeat(9_000),
      ]) {
        const answer = await client.call(consumerGroupHeartbeatApi, 1, {
          ...JOINING,
          groupId: 'g',
          memberId: 'm',
          subscribedTopicNames: null,
          subscribedTopicRegex,
        })
        assert.equal(answer.errorCode, ErrorCode.INVALID_REGULAR_EXPRESSION)
      }
    }))

  it('state that has been written anew is the same', () =>
    withBroker(
      async (scene) => {
        for (let round = 0; round < 30; round++) {
          const member = { groupId: 'g', memberId: `m${round % 3}` }
          await scene.client.call(consumerGroupHeartbeatApi, 1, { ...JOINING, ...member })
          if (round % 4 === 0)
            await scene.client.call(consumerGroupHeartbeatApi, 1, { ...member, memberEpoch: -1 })
        }
        const before = await describeGroup(scene.client, 'g')
        const { client } = await scene.restart()
        assert.deepEqual(await describeGroup(client, 'g'), before)
      },
      { 'coordinator.snapshot.min.records': 20 },
    ))
})

function heartbeat(client: WireClient, topicId: string, partitions: readonly number[]) {
  return client.call(consumerGroupHeartbeatApi, 1, {
    groupId: 'g',
    memberId: 'a',
    instanceId: 'i',
    memberEpoch: 2,
    topicPartitions: [{ topicId, partitions }],
  })
}
