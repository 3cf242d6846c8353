/**
 * What members of the classic protocol put into JoinGroup and SyncGroup when they are consumers: ConsumerProtocolSubscription
 * and ConsumerProtocolAssignment, versions 0 to 3. Later versions begin as these do.
 */
import { ByteReader, WireError } from '../../../../base/byte-reader.ts'
import { ByteWriter } from '../../../../base/byte-writer.ts'

export interface TopicPartitions {
  readonly topic: string
  readonly partitions: readonly number[]
}

export interface Subscription {
  readonly version: number
  readonly topics: readonly string[]
  readonly ownedPartitions: readonly TopicPartitions[]
  readonly rackId: string | null
}

const NEWEST_VERSION = 3

/** Undefined when the bytes are not a subscription. */
export function decodeSubscription(metadata: Buffer): Subscription | undefined {
  return attempt(() => {
    const reader = new ByteReader(metadata)
    const version = readVersion(reader)
    const topics = Array.from({ length: reader.arrayLength(2) }, () => reader.string())
    reader.nullableBytes()
    const ownedPartitions = version >= 1 ? readPartitions(reader) : []
    if (version >= 2) reader.int32()
    const rackId = version >= 3 ? reader.nullableString() : null
    return { version, topics, ownedPartitions, rackId }
  })
}

/** Undefined when the bytes are not an assignment. No bytes at all are an empty one. */
export function decodeAssignment(
  assignment: Buffer,
): { readonly partitions: readonly TopicPartitions[]; readonly hasUserData: boolean } | undefined {
  if (assignment.length === 0) return { partitions: [], hasUserData: false }
  return attempt(() => {
    const reader = new ByteReader(assignment)
    readVersion(reader)
    const partitions = readPartitions(reader)
    const userData = reader.nullableBytes()
    return { partitions, hasUserData: userData !== null && userData.length > 0 }
  })
}

export function encodeAssignment(version: number, assigned: readonly TopicPartitions[]): Buffer {
  const writer = new ByteWriter(128)
  writer.int16(Math.min(version, NEWEST_VERSION))
  writer.int32(assigned.length)
  for (const { topic, partitions } of assigned) {
    writer.string(topic)
    writer.int32(partitions.length)
    for (const partition of partitions) writer.int32(partition)
  }
  writer.nullableBytes(null)
  return writer.toBuffer()
}

function readVersion(reader: ByteReader): number {
  const version = reader.int16()
  if (version < 0) throw new WireError(`version ${version} of a consumer's metadata`)
  return version
}

function readPartitions(reader: ByteReader): TopicPartitions[] {
  return Array.from({ length: reader.arrayLength(6, 104) }, () => ({
    topic: reader.string(),
    partitions: Array.from({ length: reader.arrayLength(4) }, () => reader.int32()),
  }))
}

function attempt<Value>(read: () => Value): Value | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof WireError) return undefined
    throw error
  }
}
