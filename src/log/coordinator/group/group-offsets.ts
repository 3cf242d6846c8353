/**
 * Committed offsets: who may commit, what a fetch shows, what expires, what may be deleted.
 *
 * An offset inside a transaction is pending until the transaction's marker reaches this partition of
 * `__consumer_offsets`: it is invisible, makes a fetch that asks for stable offsets wait (UNSTABLE_OFFSET_COMMIT), and
 * vanishes when the transaction aborts.
 */
import { ErrorCode } from '../../protocol/error-code.ts'
import { type CommittedOffset, type ConsumerGroup } from './consumer-group.ts'
import { membershipTombstones } from './consumer/consumer-membership.ts'
import { consumerCommitError, consumerFetchError } from './consumer/consumer-offsets.ts'
import type { TopicsView } from './consumer/topics-view.ts'
import type { GroupRecord } from './group-record.ts'
import { streamsCommitError, streamsFetchError } from './streams/streams-offsets.ts'
import { streamsTombstones } from './streams/streams-membership.ts'
import { identityError, type GroupConfig, type GroupStep, type MemberIdentity } from './group-step.ts'

export interface OffsetCommitRequest extends MemberIdentity {
  readonly apiVersion: number
  readonly groupId: string
  /** The member epoch in the consumer protocol. -1: not a member, which only a group without members accepts. */
  readonly generationId: number
  /** Set by clients older than version 5; -1 takes the broker's retention. */
  readonly retentionTimeMs: number
  readonly topics: readonly OffsetCommitTopic[]
}

export interface OffsetCommitTopic {
  readonly name: string
  readonly partitions: readonly {
    readonly partitionIndex: number
    readonly committedOffset: number
    readonly committedLeaderEpoch: number
    readonly committedMetadata: string | null
  }[]
}

export interface TopicErrors {
  readonly name: string
  readonly partitions: readonly { readonly partitionIndex: number; readonly errorCode: number }[]
}

/** From this version of OffsetCommit on a group that is not there is called that. */
const NO_SUCH_GROUP_FROM = 9

/** Whether the group takes a commit from this sender; `group` is undefined when there is none of the name. */
export function commitError(
  group: ConsumerGroup | undefined,
  request: OffsetCommitRequest,
  { transactional, topics }: { readonly transactional: boolean; readonly topics: TopicsView },
): ErrorCode {
  const { memberId, groupInstanceId, generationId } = request
  if (group === undefined) {
    if (generationId < 0) return ErrorCode.NONE
    return !transactional && request.apiVersion >= NO_SUCH_GROUP_FROM
      ? ErrorCode.GROUP_ID_NOT_FOUND
      : ErrorCode.ILLEGAL_GENERATION
  }
  if (group.consumer !== undefined)
    return consumerCommitError(
      group.consumer,
      { ...request, memberEpoch: generationId, transactional },
      topics,
    )
  if (group.streams !== undefined) return streamsCommitError(group.streams, request, transactional)
  if (generationId < 0 && group.state === 'Empty') return ErrorCode.NONE
  if (generationId >= 0 || memberId !== '' || groupInstanceId !== null) {
    const identity = identityError(group, request)
    if (identity !== ErrorCode.NONE) return identity
    if (generationId !== group.generationId) return ErrorCode.ILLEGAL_GENERATION
  } else if (!transactional && group.state !== 'Empty') {
    return ErrorCode.UNKNOWN_MEMBER_ID
  }
  // The member knows the generation but not yet its assignment: it cannot have consumed anything in it.
  if (group.state === 'CompletingRebalance') return ErrorCode.REBALANCE_IN_PROGRESS
  return ErrorCode.NONE
}

