import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ErrorCode } from '../../protocol/error-code.ts'
import type { GroupCoordinator } from './group-coordinator.ts'
import { CONFIG, GroupHarness, durableState, subscription, topicOffset } from './group-harness.test-kit.ts'

const NONE = ErrorCode.NONE

function errorOf(topics: ReturnType<GroupHarness['commit']>): number {
  return topics[0]!.partitions[0]!.errorCode
}

describe('commits', () => {
  it('of nobody go into groups without members only', () => {
    const group = new GroupHarness()
    assert.equal(errorOf(group.commit({}, 5)), NONE)
    assert.deepEqual(group.fetch(), { offset: 5, errorCode: NONE })
    group.stable(1)
    assert.equal(errorOf(group.commit({}, 6)), ErrorCode.UNKNOWN_MEMBER_ID)
    assert.equal(group.fetch().offset, 5)
  })

  it('of members need their generation', () => {
    const group = new GroupHarness()
    const { memberIds, generationId } = group.stable(2)
    const memberId = memberIds[0]!
    assert.equal(errorOf(group.commit({ memberId, generationId })), NONE)
    assert.equal(
      errorOf(group.commit({ memberId, generationId: generationId - 1 })),
      ErrorCode.ILLEGAL_GENERATION,
    )
    assert.equal(errorOf(group.commit({ memberId: 'nobody', generationId })), ErrorCode.UNKNOWN_MEMBER_ID)
    assert.equal(errorOf(new GroupHarness().commit({ memberId, generationId })), ErrorCode.ILLEGAL_GENERATION)
  })

  it('are allowed while members rejoin, not between the join and the assignment', () => {
    const group = new GroupHarness()
    const { memberIds, generationId } = group.stable(1)
    const memberId = memberIds[0]!
    group.join()
    assert.equal(errorOf(group.commit({ memberId, generationId })), NONE)
    group.join({ memberId })
    assert.equal(
      errorOf(group.commit({ memberId, generationId: generationId + 1 })),
      ErrorCode.REBALANCE_IN_PROGRESS,
    )
  })

  it('keep a session alive', () => {
    const group = new GroupHarness()
    const { memberIds, generationId } = group.stable(1)
    group.pass(9_000)
    group.commit({ memberId: memberIds[0]!, generationId })
    group.pass(9_000)
    assert.equal(group.heartbeat(memberIds[0]!, generationId), NONE)
  })

  it('with too long a text are refused, the others of the request are not', () => {
    const group = new GroupHarness()
    const topics = [topicOffset('t', 0, 1, 'x'.repeat(21)), topicOffset('t', 1, 2, 'x'.repeat(20))]
    const answer = group.commit({ topics })
    assert.deepEqual(
      answer.map(({ partitions }) => partitions[0]!.errorCode),
      [ErrorCode.OFFSET_METADATA_TOO_LARGE, NONE],
    )
    assert.equal(group.fetch('t', 0).offset, -1)
    assert.equal(group.fetch('t', 1).offset, 2)
  })
})

describe('fetching', () => {
  it('shows -1 where there is nothing, and everything when asked for all', () => {
    const group = new GroupHarness()
    assert.deepEqual(group.fetch(), { offset: -1, errorCode: NONE })
    group.commit({ topics: [topicOffset('a', 0, 1), topicOffset('b', 3, 2)] })
    const all = group.coordinator.fetchOffsets({ groupId: 'g', topics: null, requireStable: false })
    assert.deepEqual(
      all.topics.map(({ name, partitions }) => [
        name,
        partitions.map(({ partitionIndex, committedOffset }) => [partitionIndex, committedOffset]),
      ]),
      [
        ['a', [[0, 1]]],
        ['b', [[3, 2]]],
      ],
    )
    assert.deepEqual(
      group.coordinator.fetchOffsets({ groupId: 'unknown', topics: null, requireStable: false }).topics,
      [],
    )
  })
})

