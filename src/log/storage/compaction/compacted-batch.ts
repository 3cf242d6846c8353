import { ByteReader, WireError } from '../../../base/byte-reader.ts'
import { ByteWriter } from '../../../base/byte-writer.ts'
import { crc32c } from '../../../base/crc32c.ts'
import { compress, decompress } from '../../protocol/compression.ts'
import {
  BATCH_HEADER_BYTES,
  BATCH_PREFIX_BYTES,
  type BatchHeader,
  compressionOf,
  isLogAppendTime,
} from '../../protocol/record-batch.ts'

/**
 * A batch after compaction. It keeps its offsets, producer, sequences and codec; of its records those stay that the
 * caller says. Offsets inside may skip then, and the offset after the last record stays what it was, so readers pass
 * over what is gone.
 *
 * A batch with tombstones, or a marker that has done its work, carries a delete horizon (attribute bit 6): the time from
 * which on they may go. It takes the place of the base timestamp, to which records' timestamps are relative.
 */
export interface BatchRecord {
  readonly offset: number
  readonly timestampMs: number
  readonly key: Buffer | null
  /** A tombstone: it deletes its key. */
  readonly isTombstone: boolean
  readonly attributes: number
  /** The record's bytes behind its timestamp. */
  readonly rest: Buffer
}

const ATTRIBUTES_AT = 21
const CRC_AT = 17
const DELETE_HORIZON_BIT = 0x40
const CODEC_MASK = 0x07
const NO_TIMESTAMP = -1

/** When tombstones and idle markers of the batch may go, ms since the epoch; undefined before that is decided. */
export function deleteHorizonOf(header: BatchHeader): number | undefined {
  return (header.attributes & DELETE_HORIZON_BIT) === 0 ? undefined : header.baseTimestamp
}

/** The records of a batch, markers included. Throws `WireError` on rubbish. */
export function recordsOf(batch: Buffer, header: BatchHeader): BatchRecord[] {
  const codec = compressionOf(header.attributes)
  const payload = batch.subarray(BATCH_HEADER_BYTES, header.sizeBytes)
  const reader = new ByteReader(header.recordCount === 0 ? NOTHING : decompress(codec, payload))
  const records: BatchRecord[] = []
  for (let index = 0; index < header.recordCount; index++) {
    const record = new ByteReader(reader.slice(reader.varint()))
    const attributes = record.int8()
    const timestampMs = header.baseTimestamp + record.varlong()
    const rest = record.slice(record.remaining())
    const inside = new ByteReader(rest)
    const offset = header.baseOffset + inside.varint()
    const keyLength = inside.varint()
    const key = keyLength < 0 ? null : inside.slice(keyLength)
    records.push({ offset, timestampMs, key, isTombstone: inside.varint() < 0, attributes, rest })
  }
  if (reader.remaining() > 0) throw new WireError('a batch is longer than its records')
  return records
}

/** The batch with these of its records only; without any it is a header that keeps offsets and the producer's state. */
export function rewrittenBatch(
  batch: Buffer,
  header: BatchHeader,
  kept: { readonly records: readonly BatchRecord[]; readonly deleteHorizonMs: number | undefined },
): Buffer {
  const { records, deleteHorizonMs } = kept
  const isEmpty = records.length === 0
  const baseTimestamp = isEmpty ? NO_TIMESTAMP : (deleteHorizonMs ?? header.baseTimestamp)
  const payload = new ByteWriter()
  let maxTimestampMs = NO_TIMESTAMP
  for (const { timestampMs, attributes, rest } of records) {
    maxTimestampMs = Math.max(maxTimestampMs, timestampMs)
    const front = new ByteWriter(16)
    front.int8(attributes)
    front.varlong(timestampMs - baseTimestamp)
    payload.varint(front.sizeBytes + rest.length)
    payload.raw(front.toBuffer())
    payload.raw(rest)
  }
  if (!isEmpty && isLogAppendTime(header.attributes)) maxTimestampMs = header.maxTimestamp
  let attributes = header.attributes & ~DELETE_HORIZON_BIT
  if (isEmpty) attributes &= ~CODEC_MASK
  else if (deleteHorizonMs !== undefined) attributes |= DELETE_HORIZON_BIT

  const bytes = isEmpty ? NOTHING : compress(compressionOf(header.attributes), payload.toBuffer())
  const rewritten = Buffer.concat([batch.subarray(0, BATCH_HEADER_BYTES), bytes])
  rewritten.writeInt32BE(rewritten.length - BATCH_PREFIX_BYTES, 8)
  rewritten.writeInt16BE(attributes, ATTRIBUTES_AT)
  rewritten.writeBigInt64BE(BigInt(baseTimestamp), 27)
  rewritten.writeBigInt64BE(BigInt(maxTimestampMs), 35)
  rewritten.writeInt32BE(records.length, 57)
  rewritten.writeUInt32BE(crc32c(rewritten.subarray(ATTRIBUTES_AT)), CRC_AT)
  return rewritten
}

const NOTHING = Buffer.alloc(0)
