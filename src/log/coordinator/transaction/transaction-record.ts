import { ByteReader, WireError } from '../../../base/byte-reader.ts'
import { ByteWriter } from '../../../base/byte-writer.ts'
import type { StoredRecord } from '../coordinator-record.ts'
import { TRANSACTION_STATUSES, type TransactionStatus } from './transaction-status.ts'

/** A record of `__transaction_state`: all that is known about a transactional id. A null value forgets it. */
export interface TransactionRecord {
  readonly transactionalId: string
  readonly value: TransactionValue | null
}

export interface TransactionValue {
  readonly producerId: number
  /** The id before the last rotation, -1 when there was none. */
  readonly previousProducerId: number
  /** While a transaction ends with an exhausted epoch: the id that follows; -1 otherwise. */
  readonly nextProducerId: number
  readonly producerEpoch: number
  readonly timeoutMs: number
  readonly status: TransactionStatus
  readonly partitions: TransactionPartitions
  readonly updatedMs: number
  /** When the transaction began; -1 when none is open. */
  readonly startedMs: number
  /** 0 or 1: the epoch stays through a transaction; 2: each end bumps it (KIP-890). */
  readonly clientVersion: number
}

/** Topic → partition indexes. Never changed in place. */
export type TransactionPartitions = ReadonlyMap<string, ReadonlySet<number>>

/** Encodes TransactionLogKey v0 and TransactionLogValue v1. */
export function encodeTransactionRecord({ transactionalId, value }: TransactionRecord): StoredRecord {
  const key = new ByteWriter(64)
  key.int16(0)
  key.string(transactionalId)
  return { key: key.toBuffer(), value: value && encodeValue(value) }
}

function encodeValue(value: TransactionValue): Buffer {
  const writer = new ByteWriter(128)
  writer.int16(1)
  writer.int64(value.producerId)
  writer.int16(value.producerEpoch)
  writer.int32(value.timeoutMs)
  writer.int8(TRANSACTION_STATUSES.indexOf(value.status))
  if (value.status === 'Empty') {
    writer.unsignedVarint(0)
  } else {
    writer.unsignedVarint(value.partitions.size + 1)
    for (const [topic, partitions] of value.partitions) {
      writer.compactString(topic)
      writer.unsignedVarint(partitions.size + 1)
      for (const partition of partitions) writer.int32(partition)
      writer.unsignedVarint(0)
    }
  }
  writer.int64(value.updatedMs)
  writer.int64(value.startedMs)
  const tags: [tag: number, sizeBytes: number, write: () => void][] = []
  if (value.previousProducerId !== -1) tags.push([0, 8, () => writer.int64(value.previousProducerId)])
  if (value.nextProducerId !== -1) tags.push([1, 8, () => writer.int64(value.nextProducerId)])
  if (value.clientVersion !== 0) tags.push([2, 2, () => writer.int16(value.clientVersion)])
  writer.unsignedVarint(tags.length)
  for (const [tag, sizeBytes, write] of tags) {
    writer.unsignedVarint(tag)
    writer.unsignedVarint(sizeBytes)
    write()
  }
  return writer.toBuffer()
}

/** Reads both versions that Kafka has written. */
export function decodeTransactionRecord(stored: StoredRecord): TransactionRecord | undefined {
  const key = new ByteReader(stored.key)
  if (key.int16() !== 0) return undefined
  return { transactionalId: key.string(), value: stored.value && decodeValue(stored.value) }
}

function decodeValue(buffer: Buffer): TransactionValue {
  const reader = new ByteReader(buffer)
  const flexible = reader.int16() >= 1
  const producerId = reader.int64()
  const producerEpoch = reader.int16()
  const timeoutMs = reader.int32()
  const status = TRANSACTION_STATUSES[reader.int8()]
  if (status === undefined) throw new WireError('a transaction state record has an unknown status')
  const length = (minBytes: number): number =>
    flexible ? reader.compactArrayLength(minBytes) : reader.arrayLength(minBytes)
  const partitions = new Map<string, Set<number>>()
  for (let topics = length(1); topics > 0; topics--) {
    const topic = flexible ? reader.compactString() : reader.string()
    const indexes = new Set<number>()
    for (let left = length(4); left > 0; left--) indexes.add(reader.int32())
    if (flexible) reader.skipTaggedFields()
    partitions.set(topic, indexes)
  }
  const updatedMs = reader.int64()
  const startedMs = reader.int64()
  let previousProducerId = -1
  let nextProducerId = -1
  let clientVersion = 0
  for (let left = flexible ? reader.unsignedVarint() : 0; left > 0; left--) {
    const tag = reader.unsignedVarint()
    const end = reader.taggedFieldEnd()
    if (tag === 0) previousProducerId = reader.int64()
    else if (tag === 1) nextProducerId = reader.int64()
    else if (tag === 2) clientVersion = reader.int16()
    reader.position = end
  }
  return {
    producerId,
    previousProducerId,
    nextProducerId,
    producerEpoch,
    timeoutMs,
    status,
    partitions,
    updatedMs,
    startedMs,
    clientVersion,
  }
}

export function hasPartition(partitions: TransactionPartitions, topic: string, partition: number): boolean {
  return partitions.get(topic)?.has(partition) === true
}

/** The union; the very same map when nothing is new. */
export function withPartitions(
  partitions: TransactionPartitions,
  added: readonly { readonly topic: string; readonly partition: number }[],
): TransactionPartitions {
  let union: Map<string, Set<number>> | undefined
  for (const { topic, partition } of added) {
    if (hasPartition(union ?? partitions, topic, partition)) continue
    union ??= new Map(Array.from(partitions, ([name, indexes]) => [name, new Set(indexes)]))
    const indexes = union.get(topic)
    if (indexes === undefined) union.set(topic, new Set([partition]))
    else indexes.add(partition)
  }
  return union ?? partitions
}

export const NO_PARTITIONS: TransactionPartitions = new Map()
