import type { Segment } from './segment.ts'

/**
 * How many of the oldest segments may go: those whose newest record is older than `retentionMs`, those without which the
 * partition still has `retentionBytes`, and those that lie wholly below the log start offset. A segment without
 * timestamps is as old as its file. May be all of them; the caller rolls the active one first then.
 */
export function expiredSegments(
  segments: readonly Segment[],
  limits: {
    /** −1: no limit. */
    readonly retentionMs: number
    /** −1: no limit. */
    readonly retentionBytes: number
    /** Records below it are deleted already. */
    readonly logStartOffset: number
    readonly nowMs: number
  },
): number {
  const { retentionMs, retentionBytes, logStartOffset, nowMs } = limits
  let excessBytes = retentionBytes < 0 ? -1 : totalBytes(segments) - retentionBytes
  let count = 0
  for (const [index, segment] of segments.entries()) {
    const isActive = index === segments.length - 1
    const isBelowStart = !isActive && segments[index + 1]!.baseOffset <= logStartOffset
    const isEmpty = segment.sizeBytes === 0
    const isOld = retentionMs >= 0 && !isEmpty && nowMs - newestMs(segment) > retentionMs
    const isExcess = !isActive && excessBytes >= segment.sizeBytes && excessBytes > 0
    if (!isBelowStart && !isOld && !isExcess) break
    excessBytes -= segment.sizeBytes
    count++
  }
  return count
}

function newestMs(segment: Segment): number {
  return segment.maxTimestampMs >= 0 ? segment.maxTimestampMs : segment.createdMs
}

function totalBytes(segments: readonly Segment[]): number {
  return segments.reduce((sum, segment) => sum + segment.sizeBytes, 0)
}
