import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ErrorCode } from '../../protocol/error-code.ts'
import { GroupHarness, protocols } from './group-harness.test-kit.ts'

describe('joining', () => {
  it('gives a new dynamic member its id first, and a place when it comes back with it', () => {
    const group = new GroupHarness()
    const first = group.joined(group.join({ requiresKnownMemberId: true }))!
    assert.equal(first.errorCode, ErrorCode.MEMBER_ID_REQUIRED)
    const second = group.join({ requiresKnownMemberId: true, memberId: first.memberId })
    assert.equal(group.joined(second), undefined)
    group.pass(200)
    assert.equal(group.joined(second)!.errorCode, ErrorCode.NONE)
    assert.equal(group.joined(second)!.memberId, first.memberId)
  })

  it('a static member is not asked to come back', () => {
    const group = new GroupHarness()
    const waiter = group.join({ requiresKnownMemberId: true, groupInstanceId: 'i' })
    group.pass(200)
    assert.equal(group.joined(waiter)!.errorCode, ErrorCode.NONE)
  })

  it('an empty group waits for more members, longer while they come, and shows the members to the leader alone', () => {
    const group = new GroupHarness()
    const first = group.join()
    group.pass(60)
    const second = group.join()
    group.pass(60)
    assert.equal(group.joined(first), undefined)
    group.pass(100)
    const [one, two] = [group.joined(first)!, group.joined(second)!]
    assert.deepEqual([one.generationId, two.generationId], [1, 1])
    assert.equal(one.leader, one.memberId)
    assert.equal(two.leader, one.memberId)
    assert.deepEqual(
      one.members.map(({ memberId }) => memberId),
      [one.memberId, two.memberId],
    )
    assert.deepEqual(two.members, [])
    assert.equal(one.protocolName, 'range')
  })

  it('takes the protocol that all support and most prefer', () => {
    const group = new GroupHarness()
    const waiters = [
      group.join({ protocols: protocols('a', 'b', 'c') }),
      group.join({ protocols: protocols('c', 'b') }),
      group.join({ protocols: protocols('b', 'c') }),
    ]
    group.pass(300)
    assert.equal(group.joined(waiters[0]!)!.protocolName, 'b')
  })

  it('refuses what does not fit', () => {
    const group = new GroupHarness()
    const error = (request: Parameters<GroupHarness['join']>[0]): number =>
      group.joined(group.join(request))!.errorCode
    assert.equal(error({ groupId: '' }), ErrorCode.INVALID_GROUP_ID)
    assert.equal(error({ sessionTimeoutMs: 999 }), ErrorCode.INVALID_SESSION_TIMEOUT)
    assert.equal(error({ sessionTimeoutMs: 60_001 }), ErrorCode.INVALID_SESSION_TIMEOUT)
    assert.equal(error({ memberId: 'nobody' }), ErrorCode.UNKNOWN_MEMBER_ID)
    assert.equal(error({ protocols: [] }), ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
    group.stable(1)
    assert.equal(error({ protocols: protocols('other') }), ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
    assert.equal(error({ protocolType: 'connect' }), ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
    assert.equal(error({ memberId: 'nobody' }), ErrorCode.UNKNOWN_MEMBER_ID)
  })

  it('a full group takes no more, but lets its members rejoin', () => {
    const group = new GroupHarness()
    const { memberIds } = group.stable(5)
    assert.equal(group.joined(group.join())!.errorCode, ErrorCode.GROUP_MAX_SIZE_REACHED)
    assert.equal(group.joined(group.join({ memberId: memberIds[3]! }))!.errorCode, ErrorCode.NONE)
  })
})

describe('a generation', () => {
  it('is written down when the leader brings the assignment, and everybody gets its own', () => {
    const group = new GroupHarness()
    const waiters = [group.join(), group.join()]
    group.pass(200)
    const [leader, follower] = waiters.map((waiter) => group.joined(waiter)!)
    const waiting = group.sync({ memberId: follower!.memberId, generationId: 1 })
    assert.equal(group.synced(waiting), undefined)
    assert.equal(group.log.length, 0)
    const [leading] = group.settle([leader!])
    assert.equal(group.log.length, 1)
    assert.equal(group.synced(waiting)!.assignment.toString(), follower!.memberId)
    assert.equal(group.synced(leading!)!.assignment.toString(), leader!.memberId)
    // A repeated SyncGroup is answered again.
    assert.equal(
      group.synced(group.sync({ memberId: follower!.memberId, generationId: 1 }))!.assignment.toString(),
      follower!.memberId,
    )
  })

  it('is checked in every request', () => {
    const group = new GroupHarness()
    const { memberIds, generationId } = group.stable(1)
    const memberId = memberIds[0]!
    assert.equal(group.heartbeat(memberId, generationId), ErrorCode.NONE)
    assert.equal(group.heartbeat(memberId, generationId - 1), ErrorCode.ILLEGAL_GENERATION)
    assert.equal(group.heartbeat('nobody', generationId), ErrorCode.UNKNOWN_MEMBER_ID)
    assert.equal(
      group.synced(group.sync({ memberId, generationId: 7 }))!.errorCode,
      ErrorCode.ILLEGAL_GENERATION,
    )
    assert.equal(
      group.synced(group.sync({ memberId: 'nobody', generationId }))!.errorCode,
      ErrorCode.UNKNOWN_MEMBER_ID,
    )
    assert.equal(
      group.synced(group.sync({ memberId, generationId, protocolName: 'other' }))!.errorCode,
      ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
    )
  })

  it('survives a restart: members go on without a rebalance', () => {
    const group = new GroupHarness()
    const { memberIds, generationId } = group.stable(2)
    group.restart()
    assert.equal(group.heartbeat(memberIds[1]!, generationId), ErrorCode.NONE)
    const waiter = group.sync({ memberId: memberIds[1]!, generationId })
    assert.equal(group.synced(waiter)!.assignment.toString(), memberIds[1])
    assert.equal(group.coordinator.describe('g').groupState, 'Stable')
  })

  it('that the log refuses is followed by another rebalance', () => {
    const group = new GroupHarness()
    const waiter = group.join()
    group.pass(200)
    group.refuseAppends = true
    group.settle([group.joined(waiter)!])
    assert.equal(group.coordinator.describe('g').groupState, 'PreparingRebalance')
    group.refuseAppends = false
    const again = group.join({ memberId: group.joined(waiter)!.memberId })
    assert.equal(group.joined(again)!.generationId, 2)
  })
})

describe('a rebalance', () => {
  it('begins with a new member, is told to heartbeats, and ends when all have rejoined', () => {
    const group = new GroupHarness()
    const { memberIds, generationId } = group.stable(2)
    const third = group.join()
    assert.equal(group.heartbeat(memberIds[0]!, generationId), ErrorCode.REBALANCE_IN_PROGRESS)
    assert.equal(
      group.synced(group.sync({ memberId: memberIds[0]!, generationId }))!.errorCode,
      ErrorCode.REBALANCE_IN_PROGRESS,
    )
    group.join({ memberId: memberIds[0]! })
    assert.equal(group.joined(third), undefined)
    group.join({ memberId: memberIds[1]! })
    assert.equal(group.joined(third)!.generationId, generationId + 1)
  })

  it('expels who does not rejoin in time; the leader is replaced', () => {
    const group = new GroupHarness()
    const { memberIds, generationId } = group.stable(2, { sessionTimeoutMs: 60_000 })
    const second = group.join({
      memberId: memberIds[1]!,
      protocols: protocols('range', 'x'),
      sessionTimeoutMs: 60_000,
    })
    group.pass(30_000)
    const answer = group.joined(second)!
    assert.equal(answer.generationId, generationId + 1)
    assert.equal(answer.leader, memberIds[1])
    assert.deepEqual(
      answer.members.map(({ memberId }) => memberId),
      [memberIds[1]],
    )
    assert.equal(group.heartbeat(memberIds[0]!, generationId + 1), ErrorCode.UNKNOWN_MEMBER_ID)
  })

  it('is asked for by a leader that rejoins, not by a follower that says nothing new', () => {
    const group = new GroupHarness()
    const { memberIds, generationId } = group.stable(2)
    const follower = group.joined(group.join({ memberId: memberIds[1]! }))!
    assert.deepEqual([follower.errorCode, follower.generationId], [ErrorCode.NONE, generationId])
    assert.deepEqual(follower.members, [])
    const leader = group.join({ memberId: memberIds[0]! })
    assert.equal(group.joined(leader), undefined)
    group.join({ memberId: memberIds[1]! })
    assert.equal(group.joined(leader)!.generationId, generationId + 1)
  })

  it('answers those who wait for an assignment', () => {
    const group = new GroupHarness()
    const waiters = [group.join(), group.join()]
    group.pass(200)
    const follower = group.joined(waiters[1]!)!
    const waiting = group.sync({ memberId: follower.memberId, generationId: 1 })
    group.join()
    assert.equal(group.synced(waiting)!.errorCode, ErrorCode.REBALANCE_IN_PROGRESS)
  })

  it('expels who never asks for its assignment', () => {
    const group = new GroupHarness()
    const waiters = [group.join({ sessionTimeoutMs: 60_000 }), group.join({ sessionTimeoutMs: 60_000 })]
    group.pass(200)
    group.settle([group.joined(waiters[0]!)!])
    assert.equal(group.coordinator.describe('g').members.length, 2)
    group.pass(30_000)
    assert.equal(group.coordinator.describe('g').members.length, 1)
    assert.equal(group.coordinator.describe('g').groupState, 'PreparingRebalance')
  })

  it('a second join of a member answers the first', () => {
    const group = new GroupHarness()
    const { memberIds } = group.stable(2)
    const first = group.join({ memberId: memberIds[0]! })
    const second = group.join({ memberId: memberIds[0]! })
    assert.equal(group.joined(first)!.errorCode, ErrorCode.REBALANCE_IN_PROGRESS)
    group.join({ memberId: memberIds[1]! })
    assert.equal(group.joined(second)!.errorCode, ErrorCode.NONE)
  })
})

describe('sessions', () => {
  it('end without heartbeats and last with them', () => {
    const group = new GroupHarness()
    const { memberIds, generationId } = group.stable(2)
    group.pass(6_000)
    group.heartbeat(memberIds[0]!, generationId)
    group.pass(6_000)
    assert.equal(group.heartbeat(memberIds[0]!, generationId), ErrorCode.REBALANCE_IN_PROGRESS)
    assert.equal(group.heartbeat(memberIds[1]!, generationId), ErrorCode.UNKNOWN_MEMBER_ID)
  })

  it('do not end while a request of the member waits', () => {
    const group = new GroupHarness()
    const { memberIds, generationId } = group.stable(2)
    const first = group.join({ memberId: memberIds[0]! })
    for (let round = 0; round < 4; round++) {
      group.pass(5_000)
      group.heartbeat(memberIds[1]!, generationId)
    }
    assert.equal(group.joined(first), undefined)
    group.join({ memberId: memberIds[1]! })
    assert.equal(group.joined(first)!.errorCode, ErrorCode.NONE)
  })

  it('an id that was handed out and never used does not hold a rebalance up for ever', () => {
    const group = new GroupHarness()
    const { memberIds } = group.stable(1)
    group.join({ requiresKnownMemberId: true })
    const waiter = group.join({ memberId: memberIds[0]! })
    assert.equal(group.joined(waiter), undefined)
    group.pass(10_000)
    assert.equal(group.joined(waiter)!.errorCode, ErrorCode.NONE)
  })

  it('leave no trace of a group that nobody ever was in', () => {
    const group = new GroupHarness()
    group.join({ requiresKnownMemberId: true })
    assert.equal(group.coordinator.list().length, 1)
    group.pass(10_000)
    assert.deepEqual(group.coordinator.list(), [])
  })
})

describe('leaving', () => {
  it('rebalances the others; the last one leaves an empty group behind', () => {
    const group = new GroupHarness()
    const { memberIds, generationId } = group.stable(2)
    assert.deepEqual(group.leave(memberIds[0]!, 'nobody'), [ErrorCode.NONE, ErrorCode.UNKNOWN_MEMBER_ID])
    assert.equal(group.heartbeat(memberIds[1]!, generationId), ErrorCode.REBALANCE_IN_PROGRESS)
    group.leave(memberIds[1]!)
    assert.equal(group.coordinator.describe('g').groupState, 'Empty')
    group.restart()
    assert.equal(group.coordinator.describe('g').groupState, 'Empty')
  })

  it('lets those go on who wait for it', () => {
    const group = new GroupHarness()
    const { memberIds } = group.stable(2)
    const waiter = group.join({ memberId: memberIds[1]!, protocols: protocols('range', 'new') })
    group.leave(memberIds[0]!)
    assert.equal(group.joined(waiter)!.leader, memberIds[1])
  })

  it('of a static member works by its instance id', () => {
    const group = new GroupHarness()
    group.stable(1, { groupInstanceId: 'i' })
    const leave = (memberId: string, groupInstanceId: string): number => {
      const { memberErrors, effects } = group.coordinator.leave(
        { groupId: 'g', members: [{ memberId, groupInstanceId }] },
        group.now,
      )
      group.carryOut('g', effects)
      return memberErrors[0]!
    }
    assert.equal(leave('', 'unknown'), ErrorCode.UNKNOWN_MEMBER_ID)
    assert.equal(leave('other', 'i'), ErrorCode.FENCED_INSTANCE_ID)
    assert.equal(leave('', 'i'), ErrorCode.NONE)
    assert.equal(group.coordinator.describe('g').groupState, 'Empty')
  })
})

describe('static members', () => {
  it('come back under a new id to the same generation and assignment; the old id is fenced', () => {
    const group = new GroupHarness()
    const { memberIds, generationId } = group.stable(1, { groupInstanceId: 'i' })
    const written = group.log.length
    const back = group.joined(group.join({ groupInstanceId: 'i' }))!
    assert.deepEqual(
      [back.errorCode, back.generationId, back.skipAssignment],
      [ErrorCode.NONE, generationId, true],
    )
    assert.notEqual(back.memberId, memberIds[0])
    assert.equal(group.log.length, written + 1)
    assert.equal(group.heartbeat(memberIds[0]!, generationId, 'i'), ErrorCode.FENCED_INSTANCE_ID)
    assert.equal(group.heartbeat(back.memberId, generationId, 'i'), ErrorCode.NONE)
    const synced = group.synced(group.sync({ memberId: back.memberId, generationId, groupInstanceId: 'i' }))!
    assert.equal(synced.assignment.toString(), memberIds[0])
    group.restart()
    assert.equal(group.heartbeat(back.memberId, generationId, 'i'), ErrorCode.NONE)
  })

  it('an old client is not told that it leads', () => {
    const group = new GroupHarness()
    const { memberIds } = group.stable(1, { groupInstanceId: 'i' })
    const back = group.joined(group.join({ groupInstanceId: 'i', canSkipAssignment: false }))!
    assert.equal(back.leader, memberIds[0])
    assert.deepEqual(back.members, [])
  })

  it('with other metadata cause a rebalance', () => {
    const group = new GroupHarness()
    group.stable(1, { groupInstanceId: 'i' })
    const changed = [{ name: 'range', metadata: Buffer.from('changed') }]
    const back = group.joined(group.join({ groupInstanceId: 'i', protocols: changed }))!
    assert.equal(back.generationId, 2)
  })

  it('keep their place through a rebalance that they miss, until their session ends', () => {
    const group = new GroupHarness()
    const waiters = [group.join({ groupInstanceId: 'a', sessionTimeoutMs: 60_000 }), group.join()]
    group.pass(200)
    group.settle(waiters.map((waiter) => group.joined(waiter)!))
    const dynamic = group.joined(waiters[1]!)!.memberId
    const waiter = group.join({ memberId: dynamic, protocols: protocols('range', 'new') })
    group.pass(30_000)
    assert.equal(group.joined(waiter)!.generationId, 2)
    assert.equal(group.coordinator.describe('g').members.length, 2)
  })
})
