/**
 * Reads a segment's `.log`, batch after batch, whatever its size: what lies there, whether the checksums are right and
 * the offsets ascend. The records of the coordinators' own topics are shown as what they mean.
 */
import { readSync } from 'node:fs'
import { messageOf } from '../../base/millrace-error.ts'
import { decodeGroupRecord } from '../../log/coordinator/group/group-record.ts'
import { decodeTransactionRecord } from '../../log/coordinator/transaction/transaction-record.ts'
import {
  BATCH_HEADER_BYTES,
  type BatchHeader,
  compressionOf,
  isControl,
  isLogAppendTime,
  isTransactional,
  readBatchHeader,
  readControlType,
  RecordCursor,
  verifyBatchCrc,
} from '../../log/protocol/record-batch.ts'
import type { DumpSink } from './dump-sink.ts'

export interface SegmentSummary {
  readonly batches: number
  readonly records: number
}

export interface SegmentOptions {
  /** Of an open file. */
  readonly fd: number
  readonly sizeBytes: number
  /** From the file's name. */
  readonly baseOffset: number
  readonly topic: string | undefined
  readonly records: boolean
}

/** Batches larger than this are taken for damage: Kafka's own limit of a request is 100 MiB. */
const BATCH_BYTES_MAX = 256 << 20

export function dumpSegment(options: SegmentOptions, sink: DumpSink): SegmentSummary {
  const { fd, sizeBytes, baseOffset, topic } = options
  const [head, cursor] = [Buffer.alloc(BATCH_HEADER_BYTES), new RecordCursor()]
  let [batches, records, nextOffset] = [0, 0, baseOffset]
  for (let position = 0; position < sizeBytes;) {
    const at = `position ${position}`
    if (sizeBytes - position < BATCH_HEADER_BYTES) {
      if (isRoom(fd, position, sizeBytes)) break
      sink.problem(at, `${sizeBytes - position} bytes are left, which is less than a batch’s header`)
      break
    }
    readSync(fd, head, 0, BATCH_HEADER_BYTES, position)
    const header = readBatchHeader(head, 0)
    const problem = shapeProblem(header, sizeBytes - position)
    if (problem !== undefined) {
      if (isRoom(fd, position, sizeBytes)) break
      // What lies behind cannot be found: batches have no mark that says where the next one begins.
      sink.problem(at, problem)
      break
    }
    const batch = Buffer.allocUnsafe(header.sizeBytes)
    readSync(fd, batch, 0, header.sizeBytes, position)
    const crcValid = verifyBatchCrc(batch, 0, header.sizeBytes)
    if (!crcValid) sink.problem(at, `the checksum of the batch at offset ${header.baseOffset} is wrong`)
    if (header.baseOffset < nextOffset)
      sink.problem(
        at,
        `the batch begins at offset ${header.baseOffset}, where ${nextOffset} or more is expected`,
      )
    sink.line(batchLine(batch, header, { position, crcValid }))
    if (crcValid && options.records) dumpRecords(batch, { header, cursor, topic, at }, sink)
    batches += 1
    records += header.recordCount
    nextOffset = header.baseOffset + header.lastOffsetDelta + 1
    position += header.sizeBytes
  }
  return { batches, records }
}

/** Zeros are room for batches to come: the log is open, or was not closed in order. */
function isRoom(fd: number, from: number, to: number): boolean {
  const chunk = Buffer.alloc(Math.min(65_536, to - from))
  const zeros = Buffer.alloc(chunk.length)
  for (let at = from; at < to; at += chunk.length) {
    const length = readSync(fd, chunk, 0, Math.min(chunk.length, to - at), at)
    if (!chunk.subarray(0, length).equals(zeros.subarray(0, length))) return false
  }
  return true
}

function shapeProblem(header: BatchHeader, leftBytes: number): string | undefined {
  const { sizeBytes, magic } = header
  if (sizeBytes < BATCH_HEADER_BYTES || sizeBytes > BATCH_BYTES_MAX)
    return `a batch of ${sizeBytes} bytes, which none is`
  if (magic !== 2) return `a batch of magic ${magic}, where 2 is expected`
  if (sizeBytes > leftBytes) return `a batch of ${sizeBytes} bytes, of which ${leftBytes} are there`
  return undefined
}

function batchLine(
  batch: Buffer,
  header: BatchHeader,
  { position, crcValid }: { readonly position: number; readonly crcValid: boolean },
): Parameters<DumpSink['line']>[0] {
  const { attributes } = header
  return {
    kind: 'batch',
    position,
    baseOffset: header.baseOffset,
    lastOffset: header.baseOffset + header.lastOffsetDelta,
    records: header.recordCount,
    sizeBytes: header.sizeBytes,
    compression: codecOf(attributes),
    timestampType: isLogAppendTime(attributes) ? 'LogAppendTime' : 'CreateTime',
    baseTimestamp: header.baseTimestamp,
    maxTimestamp: header.maxTimestamp,
    producerId: header.producerId,
    producerEpoch: header.producerEpoch,
    baseSequence: header.baseSequence,
    transactional: isTransactional(attributes),
    control: isControl(attributes) ? (crcValid ? readControlType(batch) : 'unknown') : null,
    leaderEpoch: header.partitionLeaderEpoch,
    crc: header.crc,
    crcValid,
  }
}

function codecOf(attributes: number): string {
  try {
    return compressionOf(attributes)
  } catch {
    return `unknown (${attributes & 7})`
  }
}

function dumpRecords(
  batch: Buffer,
  context: {
    readonly header: BatchHeader
    readonly cursor: RecordCursor
    readonly topic: string | undefined
    readonly at: string
  },
  sink: DumpSink,
): void {
  const { header, cursor, topic, at } = context
  if (isControl(header.attributes)) return
  try {
    cursor.open(batch)
    while (cursor.next()) {
      const { offset, timestampMs } = cursor
      const [key, value] = [cursor.key(), cursor.value()]
      const headers = Object.fromEntries(
        cursor.headers().map((one) => [one.key, one.value?.toString() ?? null]),
      )
      sink.line({
        kind: 'record',
        offset,
        timestampMs,
        ...(meaningOf(topic, key, value) ?? { key: textOf(key), value: textOf(value), headers }),
      })
    }
  } catch (error) {
    sink.problem(at, `the records cannot be read: ${messageOf(error)}`)
  }
}

/** What a record of a coordinator's topic says; undefined for any other, and for formats that are not known. */
function meaningOf(
  topic: string | undefined,
  key: Buffer | null,
  value: Buffer | null,
): Readonly<Record<string, unknown>> | undefined {
  if (key === null) return undefined
  try {
    if (topic === '__consumer_offsets') {
      const record = decodeGroupRecord({ key, value })
      return record && { meaning: record }
    }
    if (topic === '__transaction_state') {
      const record = decodeTransactionRecord({ key, value })
      if (record === undefined) return undefined
      const partitions = [...(record.value?.partitions ?? [])].flatMap(([name, indexes]) =>
        [...indexes].map((index) => `${name}-${index}`),
      )
      return { meaning: { ...record, value: record.value && { ...record.value, partitions } } }
    }
  } catch {
    return undefined
  }
  return undefined
}

/** Text where the bytes are text, otherwise what they are in base64. */
function textOf(bytes: Buffer | null): unknown {
  if (bytes === null) return null
  const text = bytes.toString()
  return Buffer.from(text).equals(bytes) ? text : { base64: bytes.toString('base64') }
}
