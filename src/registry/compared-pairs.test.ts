import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ComparedPairs } from './compared-pairs.ts'

/** A pair is right when each of its demands is met by one of some other pairs at least; one without demands is right. */
interface Node {
  readonly demands: readonly (readonly number[])[]
}

const SIZE = 7
const graph = fc.array(
  fc.record({
    demands: fc.array(fc.array(fc.nat(SIZE - 1), { maxLength: 3 }), { maxLength: 3 }),
  }),
  { minLength: SIZE, maxLength: SIZE },
)

/** All are right until they are shown to be wrong. */
function expected(nodes: readonly Node[]): readonly boolean[] {
  const right = nodes.map(() => true)
  for (let changed = true; changed;) {
    changed = false
    for (const [index, { demands }] of nodes.entries()) {
      const isRight = demands.every((demand) => demand.some((other) => right[other]))
      if (right[index] === isRight) continue
      right[index] = isRight
      changed = true
    }
  }
  return right
}

test('finds what is right and what is wrong, whatever hangs on what', () => {
  fc.assert(
    fc.property(graph, fc.array(fc.nat(SIZE - 1), { minLength: 1, maxLength: SIZE }), (nodes, asked) => {
      const pairs = new ComparedPairs()
      const isRight = (index: number): boolean => {
        const node = nodes[index]!
        const wrong = { kind: 'WRONG', path: '', description: '' }
        const found = pairs.compare(node, node, () =>
          node.demands.every((demand) => demand.some(isRight)) ? [] : [wrong],
        )
        return found.length === 0
      }
      const truth = expected(nodes)
      assert.deepEqual(
        asked.map(isRight),
        asked.map((index) => truth[index]),
      )
    }),
    { numRuns: 2_000 },
  )
})
