import { crc32c } from '../../base/crc32c.ts'
import type { ProducerState, RememberedBatch } from './producer-states.ts'
import { int64 } from './int64.ts'

/**
 * A partition's producers at some offset (`<offset>.snapshot`), in Kafka's format, version 1:
 *
 *     int16 version | uint32 CRC-32C of all that follows | int32 count | entries
 *     entry: int64 producer id | int16 epoch | int32 last sequence | int64 last offset | int32 offset delta
 *            int64 timestamp | int32 coordinator epoch | int64 first offset of the open transaction or −1
 *
 * Kafka keeps only the last batch of a producer there. Ours adds a section behind the entries, inside the CRC, which
 * Kafka does not look at; with it a producer may still repeat any of its last five batches after a restart:
 *
 *     "MRW1" | per producer, in the same order: int64 last seen, ms | int8 count |
 *              per batch, oldest first: int32 first, last sequence | int64 first, last offset | int64 timestamp
 */
const VERSION = 1
const CRC_POSITION = 2
const ENTRIES_POSITION = 6
const HEADER_BYTES = 10
const ENTRY_BYTES = 46
const WINDOW_MAGIC = 'MRW1'
const WINDOW_BYTES = 9
const BATCH_BYTES = 32

export function encodeProducerSnapshot(producers: Iterable<ProducerState>): Buffer {
  const all = [...producers]
  const batches = all.reduce((sum, producer) => sum + producer.batches.length, 0)
  const bytes = Buffer.alloc(
    HEADER_BYTES + all.length * (ENTRY_BYTES + WINDOW_BYTES) + WINDOW_MAGIC.length + batches * BATCH_BYTES,
  )
  bytes.writeInt16BE(VERSION, 0)
  bytes.writeInt32BE(all.length, ENTRIES_POSITION)
  let at = HEADER_BYTES
  for (const producer of all) {
    const last = producer.batches.at(-1)
    at = bytes.writeBigInt64BE(int64(producer.producerId), at)
    at = bytes.writeInt16BE(producer.producerEpoch, at)
    at = bytes.writeInt32BE(last?.lastSequence ?? -1, at)
    at = bytes.writeBigInt64BE(int64(last?.lastOffset ?? -1), at)
    at = bytes.writeInt32BE(last === undefined ? 0 : last.lastOffset - last.firstOffset, at)
    at = bytes.writeBigInt64BE(int64(last?.timestampMs ?? producer.lastSeenMs), at)
    at = bytes.writeInt32BE(producer.coordinatorEpoch, at)
    at = bytes.writeBigInt64BE(int64(producer.transactionFirstOffset), at)
  }
  at += bytes.write(WINDOW_MAGIC, at, 'latin1')
  for (const producer of all) {
    at = bytes.writeBigInt64BE(int64(producer.lastSeenMs), at)
    at = bytes.writeInt8(producer.batches.length, at)
    for (const batch of producer.batches) {
      at = bytes.writeInt32BE(batch.firstSequence, at)
      at = bytes.writeInt32BE(batch.lastSequence, at)
      at = bytes.writeBigInt64BE(int64(batch.firstOffset), at)
      at = bytes.writeBigInt64BE(int64(batch.lastOffset), at)
      at = bytes.writeBigInt64BE(int64(batch.timestampMs), at)
    }
  }
  bytes.writeUInt32BE(crc32c(bytes.subarray(ENTRIES_POSITION)), CRC_POSITION)
  return bytes
}

/** The producers of a snapshot, ours or Kafka's; undefined when it is damaged. `nowMs` stands in for an unknown last-seen time. */
export function decodeProducerSnapshot(bytes: Buffer, nowMs: number): ProducerState[] | undefined {
  if (bytes.length < HEADER_BYTES || bytes.readInt16BE(0) !== VERSION) return undefined
  if (bytes.readUInt32BE(CRC_POSITION) !== crc32c(bytes.subarray(ENTRIES_POSITION))) return undefined
  const count = bytes.readInt32BE(ENTRIES_POSITION)
  const entriesEnd = HEADER_BYTES + count * ENTRY_BYTES
  if (count < 0 || entriesEnd > bytes.length) return undefined
  const producers: ProducerState[] = []
  for (let at = HEADER_BYTES; at < entriesEnd; at += ENTRY_BYTES)
    producers.push(decodeEntry(bytes, at, nowMs))
  const magicEnd = entriesEnd + WINDOW_MAGIC.length
  if (bytes.toString('latin1', entriesEnd, magicEnd) !== WINDOW_MAGIC) return producers
  let at = magicEnd
  return producers.map((producer) => {
    const lastSeenMs = Number(bytes.readBigInt64BE(at))
    const batches: RememberedBatch[] = []
    const batchesStart = at + WINDOW_BYTES
    at = batchesStart + bytes.readInt8(at + 8) * BATCH_BYTES
    for (let batchAt = batchesStart; batchAt < at; batchAt += BATCH_BYTES)
      batches.push(decodeBatch(bytes, batchAt))
    return { ...producer, lastSeenMs, batches }
  })
}

function decodeEntry(bytes: Buffer, at: number, nowMs: number): ProducerState {
  const lastSequence = bytes.readInt32BE(at + 10)
  const lastOffset = Number(bytes.readBigInt64BE(at + 14))
  const offsetDelta = bytes.readInt32BE(at + 22)
  const last: RememberedBatch = {
    // Sequences wrap after 2^31 − 1.
    firstSequence:
      lastSequence >= offsetDelta ? lastSequence - offsetDelta : lastSequence - offsetDelta + 2 ** 31,
    lastSequence,
    firstOffset: lastOffset - offsetDelta,
    lastOffset,
    timestampMs: Number(bytes.readBigInt64BE(at + 26)),
  }
  return {
    producerId: Number(bytes.readBigInt64BE(at)),
    producerEpoch: bytes.readInt16BE(at + 8),
    coordinatorEpoch: bytes.readInt32BE(at + 34),
    lastSeenMs: nowMs,
    transactionFirstOffset: Number(bytes.readBigInt64BE(at + 38)),
    batches: lastOffset >= 0 && lastSequence >= 0 ? [last] : [],
  }
}

function decodeBatch(bytes: Buffer, at: number): RememberedBatch {
  return {
    firstSequence: bytes.readInt32BE(at),
    lastSequence: bytes.readInt32BE(at + 4),
    firstOffset: Number(bytes.readBigInt64BE(at + 8)),
    lastOffset: Number(bytes.readBigInt64BE(at + 16)),
    timestampMs: Number(bytes.readBigInt64BE(at + 24)),
  }
}
