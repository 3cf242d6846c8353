import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { decodeGroupRecord, encodeGroupRecord } from '../group-record.ts'
import type { GroupCoordinator } from '../group-coordinator.ts'
import { durableState, subscription } from '../group-harness.test-kit.ts'
import { ConsumerGroupHarness } from './consumer-group.test-kit.ts'

const TOPICS = ['t', 'u', 'v']
const MEMBERS = ['a', 'b', 'c', 'd']

/** One step of a random life; numbers choose among what there is. */
const step = fc.record({
  kind: fc.constantFrom(
    'join',
    'join',
    'live',
    'live',
    'live',
    'classic',
    'classic',
    'leave',
    'away',
    'pass',
    'topic',
    'regex',
    'refuse',
    'compact',
    'piece',
    'piece',
    'restart',
  ),
  member: fc.constantFrom(...MEMBERS),
  topic: fc.constantFrom(...TOPICS),
  pick: fc.nat({ max: 5 }),
})

/** Partitions that two members of the consumer protocol believe to be theirs. */
function ownedTwice(owned: ReadonlyMap<string, Readonly<Record<string, readonly number[]>>>): string[] {
  const seen = new Set<string>()
  const twice: string[] = []
  for (const topics of owned.values()) {
    for (const [topic, partitions] of Object.entries(topics)) {
      for (const partition of partitions) {
        const key = `${topic}-${partition}`
        if (seen.has(key)) twice.push(key)
        seen.add(key)
      }
    }
  }
  return twice
}

/** Members as clients are: they own what they were told last, and nothing once they are told to start anew. */
class Clients {
  readonly group = new ConsumerGroupHarness()
  readonly owned = new Map<string, Record<string, readonly number[]>>()
  readonly #classic = new Map<string, { memberId: string; generationId: number }>()

  join(member: string, saying: { readonly topics?: readonly string[]; readonly regex?: string }): void {
    this.owned.delete(member)
    this.#take(member, { ...saying, epoch: 0, owns: {}, rebalanceTimeoutMs: 20_000 })
  }

  live(member: string): void {
    const owns = this.owned.get(member)
    if (owns !== undefined && (this.group.epochs.get(member) ?? 0) > 0)
      this.#take(member, { owns: this.#existing(owns) })
  }

  leave(member: string): void {
    if (this.group.heartbeatOf(member, { epoch: -1 }).errorCode === 0) this.#forget(member)
  }

  /** A classic member of one topic joins, or joins again, and syncs. */
  classic(member: string, topic: string): void {
    const known = this.#classic.get(member)
    const protocols = [{ name: 'range', metadata: subscription(topic) }]
    const waiter = this.group.join({
      protocols,
      memberId: known?.memberId ?? '',
      newMemberId: `classic-${member}`,
    })
    this.group.pass(150)
    const joined = this.group.joined(waiter)
    if (joined === undefined) return
    if (joined.errorCode !== 0) {
      this.#classic.delete(member)
      return
    }
    this.#classic.set(member, joined)
    this.group.sync({ memberId: joined.memberId, generationId: joined.generationId })
  }

  #take(member: string, saying: Parameters<ConsumerGroupHarness['heartbeatOf']>[1]): void {
    const answer = this.group.heartbeatOf(member, saying)
    if (answer.errorCode !== 0) return this.#forget(member)
    // A refused append is an answer that never came.
    if (this.group.refuseAppends) return
    const assigned = this.group.assigned(answer)
    if (assigned !== null) this.owned.set(member, assigned)
  }

  #forget(member: string): void {
    this.owned.delete(member)
    this.group.epochs.delete(member)
  }

  #existing(owns: Readonly<Record<string, readonly number[]>>): Record<string, readonly number[]> {
    return Object.fromEntries(
      Object.entries(owns).filter(([topic]) => this.group.topics.topic(topic) !== undefined),
    )
  }
}

