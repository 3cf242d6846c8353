import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FetchedRecords } from '../../log/client/fetcher.ts'
import { WaitingPartitions } from './waiting-partitions.ts'

const records = (partition: number, offset: number): FetchedRecords => ({
  ...{ topic: 't', partition, batches: [], sizeBytes: 0, offset, nextOffset: offset + 1 },
  ...{ highWatermark: 9, lastStableOffset: 9, abortedTransactions: null, caughtUp: true },
})

/** Gives what it is told to, in order; then nothing. */
function fetcherOf(given: readonly FetchedRecords[]): {
  readonly calls: string[]
  readonly waiting: WaitingPartitions
} {
  const calls: string[] = []
  const left = [...given]
  const waiting = new WaitingPartitions({
    poll: () => (left.length > 0 ? Promise.resolve(left.shift()) : new Promise(() => {})),
    assign: (positions) =>
      void calls.push(...positions.map((one) => `assign ${one.partition}@${one.offset}`)),
    unassign: (partitions) => void calls.push(...partitions.map((one) => `unassign ${one.partition}`)),
  })
  return { calls, waiting }
}

test('a partition that waits is not fetched, the others go on, and it goes on behind what waited', async () => {
  const [first, others] = [records(0, 5), [records(1, 0), records(2, 0)]]
  const { calls, waiting } = fetcherOf([first, ...others])
  assert.equal(await waiting.next(), first)
  const ready = Promise.withResolvers<void>()
  waiting.setAside(first, ready.promise)
  assert.deepEqual([await waiting.next(), await waiting.next()], others)
  assert.deepEqual(calls, ['unassign 0'])
  const next = waiting.next()
  ready.resolve()
  assert.equal(await next, first)
  assert.deepEqual(calls, ['unassign 0', 'assign 0@6'])
})

test('several wait for one thing, and what makes it fail is thrown', async () => {
  const both = [records(0, 0), records(1, 0)]
  const { waiting } = fetcherOf(both)
  const ready = Promise.withResolvers<void>()
  for (const one of both) waiting.setAside((await waiting.next()) ?? one, ready.promise)
  ready.reject(new Error('nobody there'))
  await assert.rejects(waiting.next(), /nobody there/)
  await assert.rejects(waiting.next(), /nobody there/)
})
