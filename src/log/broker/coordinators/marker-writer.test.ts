import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reportNothing } from '../../../base/report.ts'
import { simulatedWorld } from '../../../world/simulated/simulation.ts'
import { sleep } from '../../../world/world.ts'
import type { LogDirectory } from '../../storage/log-directory.ts'
import type { PartitionLog } from '../../storage/partition-log.ts'
import { append, openOn, readBatches } from '../../storage/storage-for-tests.ts'
import { MarkerWriter } from './marker-writer.ts'

const PLACES = [{ topic: 't', partition: 0 }]

const CASES = (['commit', 'abort'] as const).flatMap((kind) => [
  { kind, hasOwnEpoch: true, title: 'once, also after a restart that finds it there' },
  { kind, hasOwnEpoch: false, title: 'once, and once more after a restart, where it changes nothing' },
])

for (const { kind, hasOwnEpoch, title } of CASES) {
  test(`${kind}: a marker whose sync fails is there ${title}`, async () => {
    const markers = hasOwnEpoch ? [kind] : [kind, kind]
    const end = 1 + markers.length
    const { simulation, machine } = simulatedWorld()
    const { clock } = machine.world
    const write = (
      logDirectory: LogDirectory,
      producerEpoch: number,
      signal: AbortSignal,
    ): Promise<boolean> => {
      const writer = new MarkerWriter(
        { clock, logDirectory, report: reportNothing },
        { applyMarker: () => undefined },
      )
      return writer.write(
        PLACES,
        { kind, producerId: 5, producerEpoch, coordinatorEpoch: 0, hasOwnEpoch },
        signal,
      )
    }
    const kindsIn = (log: PartitionLog): string[] => readBatches(log).map((batch) => batch.kind)
    const abortedIn = (log: PartitionLog): unknown => {
      const read = log.read({ offset: 0, maxBytes: 1e6, isolation: 'read_committed', minOneBatch: true })
      return read.kind === 'data' ? read.abortedTransactions : read.kind
    }
    const transaction = { producerId: 5, transactional: true }
    const { signal } = new AbortController()
    await simulation.run(async () => {
      const directory = await openOn(machine)
      const log = directory.createTopic({ name: 't', partitions: 1, config: {} }).partitions[0]!
      append(log, { ...transaction, values: ['a'], producerEpoch: 0, baseSequence: 0 })
      await log.sync()
      machine.disk.conditions.syncFailureChance = 1
      const closing = new AbortController()
      const written = write(directory, 0, closing.signal)
      await sleep(clock, 60_000)
      assert.deepEqual(kindsIn(log), ['data', kind])
      closing.abort()
      assert.equal(await written, false)
      machine.disk.conditions.syncFailureChance = 0
      machine.kill()

      const again = await openOn(machine)
      const reopened = again.topic('t')!.partitions[0]!
      assert.equal(await write(again, 0, signal), true)
      assert.deepEqual(kindsIn(reopened), ['data', ...markers])
      assert.equal(reopened.durableOffset, end)
      const aborted = kind === 'abort' ? [{ producerId: 5, firstOffset: 0 }] : []
      assert.deepEqual(abortedIn(reopened), aborted)
      assert.equal(reopened.lastStableOffset, end)

      // The next transaction has a marker of its own, with the old epoch or with the next one.
      append(reopened, { ...transaction, values: ['b'], producerEpoch: 0, baseSequence: 1 })
      assert.equal(reopened.lastStableOffset, end)
      assert.equal(await write(again, 1, signal), true)
      append(reopened, { ...transaction, values: ['c'], producerEpoch: 1, baseSequence: 0 })
      assert.deepEqual(
        reopened.openTransactions().map(({ firstOffset }) => firstOffset),
        [end + 2],
      )
      await again.close()
      const last = await openOn(machine)
      assert.equal(last.topic('t')!.partitions[0]!.lastStableOffset, end + 2)
      await last.close()
    })
  })
}
