import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ErrorCode } from '../../../protocol/error-code.ts'
import { ConsumerGroupHarness } from './consumer-group.test-kit.ts'

const { NONE, FENCED_MEMBER_EPOCH, UNKNOWN_MEMBER_ID, STALE_MEMBER_EPOCH } = ErrorCode

function withTopics(counts: Readonly<Record<string, number>>): ConsumerGroupHarness {
  const group = new ConsumerGroupHarness()
  for (const [name, count] of Object.entries(counts)) group.topics.put(name, count)
  return group
}

describe('a rebalance of the consumer protocol', () => {
  it('gives a partition to its new owner when the old one has given it up, and stops nobody else', () => {
    const group = withTopics({ t: 2 })
    assert.deepEqual(group.joinAs('a', ['t']), { t: [0, 1] })
    assert.deepEqual(group.joinAs('b', ['t']), {})
    assert.equal(group.state, 'Reconciling')
    assert.deepEqual(group.owns('a', { t: [0, 1] }), { t: [0] })
    assert.equal(group.owns('b', {}), null)
    assert.equal(group.owns('a', { t: [0, 1] }), null, 'it has not given it up yet')
    assert.equal(group.owns('a', { t: [0] }), null)
    assert.deepEqual(group.owns('b', {}), { t: [1] })
    assert.equal(group.state, 'Stable')
    assert.deepEqual([group.epochs.get('a'), group.epochs.get('b')], [3, 3])
  })

  it('expels a member that does not give up what it has to in its rebalance timeout', () => {
    const group = withTopics({ t: 2 })
    group.joinAs('a', ['t'], { rebalanceTimeoutMs: 15_000 })
    group.joinAs('b', ['t'])
    for (let elapsedMs = 0; elapsedMs < 20_000; elapsedMs += 2_500) {
      group.heartbeatOf('a')
      group.owns('b', {})
      group.pass(2_500)
    }
    assert.deepEqual(group.memberIds, ['b'])
    assert.deepEqual(group.joinAs('b', ['t']), { t: [0, 1] })
  })

  it('follows topics that grow, come and go', () => {
    const group = withTopics({ t: 1 })
    assert.deepEqual(group.joinAs('a', ['t', 'u']), { t: [0] })
    group.topics.put('t', 2)
    assert.deepEqual(group.owns('a', { t: [0] }), { t: [0, 1] })
    group.topics.put('u', 1)
    assert.deepEqual(group.owns('a', { t: [0, 1] }), { t: [0, 1], u: [0] })
    group.topics.put('other', 1)
    assert.equal(group.owns('a', { t: [0, 1], u: [0] }), null, 'other topics are no matter')
    group.topics.delete('t')
    assert.deepEqual(group.owns('a', { u: [0] }), { u: [0] })
  })

  it('waits for the interval between assignments, unless the clock was set back', () => {
    const group = withTopics({ t: 2 })
    const times = { sessionTimeoutMs: 60_000, heartbeatIntervalMs: 1_000, assignmentIntervalMs: 5_000 }
    group.consumerTimes = times
    assert.deepEqual(group.joinAs('a', ['t']), { t: [0, 1] })
    group.joinAs('b', ['t'])
    assert.equal(group.state, 'Assigning')
    assert.equal(group.owns('a', { t: [0, 1] }), null)
    group.pass(5_000)
    assert.deepEqual(group.owns('a', { t: [0, 1] }), { t: [0] })
  })

  it('uses the assignor that most ask for', () => {
    const group = withTopics({ t: 2, u: 2 })
    group.joinAs('a', ['t', 'u'], { assignor: 'range' })
    group.joinAs('b', ['t', 'u'])
    assert.deepEqual(group.owns('a', { t: [0, 1], u: [0, 1] }), { t: [0], u: [0] })
    assert.equal(group.coordinator.describeConsumerGroup('g').assignorName, 'range')
  })
})