describe('offsets in transactions', () => {
  it('are invisible until the commit, and make stable reads wait', () => {
    const group = new GroupHarness()
    group.commit({}, 1)
    group.commit({}, 7, 42)
    assert.deepEqual(group.fetch(), { offset: 1, errorCode: NONE })
    assert.deepEqual(group.fetch('t', 0, true), { offset: -1, errorCode: ErrorCode.UNSTABLE_OFFSET_COMMIT })
    assert.deepEqual(group.fetch('t', 1, true), { offset: -1, errorCode: NONE })
    group.endTransaction(42, 'commit')
    assert.deepEqual(group.fetch('t', 0, true), { offset: 7, errorCode: NONE })
  })

  it('vanish with an abort', () => {
    const group = new GroupHarness()
    group.commit({}, 7, 42)
    group.endTransaction(42, 'abort')
    assert.deepEqual(group.fetch('t', 0, true), { offset: -1, errorCode: NONE })
    assert.deepEqual(group.coordinator.list(), [])
  })

  it('do not overwrite what was committed after them', () => {
    const group = new GroupHarness()
    group.commit({}, 7, 42)
    group.commit({}, 9)
    group.endTransaction(42, 'commit')
    assert.equal(group.fetch().offset, 9)
  })

  it('of members need their generation; without one any group takes them', () => {
    const group = new GroupHarness()
    const { memberIds, generationId } = group.stable(1)
    assert.equal(
      errorOf(group.commit({ memberId: memberIds[0]!, generationId: generationId + 1 }, 1, 42)),
      ErrorCode.ILLEGAL_GENERATION,
    )
    assert.equal(
      errorOf(group.commit({ memberId: 'nobody', generationId }, 1, 42)),
      ErrorCode.UNKNOWN_MEMBER_ID,
    )
    assert.equal(errorOf(group.commit({}, 1, 42)), NONE)
  })

  it('are still open after a restart', () => {
    const group = new GroupHarness()
    group.commit({}, 7, 42)
    group.restart()
    assert.equal(group.fetch('t', 0, true).errorCode, ErrorCode.UNSTABLE_OFFSET_COMMIT)
    group.endTransaction(42, 'commit')
    assert.equal(group.fetch('t', 0, true).offset, 7)
  })

  it('come through a snapshot in their order with other commits', () => {
    const group = new GroupHarness()
    group.commit({}, 1)
    group.commit({ topics: [topicOffset('t', 0, 2), topicOffset('u', 0, 2)] }, 0, 42)
    group.commit({}, 3)
    const { snapshotAt } = group.compact()
    group.endTransaction(42, 'commit')
    assert.equal(group.fetch('t').offset, 3)
    assert.equal(group.fetch('u').offset, 2)
    assert.deepEqual(durableState(group.replayed(snapshotAt)), durableState(group.coordinator))
  })

  it('stay newer than what was committed before them when power cuts a snapshot short', () => {
    const group = new GroupHarness()
    group.commit({}, 1)
    group.commit({}, 7, 42)
    group.compact()
    assert.equal(group.log.pop()?.producerId, 42)
    group.restart()
    group.endTransaction(42, 'commit')
    assert.equal(group.fetch().offset, 7)
  })
})

describe('expiry', () => {
  const expire = (group: GroupHarness): void => group.append(group.coordinator.expireOffsets(group.now))

  it('takes the offsets of a group that nobody is in, and the group with them', () => {
    const group = new GroupHarness()
    const { memberIds, generationId } = group.stable(1)
    group.commit({ memberId: memberIds[0]!, generationId })
    group.nowMs += CONFIG.offsetsRetentionMs
    expire(group)
    assert.equal(group.fetch().offset, 1)
    group.leave(memberIds[0]!)
    group.nowMs += CONFIG.offsetsRetentionMs - 1
    expire(group)
    assert.equal(group.fetch().offset, 1)
    group.nowMs += 1
    expire(group)
    assert.deepEqual(group.coordinator.list(), [])
    assert.deepEqual(group.replayed().list(), [])
  })

  it('takes what members no longer subscribe to, not what they do', () => {
    const group = new GroupHarness()
    const { memberIds, generationId } = group.stable(1, {
      sessionTimeoutMs: 60_000,
      protocols: [{ name: 'range', metadata: subscription('kept') }],
    })
    group.commit({
      memberId: memberIds[0]!,
      generationId,
      topics: [topicOffset('kept', 0, 1), topicOffset('left', 0, 1)],
    })
    group.nowMs += CONFIG.offsetsRetentionMs
    expire(group)
    assert.equal(group.fetch('kept').offset, 1)
    assert.equal(group.fetch('left').offset, -1)
  })

  it('follows the retention that an old client asked for', () => {
    const group = new GroupHarness()
    group.commit({ retentionTimeMs: 50 })
    group.restart()
    group.nowMs += 50
    expire(group)
    assert.equal(group.fetch().offset, -1)
  })

  it('waits for open transactions', () => {
    const group = new GroupHarness()
    group.commit({}, 1)
    group.commit({}, 2, 42)
    group.nowMs += CONFIG.offsetsRetentionMs
    expire(group)
    assert.equal(group.fetch().offset, 1)
  })

  it('of a deleted topic is at once', () => {
    const group = new GroupHarness()
    group.commit({ topics: [topicOffset('gone', 0, 1), topicOffset('stays', 0, 1)] })
    group.append(group.coordinator.expireOffsets(group.now, 'gone'))
    assert.equal(group.fetch('gone').offset, -1)
    assert.equal(group.fetch('stays').offset, 1)
  })
})

