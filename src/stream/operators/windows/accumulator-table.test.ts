import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Key } from '../operator.ts'
import { AccumulatorTable } from './accumulator-table.ts'

function contents(table: AccumulatorTable): Map<Key, number[]> {
  const rows = new Map<Key, number[]>()
  table.forEach((key, data, base) => rows.set(key, [data[base + 1]!, data[base + 2]!]))
  return rows
}

function addOne(table: AccumulatorTable, model: Map<Key, number[]>, key: Key): void {
  table.locate(key)
  table.data[table.base + 1]! += 1
  table.data[table.base + 2] = Math.max(table.data[table.base + 2]!, 7)
  model.set(key, [(model.get(key)?.[0] ?? 0) + 1, 7])
}

const keys = fc.oneof(
  fc.integer({ min: -20, max: 20 }),
  fc.integer(),
  fc.double({ noNaN: true }),
  fc.string(),
  fc.constantFrom(0, -0, '', '0', 2 ** 53, -(2 ** 31), 2 ** 31),
)

test('holds what a Map holds, and knows what changed', () => {
  fc.assert(
    fc.property(fc.array(fc.array(keys)), fc.constantFrom(0, 10, 100_000), (rounds, expectedRows) => {
      const table = new AccumulatorTable([0, -Infinity], expectedRows)
      const model = new Map<Key, number[]>()
      for (const round of rounds) {
        for (const key of round) addOne(table, model, key)
        const dirty = new Map<Key, number[]>()
        table.takeDirty((key, data, base) => dirty.set(key, [data[base + 1]!, data[base + 2]!]))
        assert.deepEqual(dirty, new Map([...new Set(round)].map((key) => [key, model.get(key)!])))
      }
      assert.deepEqual(contents(table), model)
      assert.equal(table.size, model.size)
      for (const key of model.keys()) assert.ok(table.find(key))
      assert.equal(table.find('not there'), false)
      assert.equal(table.find(0.123), false)
    }),
  )
})

test('grows from nothing to many segments without losing a row or a change', () => {
  const table = new AccumulatorTable([0, -Infinity])
  const model = new Map<Key, number[]>()
  for (let n = 0; n < 60_000; n++) addOne(table, model, n * 3)
  for (let n = 0; n < 5_000; n++) addOne(table, model, `name ${n % 3000}`)
  let dirty = 0
  table.takeDirty(() => dirty++)
  assert.equal(dirty, model.size)
  assert.deepEqual(contents(table), model)
})
