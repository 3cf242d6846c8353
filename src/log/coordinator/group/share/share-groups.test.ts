import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ErrorCode } from '../../../protocol/error-code.ts'
import { durableState, GroupHarness, protocols } from '../group-harness.test-kit.ts'
import type { ShareHeartbeatRequest, ShareHeartbeatResult } from './share-heartbeat.ts'
import { assignSimple } from './simple-assignor.ts'

/** A share group `g` and members that remember the epoch that they were told. */
class ShareHarness extends GroupHarness {
  readonly #epochs = new Map<string, number>()

  say(memberId: string, saying: Partial<ShareHeartbeatRequest> = {}): ShareHeartbeatResult {
    const request: ShareHeartbeatRequest = {
      groupId: 'g',
      memberId,
      memberEpoch: this.#epochs.get(memberId) ?? 0,
      rackId: null,
      subscribedTopicNames: null,
      clientId: 'client',
      clientHost: '/127.0.0.1',
      ...saying,
    }
    const { result, records } = this.coordinator.shareHeartbeat(request, this.now)
    this.append(records)
    if (result.errorCode === ErrorCode.NONE) this.#epochs.set(memberId, result.memberEpoch)
    return result
  }

  /** Joins and gives what the member is assigned, by topic. */
  enter(memberId: string, ...subscribedTopicNames: string[]): Record<string, readonly number[]> | null {
    return this.assigned(this.say(memberId, { memberEpoch: 0, subscribedTopicNames }))
  }

  assigned({ assignment }: ShareHeartbeatResult): Record<string, readonly number[]> | null {
    return (
      assignment &&
      Object.fromEntries(
        assignment.topicPartitions.map(
          ({ topicId, partitions }) => [this.topics.topicById(topicId)!.name, partitions] as const,
        ),
      )
    )
  }

  get memberIds(): string[] {
    return this.coordinator.describeShareGroup('g').members.map(({ memberId }) => memberId)
  }
}

function withTopic(partitions: number): ShareHarness {
  const harness = new ShareHarness()
  harness.topics.put('t', partitions)
  return harness
}

describe('share groups', () => {
  it('share partitions among members, and give them back', () => {
    const harness = withTopic(2)
    assert.deepEqual(harness.enter('a', 't'), { t: [0, 1] })
    assert.deepEqual(harness.enter('b', 't'), { t: [1] })
    assert.deepEqual(harness.enter('c', 't'), { t: [0] }, 'which another has, too')
    assert.deepEqual(harness.assigned(harness.say('a')), { t: [0] })
    assert.equal(harness.say('a').assignment, null, 'as before')
    assert.equal(harness.say('b', { memberEpoch: -1 }).errorCode, ErrorCode.NONE)
    assert.deepEqual(harness.assigned(harness.say('c')), { t: [1] })
  })

  it('hear of topics that come, grow and go', () => {
    const harness = withTopic(1)
    assert.deepEqual(harness.enter('a', 't', 'later'), { t: [0] })
    harness.topics.put('later', 1)
    harness.topics.put('t', 2)
    assert.deepEqual(harness.assigned(harness.say('a')), { t: [0, 1], later: [0] })
    const noted = (): string[] =>
      Array.from(harness.coordinator.shares.topicsOf('g')!.values(), ({ name }) => name).toSorted()
    assert.deepEqual(noted(), ['later', 't'])
    harness.topics.delete('later')
    assert.deepEqual(harness.assigned(harness.say('a')), { t: [0, 1] })
    assert.deepEqual(noted(), ['t'])
  })

  it('expel who is silent, also after a restart', () => {
    const harness = withTopic(2)
    harness.enter('a', 't')
    harness.enter('b', 't')
    harness.restart()
    harness.pass(6_000)
    harness.say('a')
    harness.pass(6_000)
    assert.deepEqual(harness.memberIds, ['a'])
    harness.pass(20_000)
    assert.equal(harness.coordinator.describeShareGroup('g').groupState, 'Empty')
    assert.equal(harness.say('a').errorCode, ErrorCode.UNKNOWN_MEMBER_ID)
  })

  it('are told who may not: strangers, epochs that are none, too many', () => {
    const harness = withTopic(1)
    harness.enter('a', 't')
    assert.equal(harness.say('b', { memberEpoch: 3 }).errorCode, ErrorCode.UNKNOWN_MEMBER_ID)
    assert.equal(harness.say('a', { memberEpoch: 9 }).errorCode, ErrorCode.FENCED_MEMBER_EPOCH)
    for (const memberId of ['b', 'c', 'd', 'e']) harness.enter(memberId, 't')
    const sixth = harness.say('f', { memberEpoch: 0, subscribedTopicNames: ['t'] })
    assert.equal(sixth.errorCode, ErrorCode.GROUP_MAX_SIZE_REACHED)
  })

  it('have their name for themselves', () => {
    const harness = withTopic(1)
    harness.enter('a', 't')
    const joined = harness.joined(harness.join({ protocols: protocols('range') }))
    assert.equal(joined?.errorCode, ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
    assert.equal(harness.coordinator.deleteGroup('g', harness.now).errorCode, ErrorCode.NON_EMPTY_GROUP)
    harness.say('a', { memberEpoch: -1 })
    const { records } = harness.coordinator.deleteGroup('g', harness.now)
    harness.append(records)
    assert.deepEqual(harness.coordinator.list(), [])
    harness.commit()
    const other = harness.say('a', { memberEpoch: 0, subscribedTopicNames: ['t'] })
    assert.equal(other.errorCode, ErrorCode.GROUP_ID_NOT_FOUND)
  })

  it('are the same after a replay, and after one of a snapshot', () => {
    const harness = withTopic(3)
    harness.enter('a', 't')
    harness.enter('b', 't')
    harness.say('a', { memberEpoch: -1 })
    const state = durableState(harness.coordinator)
    assert.deepEqual(durableState(harness.replayed()), state)
    const { snapshotAt } = harness.compact()
    assert.deepEqual(durableState(harness.replayed(snapshotAt)), state)
  })
})

it('every partition is dealt to a subscriber, and every subscriber has one', () => {
  fc.assert(
    fc.property(
      fc.record({ t: fc.nat({ max: 5 }), u: fc.nat({ max: 5 }) }),
      fc.array(fc.subarray(['t', 'u'] as const, { minLength: 1 }), { minLength: 1, maxLength: 6 }),
      (counts, subscriptions) => {
        const members = subscriptions.map((topicIds, index) => ({
          id: `m${index}`,
          topicIds: new Set<string>(topicIds),
        }))
        const dealt = assignSimple(members, (topicId) => counts[topicId as 't' | 'u'])
        for (const topicId of ['t', 'u'] as const) {
          const given = new Set([...dealt.values()].flatMap((assignment) => assignment.get(topicId) ?? []))
          const wanted = members.some((member) => member.topicIds.has(topicId)) ? counts[topicId] : 0
          assert.equal(given.size, wanted)
        }
        for (const { id, topicIds } of members) {
          const mine = dealt.get(id)!
          assert.ok([...mine.keys()].every((topicId) => topicIds.has(topicId)))
          const possible = [...topicIds].some((topicId) => counts[topicId as 't' | 'u'] > 0)
          assert.equal(mine.size > 0, possible)
        }
      },
    ),
  )
})
