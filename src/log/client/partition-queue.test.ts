import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PartitionQueue } from './partition-queue.ts'
import { PendingBatch } from './pending-batch.ts'

function queueOf(batches: number): PartitionQueue {
  const queue = new PartitionQueue({
    topic: 't',
    partition: 0,
    identity: { producerId: 1, producerEpoch: 0 },
  })
  for (let i = 0; i < batches; i++) {
    const batch = new PendingBatch({ nowMs: 0, initialCapacity: 64 })
    batch.append({ key: null, value: Buffer.from(`${i}`), headers: [], timestampMs: 0 }, undefined)
    batch.sealed = true
    queue.waiting.push(batch)
  }
  return queue
}

test('the first batch of a producer goes alone: a broker that does not know it takes any sequence for its beginning', () => {
  const queue = queueOf(3)
  const first = queue.take()
  assert.equal(queue.dueAtMs(0), Infinity)
  queue.putBack(first, 50)
  assert.equal(queue.dueAtMs(0), 50)
  queue.arrived(queue.take())
  queue.take()
  assert.equal(queue.dueAtMs(0), 0, 'then several may be under way')
})

test('so does the first one of another producer id, but not of another epoch', () => {
  const queue = queueOf(6)
  queue.arrived(queue.take())
  queue.adopt({ producerId: 1, producerEpoch: 1 })
  queue.take()
  assert.equal(queue.dueAtMs(0), 0)
  const other = queueOf(3)
  other.arrived(other.take())
  other.adopt({ producerId: 2, producerEpoch: 0 })
  other.take()
  assert.equal(other.dueAtMs(0), Infinity)
})
