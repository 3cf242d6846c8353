/**
 * Random work on a partition, with crashes, torn writes, full disks and failing writes, against a naive model of it: an
 * array of batches. After every restart the log must hold a prefix of what was appended, with all that was synced, and
 * must behave from then on as the model does.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type SimulatedMachine, Simulation } from '../../world/simulated/simulation.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import { readBatchHeader } from '../protocol/record-batch.ts'
import type { LogDirectory } from './log-directory.ts'
import type { AppendResult, PartitionLog } from './partition-log.ts'
import { append, openOn, readBatches, readValues, type TestBatch } from './storage-for-tests.ts'

interface ModelBatch {
  readonly kind: 'data' | 'commit' | 'abort'
  readonly baseOffset: number
  readonly lastOffset: number
  readonly values: readonly string[]
  readonly timestampMs: number
  readonly producerId: number
  readonly baseSequence: number
  readonly transactional: boolean
}

const PRODUCERS = [11, 12, 13]
const TRANSACTIONAL = [21, 22]

class Scenario {
  readonly machine: SimulatedMachine
  readonly simulation: Simulation
  directory!: LogDirectory
  log!: PartitionLog
  batches: ModelBatch[] = []
  logStart = 0
  /** Everything below was said to be durable. */
  promised = 0
  count = 0
  /** All that ever was appended, and all that the device refused. */
  accepted: ModelBatch[] = []
  refused: ModelBatch[] = []
  /** The device has begun to refuse writes now and then. */
  failing = false

  constructor(seed: number) {
    this.simulation = new Simulation({ seed })
    this.machine = this.simulation.machine('server')
  }

  get end(): number {
    return (this.batches.at(-1)?.lastOffset ?? -1) + 1
  }

  below(limit: number): number {
    return this.simulation.random.below(limit)
  }

  async open(): Promise<void> {
    this.directory = await openOn(this.machine, {
      config: { flushIntervalMs: 50, checkpointIntervalMs: 300, maxOpenFiles: 6 },
    })
    this.log =
      this.directory.topic('t')?.partitions[0] ??
      this.directory.createTopic({
        name: 't',
        partitions: 1,
        config: { 'segment.bytes': '900', 'index.interval.bytes': '150', 'retention.ms': '-1' },
      }).partitions[0]!
  }

  append(): void {
    const producerId = [-1, ...PRODUCERS, ...TRANSACTIONAL][
      this.below(1 + PRODUCERS.length + TRANSACTIONAL.length)
    ]!
    const values = Array.from(
      { length: 1 + this.below(4) },
      () => `${this.count++}${'.'.repeat(this.below(60))}`,
    )
    const timestampMs = 1_000_000 + this.below(1000)
    const transactional = TRANSACTIONAL.includes(producerId)
    const baseSequence = producerId < 0 ? -1 : this.nextSequence(producerId)
    const batch: TestBatch = {
      values,
      timestampMs,
      ...(producerId >= 0 && { producerId, producerEpoch: 0, baseSequence, transactional }),
      compression: this.below(4) === 0 ? 'gzip' : 'none',
    }
    this.take(append(this.log, batch), {
      kind: 'data',
      baseOffset: this.end,
      lastOffset: this.end + values.length - 1,
      values,
      timestampMs,
      producerId,
      baseSequence,
      transactional,
    })
  }

  marker(): void {
    const producerId = TRANSACTIONAL[this.below(TRANSACTIONAL.length)]!
    const kind = this.below(2) === 0 ? 'commit' : 'abort'
    this.take(this.log.appendMarker({ kind, producerId, producerEpoch: 0, coordinatorEpoch: 0 }), {
      kind,
      baseOffset: this.end,
      lastOffset: this.end,
      values: [],
      timestampMs: -1,
      producerId,
      baseSequence: -1,
      transactional: true,
    })
  }

  /** The device may refuse a write; nothing may have changed then. */
  take(result: AppendResult, batch: ModelBatch): void {
    if (result.kind === 'rejected') {
      assert.equal(result.error, ErrorCode.KAFKA_STORAGE_ERROR, result.message)
      assert.equal(this.log.endOffset, this.end)
      this.refused.push(batch)
      return
    }
    assert.equal(result.kind, 'appended')
    assert.equal(result.baseOffset, batch.baseOffset)
    assert.equal(result.lastOffset, batch.lastOffset)
    this.accepted.push(batch)
    this.batches.push(batch)
  }

  async sync(): Promise<void> {
    const end = this.end
    try {
      await this.log.sync()
    } catch (error) {
      assert.ok(this.failing, String(error))
      return
    }
    this.promised = Math.max(this.promised, end)
    assert.ok(this.log.durableOffset >= end)
  }

  repeatOldBatch(): void {
    const producerId = PRODUCERS[this.below(PRODUCERS.length)]!
    const own = this.batches.filter((batch) => batch.producerId === producerId)
    const remembered = own.slice(-5)
    if (remembered.length === 0) return
    const batch = remembered[this.below(remembered.length)]!
    const result = append(this.log, {
      values: batch.values,
      producerId,
      producerEpoch: 0,
      baseSequence: batch.baseSequence,
    })
    assert.equal(result.kind, 'duplicate', JSON.stringify(result))
    assert.equal(result.kind === 'duplicate' && result.baseOffset, batch.baseOffset)
  }

  skipSequence(): void {
    const producerId = PRODUCERS[this.below(PRODUCERS.length)]!
    if (this.nextSequence(producerId) === 0) return
    const result = append(this.log, {
      values: ['x'],
      producerId,
      producerEpoch: 0,
      baseSequence: this.nextSequence(producerId) + 1,
    })
    assert.equal(result.kind === 'rejected' && result.error, 45)
  }

  async restart(how: 'close' | 'kill' | 'power'): Promise<void> {
    if (how === 'close') await this.directory.close()
    else if (how === 'kill') this.machine.kill()
    else this.machine.losePower()
    await this.open()
    const end = this.log.endOffset
    if (how === 'power')
      assert.ok(end >= this.promised, `${end} is below ${this.promised}, which was durable`)
    else assert.equal(end, this.end)
    if (how === 'power' && this.failing) this.adopt()
    else this.batches = this.batches.filter((batch) => batch.lastOffset < end)
    assert.equal(this.end, end, 'the log ends with a whole batch')
    if (this.machine.disk.conditions.writeFailureChance === 0) {
      // What was found is synced in the background; the next crash may come before that.
      if (this.below(2) === 0) {
        await this.log.sync()
        this.promised = end
        assert.equal(this.log.durableOffset, end)
      }
    }
    this.check()
  }

  /**
   * A power cut may also undo the undoing of a write that the device refused, or the cut of a tail that was torn before:
   * what is not durable may be any whole batches that were written at that place once.
   */
  adopt(): void {
    const known = [...this.batches, ...this.accepted.toReversed(), ...this.refused.toReversed()]
    const durable = this.batches.filter((batch) => batch.lastOffset < this.promised)
    const found = readBatches(this.log).map(({ header, kind, records }) => {
      const batch = known.find(
        (each) =>
          each.kind === kind &&
          each.baseOffset === header.baseOffset &&
          each.producerId === header.producerId &&
          each.values.join() === records.map(({ value }) => value).join(),
      )
      assert.ok(batch !== undefined, `nothing like the batch at ${header.baseOffset} was ever appended`)
      return batch
    })
    const first = found[0]?.baseOffset ?? this.log.endOffset
    this.batches = [...this.batches.filter((batch) => batch.lastOffset < first), ...found]
    assert.deepEqual(this.batches.slice(0, durable.length), durable)
  }

  deleteRecords(): void {
    const offset = this.logStart + this.below(this.end - this.logStart + 1)
    // What is not durable may come back as a shorter log, which begins at the deletion then: keep the model simple.
    if (offset > this.promised) return
    assert.ok(this.log.deleteRecordsBefore(offset))
    this.logStart = Math.max(this.logStart, offset)
  }

  /** Compares everything that a reader can see. */
  check(): void {
    const { log } = this
    assert.ok(log.logStartOffset <= this.logStart)
    this.logStart = log.logStartOffset
    const visible = this.batches.filter((batch) => batch.lastOffset >= this.logStart)
    assert.deepEqual(
      readBatches(log, { maxBytes: 1 + this.below(2000) }).map(({ header }) => header.baseOffset),
      visible.map((batch) => batch.baseOffset),
    )
    assert.deepEqual(
      readValues(log),
      visible.flatMap((batch) => batch.values.map((value, index) => `${batch.baseOffset + index}:${value}`)),
    )
    this.checkTransactions()
    this.checkTimestamps(visible)
  }

  checkTransactions(): void {
    const { log } = this
    const open = new Map<number, number>()
    const aborted: { producerId: number; firstOffset: number; lastOffset: number }[] = []
    for (const { kind, producerId, baseOffset, transactional } of this.batches) {
      if (kind === 'data' && transactional && !open.has(producerId)) open.set(producerId, baseOffset)
      if (kind === 'abort' && open.has(producerId))
        aborted.push({ producerId, firstOffset: open.get(producerId)!, lastOffset: baseOffset })
      if (kind !== 'data') open.delete(producerId)
    }
    const lastStable = Math.max(this.logStart, Math.min(this.end, ...open.values()))
    assert.equal(log.lastStableOffset, lastStable)
    if (this.end === this.logStart) return
    const offset = this.logStart + this.below(this.end - this.logStart)
    const read = log.read({
      offset,
      maxBytes: 1 + this.below(1500),
      isolation: 'read_committed',
      minOneBatch: true,
    })
    assert.equal(read.kind, 'data')
    if (read.kind !== 'data') return
    let next = offset
    for (let at = 0; at < read.records.length;) {
      const header = readBatchHeader(read.records, at)
      next = header.baseOffset + header.lastOffsetDelta + 1
      at += header.sizeBytes
    }
    assert.ok(next <= Math.min(lastStable, log.durableOffset) || read.records.length === 0)
    const expected = aborted.filter(
      (each) => each.lastOffset >= offset && each.firstOffset < next && read.records.length > 0,
    )
    const key = (each: { producerId: number; firstOffset: number }): string =>
      `${each.producerId}@${each.firstOffset}`
    assert.deepEqual(read.abortedTransactions?.map(key).sort(), expected.map(key).sort())
  }

  checkTimestamps(visible: readonly ModelBatch[]): void {
    // Markers carry the clock's time, which is later than all of these.
    const wanted = 1_000_000 + this.below(1000)
    const first = visible.find((batch) => batch.kind !== 'data' || batch.timestampMs >= wanted)
    const found = this.log.offsetForTimestamp(wanted)
    assert.equal(found?.offset, first === undefined ? undefined : Math.max(first.baseOffset, this.logStart))
  }

  nextSequence(producerId: number): number {
    const last = this.batches.findLast((batch) => batch.producerId === producerId && batch.kind === 'data')
    return last === undefined ? 0 : last.baseSequence + last.values.length
  }

  toggleFailures(): void {
    const { conditions } = this.machine.disk
    conditions.writeFailureChance = conditions.writeFailureChance > 0 ? 0 : 0.2
    this.failing = true
  }

  async run(steps: number): Promise<void> {
    await this.open()
    await this.directory.topicsSynced()
    for (let step = 0; step < steps; step++) {
      const dice = this.below(100)
      if (dice < 50) this.append()
      else if (dice < 58) this.marker()
      else if (dice < 66) await this.sync()
      else if (dice < 72) this.repeatOldBatch()
      else if (dice < 76) this.skipSequence()
      else if (dice < 80) this.check()
      else if (dice < 83) this.deleteRecords()
      else if (dice < 86)
        await new Promise((resolve) =>
          this.simulation.clock.schedule(this.below(200), () => resolve(undefined)),
        )
      else if (dice < 88) void this.log.sync().catch(() => {})
      else if (dice < 92) await this.restart('power')
      else if (dice < 95) await this.restart('kill')
      else if (dice < 97) await this.restart('close')
      else this.toggleFailures()
    }
    this.check()
  }
}

describe('a partition under random work and crashes', () => {
  const seeds = Number(process.env['MILLRACE_STORAGE_SEEDS'] ?? 20)
  for (let seed = 1; seed <= seeds; seed++) {
    it(`seed ${seed}`, async () => {
      const scenario = new Scenario(seed)
      await scenario.simulation.run(() => scenario.run(150))
    })
  }
})
