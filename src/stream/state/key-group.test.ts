import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { javaNumberHash, javaStringHash, murmurHash } from '../../base/hash.ts'
import { keyGroupOf, keyGroupRange, subtaskOfKeyGroup } from './key-group.ts'

test('hashes as Java does', () => {
  // "hello".hashCode(), "".hashCode(), "polygenelubricants".hashCode() (the famous minimum), in Java.
  assert.deepEqual(['hello', '', 'polygenelubricants'].map(javaStringHash), [99162322, 0, -2147483648])
  // Long.hashCode of 1, -1, 2^32 + 1, and Double.hashCode of 0.5.
  assert.deepEqual([1, -1, 2 ** 32 + 1, 0.5].map(javaNumberHash), [1, 0, 0, 1071644672])
  assert.equal(
    javaNumberHash(-(2 ** 40)),
    Number(BigInt.asIntN(32, BigInt.asUintN(64, -(2n ** 40n)) ^ (BigInt.asUintN(64, -(2n ** 40n)) >> 32n))),
  )
})

test('every key group has one owner, whose range it is in', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 128 }),
      fc.integer({ min: 0, max: 127 }),
      (parallelism, keyGroup) => {
        const subtask = subtaskOfKeyGroup({ keyGroup, parallelism, maxParallelism: 128 })
        const { first, last } = keyGroupRange({ subtask, parallelism, maxParallelism: 128 })
        assert.ok(first <= keyGroup && keyGroup <= last)
      },
    ),
  )
})

test('keys spread evenly over the groups', () => {
  const counts = new Array<number>(128).fill(0)
  for (let n = 0; n < 128_000; n++) counts[keyGroupOf(n, 128)]!++
  assert.ok(
    Math.min(...counts) > 850 && Math.max(...counts) < 1150,
    `${Math.min(...counts)} … ${Math.max(...counts)}`,
  )
  fc.assert(fc.property(fc.integer(), (code) => murmurHash(code) >= 0))
  assert.equal(keyGroupOf(-0, 128), keyGroupOf(0, 128))
})
