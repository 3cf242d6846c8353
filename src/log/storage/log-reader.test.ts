import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulatedWorld } from '../../world/simulated/simulation.ts'
import type { Clock, Disk } from '../../world/world.ts'
import { LogDirectory } from './log-directory.ts'
import { appendValues, openOn, readBatches } from './storage-for-tests.ts'

const VALUE = 'x'.repeat(1_000)
const MIB = 1_048_576

test('after a read that waited for the device, what comes next is brought into memory aside', async () => {
  const { simulation, machine } = simulatedWorld()
  await simulation.run(async () => {
    const device = slowDevice(machine.world)
    const directory = await LogDirectory.open({
      world: { ...machine.world, ...device },
      path: '/data',
      config: {},
      report: () => {},
    })
    const config = { 'segment.bytes': '100000' }
    const log = directory.createTopic({ name: 't', partitions: 1, config }).partitions[0]!
    for (let index = 0; index < 400; index++) appendValues(log, VALUE)
    const read = (offset: number, maxBytes: number): void => {
      log.read({ offset, maxBytes, isolation: 'read_uncommitted', minOneBatch: true })
    }

    read(0, MIB)
    assert.equal(log.preload({ offset: 90, maxBytes: MIB }), undefined, 'memory answers')

    device.readMs = 5
    read(0, MIB)
    const first = log.preload({ offset: 0, maxBytes: 20_000 })
    assert.ok(first !== undefined)
    await first
    const [preload] = device.preloads
    assert.equal(preload?.position, 0)
    assert.equal(preload.sizeBytes, 20_000)
    assert.match(preload.path, /00000000000000000000\.log$/)

    assert.equal(log.preload({ offset: 399, maxBytes: MIB }), undefined, 'the newest batches are in memory')
    assert.equal(log.preload({ offset: 400, maxBytes: MIB }), undefined, 'there is nothing yet')
    assert.equal(log.preload({ offset: -1, maxBytes: MIB }), undefined, 'there is nothing any more')

    // For as long as most of it takes long, nothing is read but from memory.
    for (let round = 0; round < 1_000; round++) {
      device.preloadMs = round % 5 === 0 ? 0 : 5
      const further = log.preload({ offset: 0, maxBytes: MIB })
      assert.ok(further !== undefined)
      await further
    }

    // Once enough of it came as quickly as memory has it, reads are trusted again; a delay now and then is not the device.
    device.readMs = 0
    let rounds = 0
    for (; ; rounds++) {
      assert.ok(rounds < 1_000)
      device.preloadMs = rounds % 5 === 0 ? 5 : 0
      const further = log.preload({ offset: 0, maxBytes: MIB })
      if (further === undefined) break
      await further
    }
    assert.ok(rounds > 10)
    read(0, MIB)
    assert.equal(log.preload({ offset: 0, maxBytes: MIB }), undefined)
    await directory.close()
  })
})

test('a reader that goes on where it stopped finds the next segment, whose first offset is not the next one', async () => {
  const { simulation, machine } = simulatedWorld()
  await simulation.run(async () => {
    let directory = await openOn(machine)
    const config = { 'segment.bytes': '1000' }
    const created = directory.createTopic({ name: 't', partitions: 1, config }).partitions[0]!
    // Segments of two batches and of one; the newest batches, which memory knows, are in the last.
    for (const size of [100, 700, 900, 900]) appendValues(created, 'v'.repeat(size))
    assert.equal(created.segmentCount, 3)
    const kept = readBatches(created)[0]!
    await directory.close()

    // As Kafka's cleaner may leave it: the last batch of a segment is gone.
    const file = machine.world.disk.open('/data/t-0/00000000000000000000.log')
    file.truncate(kept.header.sizeBytes)
    file.close()
    directory = await openOn(machine)
    const log = directory.topic('t')!.partitions[0]!
    const seen = readBatches(log, { maxBytes: 1 }).map(({ header }) => header.baseOffset)
    assert.deepEqual(seen, [0, 2, 3])
    await directory.close()
  })
})

/** A disk whose reads take `readMs` and preloads `preloadMs`, with the clock that they take it on. */
function slowDevice(world: { readonly clock: Clock; readonly disk: Disk }) {
  const preloads: { readonly path: string; readonly position: number; readonly sizeBytes: number }[] = []
  let waitedMs = 0
  const device = {
    preloads,
    readMs: 0,
    preloadMs: 0,
    clock: forwarding(world.clock, { monotonicMs: () => world.clock.monotonicMs() + waitedMs }),
    disk: forwarding(world.disk, {
      open(path, options) {
        const file = world.disk.open(path, options)
        return forwarding(file, {
          read(target, position) {
            waitedMs += device.readMs
            return file.read(target, position)
          },
          preload(position, sizeBytes) {
            preloads.push({ path, position, sizeBytes })
            waitedMs += device.preloadMs
            return file.preload(position, sizeBytes)
          },
        })
      },
    }),
  }
  return device
}

/** The target with some of its methods in place of its own. */
function forwarding<Target extends object>(target: Target, replaced: Partial<Target>): Target {
  return new Proxy(target, {
    get(_, name) {
      const own: unknown = Reflect.get(replaced, name) ?? Reflect.get(target, name)
      return typeof own === 'function' && !(name in replaced) ? (own.bind(target) as unknown) : own
    },
  })
}
