import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { AssignableMember } from './assignor.ts'
import { ASSIGNORS } from './assignors.ts'
import type { Assignment } from './consumer-record.ts'

const assignUniform = ASSIGNORS.get('uniform')!
const assignRange = ASSIGNORS.get('range')!

interface Given {
  readonly topics: readonly string[]
  readonly target?: Readonly<Record<string, readonly number[]>>
  readonly instanceId?: string
}

function members(given: Readonly<Record<string, Given>>): AssignableMember[] {
  return Object.entries(given).map(([id, { topics, target, instanceId }]) => ({
    id,
    instanceId: instanceId ?? null,
    topicIds: new Set(topics),
    target: new Map(Object.entries(target ?? {})),
  }))
}

function shown(assigned: ReadonlyMap<string, Assignment>): Record<string, Record<string, readonly number[]>> {
  return Object.fromEntries(
    Array.from(assigned, ([id, assignment]) => [id, Object.fromEntries(assignment)] as const),
  )
}

const sizes =
  (counts: Readonly<Record<string, number>>) =>
  (topicId: string): number =>
    counts[topicId]!

describe('the range assignor', () => {
  it('gives runs of each topic, the same ones of topics with as many partitions', () => {
    const given = members({ b: { topics: ['t', 'u'] }, a: { topics: ['t', 'u'] } })
    assert.deepEqual(shown(assignRange(given, sizes({ t: 3, u: 3 }))), {
      b: { t: [2], u: [2] },
      a: { t: [0, 1], u: [0, 1] },
    })
  })

  it('puts static members first, by instance', () => {
    const given = members({
      a: { topics: ['t'] },
      z: { topics: ['t'], instanceId: '1' },
      y: { topics: ['t'], instanceId: '2' },
    })
    assert.deepEqual(shown(assignRange(given, sizes({ t: 3 }))), {
      a: { t: [2] },
      z: { t: [0] },
      y: { t: [1] },
    })
  })

  it('counts only who is subscribed', () => {
    const given = members({ a: { topics: ['t'] }, b: { topics: ['t', 'u'] } })
    assert.deepEqual(shown(assignRange(given, sizes({ t: 1, u: 2 }))), { a: { t: [0] }, b: { u: [0, 1] } })
  })
})

describe('the uniform assignor', () => {
  it('gives runs when nobody had anything', () => {
    const given = members({ a: { topics: ['t', 'u'] }, b: { topics: ['t', 'u'] } })
    assert.deepEqual(shown(assignUniform(given, sizes({ t: 3, u: 2 }))), {
      a: { t: [0, 1, 2] },
      b: { u: [0, 1] },
    })
  })

  it('takes no more from a member than a new one is due', () => {
    const given = members({
      a: { topics: ['t'], target: { t: [0, 1] } },
      b: { topics: ['t'], target: { t: [2, 3] } },
      c: { topics: ['t'] },
    })
    assert.deepEqual(shown(assignUniform(given, sizes({ t: 4 }))), {
      a: { t: [0, 1] },
      b: { t: [2] },
      c: { t: [3] },
    })
  })

  it('keeps a member that is subscribed to less from being left with nothing', () => {
    const given = members({
      a: { topics: ['t', 'u'], target: { t: [0, 1], u: [0, 1] } },
      b: { topics: ['t'] },
    })
    assert.deepEqual(shown(assignUniform(given, sizes({ t: 2, u: 2 }))), {
      a: { u: [0, 1] },
      b: { t: [0, 1] },
    })
  })
})

const TOPICS = ['t', 'u', 'v'] as const

/** Members with subscriptions of their own, and rounds in which they come, go and change. */
const rounds = fc.array(
  fc.record({
    counts: fc.record({ t: fc.nat({ max: 7 }), u: fc.nat({ max: 7 }), v: fc.nat({ max: 7 }) }),
    subscriptions: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.subarray([...TOPICS]), {
      minKeys: 1,
      noNullPrototype: true,
    }),
  }),
  { minLength: 1, maxLength: 5 },
)

for (const [name, assign] of ASSIGNORS) {
  describe(`whatever the group, the ${name} assignor`, () => {
    it('gives every partition to exactly one member that is subscribed, and the same again for the same', () => {
      fc.assert(
        fc.property(rounds, (history) => {
          let targets: ReadonlyMap<string, Assignment> = new Map()
          for (const { counts, subscriptions } of history) {
            const given = Object.entries(subscriptions).map(([id, topics]) => ({
              id,
              instanceId: null,
              topicIds: new Set<string>(topics),
              target: targets.get(id) ?? new Map<string, number[]>(),
            }))
            targets = assign(given, sizes(counts))
            for (const topicId of TOPICS) {
              const dealt = [...targets.values()].flatMap((assignment) => assignment.get(topicId) ?? [])
              const wanted = given.some(({ topicIds }) => topicIds.has(topicId)) ? counts[topicId] : 0
              assert.deepEqual(
                dealt.toSorted((one, other) => one - other),
                [...Array(wanted).keys()],
              )
            }
            for (const { id, topicIds } of given)
              assert.ok([...targets.get(id)!.keys()].every((topicId) => topicIds.has(topicId)))
            const settled = given.map((member) => ({ ...member, target: targets.get(member.id)! }))
            assert.deepEqual(shown(assign(settled, sizes(counts))), shown(targets))
          }
        }),
      )
    })
  })
}

it('the uniform assignor gives equal subscribers shares that differ by one at most, and moves only what that takes', () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 20 }),
      fc.array(fc.subarray(['a', 'b', 'c', 'd', 'e'], { minLength: 1 }), { minLength: 2, maxLength: 6 }),
      (count, history) => {
        let targets: ReadonlyMap<string, Assignment> = new Map()
        for (const ids of history) {
          const before = targets
          targets = assignUniform(
            members(
              Object.fromEntries(
                ids.map((id) => [id, { topics: ['t'], target: Object.fromEntries(before.get(id) ?? []) }]),
              ),
            ),
            sizes({ t: count }),
          )
          const shares = ids.map((id) => targets.get(id)!.get('t') ?? [])
          assert.ok(
            Math.max(...shares.map((share) => share.length)) -
              Math.min(...shares.map((share) => share.length)) <=
              1,
          )
          const most = Math.ceil(count / ids.length)
          for (const [index, id] of ids.entries()) {
            const had = before.get(id)?.get('t') ?? []
            const kept = had.filter((partition) => shares[index]!.includes(partition))
            assert.ok(
              kept.length >= Math.min(had.length, most - 1),
              'a member keeps what fits into its share',
            )
          }
        }
      },
    ),
  )
})
