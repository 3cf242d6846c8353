/** What the tests of the storage share: batches from short descriptions, a directory in a simulated world. */
import type { Report } from '../../base/report.ts'
import type { SimulatedMachine } from '../../world/simulated/simulation.ts'
import {
  type BatchHeader,
  isControl,
  readBatchHeader,
  readControlType,
  RecordBatchBuilder,
  RecordCursor,
} from '../protocol/record-batch.ts'
import type { LogConfig } from './log-config.ts'
import { LogDirectory } from './log-directory.ts'
import type { AppendResult, PartitionLog } from './partition-log.ts'

export interface TestBatch {
  readonly values: readonly string[]
  readonly timestampMs?: number
  readonly producerId?: number
  readonly producerEpoch?: number
  readonly baseSequence?: number
  readonly transactional?: boolean
  readonly compression?: 'none' | 'gzip'
}

export function batchOf(description: TestBatch): Buffer {
  const { values, timestampMs = 1_000, ...options } = description
  const builder = new RecordBatchBuilder({})
  for (const value of values) builder.append({ timestampMs, value })
  return builder.build(options)
}

export function append(log: PartitionLog, description: TestBatch): AppendResult {
  const batch = batchOf(description)
  return log.append(batch, readBatchHeader(batch, 0), { origin: 'client' })
}

/** Appends records without a producer; returns the offset of the first. */
export function appendValues(log: PartitionLog, ...values: readonly string[]): number {
  const result = append(log, { values })
  if (result.kind === 'rejected') throw new Error(result.message)
  return result.baseOffset
}

export interface ReadOptions {
  readonly offset?: number
  readonly maxBytes?: number
  readonly isolation?: 'read_uncommitted' | 'read_committed'
}

export interface SeenBatch {
  readonly header: BatchHeader
  readonly kind: 'data' | 'commit' | 'abort' | 'other'
  readonly records: readonly { readonly offset: number; readonly value: string }[]
}

/** All batches from an offset on, as a consumer sees them who pages through the log. */
export function readBatches(log: PartitionLog, options: ReadOptions = {}): SeenBatch[] {
  const seen: SeenBatch[] = []
  const { maxBytes = 1 << 20, isolation = 'read_uncommitted' } = options
  let offset = options.offset ?? log.logStartOffset
  for (;;) {
    const read = log.read({ offset, maxBytes, isolation, minOneBatch: true })
    if (read.kind !== 'data') throw new Error(`offset ${offset} is ${read.kind}`)
    if (read.records.length === 0) return seen
    for (let at = 0; at < read.records.length;) {
      const header = readBatchHeader(read.records, at)
      seen.push(describeBatch(read.records.subarray(at, at + header.sizeBytes), header))
      at += header.sizeBytes
      offset = header.baseOffset + header.lastOffsetDelta + 1
    }
  }
}

/** `offset:value` of all records, markers left out. */
export function readValues(log: PartitionLog, options: ReadOptions = {}): string[] {
  return readBatches(log, options).flatMap(({ records }) =>
    records.map(({ offset, value }) => `${offset}:${value}`),
  )
}

function describeBatch(batch: Buffer, header: BatchHeader): SeenBatch {
  if (isControl(header.attributes)) return { header, kind: readControlType(batch), records: [] }
  const records: { offset: number; value: string }[] = []
  const cursor = new RecordCursor().open(batch)
  while (cursor.next()) records.push({ offset: cursor.offset, value: cursor.value()?.toString() ?? 'null' })
  return { header, kind: 'data', records }
}

/** Events that were reported, as `level event`. */
export function collectReports(): {
  readonly report: Report
  readonly events: { level: string; event: string; fields: Readonly<Record<string, unknown>> }[]
} {
  const events: { level: string; event: string; fields: Readonly<Record<string, unknown>> }[] = []
  return { events, report: (level, event, fields) => events.push({ level, event, fields }) }
}

export function openOn(
  machine: SimulatedMachine,
  options: { readonly config?: LogConfig; readonly report?: Report } = {},
): Promise<LogDirectory> {
  return LogDirectory.open({
    world: machine.world,
    path: '/data',
    config: options.config ?? {},
    report: options.report ?? ((): void => {}),
  })
}
