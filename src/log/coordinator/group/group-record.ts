import { ByteReader } from '../../../base/byte-reader.ts'
import { ByteWriter } from '../../../base/byte-writer.ts'
import type { StoredRecord } from '../coordinator-record.ts'
import {
  decodeConsumerRecord,
  encodeConsumerRecord,
  type ConsumerRecord,
} from './consumer/consumer-record.ts'
import {
  decodeStreamsRecord,
  encodeStreamsRecord,
  isStreamsRecord,
  type StreamsRecord,
} from './streams/streams-record.ts'
import {
  decodeShareRecord,
  encodeShareRecord,
  isShareRecord,
  type ShareRecord,
} from './share/share-record.ts'

/**
 * A record of `__consumer_offsets`: a committed offset, the membership of a group of the classic protocol, or a part of
 * one of the consumer protocol, of a share group or of a streams group. A null value is a tombstone.
 */
export type GroupRecord =
  | ConsumerRecord
  | ShareRecord
  | StreamsRecord
  | {
      readonly kind: 'offset'
      readonly groupId: string
      readonly topic: string
      readonly partition: number
      readonly value: OffsetValue | null
    }
  | MembershipRecord

export interface MembershipRecord {
  readonly kind: 'membership'
  readonly groupId: string
  readonly value: MembershipValue | null
}

export interface OffsetValue {
  readonly offset: number
  /** -1 when the client did not say. */
  readonly leaderEpoch: number
  readonly metadata: string
  readonly commitTimestampMs: number
  /** Set only by old clients that ask for a retention of their own; -1 otherwise. */
  readonly expireTimestampMs: number
}

export interface MembershipValue {
  readonly protocolType: string
  readonly generationId: number
  readonly protocolName: string | null
  readonly leaderId: string | null
  /** When the group came into this state; -1 in records of old brokers. */
  readonly stateTimestampMs: number
  readonly members: readonly StoredMember[]
}

export interface StoredMember {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly rebalanceTimeoutMs: number
  readonly sessionTimeoutMs: number
  readonly subscription: Buffer
  readonly assignment: Buffer
}

const OFFSET_KEY_VERSION = 1
const MEMBERSHIP_KEY_VERSION = 2
const MEMBERSHIP_VALUE_VERSION = 3

/** Encodes in the formats that Kafka's own tools print: OffsetCommitValue v3 (v1 with an expiry), GroupMetadataValue v3. */
export function encodeGroupRecord(record: GroupRecord): StoredRecord {
  if (isShareRecord(record)) return encodeShareRecord(record)
  if (isStreamsRecord(record)) return encodeStreamsRecord(record)
  if (record.kind !== 'offset' && record.kind !== 'membership') return encodeConsumerRecord(record)
  const key = new ByteWriter(64)
  if (record.kind === 'offset') {
    key.int16(OFFSET_KEY_VERSION)
    key.string(record.groupId)
    key.string(record.topic)
    key.int32(record.partition)
    return { key: key.toBuffer(), value: record.value && encodeOffset(record.value) }
  }
  key.int16(MEMBERSHIP_KEY_VERSION)
  key.string(record.groupId)
  return { key: key.toBuffer(), value: record.value && encodeMembership(record.value) }
}

function encodeOffset(value: OffsetValue): Buffer {
  const writer = new ByteWriter(48)
  const expires = value.expireTimestampMs >= 0
  writer.int16(expires ? 1 : 3)
  writer.int64(value.offset)
  if (!expires) writer.int32(value.leaderEpoch)
  writer.string(value.metadata)
  writer.int64(value.commitTimestampMs)
  if (expires) writer.int64(value.expireTimestampMs)
  return writer.toBuffer()
}

function encodeMembership(value: MembershipValue): Buffer {
  const writer = new ByteWriter(256)
  writer.int16(MEMBERSHIP_VALUE_VERSION)
  writer.string(value.protocolType)
  writer.int32(value.generationId)
  writer.nullableString(value.protocolName)
  writer.nullableString(value.leaderId)
  writer.int64(value.stateTimestampMs)
  writer.int32(value.members.length)
  for (const member of value.members) {
    writer.string(member.memberId)
    writer.nullableString(member.groupInstanceId)
    writer.string(member.clientId)
    writer.string(member.clientHost)
    writer.int32(member.rebalanceTimeoutMs)
    writer.int32(member.sessionTimeoutMs)
    writer.bytes(member.subscription)
    writer.bytes(member.assignment)
  }
  return writer.toBuffer()
}

/**
 * Reads every version that Kafka has written, so that a directory can be carried over. Records of other kinds give
 * undefined.
 */
export function decodeGroupRecord(stored: StoredRecord): GroupRecord | undefined {
  const key = new ByteReader(stored.key)
  const version = key.int16()
  switch (version) {
    case 0:
    case 1: {
      const groupId = key.string()
      const topic = key.string()
      const partition = key.int32()
      return { kind: 'offset', groupId, topic, partition, value: stored.value && decodeOffset(stored.value) }
    }
    case 2: {
      const groupId = key.string()
      return { kind: 'membership', groupId, value: stored.value && decodeMembership(stored.value) }
    }
    default: {
      const value = stored.value && new ByteReader(stored.value)
      return (
        decodeShareRecord(version, key, value) ??
        decodeStreamsRecord(version, key, value) ??
        decodeConsumerRecord(version, key, value)
      )
    }
  }
}

function decodeOffset(buffer: Buffer): OffsetValue {
  const reader = new ByteReader(buffer)
  const version = reader.int16()
  const offset = reader.int64()
  const leaderEpoch = version >= 3 ? reader.int32() : -1
  const metadata = version >= 4 ? reader.compactString() : reader.string()
  const commitTimestampMs = reader.int64()
  const expireTimestampMs = version === 1 ? reader.int64() : -1
  return { offset, leaderEpoch, metadata, commitTimestampMs, expireTimestampMs }
}

function decodeMembership(buffer: Buffer): MembershipValue {
  const reader = new ByteReader(buffer)
  const version = reader.int16()
  const flexible = version >= 4
  const text = (): string => (flexible ? reader.compactString() : reader.string())
  const nullableText = (): string | null =>
    flexible ? reader.compactNullableString() : reader.nullableString()
  const bytes = (): Buffer => (flexible ? reader.compactBytes() : reader.bytes())
  const protocolType = text()
  const generationId = reader.int32()
  const protocolName = nullableText()
  const leaderId = nullableText()
  const stateTimestampMs = version >= 2 ? reader.int64() : -1
  const members: StoredMember[] = []
  for (let left = flexible ? reader.compactArrayLength(1) : reader.arrayLength(1); left > 0; left--) {
    const memberId = text()
    const groupInstanceId = version >= 3 ? nullableText() : null
    const clientId = text()
    const clientHost = text()
    const rebalanceTimeoutMs = version >= 1 ? reader.int32() : -1
    const sessionTimeoutMs = reader.int32()
    const subscription = bytes()
    const assignment = bytes()
    if (flexible) reader.skipTaggedFields()
    members.push({
      memberId,
      groupInstanceId,
      clientId,
      clientHost,
      rebalanceTimeoutMs: rebalanceTimeoutMs < 0 ? sessionTimeoutMs : rebalanceTimeoutMs,
      sessionTimeoutMs,
      subscription,
      assignment,
    })
  }
  return { protocolType, generationId, protocolName, leaderId, stateTimestampMs, members }
}
