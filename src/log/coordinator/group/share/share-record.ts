import type { ByteReader } from '../../../../base/byte-reader.ts'
import { ByteWriter } from '../../../../base/byte-writer.ts'
import type { Assignment } from '../consumer/consumer-record.ts'
import { readInts, writeInts } from '../record-fields.ts'

/** The records of `__consumer_offsets` that belong to share groups (KIP-932). A null value is a tombstone. */
export type ShareRecord =
  | OfGroup<'share-epoch', ShareEpochValue>
  | OfGroup<'share-assignment-epoch', ShareAssignmentEpochValue>
  | OfGroup<'share-topics', ShareTopics>
  | OfMember<'share-member', ShareMemberValue>
  | OfMember<'share-target', Assignment>
  | OfMember<'share-current', ShareCurrentValue>

interface OfGroup<Kind extends string, Value> {
  readonly kind: Kind
  readonly groupId: string
  readonly value: Value | null
}

interface OfMember<Kind extends string, Value> extends OfGroup<Kind, Value> {
  readonly memberId: string
}

interface ShareEpochValue {
  readonly epoch: number
  /** Tells whether the topics that the group is subscribed to are still as they were. */
  readonly metadataHash: number
}

interface ShareAssignmentEpochValue {
  readonly epoch: number
  /** Wall clock; 0 when it is not known. */
  readonly timestampMs: number
}

export interface ShareMemberValue {
  readonly rackId: string | null
  readonly clientId: string
  readonly clientHost: string
  /** In ascending order, each once. */
  readonly subscribedTopicNames: readonly string[]
}

export interface ShareCurrentValue {
  readonly memberEpoch: number
  readonly previousMemberEpoch: number
  readonly assigned: Assignment
}

/** Topics by id of which the group has share-partitions. */
export type ShareTopics = ReadonlyMap<
  string,
  { readonly name: string; readonly partitions: readonly number[] }
>

/** Kafka's key versions, which are the kinds of records. */
const KEY_VERSIONS = {
  'share-member': 10,
  'share-epoch': 11,
  'share-assignment-epoch': 12,
  'share-target': 13,
  'share-current': 14,
  'share-topics': 15,
} as const

/** Members of share groups are always where they are to be. */
const STABLE = 0

export function isShareRecord(record: { readonly kind: string }): record is ShareRecord {
  return record.kind in KEY_VERSIONS
}

/** Encodes in Kafka's formats (ShareGroup…, version 0 of each value). */
export function encodeShareRecord(record: ShareRecord): { key: Buffer; value: Buffer | null } {
  const key = new ByteWriter(64)
  key.int16(KEY_VERSIONS[record.kind])
  key.string(record.groupId)
  if ('memberId' in record) key.string(record.memberId)
  if (record.value === null) return { key: key.toBuffer(), value: null }
  const writer = new ByteWriter(128)
  writer.int16(0)
  writeValue(writer, record)
  return { key: key.toBuffer(), value: writer.toBuffer() }
}

function writeValue(writer: ByteWriter, record: ShareRecord): void {
  switch (record.kind) {
    case 'share-epoch':
      writer.int32(record.value!.epoch)
      writer.int64(record.value!.metadataHash)
      writer.unsignedVarint(0)
      return
    case 'share-assignment-epoch':
      writer.int32(record.value!.epoch)
      writeTimestamp(writer, record.value!.timestampMs)
      return
    case 'share-member': {
      const { rackId, clientId, clientHost, subscribedTopicNames } = record.value!
      writer.compactNullableString(rackId)
      writer.compactString(clientId)
      writer.compactString(clientHost)
      writer.unsignedVarint(subscribedTopicNames.length + 1)
      for (const name of subscribedTopicNames) writer.compactString(name)
      writer.unsignedVarint(0)
      return
    }
    case 'share-target':
      writeAssignment(writer, record.value!)
      writer.unsignedVarint(0)
      return
    case 'share-current':
      writer.int32(record.value!.memberEpoch)
      writer.int32(record.value!.previousMemberEpoch)
      writer.int8(STABLE)
      writeAssignment(writer, record.value!.assigned)
      writer.unsignedVarint(0)
      return
    case 'share-topics':
      writeTopics(writer, new Map())
      writeTopics(writer, record.value!)
      // None is being deleted: that is done at once.
      writer.unsignedVarint(1)
      writer.unsignedVarint(0)
      return
  }
}

