import type { Segment } from '../segment.ts'
import type { TopicConfig } from '../topic-config.ts'

/** Offsets inside a segment are stored in 31 bits. */
const MAX_RELATIVE_OFFSET = 2 ** 31 - 1

export interface CompactionPlan {
  /** Where what was never compacted begins, and where what may be compacted ends. */
  readonly dirtyFrom: number
  readonly dirtyTo: number
}

/**
 * What of a log to compact now, if anything. Never the active segment, never what a transaction or the device has not
 * finished with, never what is younger than `min.compaction.lag.ms`. It is time when the share of bytes that were never
 * compacted is above `min.cleanable.dirty.ratio`, or the oldest of them has waited for `max.compaction.lag.ms`.
 */
export function planCompaction(
  segments: readonly Segment[],
  log: {
    readonly config: TopicConfig
    readonly nowMs: number
    /** Below it compaction has been before. */
    readonly cleanedTo: number
    /** Decided and on the device. */
    readonly settledTo: number
  },
): CompactionPlan | undefined {
  const { config, nowMs } = log
  const dirtyFrom = Math.max(log.cleanedTo, segments[0]!.baseOffset)
  let cleanBytes = 0
  let dirtyBytes = 0
  let oldestMs = Infinity
  let dirtyTo = segments[0]!.baseOffset
  for (let index = 0; index < segments.length - 1; index++) {
    const segment = segments[index]!
    const end = segments[index + 1]!.baseOffset
    if (end > log.settledTo) break
    // Without a lag, timestamps ahead of the clock do not matter.
    if (config.minCompactionLagMs > 0 && nowMs - newestMs(segment) < config.minCompactionLagMs) break
    dirtyTo = end
    if (end <= dirtyFrom) cleanBytes += segment.sizeBytes
    else {
      dirtyBytes += segment.sizeBytes
      oldestMs = Math.min(oldestMs, oldestOf(segment))
    }
  }
  if (dirtyBytes === 0) return undefined
  const isDue =
    dirtyBytes / (cleanBytes + dirtyBytes) > config.minCleanableDirtyRatio ||
    nowMs - oldestMs > config.maxCompactionLagMs
  return isDue ? { dirtyFrom, dirtyTo } : undefined
}

/** Segments that together make one: compaction leaves them small. All but the active one that begin below `end`. */
export function groupSegments(segments: readonly Segment[], end: number, config: TopicConfig): Segment[][] {
  const groups: Segment[][] = []
  let sizeBytes = 0
  let indexBytes = 0
  for (const [index, segment] of segments.slice(0, -1).entries()) {
    // A closed segment without a batch says nothing about where it ends, which `segment-swap.ts` needs.
    if (segment.baseOffset >= end || segment.sizeBytes === 0) break
    const group = groups.at(-1)
    const addedIndexBytes = segment.indexBytes
    const fits =
      group !== undefined &&
      sizeBytes + segment.sizeBytes <= config.segmentBytes &&
      indexBytes + addedIndexBytes <= config.segmentIndexBytes &&
      segments[index + 1]!.baseOffset - group[0]!.baseOffset <= MAX_RELATIVE_OFFSET
    if (fits) group.push(segment)
    else groups.push([segment])
    sizeBytes = (fits ? sizeBytes : 0) + segment.sizeBytes
    indexBytes = (fits ? indexBytes : 0) + addedIndexBytes
  }
  return groups
}

function newestMs(segment: Segment): number {
  return segment.maxTimestampMs >= 0 ? segment.maxTimestampMs : segment.createdMs
}

function oldestOf(segment: Segment): number {
  const firstMs = segment.firstTimestampMs ?? -1
  return firstMs >= 0 ? firstMs : segment.createdMs
}
