import type { ListOffsetsRequest, ListOffsetsResponseInput } from '../../protocol/apis/list-offsets.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import type { PartitionLog } from '../../storage/partition-log.ts'
import { AclOperation, mayOnTopic, showsTopic } from '../security/access.ts'
import type { Handler, RequestContext } from '../services.ts'
import { checkLeaderEpoch } from './fetch.ts'

/** Timestamps that stand for an end of the log. */
const LATEST = -1
const EARLIEST = -2
const MAX_TIMESTAMP = -3
const EARLIEST_LOCAL = -4
const LATEST_TIERED = -5
const EARLIEST_PENDING_UPLOAD = -6

const READ_COMMITTED = 1

/** The first version of ListOffsets that knows each of them. */
const SINCE: ReadonlyMap<number, number> = new Map([
  [LATEST, 0],
  [EARLIEST, 0],
  [MAX_TIMESTAMP, 7],
  [EARLIEST_LOCAL, 8],
  [LATEST_TIERED, 9],
  [EARLIEST_PENDING_UPLOAD, 11],
])

type Found = { readonly offset: number; readonly timestamp: number }

/**
 * ListOffsets: the ends of partitions, or the first record at or after a time. A read_committed reader's end is the last
 * stable offset; as with Fetch, it is told nothing that a power cut could take back, so the answer waits for the device.
 */
export const handleListOffsets: Handler<ListOffsetsRequest, ListOffsetsResponseInput> = (
  request,
  context,
) => {
  const unsynced = unsyncedEnds(request, context)
  if (unsynced.length === 0) return answer(request, context)
  // A sync that fails is reported where it happens; the end stays at what is durable then, or is not known.
  return Promise.allSettled(unsynced.map((log) => log.sync())).then(() => answer(request, context))
}

function unsyncedEnds(
  { isolationLevel, topics }: ListOffsetsRequest,
  context: RequestContext,
): PartitionLog[] {
  if (isolationLevel !== READ_COMMITTED) return []
  const { services } = context
  const shown = topics.filter(({ name }) => showsTopic(context, AclOperation.DESCRIBE, name))
  return shown.flatMap(({ name, partitions }) =>
    partitions.flatMap(({ partitionIndex, timestamp }) => {
      const log = services.logDirectory.topic(name)?.partitions[partitionIndex]
      return timestamp === LATEST && log !== undefined && log.durableOffset < log.lastStableOffset
        ? [log]
        : []
    }),
  )
}

function answer(request: ListOffsetsRequest, context: RequestContext): ListOffsetsResponseInput {
  const seen = new Map<string, number>()
  for (const { name, partitions } of request.topics) {
    for (const { partitionIndex } of partitions) {
      const key = `${name}:${partitionIndex}`
      seen.set(key, (seen.get(key) ?? 0) + 1)
    }
  }
  const names = new Set(request.topics.map(({ name }) => name))
  const allowed = new Set([...names].filter((name) => mayOnTopic(context, AclOperation.DESCRIBE, name)))
  return {
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex, currentLeaderEpoch, timestamp }) => {
        const refused = (errorCode: ErrorCode): { partitionIndex: number; errorCode: ErrorCode } => ({
          partitionIndex,
          errorCode,
        })
        if (!allowed.has(name)) return refused(ErrorCode.TOPIC_AUTHORIZATION_FAILED)
        if (seen.get(`${name}:${partitionIndex}`) !== 1) return refused(ErrorCode.INVALID_REQUEST)
        if (context.apiVersion < sinceVersion(timestamp)) return refused(ErrorCode.UNSUPPORTED_VERSION)
        const log = context.services.logDirectory.topic(name)?.partitions[partitionIndex]
        if (log === undefined) return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
        const epochError = checkLeaderEpoch(currentLeaderEpoch, log.leaderEpoch)
        if (epochError !== ErrorCode.NONE) return refused(epochError)
        const readCommitted = request.isolationLevel === READ_COMMITTED
        if (readCommitted && timestamp === LATEST && !knowsCommittedEnd(log))
          return refused(ErrorCode.KAFKA_STORAGE_ERROR)
        const found = find(log, timestamp, readCommitted)
        return {
          partitionIndex,
          errorCode: ErrorCode.NONE,
          ...found,
          leaderEpoch: found.offset < 0 ? -1 : log.leaderEpoch,
        }
      }),
    })),
  }
}

/** Negative timestamps that stand for nothing are no version's. */
function sinceVersion(timestamp: number): number {
  return timestamp >= 0 ? 0 : (SINCE.get(timestamp) ?? Infinity)
}

const NOTHING: Found = { offset: -1, timestamp: -1 }

function find(log: PartitionLog, timestamp: number, readCommitted: boolean): Found {
  switch (timestamp) {
    case LATEST:
      return { offset: readCommitted ? committedEnd(log) : log.endOffset, timestamp: -1 }
    case EARLIEST:
    case EARLIEST_LOCAL:
      return { offset: log.logStartOffset, timestamp: -1 }
    // There is no tiered storage: nothing has been or will be uploaded.
    case LATEST_TIERED:
    case EARLIEST_PENDING_UPLOAD:
      return NOTHING
    default: {
      const found =
        timestamp === MAX_TIMESTAMP ? log.offsetOfMaxTimestamp() : log.offsetForTimestamp(timestamp)
      if (found === undefined || (readCommitted && found.offset >= log.lastStableOffset)) return NOTHING
      return { offset: found.offset, timestamp: found.timestamp }
    }
  }
}

/**
 * Whether all that a reader may have been told before a restart is known to be on the device. Told less it would take
 * what was committed for gone: a mirror copied everything once more (simulation of mirrors, seed 143).
 */
function knowsCommittedEnd(log: PartitionLog): boolean {
  return log.durableOffset >= Math.min(log.lastStableOffset, log.openedEnd)
}

function committedEnd(log: PartitionLog): number {
  return Math.max(Math.min(log.lastStableOffset, log.durableOffset), log.logStartOffset)
}
