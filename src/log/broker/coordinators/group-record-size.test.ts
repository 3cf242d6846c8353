/** What members of groups say of themselves is kept in `__consumer_offsets`, up to a record of max.message.bytes. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { apis } from '../../protocol/apis.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { withBroker } from '../coordinator-scene.test-kit.ts'
import type { WireClient } from '../wire-client.test-kit.ts'

const { NONE, UNKNOWN_SERVER_ERROR } = ErrorCode
const LONG = 'x'.repeat(1_100_000)

async function groupIds(client: WireClient): Promise<string[]> {
  return (await client.call(apis.listGroups, 5, {})).groups.map(({ groupId }) => groupId)
}

async function joinStreams(client: WireClient, said: { config?: string; tag?: string }): Promise<number> {
  const changelog = {
    name: 'counts',
    partitions: 0,
    replicationFactor: 0,
    topicConfigs: [{ key: 'cleanup.policy', value: said.config ?? 'compact' }],
  }
  const subtopology = {
    subtopologyId: '0',
    sourceTopics: ['t'],
    sourceTopicRegex: [],
    stateChangelogTopics: [changelog],
    repartitionSinkTopics: [],
    repartitionSourceTopics: [],
    copartitionGroups: [],
  }
  const answer = await client.call(apis.streamsGroupHeartbeat, 0, {
    groupId: 'streams',
    memberId: 'm',
    memberEpoch: 0,
    endpointInformationEpoch: 0,
    rebalanceTimeoutMs: 30_000,
    topology: { epoch: 0, subtopologies: [subtopology] },
    activeTasks: [],
    standbyTasks: [],
    warmupTasks: [],
    processId: 'p',
    clientTags: [{ key: 'zone', value: said.tag ?? 'a' }],
  })
  return answer.errorCode
}

describe('a record of a group that is too large', () => {
  it('is refused with all that came with it, and the group works on', () =>
    withBroker(async ({ client }) => {
      assert.equal(await joinStreams(client, { config: LONG }), UNKNOWN_SERVER_ERROR)
      assert.equal(await joinStreams(client, { tag: LONG }), UNKNOWN_SERVER_ERROR)
      const joining = { memberId: 'm', memberEpoch: 0, rebalanceTimeoutMs: 30_000, topicPartitions: [] }
      const consumer = (name: string): Promise<{ errorCode: number }> =>
        client.call(apis.consumerGroupHeartbeat, 1, {
          ...joining,
          groupId: 'consumer',
          subscribedTopicNames: [name],
        })
      assert.equal((await consumer(LONG)).errorCode, UNKNOWN_SERVER_ERROR)
      assert.deepEqual(await groupIds(client), [])
      assert.equal(await joinStreams(client, {}), NONE)
      assert.equal((await consumer('t')).errorCode, NONE)
      assert.deepEqual((await groupIds(client)).toSorted(), ['consumer', 'streams'])
    }))

  it('is refused to the leader of a group that is to be told its assignment', () =>
    withBroker(async ({ client }) => {
      const body = {
        groupId: 'classic',
        sessionTimeoutMs: 10_000,
        rebalanceTimeoutMs: 10_000,
        memberId: '',
        protocolType: 'consumer',
        protocols: [{ name: 'range', metadata: Buffer.from('metadata') }],
      }
      const sync = async (size: number): Promise<number> => {
        const { memberId, generationId } = await client.call(apis.joinGroup, 3, body)
        const assignments = [{ memberId, assignment: Buffer.alloc(size) }]
        const member = { groupId: 'classic', memberId, generationId }
        const { errorCode } = await client.call(apis.syncGroup, 3, { ...member, assignments })
        await client.call(apis.leaveGroup, 2, member)
        return errorCode
      }
      assert.equal(await sync(LONG.length), UNKNOWN_SERVER_ERROR)
      assert.equal(await sync(1_000_000), NONE)
    }))
})
