import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { decodeGroupRecord, encodeGroupRecord, type GroupRecord } from './group-record.ts'
import type { GroupCoordinator } from './group-coordinator.ts'
import { GroupHarness, durableState, protocols, topicOffset } from './group-harness.test-kit.ts'

/** One step of a random life; numbers choose among what there is. */
const step = fc.record({
  kind: fc.constantFrom(
    'join',
    'join',
    'rejoin',
    'settle',
    'leave',
    'pass',
    'commit',
    'commit',
    'pending',
    'pending',
    'end',
    'expire',
    'delete',
    'compact',
    'piece',
    'piece',
    'piece',
    'restart',
  ),
  pick: fc.nat({ max: 7 }),
  offset: fc.nat({ max: 1000 }),
})

const PLAIN = { noNullPrototype: true } as const

describe('groups', () => {
  it('replay gives the same state as living through it, from the start and from every snapshot', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const group = new GroupHarness()
        let snapshotAt = 0
        /** Where the oldest open transaction of the last snapshot began: the log is kept from there. */
        const opened = new Map<number, number>()
        let keepFrom = 0
        /** A snapshot that is being written while life goes on. */
        let writing:
          { readonly pieces: ReturnType<GroupCoordinator['snapshot']>; readonly from: number } | undefined
        for (const { kind, pick, offset } of steps) {
          const members = group.coordinator.describe('g').members
          const member = members[pick % Math.max(1, members.length)]
          const partition = pick % 3
          switch (kind) {
            case 'join':
              group.join({
                groupInstanceId: pick > 5 ? `i${pick}` : null,
                protocols: protocols('range', `p${pick % 2}`),
              })
              break
            case 'rejoin':
              if (member !== undefined)
                group.join({ memberId: member.memberId, groupInstanceId: member.groupInstanceId })
              break
            case 'settle':
              group.pass(300)
              group.settle(
                [...group.answers.keys()]
                  .flatMap((waiter) => group.joined(waiter)!)
                  .filter((answer) => 'members' in answer),
              )
              break
            case 'leave':
              if (member !== undefined) group.leave(member.memberId)
              break
            case 'pass':
              group.pass(offset * 20)
              break
            case 'commit':
              group.commit({ topics: [topicOffset('t', partition, offset)] })
              break
            case 'pending':
              if (!opened.has(pick)) opened.set(pick, group.log.length)
              group.commit({ topics: [topicOffset('t', partition, offset)] }, 0, pick)
              break
            case 'end':
              opened.delete(pick)
              group.endTransaction(pick, offset % 2 === 0 ? 'commit' : 'abort')
              break
            case 'expire':
              group.nowMs += offset * 100
              group.append(group.coordinator.expireOffsets(group.now))
              break
            case 'delete':
              group.append(group.coordinator.deleteGroup('g', group.now).records)
              break
            case 'compact':
              if (writing !== undefined) break
              snapshotAt = group.compact().snapshotAt
              keepFrom = Math.min(snapshotAt, ...opened.values())
              break
            case 'piece': {
              writing ??= { pieces: group.coordinator.snapshot(), from: group.log.length }
              const next = writing.pieces.next()
              if (next.done !== true) group.appendPiece(next.value)
              else {
                snapshotAt = writing.from
                keepFrom = Math.min(snapshotAt, ...opened.values())
                writing = undefined
              }
              break
            }
            case 'restart':
              writing = undefined
              group.restart()
              break
          }
          assert.deepEqual(durableState(group.replayed()), durableState(group.coordinator))
          assert.deepEqual(durableState(group.replayed(keepFrom)), durableState(group.coordinator))
        }
      }),
      { numRuns: 150 },
    )
  })

  it('records come back as they were written', () => {
    const text = fc.string({ maxLength: 20 })
    const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array))
    const record = fc.oneof(
      fc.record(
        {
          kind: fc.constant('offset' as const),
          groupId: text,
          topic: text,
          partition: fc.nat(),
          value: fc.option(
            fc.record(
              {
                offset: fc.maxSafeNat(),
                leaderEpoch: fc.constant(-1),
                metadata: text,
                commitTimestampMs: fc.maxSafeNat(),
                expireTimestampMs: fc.constantFrom(-1, 1_700_000_000_000),
              },
              PLAIN,
            ),
          ),
        },
        PLAIN,
      ),
      fc.record(
        {
          kind: fc.constant('membership' as const),
          groupId: text,
          value: fc.option(
            fc.record(
              {
                protocolType: text,
                generationId: fc.nat(),
                protocolName: fc.option(text),
                leaderId: fc.option(text),
                stateTimestampMs: fc.maxSafeNat(),
                members: fc.array(
                  fc.record(
                    {
                      memberId: text,
                      groupInstanceId: fc.option(text),
                      clientId: text,
                      clientHost: text,
                      rebalanceTimeoutMs: fc.nat(),
                      sessionTimeoutMs: fc.nat(),
                      subscription: bytes,
                      assignment: bytes,
                    },
                    PLAIN,
                  ),
                  { maxLength: 3 },
                ),
              },
              PLAIN,
            ),
          ),
        },
        PLAIN,
      ),
    )
    fc.assert(
      fc.property(record, (given: GroupRecord) =>
        assert.deepEqual(decodeGroupRecord(encodeGroupRecord(given)), given),
      ),
    )
  })

  it('a committed offset lies in the log as Kafka writes it', () => {
    const { key, value } = encodeGroupRecord({
      kind: 'offset',
      groupId: 'g',
      topic: 't',
      partition: 3,
      value: { offset: 258, leaderEpoch: 5, metadata: 'm', commitTimestampMs: 1, expireTimestampMs: -1 },
    })
    assert.equal(key.toString('hex'), '0001' + '000167' + '000174' + '00000003')
    assert.equal(
      value!.toString('hex'),
      '0003' + '0000000000000102' + '00000005' + '00016d' + '0000000000000001',
    )
  })

  it('records of other kinds are passed over', () => {
    assert.equal(
      decodeGroupRecord({ key: Buffer.from('0063000167', 'hex'), value: Buffer.from('0000', 'hex') }),
      undefined,
    )
  })
})