/** The only tagged field, with tag 0. */
function writeTimestamp(writer: ByteWriter, timestampMs: number): void {
  if (timestampMs === 0) {
    writer.unsignedVarint(0)
    return
  }
  writer.unsignedVarint(1)
  writer.unsignedVarint(0)
  writer.unsignedVarint(8)
  writer.int64(timestampMs)
}

function writeAssignment(writer: ByteWriter, assignment: Assignment): void {
  writer.unsignedVarint(assignment.size + 1)
  for (const [topicId, partitions] of assignment) {
    writer.uuid(topicId)
    writeInts(writer, partitions)
    writer.unsignedVarint(0)
  }
}

function writeTopics(writer: ByteWriter, topics: ShareTopics): void {
  writer.unsignedVarint(topics.size + 1)
  for (const [topicId, { name, partitions }] of topics) {
    writer.uuid(topicId)
    writer.compactString(name)
    writeInts(writer, partitions)
    writer.unsignedVarint(0)
  }
}

/** Reads a record whose key has the version; undefined when the version is none of share groups'. */
export function decodeShareRecord(
  version: number,
  key: ByteReader,
  value: ByteReader | null,
): ShareRecord | undefined {
  const kind = (Object.keys(KEY_VERSIONS) as ShareRecord['kind'][]).find(
    (candidate) => KEY_VERSIONS[candidate] === version,
  )
  if (kind === undefined) return undefined
  // Version 0 is all there is of each value.
  value?.int16()
  const groupId = key.string()
  switch (kind) {
    case 'share-epoch':
      return { kind, groupId, value: value && { epoch: value.int32(), metadataHash: value.int64() } }
    case 'share-assignment-epoch':
      return { kind, groupId, value: value && { epoch: value.int32(), timestampMs: readTimestamp(value) } }
    case 'share-topics':
      return { kind, groupId, value: value && readTopics(value) }
    case 'share-member':
      return { kind, groupId, memberId: key.string(), value: value && readMember(value) }
    case 'share-target':
      return { kind, groupId, memberId: key.string(), value: value && readAssignment(value) }
    case 'share-current':
      return { kind, groupId, memberId: key.string(), value: value && readCurrent(value) }
  }
}

function readTimestamp(reader: ByteReader): number {
  let timestampMs = 0
  for (let count = reader.unsignedVarint(); count > 0; count--) {
    const tag = reader.unsignedVarint()
    const end = reader.taggedFieldEnd()
    if (tag === 0) timestampMs = reader.int64()
    reader.position = end
  }
  return timestampMs
}

function readMember(reader: ByteReader): ShareMemberValue {
  return {
    rackId: reader.compactNullableString(),
    clientId: reader.compactString(),
    clientHost: reader.compactString(),
    subscribedTopicNames: Array.from({ length: reader.compactArrayLength(1) }, () => reader.compactString()),
  }
}

function readCurrent(reader: ByteReader): ShareCurrentValue {
  const memberEpoch = reader.int32()
  const previousMemberEpoch = reader.int32()
  reader.int8()
  return { memberEpoch, previousMemberEpoch, assigned: readAssignment(reader) }
}

function readAssignment(reader: ByteReader): Assignment {
  const assignment = new Map<string, number[]>()
  for (let left = reader.compactArrayLength(18); left > 0; left--) {
    assignment.set(reader.uuid(), readInts(reader))
    reader.skipTaggedFields()
  }
  return assignment
}

/** Topics that Kafka was about to initialize or delete when it stopped are taken for ones that are there. */
function readTopics(reader: ByteReader): ShareTopics {
  const topics = new Map<string, { name: string; partitions: number[] }>()
  for (let list = 0; list < 2; list++) {
    for (let left = reader.compactArrayLength(19); left > 0; left--) {
      const topicId = reader.uuid()
      const name = reader.compactString()
      const partitions = [...(topics.get(topicId)?.partitions ?? []), ...readInts(reader)]
      topics.set(topicId, { name, partitions: partitions.toSorted((one, other) => one - other) })
      reader.skipTaggedFields()
    }
  }
  return topics
}
