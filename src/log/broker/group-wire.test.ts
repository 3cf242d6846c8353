/** The APIs of consumer groups over the wire, in every version that is served, in the simulated world. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sleep } from '../../world/world.ts'
import { deleteGroupsApi } from '../protocol/apis/delete-groups.ts'
import { deleteTopicsApi } from '../protocol/apis/delete-topics.ts'
import { describeGroupsApi } from '../protocol/apis/describe-groups.ts'
import { findCoordinatorApi } from '../protocol/apis/find-coordinator.ts'
import { heartbeatApi } from '../protocol/apis/heartbeat.ts'
import { joinGroupApi } from '../protocol/apis/join-group.ts'
import { leaveGroupApi } from '../protocol/apis/leave-group.ts'
import { listGroupsApi } from '../protocol/apis/list-groups.ts'
import { metadataApi } from '../protocol/apis/metadata.ts'
import { offsetCommitApi } from '../protocol/apis/offset-commit.ts'
import { offsetDeleteApi } from '../protocol/apis/offset-delete.ts'
import { offsetFetchApi } from '../protocol/apis/offset-fetch.ts'
import { syncGroupApi } from '../protocol/apis/sync-group.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import type { WireClient } from './wire-client.test-kit.ts'
import { inEveryVersion, withBroker } from './coordinator-scene.test-kit.ts'

const { NONE } = ErrorCode

const PROTOCOLS = [{ name: 'range', metadata: Buffer.from('metadata') }]

async function joinAlone(
  client: WireClient,
  groupId: string,
  version: number,
): Promise<{ memberId: string; generationId: number }> {
  const body = {
    groupId,
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    memberId: '',
    protocolType: 'consumer',
    protocols: PROTOCOLS,
  }
  let joined = await client.call(joinGroupApi, version, body)
  if (version >= 4) {
    assert.equal(joined.errorCode, ErrorCode.MEMBER_ID_REQUIRED)
    joined = await client.call(joinGroupApi, version, { ...body, memberId: joined.memberId })
  }
  assert.equal(joined.errorCode, NONE)
  assert.equal(joined.protocolName, 'range')
  assert.equal(joined.leader, joined.memberId)
  assert.deepEqual(
    joined.members.map(({ memberId }) => memberId),
    [joined.memberId],
  )
  return { memberId: joined.memberId, generationId: joined.generationId }
}

describe('groups over the wire', () => {
  it('FindCoordinator points here, and brings the internal topics to be', () =>
    withBroker(async ({ client }) => {
      await inEveryVersion(findCoordinatorApi, async (version) => {
        for (const keyType of version === 0 ? [0] : [0, 1]) {
          const answer = await client.call(findCoordinatorApi, version, {
            key: 'k',
            keyType,
            coordinatorKeys: ['k', 'l'],
          })
          const nodes = version >= 4 ? answer.coordinators : [answer]
          assert.deepEqual(
            nodes.map(({ host, port, errorCode }) => [host, port, errorCode]),
            nodes.map(() => ['127.0.0.1', 9092, NONE]),
          )
          if (version >= 4)
            assert.deepEqual(
              answer.coordinators.map(({ key }) => key),
              ['k', 'l'],
            )
        }
      })
      const { topics } = await client.call(metadataApi, 12, { topics: null })
      const internal = topics.filter(({ isInternal }) => isInternal)
      assert.deepEqual(internal.map(({ name, partitions }) => [name, partitions.length]).toSorted(), [
        ['__consumer_offsets', 4],
        ['__transaction_state', 4],
      ])
      const unknown = await client.call(findCoordinatorApi, 6, { keyType: 7, coordinatorKeys: ['k'] })
      assert.equal(unknown.coordinators[0]!.errorCode, ErrorCode.INVALID_REQUEST)
    }))

  it('a member joins, gets its assignment, lives and leaves', () =>
    withBroker(async ({ client }) => {
      await inEveryVersion(joinGroupApi, async (version) => {
        const groupId = `g${version}`
        const who = { groupId, ...(await joinAlone(client, groupId, version)) }
        const lower = (api: { readonly versions: readonly [number, number] }): number =>
          Math.min(version, api.versions[1])
        const assignments = [{ memberId: who.memberId, assignment: Buffer.from('mine') }]
        const synced = await client.call(syncGroupApi, lower(syncGroupApi), { ...who, assignments })
        assert.equal(synced.assignment.toString(), 'mine')
        assert.equal((await client.call(heartbeatApi, lower(heartbeatApi), who)).errorCode, NONE)
        const described = (
          await client.call(describeGroupsApi, lower(describeGroupsApi), {
            groups: [groupId],
            includeAuthorizedOperations: true,
          })
        ).groups[0]!
        assert.deepEqual(
          [described.groupState, described.protocolData, described.members[0]!.clientId],
          ['Stable', 'range', 'wire-test'],
        )
        const left = await client.call(leaveGroupApi, lower(leaveGroupApi), {
          groupId,
          memberId: who.memberId,
          members: [{ memberId: who.memberId }],
        })
        assert.deepEqual(
          [left.errorCode, ...left.members.map(({ errorCode }) => errorCode)],
          version >= 3 ? [NONE, NONE] : [NONE],
        )
        assert.equal(
          (await client.call(heartbeatApi, lower(heartbeatApi), who)).errorCode,
          ErrorCode.UNKNOWN_MEMBER_ID,
        )
      })
    }))

  it('a member whose client went away is missed; a group survives a power cut', () =>
    withBroker(async (scene) => {
      const who = { groupId: 'g', ...(await joinAlone(scene.client, 'g', 9)) }
      await scene.client.call(syncGroupApi, 5, {
        ...who,
        assignments: [{ memberId: who.memberId, assignment: Buffer.from('mine') }],
      })
      const { client, simulation } = await scene.restart()
      assert.equal((await client.call(heartbeatApi, 4, who)).errorCode, NONE)
      assert.equal(
        (await client.call(syncGroupApi, 5, { ...who, assignments: [] })).assignment.toString(),
        'mine',
      )
      await sleep(simulation.clock, 10_100)
      assert.equal(
        (await client.call(describeGroupsApi, 6, { groups: ['g'] })).groups[0]!.groupState,
        'Empty',
      )
    }))

  it('offsets are committed and fetched, by name and by id', () =>
    withBroker(async ({ client, topicId }) => {
      await inEveryVersion(offsetCommitApi, async (version) => {
        const partitions = [{ partitionIndex: 1, committedOffset: version, committedMetadata: 'm' }]
        const topics = [
          { name: 't', topicId, partitions },
          { name: 'unknown', topicId: 'BBBBBBBBBBBBBBBBBBBBBB', partitions },
        ]
        const committed = await client.call(offsetCommitApi, version, { groupId: 'g', memberId: '', topics })
        const unknown = version >= 10 ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        assert.deepEqual(
          committed.topics.map((topic) => topic.partitions[0]!.errorCode),
          [NONE, unknown],
        )
        await inEveryVersion(offsetFetchApi, async (fetchVersion) => {
          const wanted = [{ name: 't', topicId, partitionIndexes: [0, 1] }]
          const answer = await client.call(offsetFetchApi, fetchVersion, {
            groupId: 'g',
            topics: wanted,
            groups: [{ groupId: 'g', topics: wanted }],
          })
          const topic = (fetchVersion >= 8 ? answer.groups[0]!.topics : answer.topics)[0]!
          assert.deepEqual(
            topic.partitions.map(({ committedOffset, metadata }) => [committedOffset, metadata]),
            [
              [-1, ''],
              [version, 'm'],
            ],
          )
        })
      })
      const all = await client.call(offsetFetchApi, 10, {
        groups: [
          { groupId: 'g', topics: null },
          { groupId: 'none', topics: null },
        ],
      })
      assert.deepEqual(
        all.groups.map(({ topics }) => topics.map((topic) => topic.topicId)),
        [[topicId], []],
      )
    }))

  it('groups are listed, described and deleted', () =>
    withBroker(async ({ client }) => {
      const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }]
      await client.call(offsetCommitApi, 9, {
        groupId: 'plain',
        memberId: '',
        topics: [{ name: 't', partitions }],
      })
      await joinAlone(client, 'members', 9)
      await inEveryVersion(listGroupsApi, async (version) => {
        const { groups } = await client.call(listGroupsApi, version, {})
        assert.deepEqual(groups.map(({ groupId }) => groupId).toSorted(), ['members', 'plain'])
      })
      const listed = async (filter: { statesFilter?: string[]; typesFilter?: string[] }): Promise<string[]> =>
        (await client.call(listGroupsApi, 5, filter)).groups.map(({ groupId }) => groupId)
      assert.deepEqual(await listed({ statesFilter: ['empty'] }), ['plain'])
      assert.deepEqual(await listed({ typesFilter: ['Classic'], statesFilter: ['CompletingRebalance'] }), [
        'members',
      ])
      assert.deepEqual(await listed({ typesFilter: ['share'] }), [])

      for (const [version, error] of [
        [5, NONE],
        [6, ErrorCode.GROUP_ID_NOT_FOUND],
      ] as const) {
        const { groups } = await client.call(describeGroupsApi, version, { groups: ['nobody'] })
        assert.deepEqual([groups[0]!.errorCode, groups[0]!.groupState], [error, 'Dead'])
      }

      const topics = [
        { name: 't', partitions: [{ partitionIndex: 0 }] },
        { name: 'unknown', partitions: [{ partitionIndex: 0 }] },
      ]
      const deleted = await client.call(offsetDeleteApi, 0, { groupId: 'plain', topics })
      assert.deepEqual(
        deleted.topics.map((topic) => topic.partitions[0]!.errorCode),
        [NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      )
      await inEveryVersion(deleteGroupsApi, async (version) => {
        await client.call(offsetCommitApi, 9, {
          groupId: 'plain',
          memberId: '',
          topics: [{ name: 't', partitions }],
        })
        const { results } = await client.call(deleteGroupsApi, version, {
          groupsNames: ['plain', 'members', 'nobody'],
        })
        assert.deepEqual(
          results.map(({ errorCode }) => errorCode),
          [NONE, ErrorCode.NON_EMPTY_GROUP, ErrorCode.GROUP_ID_NOT_FOUND],
        )
      })
    }))

  it('offsets go with their topic', () =>
    withBroker(async ({ client }) => {
      const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }]
      await client.call(offsetCommitApi, 9, {
        groupId: 'g',
        memberId: '',
        topics: [{ name: 't', partitions }],
      })
      await client.call(deleteTopicsApi, 5, { topicNames: ['t'], timeoutMs: 100 })
      const fetched = await client.call(offsetFetchApi, 9, { groups: [{ groupId: 'g', topics: null }] })
      assert.deepEqual(fetched.groups[0]!.topics, [])
    }))
})