describe('subscriptions', () => {
  it('by regular expression follow the topics', () => {
    const group = withTopics({ 'orders-a': 1, other: 1 })
    assert.deepEqual(
      group.assigned(group.heartbeatOf('a', { regex: 'orders-.*', owns: {}, rebalanceTimeoutMs: 1_000 })),
      {
        'orders-a': [0],
      },
    )
    group.topics.put('orders-b', 1)
    assert.deepEqual(group.owns('a', { 'orders-a': [0] }), { 'orders-a': [0], 'orders-b': [0] })
    group.topics.delete('orders-a')
    assert.deepEqual(group.owns('a', { 'orders-b': [0] }), { 'orders-b': [0] })
    assert.deepEqual(group.assigned(group.heartbeatOf('a', { regex: '', topics: ['other'], owns: {} })), {
      other: [0],
    })
  })

  it('by regular expression match what the client may know of, and are matched anew now and then', () => {
    const group = withTopics({ 'orders-a': 1, 'orders-b': 1 })
    group.consumerTimes = { sessionTimeoutMs: 900_000, heartbeatIntervalMs: 1_000, assignmentIntervalMs: 0 }
    group.hidden.add('orders-b')
    const joined = group.heartbeatOf('a', { regex: 'orders-.*', owns: {}, rebalanceTimeoutMs: 1_000 })
    assert.deepEqual(group.assigned(joined), { 'orders-a': [0] })
    group.hidden.clear()
    assert.equal(group.owns('a', { 'orders-a': [0] }), null)
    group.pass(600_000)
    assert.deepEqual(group.owns('a', { 'orders-a': [0] }), { 'orders-a': [0], 'orders-b': [0] })
  })

  it('by something that is no expression are refused, and change nothing', () => {
    const group = withTopics({ t: 1 })
    group.joinAs('a', ['t'])
    assert.equal(group.heartbeatOf('a', { regex: '[' }).errorCode, ErrorCode.INVALID_REGULAR_EXPRESSION)
    assert.equal(group.joinAs('b', ['t'], { regex: '[' }), null)
    assert.deepEqual(group.memberIds, ['a'])
  })

  it('that end take the partitions away at once', () => {
    const group = withTopics({ t: 1, u: 1 })
    group.joinAs('a', ['t'])
    assert.deepEqual(group.assigned(group.heartbeatOf('a', { topics: ['u'], owns: { t: [0] } })), {})
    assert.deepEqual(group.owns('a', {}), { u: [0] })
  })
})