/** The records of a commit that the group accepted; single partitions may be refused. */
export function commitOffsets(
  request: Pick<OffsetCommitRequest, 'groupId' | 'retentionTimeMs' | 'topics'>,
  config: GroupConfig,
  wallMs: number,
): { records: GroupRecord[]; topics: TopicErrors[] } {
  const records: GroupRecord[] = []
  const expireTimestampMs = request.retentionTimeMs >= 0 ? wallMs + request.retentionTimeMs : -1
  const topics = request.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map((partition) => {
      const { partitionIndex } = partition
      const metadata = partition.committedMetadata ?? ''
      if (Buffer.byteLength(metadata) > config.maxOffsetMetadataBytes) {
        return { partitionIndex, errorCode: ErrorCode.OFFSET_METADATA_TOO_LARGE }
      }
      records.push({
        kind: 'offset',
        groupId: request.groupId,
        topic: name,
        partition: partitionIndex,
        value: {
          offset: partition.committedOffset,
          leaderEpoch: partition.committedLeaderEpoch,
          metadata,
          commitTimestampMs: wallMs,
          expireTimestampMs,
        },
      })
      return { partitionIndex, errorCode: ErrorCode.NONE }
    }),
  }))
  return { records, topics }
}

export interface FetchedTopic {
  readonly name: string
  readonly partitions: readonly {
    readonly partitionIndex: number
    readonly committedOffset: number
    readonly committedLeaderEpoch: number
    readonly metadata: string
    readonly errorCode: number
  }[]
}

/** Who asks for offsets: null and -1 for nobody in particular. */
export interface OffsetReader {
  readonly memberId: string | null
  readonly memberEpoch: number
}

/** Whether the group shows its offsets to this reader. */
export function fetchError(group: ConsumerGroup | undefined, reader: OffsetReader): ErrorCode {
  if (group?.streams !== undefined) return streamsFetchError(group.streams, reader)
  return group?.consumer === undefined ? ErrorCode.NONE : consumerFetchError(group.consumer, reader)
}

/** What a group has committed; all of it when `topics` is null. A partition without an offset shows -1 and no error. */
export function fetchOffsets(
  group: ConsumerGroup | undefined,
  topics: readonly { readonly name: string; readonly partitionIndexes: readonly number[] }[] | null,
  requireStable: boolean,
): FetchedTopic[] {
  const one = (topic: string, partitionIndex: number): FetchedTopic['partitions'][number] => {
    const unstable = requireStable && group !== undefined && group.hasPendingOffset(topic, partitionIndex)
    const committed = unstable ? undefined : group?.offsets.get(topic)?.get(partitionIndex)
    return {
      partitionIndex,
      committedOffset: committed?.offset ?? -1,
      committedLeaderEpoch: committed?.leaderEpoch ?? -1,
      metadata: committed?.metadata ?? '',
      errorCode: unstable ? ErrorCode.UNSTABLE_OFFSET_COMMIT : ErrorCode.NONE,
    }
  }
  if (topics !== null) {
    return topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((index) => one(name, index)),
    }))
  }
  if (group === undefined) return []
  const known = new Map<string, Set<number>>()
  for (const offsets of [group.offsets, ...(requireStable ? group.pendingOffsets.values() : [])]) {
    for (const [topic, partitions] of offsets) {
      const indexes = known.get(topic) ?? new Set()
      known.set(topic, indexes)
      for (const index of partitions.keys()) indexes.add(index)
    }
  }
  return [...known].map(([name, indexes]) => ({
    name,
    partitions: [...indexes].map((index) => one(name, index)),
  }))
}

/** OffsetDelete: tombstones for partitions that nobody consumes. */
export function deleteOffsets(
  { group, effects }: GroupStep,
  topics: readonly {
    readonly name: string
    readonly partitions: readonly { readonly partitionIndex: number }[]
  }[],
): { errorCode: ErrorCode; topics: TopicErrors[] } {
  if (group.state === 'Dead') return { errorCode: ErrorCode.GROUP_ID_NOT_FOUND, topics: [] }
  const subscribed = group.hasMembers ? group.subscribedTopics() : new Set<string>()
  if (subscribed === undefined) return { errorCode: ErrorCode.NON_EMPTY_GROUP, topics: [] }
  const gone: GroupRecord[] = []
  const answered = topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex }) => {
      if (subscribed.has(name)) return { partitionIndex, errorCode: ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC }
      if (group.offsets.get(name)?.has(partitionIndex) === true)
        gone.push({ kind: 'offset', groupId: group.id, topic: name, partition: partitionIndex, value: null })
      return { partitionIndex, errorCode: ErrorCode.NONE }
    }),
  }))
  effects.records.push(...keepingGroup(group, gone), ...gone)
  return { errorCode: ErrorCode.NONE, topics: answered }
}

