import type { ByteReader } from '../../../../base/byte-reader.ts'
import { ByteWriter } from '../../../../base/byte-writer.ts'
import {
  fieldOf,
  readInts,
  readStrings,
  readTags,
  writeInts,
  writeStrings,
  writeTags,
} from '../record-fields.ts'

/** Topic id → partitions, ascending. */
export type Assignment = ReadonlyMap<string, readonly number[]>

/** Topic id → partition → the member epoch in which the member was given it. */
export type OwnedPartitions = ReadonlyMap<string, ReadonlyMap<number, number>>

/** How far a member is on its way to its target assignment. */
export type MemberState = 'stable' | 'unrevoked' | 'unreleased' | 'unknown'

/** Kafka's numbers for `MemberState` in the log; any other is `unknown`. */
const STATE_CODES: readonly MemberState[] = ['stable', 'unrevoked', 'unreleased']
const UNKNOWN_STATE_CODE = 127

/** The records of `__consumer_offsets` that belong to the consumer protocol (KIP-848). A null value is a tombstone. */
export type ConsumerRecord =
  | { readonly kind: 'group-epoch'; readonly groupId: string; readonly value: GroupEpochValue | null }
  | {
      readonly kind: 'member'
      readonly groupId: string
      readonly memberId: string
      readonly value: MemberValue | null
    }
  | {
      readonly kind: 'assignment-epoch'
      readonly groupId: string
      readonly value: AssignmentEpochValue | null
    }
  | {
      readonly kind: 'target'
      readonly groupId: string
      readonly memberId: string
      readonly value: Assignment | null
    }
  | {
      readonly kind: 'current'
      readonly groupId: string
      readonly memberId: string
      readonly value: CurrentValue | null
    }
  | {
      readonly kind: 'regex'
      readonly groupId: string
      readonly regex: string
      readonly value: RegexValue | null
    }

export interface GroupEpochValue {
  readonly epoch: number
  /** Tells whether the topics that the group is subscribed to are still as they were. */
  readonly metadataHash: number
}

export interface MemberValue {
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly clientId: string
  readonly clientHost: string
  /** In ascending order, each once. */
  readonly subscribedTopicNames: readonly string[]
  /** Null or empty: none. */
  readonly subscribedTopicRegex: string | null
  readonly rebalanceTimeoutMs: number
  readonly serverAssignor: string | null
  /** Set for a member that uses the classic protocol in a group of the consumer protocol. */
  readonly classic: ClassicMember | null
}

export interface ClassicMember {
  readonly sessionTimeoutMs: number
  readonly protocols: readonly { readonly name: string; readonly metadata: Buffer }[]
}

export interface AssignmentEpochValue {
  readonly epoch: number
  /** Wall clock; 0 when it is not known. */
  readonly timestampMs: number
}

export interface CurrentValue {
  readonly memberEpoch: number
  readonly previousMemberEpoch: number
  readonly state: MemberState
  readonly assigned: OwnedPartitions
  readonly pendingRevocation: OwnedPartitions
}

export interface RegexValue {
  readonly topics: readonly string[]
  readonly version: number
  readonly timestampMs: number
}

/** Kafka's key versions, which are the kinds of records. */
const KEY_VERSIONS = {
  'group-epoch': 3,
  member: 5,
  'assignment-epoch': 6,
  target: 7,
  current: 8,
  regex: 16,
} as const

/** Encodes in Kafka's formats (ConsumerGroupMetadata…, version 0 of each value). */
export function encodeConsumerRecord(record: ConsumerRecord): { key: Buffer; value: Buffer | null } {
  const key = new ByteWriter(64)
  key.int16(KEY_VERSIONS[record.kind])
  key.string(record.groupId)
  if ('memberId' in record) key.string(record.memberId)
  if (record.kind === 'regex') key.string(record.regex)
  if (record.value === null) return { key: key.toBuffer(), value: null }
  const writer = new ByteWriter(128)
  writer.int16(0)
  writeValue(writer, record)
  return { key: key.toBuffer(), value: writer.toBuffer() }
}

function writeValue(writer: ByteWriter, record: ConsumerRecord): void {
  switch (record.kind) {
    case 'group-epoch':
      writer.int32(record.value!.epoch)
      writeTaggedInt64(writer, record.value!.metadataHash)
      return
    case 'member':
      writeMember(writer, record.value!)
      return
    case 'assignment-epoch':
      writer.int32(record.value!.epoch)
      writeTaggedInt64(writer, record.value!.timestampMs)
      return
    case 'target':
      writer.unsignedVarint(record.value!.size + 1)
      for (const [topicId, partitions] of record.value!) {
        writer.uuid(topicId)
        writeInts(writer, partitions)
        writer.unsignedVarint(0)
      }
      writer.unsignedVarint(0)
      return
    case 'current':
      writeCurrent(writer, record.value!)
      return
    case 'regex':
      writeStrings(writer, record.value!.topics)
      writer.int64(record.value!.version)
      writer.int64(record.value!.timestampMs)
      writer.unsignedVarint(0)
      return
  }
}

function writeMember(writer: ByteWriter, value: MemberValue): void {
  writer.compactNullableString(value.instanceId)
  writer.compactNullableString(value.rackId)
  writer.compactString(value.clientId)
  writer.compactString(value.clientHost)
  writeStrings(writer, value.subscribedTopicNames)
  writer.compactNullableString(value.subscribedTopicRegex)
  writer.int32(value.rebalanceTimeoutMs)
  writer.compactNullableString(value.serverAssignor)
  if (value.classic === null) {
    writer.unsignedVarint(0)
    return
  }
  const classic = new ByteWriter(64)
  // A tagged struct that may be null begins with 1 where it is there, and is 0 where it is not.
  classic.int8(1)
  classic.int32(value.classic.sessionTimeoutMs)
  classic.unsignedVarint(value.classic.protocols.length + 1)
  for (const { name, metadata } of value.classic.protocols) {
    classic.compactString(name)
    classic.compactBytes(metadata)
    classic.unsignedVarint(0)
  }
  classic.unsignedVarint(0)
  writeTags(writer, classic.toBuffer())
}