describe('members of the consumer protocol', () => {
  it('are fenced when their epoch is not theirs, but may repeat what was not answered', () => {
    const group = withTopics({ t: 2 })
    group.joinAs('a', ['t'])
    group.joinAs('b', ['t'])
    group.owns('a', { t: [0] })
    assert.equal(group.heartbeatOf('a', { epoch: 2, owns: { t: [0] } }).errorCode, NONE)
    assert.equal(group.heartbeatOf('a', { epoch: 2, owns: { t: [0, 1] } }).errorCode, FENCED_MEMBER_EPOCH)
    assert.equal(group.heartbeatOf('a', { epoch: 9 }).errorCode, FENCED_MEMBER_EPOCH)
    assert.equal(group.heartbeatOf('x', { epoch: 1 }).errorCode, UNKNOWN_MEMBER_ID)
  })

  it('are expelled when they are silent for a session', () => {
    const group = withTopics({ t: 2 })
    group.joinAs('a', ['t'])
    group.joinAs('b', ['t'])
    for (let count = 0; count < 3; count++) {
      group.pass(4_000)
      group.owns('b', {})
    }
    assert.deepEqual(group.memberIds, ['b'])
    assert.equal(group.heartbeatOf('a').errorCode, UNKNOWN_MEMBER_ID)
  })

  it('that are static keep their partitions while they are away, and lose them when they stay away', () => {
    const group = withTopics({ t: 2 })
    group.joinAs('a', ['t'], { instance: 'i' })
    group.joinAs('b', ['t'], { instance: 'j' })
    group.heartbeatOf('a', { owns: { t: [0] }, instance: 'i' })
    assert.equal(group.joinAs('twin', ['t'], { instance: 'i' }), null)
    assert.equal(group.heartbeatOf('a', { epoch: -2, instance: 'i' }).memberEpoch, -2)
    assert.deepEqual(group.joinAs('a2', ['t'], { instance: 'i' }), { t: [0] })
    assert.equal(group.heartbeatOf('a', { epoch: 3, instance: 'i' }).errorCode, ErrorCode.FENCED_INSTANCE_ID)
    group.heartbeatOf('a2', { epoch: -2, instance: 'i' })
    for (let count = 0; count < 3; count++) {
      group.pass(4_000)
      group.heartbeatOf('b', { instance: 'j', owns: {} })
    }
    assert.deepEqual(group.memberIds, ['b'])
    assert.deepEqual(
      group.assigned(
        group.heartbeatOf('b', { instance: 'j', owns: { t: [] }, topics: ['t'], rebalanceTimeoutMs: 1 }),
      ),
      { t: [0, 1] },
    )
  })

  it('commit in their epoch, or in an older one what they have had since then', () => {
    const group = withTopics({ t: 2 })
    group.joinAs('a', ['t'])
    group.joinAs('b', ['t'])
    group.owns('a', { t: [0] })
    group.owns('b', {})
    const commit = (memberId: string, epoch: number, partition: number, apiVersion = 9): number => {
      const partitions = [
        { partitionIndex: partition, committedOffset: 1, committedLeaderEpoch: -1, committedMetadata: '' },
      ]
      const topics = group.commit({
        memberId,
        generationId: epoch,
        apiVersion,
        topics: [{ name: 't', partitions }],
      })
      return topics[0]!.partitions[0]!.errorCode
    }
    assert.equal(commit('a', 3, 0), NONE)
    assert.equal(commit('a', 2, 0), NONE)
    assert.equal(commit('a', 2, 1), STALE_MEMBER_EPOCH)
    assert.equal(commit('b', 2, 1), STALE_MEMBER_EPOCH)
    assert.equal(commit('b', 4, 1), STALE_MEMBER_EPOCH)
    assert.equal(commit('x', 3, 0), UNKNOWN_MEMBER_ID)
    assert.equal(commit('', -1, 0), UNKNOWN_MEMBER_ID)
    assert.equal(commit('a', 3, 0, 8), ErrorCode.UNSUPPORTED_VERSION)
    const fetch = (memberId: string | null, memberEpoch: number): number =>
      group.coordinator.fetchOffsets({
        groupId: 'g',
        topics: null,
        requireStable: false,
        reader: { memberId, memberEpoch },
      }).errorCode
    assert.deepEqual(
      [fetch('a', 3), fetch('a', 2), fetch('x', 3), fetch(null, -1)],
      [NONE, STALE_MEMBER_EPOCH, UNKNOWN_MEMBER_ID, NONE],
    )
  })

  it('are too many at some point', () => {
    const group = withTopics({ t: 1 })
    for (const id of ['a', 'b', 'c', 'd', 'e']) group.joinAs(id, ['t'])
    assert.equal(
      group.heartbeatOf('f', { topics: ['t'], owns: {}, rebalanceTimeoutMs: 1 }).errorCode,
      ErrorCode.GROUP_MAX_SIZE_REACHED,
    )
  })
})

describe('when the log refuses what was decided', () => {
  it('the group is as it was, and goes on when the log does', () => {
    const group = withTopics({ t: 2 })
    group.joinAs('a', ['t'])
    group.refuseAppends = true
    group.joinAs('b', ['t'])
    group.pass(11_000)
    assert.deepEqual(group.memberIds, ['a'])
    group.refuseAppends = false
    group.pass(6_000)
    assert.deepEqual(group.memberIds, [], 'who was silent is expelled when it can be written down')
    assert.deepEqual(group.joinAs('b', ['t']), { t: [0, 1] })
  })
})
