/**
 * Kafka's record batch, magic 2: what producers send, what lies on disk, what consumers get.
 *
 *   0  baseOffset int64           outside the CRC: the log sets it
 *   8  batchLength int32          bytes after this field
 *  12  partitionLeaderEpoch int32 outside the CRC: the log sets it
 *  16  magic int8 (2)
 *  17  crc uint32                 CRC-32C of everything from 21 on
 *  21  attributes int16           bits 0-2 compression, 3 log append time, 4 transactional, 5 control, 6 delete horizon
 *  23  lastOffsetDelta int32
 *  27  baseTimestamp int64        35  maxTimestamp int64
 *  43  producerId int64           51  producerEpoch int16     53  baseSequence int32
 *  57  recordCount int32
 *  61  records                    compressed as a whole
 *
 * This file knows the header; `record-batch-builder.ts` writes records, `record-cursor.ts` reads them.
 */
import { WireError } from '../../base/byte-reader.ts'
import { crc32c } from '../../base/crc32c.ts'
import { type Compression, COMPRESSIONS } from './compression.ts'

/** Bytes in front of the records. */
export const BATCH_HEADER_BYTES = 61
/** Bytes that `batchLength` does not count. */
export const BATCH_PREFIX_BYTES = 12

const CRC_AT = 17
const ATTRIBUTES_AT = 21
const LOG_APPEND_TIME_BIT = 0x08
const TRANSACTIONAL_BIT = 0x10
const CONTROL_BIT = 0x20
const TWO_POW_32 = 2 ** 32

export interface BatchHeader {
  readonly baseOffset: number
  /** The whole batch with its 12-byte prefix. */
  readonly sizeBytes: number
  readonly partitionLeaderEpoch: number
  readonly magic: number
  readonly crc: number
  readonly attributes: number
  readonly lastOffsetDelta: number
  readonly baseTimestamp: number
  readonly maxTimestamp: number
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly recordCount: number
}

/** Reads the header of the batch at `position`, checking nothing but that the 61 bytes are there (else `WireError`). */
export function readBatchHeader(buffer: Buffer, position: number): BatchHeader {
  if (buffer.length - position < BATCH_HEADER_BYTES) throw new WireError('a batch header is cut off')
  return {
    baseOffset: readInt64(buffer, position),
    sizeBytes: buffer.readInt32BE(position + 8) + BATCH_PREFIX_BYTES,
    partitionLeaderEpoch: buffer.readInt32BE(position + 12),
    magic: buffer.readInt8(position + 16),
    crc: buffer.readUInt32BE(position + CRC_AT),
    attributes: buffer.readInt16BE(position + ATTRIBUTES_AT),
    lastOffsetDelta: buffer.readInt32BE(position + 23),
    baseTimestamp: readInt64(buffer, position + 27),
    maxTimestamp: readInt64(buffer, position + 35),
    producerId: readInt64(buffer, position + 43),
    producerEpoch: buffer.readInt16BE(position + 51),
    baseSequence: buffer.readInt32BE(position + 53),
    recordCount: buffer.readInt32BE(position + 57),
  }
}

/**
 * The size of the batch at `position` with its prefix; -1 when it is not wholly there, as at the end of a fetch. Throws
 * `WireError` when the length is impossible.
 */
export function completeBatchSize(buffer: Buffer, position: number): number {
  const left = buffer.length - position
  if (left < BATCH_PREFIX_BYTES) return -1
  const sizeBytes = buffer.readInt32BE(position + 8) + BATCH_PREFIX_BYTES
  if (sizeBytes < BATCH_HEADER_BYTES)
    throw new WireError(`a batch of ${sizeBytes} bytes is shorter than its header`)
  return sizeBytes <= left ? sizeBytes : -1
}

/** Splits concatenated batches; a cut-off last one is left out. */
export function splitBatches(records: Buffer): Buffer[] {
  const batches: Buffer[] = []
  for (let position = 0; ;) {
    const sizeBytes = completeBatchSize(records, position)
    if (sizeBytes < 0) return batches
    batches.push(records.subarray(position, position + sizeBytes))
    position += sizeBytes
  }
}

export function verifyBatchCrc(buffer: Buffer, position: number, sizeBytes: number): boolean {
  return (
    crc32c(buffer.subarray(position + ATTRIBUTES_AT, position + sizeBytes)) ===
    buffer.readUInt32BE(position + CRC_AT)
  )
}

/** Throws `WireError` for a code that is not in use. */
export function compressionOf(attributes: number): Compression {
  const codec = COMPRESSIONS[attributes & 0x07]
  if (codec === undefined) throw new WireError(`compression code ${attributes & 0x07} is unknown`)
  return codec
}

export function isLogAppendTime(attributes: number): boolean {
  return (attributes & LOG_APPEND_TIME_BIT) !== 0
}

export function isTransactional(attributes: number): boolean {
  return (attributes & TRANSACTIONAL_BIT) !== 0
}

export function isControl(attributes: number): boolean {
  return (attributes & CONTROL_BIT) !== 0
}

export function setBaseOffset(buffer: Buffer, position: number, offset: number): void {
  buffer.writeInt32BE(Math.floor(offset / TWO_POW_32), position)
  buffer.writeUInt32BE(offset >>> 0, position + 4)
}

export function setPartitionLeaderEpoch(buffer: Buffer, position: number, epoch: number): void {
  buffer.writeInt32BE(epoch, position + 12)
}

/** Gives all records of a batch the timestamp at which the log took it. Sets the CRC anew. */
export function setLogAppendTime(buffer: Buffer, position: number, timestampMs: number): void {
  const sizeBytes = buffer.readInt32BE(position + 8) + BATCH_PREFIX_BYTES
  const attributes = buffer.readInt16BE(position + ATTRIBUTES_AT)
  buffer.writeInt16BE(attributes | LOG_APPEND_TIME_BIT, position + ATTRIBUTES_AT)
  setBaseOffset(buffer, position + 35, timestampMs)
  buffer.writeUInt32BE(
    crc32c(buffer.subarray(position + ATTRIBUTES_AT, position + sizeBytes)),
    position + CRC_AT,
  )
}

function readInt64(buffer: Buffer, position: number): number {
  return buffer.readInt32BE(position) * TWO_POW_32 + buffer.readUInt32BE(position + 4)
}