function writeCurrent(writer: ByteWriter, value: CurrentValue): void {
  writer.int32(value.memberEpoch)
  writer.int32(value.previousMemberEpoch)
  const code = STATE_CODES.indexOf(value.state)
  writer.int8(code < 0 ? UNKNOWN_STATE_CODE : code)
  for (const owned of [value.assigned, value.pendingRevocation]) {
    writer.unsignedVarint(owned.size + 1)
    for (const [topicId, partitions] of owned) {
      writer.uuid(topicId)
      writeInts(writer, [...partitions.keys()])
      const epochs = new ByteWriter(8 + 4 * partitions.size)
      writeInts(epochs, [...partitions.values()])
      writeTags(writer, epochs.toBuffer())
    }
  }
  writer.unsignedVarint(0)
}

function writeTaggedInt64(writer: ByteWriter, value: number): void {
  writeTags(writer, value === 0 ? undefined : fieldOf((field) => field.int64(value)))
}

/** Reads a record whose key has the version; undefined when the version is none of the consumer protocol's. */
export function decodeConsumerRecord(
  version: number,
  key: ByteReader,
  value: ByteReader | null,
): ConsumerRecord | undefined {
  // Version 0 is all there is of each value.
  value?.int16()
  switch (version) {
    case KEY_VERSIONS['group-epoch']:
      return { kind: 'group-epoch', groupId: key.string(), value: value && readGroupEpoch(value) }
    case KEY_VERSIONS.member:
      return {
        kind: 'member',
        groupId: key.string(),
        memberId: key.string(),
        value: value && readMember(value),
      }
    case KEY_VERSIONS['assignment-epoch']:
      return { kind: 'assignment-epoch', groupId: key.string(), value: value && readAssignmentEpoch(value) }
    case KEY_VERSIONS.target:
      return {
        kind: 'target',
        groupId: key.string(),
        memberId: key.string(),
        value: value && readTarget(value),
      }
    case KEY_VERSIONS.current:
      return {
        kind: 'current',
        groupId: key.string(),
        memberId: key.string(),
        value: value && readCurrent(value),
      }
    case KEY_VERSIONS.regex:
      return {
        kind: 'regex',
        groupId: key.string(),
        regex: key.string(),
        value: value && { topics: readStrings(value), version: value.int64(), timestampMs: value.int64() },
      }
    default:
      return undefined
  }
}

function readGroupEpoch(reader: ByteReader): GroupEpochValue {
  return { epoch: reader.int32(), metadataHash: readTag0(reader, (field) => field.int64()) ?? 0 }
}

function readAssignmentEpoch(reader: ByteReader): AssignmentEpochValue {
  return { epoch: reader.int32(), timestampMs: readTag0(reader, (field) => field.int64()) ?? 0 }
}

function readMember(reader: ByteReader): MemberValue {
  return {
    instanceId: reader.compactNullableString(),
    rackId: reader.compactNullableString(),
    clientId: reader.compactString(),
    clientHost: reader.compactString(),
    subscribedTopicNames: readStrings(reader),
    subscribedTopicRegex: reader.compactNullableString(),
    rebalanceTimeoutMs: reader.int32(),
    serverAssignor: reader.compactNullableString(),
    classic: readTag0(reader, readClassic) ?? null,
  }
}

function readClassic(reader: ByteReader): ClassicMember | null {
  if (reader.int8() <= 0) return null
  const sessionTimeoutMs = reader.int32()
  const protocols: { name: string; metadata: Buffer }[] = []
  for (let left = reader.compactArrayLength(3); left > 0; left--) {
    protocols.push({ name: reader.compactString(), metadata: reader.compactBytes() })
    reader.skipTaggedFields()
  }
  reader.skipTaggedFields()
  return { sessionTimeoutMs, protocols }
}

function readTarget(reader: ByteReader): Assignment {
  const assignment = new Map<string, number[]>()
  for (let left = reader.compactArrayLength(18); left > 0; left--) {
    const topicId = reader.uuid()
    assignment.set(topicId, readInts(reader))
    reader.skipTaggedFields()
  }
  return assignment
}

function readCurrent(reader: ByteReader): CurrentValue {
  const memberEpoch = reader.int32()
  const previousMemberEpoch = reader.int32()
  const state = STATE_CODES[reader.int8()] ?? 'unknown'
  const assigned = readOwned(reader, memberEpoch)
  return {
    memberEpoch,
    previousMemberEpoch,
    state,
    assigned,
    pendingRevocation: readOwned(reader, memberEpoch),
  }
}

/** Partitions that brokers wrote before they kept epochs (KIP-1251) are as new as the member's epoch. */
function readOwned(reader: ByteReader, memberEpoch: number): OwnedPartitions {
  const owned = new Map<string, Map<number, number>>()
  for (let left = reader.compactArrayLength(18); left > 0; left--) {
    const topicId = reader.uuid()
    const partitions = readInts(reader)
    const epochs = readTag0(reader, readInts)
    owned.set(topicId, new Map(partitions.map((partition, at) => [partition, epochs?.[at] ?? memberEpoch])))
  }
  return owned
}

/** Reads the tagged fields of a struct and gives what has tag 0, if it is there. */
function readTag0<Value>(reader: ByteReader, read: (field: ByteReader) => Value): Value | undefined {
  let found: Value | undefined
  readTags(reader, (field) => (found = read(field)))
  return found
}
