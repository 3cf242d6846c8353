import { ByteReader } from '../../../base/byte-reader.ts'
import { ByteWriter } from '../../../base/byte-writer.ts'
import type { StoredRecord } from '../coordinator-record.ts'

/** Names a share-partition: what one group has done with one partition. */
export interface SharePartitionKey {
  readonly groupId: string
  readonly topicId: string
  readonly partition: number
}

/** Offsets whose delivery state is written down; acquisitions are not. */
export interface StateBatch {
  readonly firstOffset: number
  readonly lastOffset: number
  readonly state: 'available' | 'acknowledged' | 'archived'
  readonly deliveryCount: number
}

interface StateValue {
  readonly snapshotEpoch: number
  readonly leaderEpoch: number
  readonly startOffset: number
  /** From the start offset on, how many are final; -1 when that is not known. */
  readonly completeCount: number
  readonly batches: readonly StateBatch[]
}

export interface SnapshotValue extends StateValue {
  /** Raised whenever somebody sets the start offset anew. */
  readonly stateEpoch: number
  readonly createTimestampMs: number
  readonly writeTimestampMs: number
}

/** A record of `__share_group_state`: all of a share-partition's state, or what has changed in it. Null deletes it. */
export type ShareStateRecord =
  | { readonly kind: 'snapshot'; readonly key: SharePartitionKey; readonly value: SnapshotValue | null }
  | { readonly kind: 'update'; readonly key: SharePartitionKey; readonly value: StateValue | null }

const KEY_VERSIONS = { snapshot: 0, update: 1 } as const
const STATE_CODES = { available: 0, acknowledged: 2, archived: 4 } as const

/** What Kafka hashes to find the partition of `__share_group_state`, and a name for a share-partition in maps. */
export function sharePartitionName({ groupId, topicId, partition }: SharePartitionKey): string {
  return `${groupId}:${topicId}:${partition}`
}

/** Encodes in Kafka's formats: ShareSnapshotValue and ShareUpdateValue, version 0. */
export function encodeShareStateRecord({ kind, key: name, value }: ShareStateRecord): StoredRecord {
  const key = new ByteWriter(64)
  key.int16(KEY_VERSIONS[kind])
  key.string(name.groupId)
  key.uuid(name.topicId)
  key.int32(name.partition)
  if (value === null) return { key: key.toBuffer(), value: null }
  const writer = new ByteWriter(64)
  writer.int16(0)
  writer.int32(value.snapshotEpoch)
  if ('stateEpoch' in value) writer.int32(value.stateEpoch)
  writer.int32(value.leaderEpoch)
  writer.int64(value.startOffset)
  if ('stateEpoch' in value) {
    writer.int64(value.createTimestampMs)
    writer.int64(value.writeTimestampMs)
  }
  writer.unsignedVarint(value.batches.length + 1)
  for (const { firstOffset, lastOffset, state, deliveryCount } of value.batches) {
    writer.int64(firstOffset)
    writer.int64(lastOffset)
    writer.int8(STATE_CODES[state])
    writer.int16(deliveryCount)
    writer.unsignedVarint(0)
  }
  writeCompleteCount(writer, value.completeCount)
  return { key: key.toBuffer(), value: writer.toBuffer() }
}

/** The only tagged field, with tag 0. */
function writeCompleteCount(writer: ByteWriter, count: number): void {
  if (count < 0) {
    writer.unsignedVarint(0)
    return
  }
  writer.unsignedVarint(1)
  writer.unsignedVarint(0)
  writer.unsignedVarint(4)
  writer.int32(count)
}

/** Records of other kinds give undefined. */
export function decodeShareStateRecord(stored: StoredRecord): ShareStateRecord | undefined {
  const reader = new ByteReader(stored.key)
  const version = reader.int16()
  if (version !== KEY_VERSIONS.snapshot && version !== KEY_VERSIONS.update) return undefined
  const key = { groupId: reader.string(), topicId: reader.uuid(), partition: reader.int32() }
  const value = stored.value && new ByteReader(stored.value)
  // Version 0 is all there is.
  value?.int16()
  if (version === KEY_VERSIONS.snapshot) return { kind: 'snapshot', key, value: value && readSnapshot(value) }
  return { kind: 'update', key, value: value && readUpdate(value) }
}

function readSnapshot(reader: ByteReader): SnapshotValue {
  return {
    snapshotEpoch: reader.int32(),
    stateEpoch: reader.int32(),
    leaderEpoch: reader.int32(),
    startOffset: reader.int64(),
    createTimestampMs: reader.int64(),
    writeTimestampMs: reader.int64(),
    ...readBatches(reader),
  }
}

function readUpdate(reader: ByteReader): StateValue {
  return {
    snapshotEpoch: reader.int32(),
    leaderEpoch: reader.int32(),
    startOffset: reader.int64(),
    ...readBatches(reader),
  }
}

function readBatches(reader: ByteReader): Pick<StateValue, 'batches' | 'completeCount'> {
  const batches: StateBatch[] = []
  for (let left = reader.compactArrayLength(20); left > 0; left--) {
    const firstOffset = reader.int64()
    const lastOffset = reader.int64()
    const code = reader.int8()
    const state =
      code === STATE_CODES.acknowledged
        ? 'acknowledged'
        : code === STATE_CODES.available
          ? 'available'
          : 'archived'
    batches.push({ firstOffset, lastOffset, state, deliveryCount: reader.int16() })
    reader.skipTaggedFields()
  }
  let completeCount = -1
  for (let count = reader.unsignedVarint(); count > 0; count--) {
    const tag = reader.unsignedVarint()
    const end = reader.taggedFieldEnd()
    if (tag === 0) completeCount = reader.int32()
    reader.position = end
  }
  return { batches, completeCount }
}
