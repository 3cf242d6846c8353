/** What the tests of compaction share: a compacted partition in the simulated world, and what consumers see of it. */
import assert from 'node:assert/strict'
import { type SimulatedMachine, Simulation } from '../../../world/simulated/simulation.ts'
import {
  type BatchHeader,
  isControl,
  readBatchHeader,
  readControlType,
  RecordBatchBuilder,
  splitBatches,
} from '../../protocol/record-batch.ts'
import type { LogDirectory } from '../log-directory.ts'
import type { PartitionLog } from '../partition-log.ts'
import { openOn } from '../storage-for-tests.ts'
import { recordsOf } from './compacted-batch.ts'

export const DAY_MS = 86_400_000

export interface Written {
  readonly key: string | null
  readonly value: string | null
  readonly timestampMs: number
}

export interface Producer {
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly transactional: boolean
}

export interface Answer {
  readonly batches: readonly { readonly batch: Buffer; readonly header: BatchHeader }[]
  readonly aborted: readonly { readonly producerId: number; readonly firstOffset: number }[]
}

export type Seen = Written & { readonly offset: number }

export class Bench {
  readonly simulation: Simulation
  readonly machine: SimulatedMachine
  readonly #config: Readonly<Record<string, string>>
  directory!: LogDirectory
  log!: PartitionLog

  constructor(seed: number, config: Readonly<Record<string, string>> = {}) {
    this.simulation = new Simulation({ seed })
    this.machine = this.simulation.machine('server')
    this.#config = {
      'cleanup.policy': 'compact',
      'segment.bytes': '600',
      'index.interval.bytes': '100',
      'min.cleanable.dirty.ratio': '0',
      'message.timestamp.after.max.ms': '9223372036854775807',
      ...config,
    }
  }

  async open(): Promise<void> {
    this.directory = await openOn(this.machine, {
      config: { flushIntervalMs: 100, checkpointIntervalMs: 300, maxOpenFiles: 8 },
    })
    this.log =
      this.directory.topic('t')?.partitions[0] ??
      this.directory.createTopic({ name: 't', partitions: 1, config: this.#config }).partitions[0]!
    await this.directory.topicsSynced()
  }

  append(
    records: readonly Written[],
    options: Partial<Producer> & { compression?: 'none' | 'gzip' } = {},
  ): number {
    const builder = new RecordBatchBuilder()
    for (const record of records) builder.append({ ...record, headers: [{ key: 'h', value: 'x' }] })
    const batch = builder.build(options)
    const result = this.log.append(batch, readBatchHeader(batch, 0), { origin: 'client' })
    assert.equal(result.kind, 'appended', JSON.stringify(result))
    return result.kind === 'appended' ? result.baseOffset : -1
  }

  /** Only what is on the device is compacted. */
  async compact(nowMs: number): Promise<number> {
    await this.log.sync()
    return await this.log.compact(nowMs)
  }

  /** Fills the active segment, so that everything before can be compacted. */
  close(): void {
    const { segmentCount } = this.log
    while (this.log.segmentCount === segmentCount)
      this.append([{ key: 'filler', value: 'f'.repeat(200), timestampMs: 1 }])
  }

  /** What a consumer gets that asks for a little at a time: an answer after the other, with what was aborted in it. */
  #answers(isolation: 'read_committed' | 'read_uncommitted'): Answer[] {
    const answers: Answer[] = []
    let offset = this.log.logStartOffset
    for (;;) {
      const read = this.log.read({ offset, maxBytes: 400, isolation, minOneBatch: true })
      assert.equal(read.kind, 'data')
      if (read.kind !== 'data' || read.records.length === 0) return answers
      const batches = splitBatches(read.records).map((batch) => ({
        batch,
        header: readBatchHeader(batch, 0),
      }))
      for (const { header } of batches) {
        assert.ok(header.baseOffset + header.lastOffsetDelta >= offset)
        offset = header.baseOffset + header.lastOffsetDelta + 1
      }
      answers.push({ batches, aborted: read.abortedTransactions ?? [] })
    }
  }

  batches(): Answer['batches'] {
    return this.#answers('read_uncommitted').flatMap(({ batches }) => batches)
  }

  /** All records as they lie in the log. */
  records(): Seen[] {
    return this.batches()
      .filter(({ header }) => !isControl(header.attributes))
      .flatMap(({ header, batch }) => seenIn(batch, header))
  }

  /** What a consumer of committed records makes of its answers. */
  committed(): Seen[] {
    const seen: Seen[] = []
    for (const { batches, aborted } of this.#answers('read_committed')) {
      const ahead = aborted.toSorted((a, b) => a.firstOffset - b.firstOffset)
      const dropped = new Set<number>()
      for (const { header, batch } of batches) {
        while (ahead.length > 0 && ahead[0]!.firstOffset <= header.baseOffset + header.lastOffsetDelta)
          dropped.add(ahead.shift()!.producerId)
        if (!isControl(header.attributes)) {
          if (!dropped.has(header.producerId)) seen.push(...seenIn(batch, header))
        } else if (header.recordCount > 0 && readControlType(batch) === 'abort')
          dropped.delete(header.producerId)
      }
    }
    return seen
  }

  markers(): string[] {
    return this.batches()
      .filter(({ header }) => isControl(header.attributes) && header.recordCount > 0)
      .map(({ header, batch }) => `${readControlType(batch)} ${header.producerId}`)
  }

  async restart(how: 'close' | 'kill' | 'power'): Promise<void> {
    if (how === 'close') await this.directory.close()
    else if (how === 'kill') this.machine.kill()
    else this.machine.losePower()
    await this.open()
  }
}

function seenIn(batch: Buffer, header: BatchHeader): Seen[] {
  return recordsOf(batch, header).map(({ offset, timestampMs, key, isTombstone, rest }) => ({
    offset,
    timestampMs,
    key: key === null ? null : key.toString(),
    value: isTombstone ? null : textBetween(rest, key),
  }))
}

/** The value of a record with one header `h: x`: what stands between the key and the header. */
function textBetween(rest: Buffer, key: Buffer | null): string {
  const text = rest.toString('latin1')
  const from = key === null ? 0 : text.indexOf(key.toString('latin1')) + key.length
  return text
    .slice(from)
    .replace(/^[^\w]+/, '')
    .replace(/[^\w]+h[^\w]+x$/, '')
}

export const at = (key: string | null, value: string | null, timestampMs = 1_000): Written => ({
  key,
  value,
  timestampMs,
})
