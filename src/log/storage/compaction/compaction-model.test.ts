/**
 * Compaction under random work and crashes at any point of it, against a model. Whatever happens, the log must hold a part
 * of what was written, each record at its offset, and the last value of every key.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sleep } from '../../../world/world.ts'
import { at, Bench, DAY_MS, type Written } from './compaction-bench.test-kit.ts'

describe('compaction in random lives', () => {
  const seeds = Number(process.env['MILLRACE_STORAGE_SEEDS'] ?? 15)
  for (let seed = 1; seed <= seeds; seed++) {
    it(`seed ${seed}: survives crashes at any point`, async () => {
      const life = new RandomLife(seed)
      await life.bench.simulation.run(() => life.run(120))
    })
  }
})

interface ModelRecord extends Written {
  readonly offset: number
  readonly producerId: number
}

/** Random keyed writes and transactions with compactions that are cut off by crashes, against a plain list. */
class RandomLife {
  readonly bench: Bench
  #records: ModelRecord[] = []
  #markers: { readonly kind: 'commit' | 'abort'; readonly producerId: number; readonly offset: number }[] = []
  #count = 0
  #promised = 0
  #nowMs = DAY_MS

  constructor(seed: number) {
    this.bench = new Bench(seed, { 'delete.retention.ms': '500', 'segment.bytes': '500' })
  }

  async run(steps: number): Promise<void> {
    await this.bench.open()
    for (let step = 0; step < steps; step++) {
      const dice = this.#below(100)
      if (dice < 50) this.#append()
      else if (dice < 58) this.#marker()
      else if (dice < 70) {
        await this.bench.log.sync()
        this.#promised = this.bench.log.endOffset
      } else if (dice < 80) await this.#compact()
      else if (dice < 84) this.check()
      else await this.#crashWhileCompacting(dice < 92 ? 'power' : dice < 97 ? 'kill' : 'close')
    }
    for (const producerId of [21, 22]) this.#end(producerId, 'commit')
    this.bench.close()
    this.#adoptFillers()
    await this.#compact()
    this.check()
    this.#checkCompact()
  }

  #append(): void {
    const producerId = [-1, -1, 11, 21, 22][this.#below(5)]!
    const records = Array.from({ length: 1 + this.#below(3) }, () =>
      at(
        `key${this.#below(6)}`,
        this.#below(5) === 0 ? null : `value${this.#count++}`,
        1_000 + this.#below(100),
      ),
    )
    const producer =
      producerId < 0
        ? {}
        : {
            producerId,
            producerEpoch: 0,
            baseSequence: this.#sequenceOf(producerId),
            transactional: producerId > 20,
          }
    const offset = this.bench.append(records, {
      ...producer,
      compression: this.#below(4) === 0 ? 'gzip' : 'none',
    })
    for (const [index, record] of records.entries())
      this.#records.push({ ...record, offset: offset + index, producerId })
    this.#sequences.push({ producerId, offset, count: records.length })
  }

  #sequences: { readonly producerId: number; readonly offset: number; readonly count: number }[] = []

  #sequenceOf(producerId: number): number {
    return this.#sequences
      .filter((each) => each.producerId === producerId)
      .reduce((sum, { count }) => sum + count, 0)
  }

  #marker(): void {
    this.#end([21, 22][this.#below(2)]!, this.#below(2) === 0 ? 'commit' : 'abort')
  }

  #end(producerId: number, kind: 'commit' | 'abort'): void {
    const offset = this.bench.log.endOffset
    const result = this.bench.log.appendMarker({ kind, producerId, producerEpoch: 0, coordinatorEpoch: 0 })
    assert.equal(result.kind, 'appended')
    this.#markers.push({ kind, producerId, offset })
  }

  async #compact(): Promise<void> {
    this.#nowMs += this.#below(800)
    await this.bench.log.sync()
    this.#promised = this.bench.log.endOffset
    await this.bench.directory.compact(this.#nowMs)
  }

  async #crashWhileCompacting(how: 'close' | 'kill' | 'power'): Promise<void> {
    this.#nowMs += this.#below(800)
    void this.bench.directory.compact(this.#nowMs)
    await sleep(this.bench.simulation.clock, this.#below(12))
    if (this.#below(2) === 0) this.#append()
    await this.bench.restart(how)
    const end = this.bench.log.endOffset
    assert.ok(end >= this.#promised, `${end} is below ${this.#promised}, which was durable`)
    this.#records = this.#records.filter(({ offset }) => offset < end)
    this.#markers = this.#markers.filter(({ offset }) => offset < end)
    this.#sequences = this.#sequences.filter(({ offset }) => offset < end)
    this.check()
  }

  #adoptFillers(): void {
    const known = new Set(this.#records.map(({ offset }) => offset))
    for (const record of this.bench.records())
      if (!known.has(record.offset)) this.#records.push({ ...record, producerId: -1 })
  }

  /** Records of transactions that were committed, and those outside of any. */
  #committedBelow(limit: number): ModelRecord[] {
    return this.#records.filter(({ producerId, offset }) => {
      if (producerId < 20) return offset < limit
      const marker = this.#markers.find((each) => each.producerId === producerId && each.offset > offset)
      return marker?.kind === 'commit' && offset < limit
    })
  }

  check(): void {
    const { log } = this.bench
    const key = ({ offset, key: name, value, timestampMs }: Written & { readonly offset: number }): string =>
      `${offset} ${name}=${value} ${timestampMs}`
    const written = new Set(this.#records.map(key))
    let last = -1
    for (const record of this.bench.records()) {
      assert.ok(written.has(key(record)), `nobody wrote ${key(record)}`)
      assert.ok(record.offset > last)
      last = record.offset
    }
    const limit = Math.min(log.lastStableOffset, log.durableOffset)
    const expected = new Map(this.#committedBelow(limit).map((record) => [record.key, record]))
    const seen = this.bench.committed()
    const committed = new Set(this.#committedBelow(Infinity).map(key))
    for (const record of seen) assert.ok(committed.has(key(record)), `${key(record)} was never committed`)
    const found = new Map(seen.map((record) => [record.key, record]))
    for (const [name, record] of expected) {
      const newest = found.get(name)
      if (record.value !== null || newest !== undefined)
        assert.equal(newest && key(newest), key(record), `the last value of ${name}`)
    }
  }

  /** When all is compacted, of every key one record is left below the active segment. */
  #checkCompact(): void {
    const { cleanedTo } = this.bench.log
    const keys = this.bench.records().flatMap(({ offset, key }) => (offset < cleanedTo ? [key] : []))
    assert.ok(cleanedTo > 0)
    assert.equal(new Set(keys).size, keys.length, keys.join())
  }

  #below(limit: number): number {
    return this.bench.simulation.random.below(limit)
  }
}