describe('groups of the consumer protocol', () => {
  it('whatever happens, no partition has two owners, a replay gives the same state, and all settles in the end', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        const clients = new Clients()
        const { group } = clients
        group.topics.put('t', 2)
        let keptFrom = 0
        let writing: { pieces: ReturnType<GroupCoordinator['snapshot']>; from: number } | undefined
        for (const { kind, member, topic, pick } of steps) {
          switch (kind) {
            case 'join':
              clients.join(member, { topics: [topic, TOPICS[pick % 3]!] })
              break
            case 'regex':
              clients.join(member, { topics: [], regex: `[${topic}${TOPICS[pick % 3]!}]` })
              break
            case 'live':
              clients.live(member)
              break
            case 'classic':
              clients.classic(member, topic)
              break
            case 'leave':
              clients.leave(member)
              break
            case 'away':
              group.heartbeatOf(member, { epoch: -1 })
              break
            case 'pass':
              group.pass(pick * 3_000)
              break
            case 'topic':
              if (pick === 0) group.topics.delete(topic)
              else group.topics.put(topic, Math.max(pick, group.topics.topic(topic)?.partitionCount ?? 0))
              break
            case 'refuse':
              group.refuseAppends = true
              clients.live(member)
              group.refuseAppends = false
              break
            case 'compact':
              keptFrom = group.compact().snapshotAt
              writing = undefined
              break
            case 'piece': {
              writing ??= { pieces: group.coordinator.snapshot(), from: group.log.length }
              const next = writing.pieces.next()
              if (next.done === true) {
                keptFrom = writing.from
                writing = undefined
              } else group.appendPiece(next.value)
              break
            }
            case 'restart':
              group.restart()
              writing = undefined
              break
          }
          const members = new Set(group.memberIds)
          const alive = new Map([...clients.owned].filter(([id]) => members.has(id)))
          assert.deepEqual(ownedTwice(alive), [])
        }
        const lived = durableState(group.coordinator)
        assert.deepEqual(durableState(group.replayed()), lived)
        assert.deepEqual(durableState(group.replayed(keptFrom)), lived)

        // From here on clients of the consumer protocol live, and classic ones are silent.
        for (let round = 0; round < 30; round++) {
          for (const member of clients.owned.keys()) clients.live(member)
          group.pass(3_000)
        }
        const described = group.coordinator.describeConsumerGroup('g')
        if (described.errorCode === 0 && described.members.length > 0)
          assert.equal(described.groupState, 'Stable')
      }),
      { numRuns: 300 },
    )
  })

  it('a member is read as Kafka writes it, with a field that says that there is nothing', () => {
    const value = Buffer.from(
      '000000000a776972652d746573740b2f3132372e302e302e31020274010000ea600001000100',
      'hex',
    )
    const member = decodeGroupRecord({ key: Buffer.from('0005000167000161', 'hex'), value })
    assert.deepEqual(member, {
      kind: 'member',
      groupId: 'g',
      memberId: 'a',
      value: {
        instanceId: null,
        rackId: null,
        clientId: 'wire-test',
        clientHost: '/127.0.0.1',
        subscribedTopicNames: ['t'],
        subscribedTopicRegex: '',
        rebalanceTimeoutMs: 60_000,
        serverAssignor: null,
        classic: null,
      },
    })
  })

  it('records are what Kafka writes', () => {
    const owned = new Map([['AAAAAAAAAAAAAAAAAAAAAQ', new Map([[3, 5]])]])
    const records = [
      [
        { kind: 'group-epoch', groupId: 'g', value: { epoch: 5, metadataHash: 0 } },
        '0003000167',
        '00000000000500',
      ],
      [
        { kind: 'assignment-epoch', groupId: 'g', value: { epoch: 5, timestampMs: 258 } },
        '0006000167',
        '000000000005' + '010008' + '0000000000000102',
      ],
      [
        {
          kind: 'target',
          groupId: 'g',
          memberId: 'm',
          value: new Map([['AAAAAAAAAAAAAAAAAAAAAQ', [3]]]),
        },
        '0007000167' + '00016d',
        '0000' + '02' + '00000000000000000000000000000001' + '02' + '00000003' + '00' + '00',
      ],
      [
        {
          kind: 'current',
          groupId: 'g',
          memberId: 'm',
          value: {
            memberEpoch: 5,
            previousMemberEpoch: 4,
            state: 'stable',
            assigned: owned,
            pendingRevocation: new Map(),
          },
        },
        '0008000167' + '00016d',
        '0000' +
          '00000005' +
          '00000004' +
          '00' +
          '02' +
          '00000000000000000000000000000001' +
          '02' +
          '00000003' +
          '01' +
          '00' +
          '05' +
          '02' +
          '00000005' +
          '01' +
          '00',
      ],
      [
        { kind: 'regex', groupId: 'g', regex: 't.*', value: { topics: ['t'], version: 1, timestampMs: 2 } },
        '0010000167' + '0003742e2a',
        '0000' + '02' + '0274' + '0000000000000001' + '0000000000000002' + '00',
      ],
    ] as const
    for (const [record, key, value] of records) {
      const stored = encodeGroupRecord(record)
      assert.deepEqual([stored.key.toString('hex'), stored.value?.toString('hex')], [key, value])
      assert.deepEqual(decodeGroupRecord(stored), record)
      assert.deepEqual(decodeGroupRecord({ key: stored.key, value: null }), { ...record, value: null })
    }
  })
})
