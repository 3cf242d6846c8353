import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ErrorCode } from '../../../protocol/error-code.ts'
import { subscription } from '../group-harness.test-kit.ts'
import type { JoinResult } from '../group-step.ts'
import { ConsumerGroupHarness } from './consumer-group.test-kit.ts'
import { decodeAssignment, encodeAssignment } from './consumer-protocol.ts'

const { NONE, REBALANCE_IN_PROGRESS, UNKNOWN_MEMBER_ID } = ErrorCode

const OF_T = { protocols: [{ name: 'range', metadata: subscription('t') }] }

/** A group of one classic member `m1` that has all four partitions of `t`. */
function classicGroup(): ConsumerGroupHarness {
  const group = new ConsumerGroupHarness()
  group.topics.put('t', 4)
  const waiter = group.join(OF_T)
  group.pass(200)
  const { memberId, generationId } = group.joined(waiter)!
  const assignment = encodeAssignment(0, [{ topic: 't', partitions: [0, 1, 2, 3] }])
  group.sync({ memberId, generationId, assignments: [{ memberId, assignment }] })
  assert.equal(memberId, 'm1')
  return group
}

function rejoin(group: ConsumerGroupHarness, memberId: string): JoinResult {
  return group.joined(group.join({ ...OF_T, memberId }))!
}

function assigned(group: ConsumerGroupHarness, waiter: number): unknown {
  return decodeAssignment(group.synced(waiter)!.assignment)!.partitions
}

describe('a group that is upgraded while it works', () => {
  it('keeps its classic members, which hear of each step by a heartbeat', () => {
    const group = classicGroup()
    assert.deepEqual(group.joinAs('new', ['t']), {})
    assert.equal(group.coordinator.list()[0]!.groupType, 'consumer')
    assert.equal(group.coordinator.describe('g').errorCode, ErrorCode.GROUP_ID_NOT_FOUND)
    assert.equal(group.heartbeat('m1', 1), REBALANCE_IN_PROGRESS)

    // Its metadata are of version 0, which cannot say what it owns: having joined, it has given up what it was not left.
    const { generationId, leader, errorCode } = rejoin(group, 'm1')
    assert.deepEqual([generationId, leader, errorCode], [2, '', NONE])
    assert.deepEqual(assigned(group, group.sync({ memberId: 'm1', generationId })), [
      { topic: 't', partitions: [0, 1] },
    ])
    assert.equal(group.heartbeat('m1', 2), NONE)
    assert.deepEqual(group.owns('new', {}), { t: [2, 3] })
    assert.equal(group.state, 'Stable')
  })

  it('lets a join that was waiting in the classic group begin anew', () => {
    const group = classicGroup()
    const waiting = group.join({ ...OF_T, newMemberId: 'm2' })
    assert.equal(group.joined(waiting), undefined)
    group.joinAs('new', ['t'])
    assert.equal(group.joined(waiting)!.errorCode, REBALANCE_IN_PROGRESS)
  })

  it('expels classic members that do not join or sync in time', () => {
    const group = classicGroup()
    group.joinAs('new', ['t'], { rebalanceTimeoutMs: 100_000 })
    const beat = (): void => {
      group.heartbeat('m1', 1)
      group.heartbeatOf('new')
      group.pass(5_000)
    }
    for (let count = 0; count < 5; count++) beat()
    assert.deepEqual(group.memberIds, ['m1', 'new'])
    for (let count = 0; count < 3; count++) beat()
    assert.deepEqual(group.memberIds, ['new'])
  })

  it('is refused where the group is not one of consumers', () => {
    const group = new ConsumerGroupHarness()
    group.topics.put('t', 1)
    group.join({ protocolType: 'connect' })
    group.pass(200)
    const { errorCode } = group.heartbeatOf('new', { topics: ['t'], owns: {}, rebalanceTimeoutMs: 1 })
    assert.equal(errorCode, ErrorCode.GROUP_ID_NOT_FOUND)
    assert.equal(group.coordinator.describe('g').members.length, 1)
  })
})

