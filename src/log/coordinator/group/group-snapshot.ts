import type { SnapshotPiece } from '../coordinator-record.ts'
import type { CommittedOffset, ConsumerGroup } from './consumer-group.ts'
import { membershipRecords } from './consumer/consumer-membership.ts'
import type { GroupRecord } from './group-record.ts'
import { streamsRecords } from './streams/streams-membership.ts'

/** All durable state of one group as records, in pieces. */
export function* groupSnapshot(group: ConsumerGroup): Generator<SnapshotPiece<GroupRecord>, void, void> {
  const topics = new Set(group.offsets.keys())
  for (const offsets of group.pendingOffsets.values()) for (const topic of offsets.keys()) topics.add(topic)
  for (const topic of topics) yield offsetsPiece(group, topic)
  if (group.stored !== undefined) {
    const record: GroupRecord = { kind: 'membership', groupId: group.id, value: group.stored }
    yield { records: [record], pending: NOTHING_PENDING }
  }
  if (group.consumer !== undefined)
    yield { records: membershipRecords(group.id, group.consumer), pending: NOTHING_PENDING }
  if (group.streams !== undefined)
    yield { records: streamsRecords(group.id, group.streams), pending: NOTHING_PENDING }
}

const NOTHING_PENDING: ReadonlyMap<number, readonly GroupRecord[]> = new Map()

/**
 * A group's offsets of one topic. Those of open transactions come again behind the committed ones, which they would
 * otherwise seem to be older than, unless a newer commit has overtaken them.
 */
function offsetsPiece(group: ConsumerGroup, topic: string): SnapshotPiece<GroupRecord> {
  const committed = group.offsets.get(topic)
  const recordOf = (partition: number, value: CommittedOffset): GroupRecord => ({
    kind: 'offset',
    groupId: group.id,
    topic,
    partition,
    value,
  })
  const pending = new Map<number, GroupRecord[]>()
  for (const [producerId, offsets] of group.pendingOffsets) {
    const again: GroupRecord[] = []
    for (const [partition, value] of offsets.get(topic) ?? []) {
      const present = committed?.get(partition)
      if (present === undefined || present.recordOffset <= value.recordOffset)
        again.push(recordOf(partition, value))
    }
    if (again.length > 0) pending.set(producerId, again)
  }
  return { records: Array.from(committed ?? [], ([partition, value]) => recordOf(partition, value)), pending }
}