describe('deleting', () => {
  it('a group works when nobody is in it', () => {
    const group = new GroupHarness()
    const { memberIds, generationId } = group.stable(1)
    group.commit({ memberId: memberIds[0]!, generationId })
    assert.equal(group.coordinator.deleteGroup('g', group.now).errorCode, ErrorCode.NON_EMPTY_GROUP)
    assert.equal(group.coordinator.deleteGroup('x', group.now).errorCode, ErrorCode.GROUP_ID_NOT_FOUND)
    group.leave(memberIds[0]!)
    group.append(group.coordinator.deleteGroup('g', group.now).records)
    assert.deepEqual(group.coordinator.list(), [])
    assert.equal(group.coordinator.describe('g').groupState, 'Dead')
    assert.deepEqual(durableState(group.replayed()), durableState(group.coordinator))
  })

  it('the last offset leaves the group until offsets expire, over restarts', () => {
    const group = new GroupHarness()
    group.commit({ topics: [topicOffset('t', 0, 1), topicOffset('u', 0, 1)] })
    const remove = (name: string): void => {
      const topics = [{ name, partitions: [{ partitionIndex: 0 }] }]
      group.append(group.coordinator.deleteOffsets('g', topics, group.now).records)
    }
    remove('t')
    remove('u')
    const states = (coordinator: GroupCoordinator): unknown =>
      coordinator.list().map(({ groupId, groupState }) => [groupId, groupState])
    assert.deepEqual(states(group.coordinator), [['g', 'Empty']])
    assert.deepEqual(states(group.replayed()), [['g', 'Empty']])
    assert.deepEqual(durableState(group.replayed()), durableState(group.coordinator))
    group.append(group.coordinator.expireOffsets(group.now))
    assert.deepEqual([states(group.coordinator), states(group.replayed())], [[], []])

    group.commit({ topics: [topicOffset('gone', 0, 1)] })
    group.append(group.coordinator.expireOffsets(group.now, 'gone'))
    assert.deepEqual(states(group.replayed()), [['g', 'Empty']])
    group.commit({ topics: [topicOffset('u', 0, 1)] }, 7)
    assert.equal(group.fetch('u').offset, 1)
  })

  it('offsets works for topics that nobody consumes', () => {
    const group = new GroupHarness()
    const { memberIds, generationId } = group.stable(1, {
      protocols: [{ name: 'range', metadata: subscription('used') }],
    })
    group.commit({
      memberId: memberIds[0]!,
      generationId,
      topics: [topicOffset('used', 0, 1), topicOffset('free', 0, 1)],
    })
    const partitions = [{ partitionIndex: 0 }]
    const answer = group.coordinator.deleteOffsets(
      'g',
      [
        { name: 'used', partitions },
        { name: 'free', partitions },
      ],
      group.now,
    )
    assert.deepEqual(
      answer.topics.map((topic) => topic.partitions[0]!.errorCode),
      [ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC, NONE],
    )
    group.append(answer.records)
    assert.equal(group.fetch('free').offset, -1)
    assert.equal(group.fetch('used').offset, 1)
  })
})