describe('a group that is downgraded while it works', () => {
  it('is a classic one again when the last member of the consumer protocol leaves', () => {
    const group = classicGroup()
    group.joinAs('new', ['t'])
    rejoin(group, 'm1')
    assert.equal(group.leaveAs('new'), NONE)
    const described = group.coordinator.describe('g')
    assert.deepEqual([described.groupState, described.members.length], ['PreparingRebalance', 1])
    assert.equal(group.heartbeat('m1', 2), REBALANCE_IN_PROGRESS)
    const { generationId, leader } = rejoin(group, 'm1')
    assert.deepEqual([generationId, leader], [3, 'm1'])
  })

  it('or when its session ends, or when a static member comes back by the classic protocol', () => {
    const silent = classicGroup()
    silent.joinAs('new', ['t'])
    for (let count = 0; count < 3; count++) {
      const { generationId } = rejoin(silent, 'm1')
      silent.sync({ memberId: 'm1', generationId })
      silent.pass(4_000)
      silent.heartbeat('m1', generationId)
    }
    assert.equal(silent.coordinator.list()[0]!.groupType, 'classic')

    const replaced = classicGroup()
    replaced.joinAs('new', ['t'], { instance: 'i' })
    const { generationId } = rejoin(replaced, 'm1')
    replaced.sync({ memberId: 'm1', generationId })
    replaced.heartbeatOf('new', { instance: 'i', owns: {} })
    const waiter = replaced.join({ ...OF_T, groupInstanceId: 'i', newMemberId: 'back' })
    assert.equal(replaced.joined(waiter)!.errorCode, NONE)
    assert.equal(replaced.coordinator.describe('g').groupState, 'Stable')
    const synced = replaced.sync({
      memberId: 'back',
      groupInstanceId: 'i',
      generationId: replaced.joined(waiter)!.generationId,
    })
    assert.deepEqual(assigned(replaced, synced), [{ topic: 't', partitions: [2, 3] }])
  })

  it('survives a restart at any point', () => {
    const group = classicGroup()
    group.joinAs('new', ['t'])
    group.restart()
    const { generationId } = rejoin(group, 'm1')
    group.restart()
    assert.deepEqual(assigned(group, group.sync({ memberId: 'm1', generationId })), [
      { topic: 't', partitions: [0, 1] },
    ])
    group.leaveAs('new')
    group.restart()
    assert.equal(group.coordinator.describe('g').groupState, 'Stable')
    assert.equal(group.coordinator.describe('g').members[0]!.memberId, 'm1')
  })
})

describe('a group that nobody is in', () => {
  it('takes on the protocol of whoever comes, with its offsets', () => {
    const group = classicGroup()
    group.commit({ memberId: 'm1', generationId: 1 }, 7)
    group.leave('m1')
    group.joinAs('new', ['t'])
    assert.equal(group.fetch().offset, 7)
    assert.equal(group.leaveAs('new'), NONE)
    assert.equal(group.coordinator.list()[0]!.groupState, 'Empty')
    const waiter = group.join(OF_T)
    group.pass(200)
    assert.equal(group.joined(waiter)!.errorCode, NONE)
    assert.equal(group.coordinator.list()[0]!.groupType, 'classic')
    assert.equal(group.fetch().offset, 7)
  })

  it('is deleted with everything that it is', () => {
    const group = new ConsumerGroupHarness()
    group.topics.put('t', 1)
    group.joinAs('a', ['t'], { regex: 't.*' })
    assert.equal(group.coordinator.deleteGroup('g', group.now).errorCode, ErrorCode.NON_EMPTY_GROUP)
    group.leaveAs('a')
    group.append(group.coordinator.deleteGroup('g', group.now).records)
    assert.deepEqual(group.coordinator.list(), [])
    assert.equal(group.heartbeatOf('a').errorCode, ErrorCode.GROUP_ID_NOT_FOUND)
  })

  it('goes when its offsets have gone', () => {
    const group = new ConsumerGroupHarness()
    group.topics.put('t', 1)
    group.joinAs('a', ['t'])
    group.commit({ memberId: 'a', generationId: 2, apiVersion: 9 })
    group.leaveAs('a')
    group.pass(200_000)
    group.append(group.coordinator.expireOffsets(group.now))
    group.append(group.coordinator.expireOffsets(group.now))
    assert.deepEqual(group.coordinator.list(), [])
  })
})

it('LeaveGroup takes members of the consumer protocol out, as administrators do', () => {
  const group = new ConsumerGroupHarness()
  group.topics.put('t', 2)
  group.joinAs('a', ['t'])
  group.joinAs('b', ['t'])
  assert.deepEqual(group.leave('a', 'x'), [NONE, UNKNOWN_MEMBER_ID])
  assert.deepEqual(group.memberIds, ['b'])
})
