import assert from 'node:assert/strict'
import { test } from 'node:test'
import { coordinatorPartition } from './coordinator-record.ts'

test('groups and transactional ids lie where Kafka looks for them', () => {
  assert.equal(coordinatorPartition('', 50), 0)
  assert.equal(coordinatorPartition('a', 50), 97 % 50)
  assert.equal(coordinatorPartition('test', 50), 3556498 % 50)
  // A negative hash: "polygenelubricants".hashCode() is Integer.MIN_VALUE.
  assert.equal(coordinatorPartition('polygenelubricants', 50), 0)
  // Where a Kafka 4.4 with 50 partitions put this group; the hash is negative.
  assert.equal(coordinatorPartition('readers of payments', 50), 42)
})
