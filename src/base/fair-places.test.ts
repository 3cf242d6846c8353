import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FairPlaces } from './fair-places.ts'

test('places go to newcomers from whoever has most, and to nobody who would have as many', () => {
  const places = new FairPlaces<string>(4)
  for (const item of ['a1', 'a2', 'a3', 'a4']) assert.equal(places.enter('a', item), undefined)
  assert.equal(places.enter('a', 'a5'), 'a5')
  assert.equal(places.enter('b', 'b1'), 'a1')
  assert.equal(places.enter('b', 'b2'), 'a2')
  // Two each: neither takes from the other.
  assert.equal(places.enter('b', 'b3'), 'b3')
  assert.equal(places.enter('c', 'c1'), 'a3')
  assert.equal(places.enter('d', 'd1'), 'b1')
  assert.equal(places.enter('e', 'e1'), 'e1')
  places.leave('a', 'a1')
  assert.equal(places.enter('e', 'e1'), 'e1')
  places.leave('a', 'a4')
  assert.equal(places.enter('e', 'e1'), undefined)
})