/** Tombstones for all that a group has, the group itself last. */
export function deleteGroup({ group, effects }: GroupStep): ErrorCode {
  if (group.state === 'Dead') return ErrorCode.GROUP_ID_NOT_FOUND
  if (group.shownState !== 'Empty') return ErrorCode.NON_EMPTY_GROUP
  if (group.pendingOffsets.size > 0) return ErrorCode.NON_EMPTY_GROUP
  for (const [topic, partitions] of group.offsets) {
    for (const partition of partitions.keys()) {
      effects.records.push({ kind: 'offset', groupId: group.id, topic, partition, value: null })
    }
  }
  forgetMembership({ group, effects })
  return ErrorCode.NONE
}

/**
 * A group that loses its last offset is there until offsets expire the next time, as with Kafka. A membership that is empty
 * says so where nothing else of the group is stored.
 */
function keepingGroup(group: ConsumerGroup, gone: readonly GroupRecord[]): readonly GroupRecord[] {
  let left = -gone.length
  for (const partitions of group.offsets.values()) left += partitions.size
  if (gone.length === 0 || left > 0 || hasMembership(group) || group.hasMembers) return []
  return [{ kind: 'membership', groupId: group.id, value: group.membership(group.stateTimestampMs) }]
}

/** Tombstones for what a group without members is besides its offsets. */
function forgetMembership({ group, effects }: Pick<GroupStep, 'group' | 'effects'>): void {
  if (group.consumer !== undefined) effects.records.push(...membershipTombstones(group.id, group.consumer))
  else if (group.streams !== undefined) effects.records.push(...streamsTombstones(group.id, group.streams))
  else effects.records.push({ kind: 'membership', groupId: group.id, value: null })
}

/** Tombstones for offsets of a topic that is gone, or, without `topic`, for what has outlived its retention (KIP-211). */
export function expireOffsets({ group, config, now, effects }: GroupStep, deletedTopic?: string): void {
  const settled = group.state === 'Stable' || group.consumer !== undefined || group.streams !== undefined
  const subscribed = settled ? group.subscribedTopics() : undefined
  let kept = 0
  const gone: GroupRecord[] = []
  for (const [topic, partitions] of group.offsets) {
    for (const [partition, value] of partitions) {
      const goes =
        deletedTopic !== undefined
          ? topic === deletedTopic
          : !group.hasPendingOffset(topic, partition) &&
            isExpired({ group, config, subscribed, topic, value, nowMs: now.wallMs })
      if (goes) gone.push({ kind: 'offset', groupId: group.id, topic, partition, value: null })
      else kept += 1
    }
  }
  if (deletedTopic !== undefined) effects.records.push(...keepingGroup(group, gone))
  effects.records.push(...gone)
  const empty =
    group.shownState === 'Empty' && group.pendingMembers.size === 0 && group.pendingOffsets.size === 0
  if (deletedTopic === undefined && empty && kept === 0 && hasMembership(group))
    forgetMembership({ group, effects })
}

/** Whether something of the group besides its offsets is stored. */
function hasMembership({ stored, consumer, streams }: ConsumerGroup): boolean {
  return stored !== undefined || consumer !== undefined || streams !== undefined
}

function isExpired(options: {
  readonly group: ConsumerGroup
  readonly config: GroupConfig
  readonly subscribed: ReadonlySet<string> | undefined
  readonly topic: string
  readonly value: CommittedOffset
  readonly nowMs: number
}): boolean {
  const { group, config, subscribed, topic, value, nowMs } = options
  const { hasMembers } = group
  const idleSinceMs = hasMembers
    ? value.commitTimestampMs
    : Math.max(group.stateTimestampMs, value.commitTimestampMs)
  const mayExpire = !hasMembers || (subscribed !== undefined && !subscribed.has(topic))
  if (!mayExpire) return false
  if (value.expireTimestampMs >= 0) return nowMs >= value.expireTimestampMs
  return nowMs - idleSinceMs >= config.offsetsRetentionMs
}
