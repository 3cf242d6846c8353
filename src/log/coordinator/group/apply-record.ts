/** What a record makes of the durable state of a group: the one place where it changes, live and in replay alike. */
import { assert } from '../../../base/assert.ts'
import { isSameCommit, putOffset, removeOffset, type ConsumerGroup } from './consumer-group.ts'
import { ConsumerMembership } from './consumer/consumer-membership.ts'
import type { ConsumerRecord } from './consumer/consumer-record.ts'
import type { GroupRecord } from './group-record.ts'
import type { ShareRecord } from './share/share-record.ts'
import { StreamsMembership } from './streams/streams-membership.ts'
import { isStreamsRecord, type StreamsRecord } from './streams/streams-record.ts'

/** Where a record lies in the log, and the transaction it belongs to. */
export interface RecordPosition {
  readonly offset: number
  /** The producer's id when the record is part of a transaction. */
  readonly producerId: number | undefined
  /** More records of the same decision follow: a group is not forgotten for having nothing in between. */
  readonly more?: boolean
}

type OffsetRecord = Extract<GroupRecord, { readonly kind: 'offset' }>

/** Share groups are kept elsewhere. */
export function applyRecord(
  group: ConsumerGroup,
  record: Exclude<GroupRecord, ShareRecord>,
  position: RecordPosition,
): void {
  if (record.kind === 'membership') group.stored = record.value ?? undefined
  else if (record.kind === 'offset') applyOffset(group, record, position)
  else if (isStreamsRecord(record)) applyToStreamsGroup(group, record)
  else applyToConsumerGroup(group, record)
}

function applyOffset(
  group: ConsumerGroup,
  { topic, partition, value }: OffsetRecord,
  { offset, producerId }: RecordPosition,
): void {
  if (producerId !== undefined) {
    assert(value !== null, 'a transaction does not delete offsets')
    let offsets = group.pendingOffsets.get(producerId)
    if (offsets === undefined) group.pendingOffsets.set(producerId, (offsets = new Map()))
    putOffset(offsets, topic, partition, { ...value, recordOffset: offset })
  } else if (value === null) {
    removeOffset(group.offsets, topic, partition)
  } else {
    const present = group.offsets.get(topic)?.get(partition)
    // What a snapshot repeats is no newer for it: power may go before it has repeated the pending offset, too.
    const recordOffset = present !== undefined && isSameCommit(present, value) ? present.recordOffset : offset
    putOffset(group.offsets, topic, partition, { ...value, recordOffset })
  }
}

/** The group becomes one of the consumer protocol with its first record, and ceases to be with the tombstone of its epoch. */
function applyToConsumerGroup(group: ConsumerGroup, record: ConsumerRecord): void {
  if (record.kind === 'group-epoch' && record.value === null) {
    group.consumer = undefined
    return
  }
  if (group.consumer === undefined && record.value === null) return
  group.consumer ??= new ConsumerMembership()
  group.consumer.apply(record)
}

/** The group becomes a streams group with its first record, and ceases to be with the tombstone of its epoch. */
function applyToStreamsGroup(group: ConsumerGroup, record: StreamsRecord): void {
  if (record.kind === 'streams-group-epoch' && record.value === null) {
    group.streams = undefined
    return
  }
  if (group.streams === undefined && record.value === null) return
  group.streams ??= new StreamsMembership()
  group.streams.apply(record)
}
