import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { simulatedWorld } from '../../world/simulated/simulation.ts'
import type { Disk } from '../../world/world.ts'
import { OffsetIndex } from './offset-index.ts'
import { type LogFile, OpenFiles } from './open-files.ts'
import { TimeIndex } from './time-index.ts'
import { TransactionIndex } from './transaction-index.ts'

describe('index files', () => {
  let disk: Disk
  let machine: ReturnType<typeof simulatedWorld>['machine']
  let file: LogFile

  beforeEach(() => {
    machine = simulatedWorld().machine
    disk = machine.world.disk
    disk.makeDirectory('/data')
    file = new OpenFiles(disk, 10).file('/data', 'index')
  })

  it('the offset index finds the batch at or before an offset, in memory and on disk', () => {
    const index = OffsetIndex.empty(file, 1000)
    // Enough for parts of it to be written meanwhile.
    for (let entry = 1; entry <= 3000; entry++) index.append(1000 + entry * 10, entry * 100)
    const check = (opened: OffsetIndex): void => {
      assert.equal(opened.entries, 3000)
      assert.equal(opened.positionFor(1000), 0)
      assert.equal(opened.positionFor(1009), 0)
      for (const entry of [1, 2, 777, 2047, 2999, 3000]) {
        assert.equal(opened.positionFor(1000 + entry * 10), entry * 100)
        assert.equal(opened.positionFor(1000 + entry * 10 + 9), entry * 100)
      }
      assert.equal(opened.positionFor(1e9), 300_000)
    }
    check(index)
    index.seal()
    assert.equal(disk.stat('/data/index')?.sizeBytes, 3000 * 8)
    check(OffsetIndex.load(file, { baseOffset: 1000, logSizeBytes: 300_001 })!)
    assert.equal(
      OffsetIndex.load(file, { baseOffset: 1000, logSizeBytes: 300_000 }),
      undefined,
      'points behind the log',
    )
    file.truncate(3000 * 8 - 1)
    assert.equal(OffsetIndex.load(file, { baseOffset: 1000, logSizeBytes: 300_001 }), undefined, 'not whole')
  })

  it('a failed write of the index loses nothing', () => {
    const index = OffsetIndex.empty(file, 0)
    machine.disk.conditions.writeFailureChance = 1
    for (let entry = 1; entry <= 2000; entry++) index.append(entry, entry)
    assert.throws(() => index.seal(), /MR_DISK_IO/)
    assert.equal(index.positionFor(1500), 1500)
    machine.disk.conditions.writeFailureChance = 0
    index.seal()
    assert.equal(OffsetIndex.load(file, { baseOffset: 0, logSizeBytes: 9999 })!.positionFor(1500), 1500)
  })

  it('the time index keeps ascending timestamps and finds the last at or below', () => {
    const index = TimeIndex.empty(file, 50)
    for (const [timestampMs, offset] of [
      [100, 50],
      [100, 51],
      [90, 52],
      [200, 60],
      [300, 70],
    ] as const)
      index.append(timestampMs, offset)
    index.seal()
    const loaded = TimeIndex.load(file, 50)!
    assert.equal(loaded.entries, 3)
    assert.equal(loaded.floor(99), undefined)
    assert.deepEqual(loaded.floor(199), { timestampMs: 100, offset: 50 })
    assert.deepEqual(loaded.floor(1e13), { timestampMs: 300, offset: 70 })
    assert.deepEqual(loaded.last(), { timestampMs: 300, offset: 70 })
  })

  it('the transaction index gives what touches a range, and says when no more can come', () => {
    const index = new TransactionIndex(file, 'absent')
    index.append({ producerId: 1, firstOffset: 10, lastOffset: 20, lastStableOffset: 15 })
    index.append({ producerId: 2, firstOffset: 15, lastOffset: 30, lastStableOffset: 31 })
    index.seal()
    const loaded = new TransactionIndex(file, 'on disk')
    const found: { producerId: number; firstOffset: number }[] = []
    assert.equal(loaded.collect({ from: 0, to: 12 }, found), true)
    assert.deepEqual(found, [{ producerId: 1, firstOffset: 10 }])
    found.length = 0
    assert.equal(loaded.collect({ from: 25, to: 40 }, found), false)
    assert.deepEqual(found, [{ producerId: 2, firstOffset: 15 }])
    loaded.clear()
    loaded.seal()
    assert.equal(disk.stat('/data/index'), undefined, 'an empty one has no file')
  })

  it('no more files are open than allowed, and a closed one opens again', () => {
    const files = new OpenFiles(disk, 3)
    const many = Array.from({ length: 20 }, (_, index) => files.file('/data', `file-${index}`))
    for (const [index, each] of many.entries()) {
      each.create()
      each.write([Buffer.from(`content ${index}`)], 0)
      assert.ok(files.openCount <= 3)
    }
    for (const [index, each] of many.entries()) {
      const target = Buffer.alloc(20)
      const length = each.read(target, 0)
      assert.equal(target.toString('utf8', 0, length), `content ${index}`)
    }
    assert.throws(() => files.file('/data', 'none').read(Buffer.alloc(1), 0), /MR_DISK_IO/)
  })
})
