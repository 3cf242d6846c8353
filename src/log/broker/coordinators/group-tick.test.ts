/** What a group's timer decides has to be written down; a disk may refuse it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sleep } from '../../../world/world.ts'
import { apis } from '../../protocol/apis.ts'
import { withBroker } from '../coordinator-scene.test-kit.ts'

test('a member that expires while the disk refuses to write is looked at again now and then, and goes once it can', () =>
  withBroker(async ({ client, server }) => {
    const joining = { memberId: 'm', memberEpoch: 0, rebalanceTimeoutMs: 30_000, topicPartitions: [] }
    const request = { ...joining, groupId: 'g', subscribedTopicNames: ['t'] }
    assert.equal((await client.call(apis.consumerGroupHeartbeat, 1, request)).errorCode, 0)
    const { clock } = server.world
    const state = async (): Promise<string | undefined> =>
      (await client.call(apis.listGroups, 5, {})).groups[0]?.groupState
    server.disk.conditions.readOnly = true
    await sleep(clock, 120_000)
    assert.equal(await state(), 'Stable')
    server.disk.conditions.readOnly = false
    await sleep(clock, 5_000)
    assert.equal(await state(), 'Empty')
  }))
