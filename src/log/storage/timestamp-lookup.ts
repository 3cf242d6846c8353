import { type BatchHeader, isLogAppendTime, RecordCursor } from '../protocol/record-batch.ts'
import type { LogSegments } from './log-segments.ts'

export interface TimestampedOffset {
  readonly offset: number
  /** Milliseconds since the Unix epoch. */
  readonly timestamp: number
  readonly leaderEpoch: number
}

/**
 * The first record from `logStartOffset` on whose timestamp is `timestampMs` or later. The time index leads to the
 * neighbourhood, batch headers to the batch, and only that batch is decompressed.
 */
export function offsetForTimestamp(
  segments: LogSegments,
  timestampMs: number,
  logStartOffset: number,
): TimestampedOffset | undefined {
  for (let index = segments.indexOf(logStartOffset); index < segments.count; index++) {
    const segment = segments.at(index)!
    if (segment.maxTimestampMs < timestampMs) continue
    const from = Math.max(segment.timeIndex.floor(timestampMs)?.offset ?? segment.baseOffset, logStartOffset)
    const scanner = segment.scan({ start: segment.positionOf(from) })
    for (let header = scanner.next(); header !== undefined; header = scanner.next()) {
      if (header.maxTimestamp < timestampMs || header.baseOffset + header.lastOffsetDelta < logStartOffset)
        continue
      const found = firstRecord(header, scanner.batch(header), { timestampMs, logStartOffset })
      if (found !== undefined) return found
    }
  }
  return undefined
}

/** The first record that has the partition's largest timestamp, undefined when there is no record. */
export function offsetOfMaxTimestamp(
  segments: LogSegments,
  logStartOffset: number,
): TimestampedOffset | undefined {
  let largest = segments.first
  for (const segment of segments.all()) if (segment.maxTimestampMs > largest.maxTimestampMs) largest = segment
  if (largest.maxTimestampMs < 0) return undefined
  return offsetForTimestamp(segments, largest.maxTimestampMs, logStartOffset)
}

function firstRecord(
  header: BatchHeader,
  batch: Buffer,
  wanted: { readonly timestampMs: number; readonly logStartOffset: number },
): TimestampedOffset | undefined {
  // What compaction left of a batch to keep its offsets.
  if (header.recordCount === 0) return undefined
  const leaderEpoch = header.partitionLeaderEpoch
  if (isLogAppendTime(header.attributes)) {
    return {
      offset: Math.max(header.baseOffset, wanted.logStartOffset),
      timestamp: header.maxTimestamp,
      leaderEpoch,
    }
  }
  const cursor = new RecordCursor().open(batch)
  while (cursor.next()) {
    if (cursor.timestampMs >= wanted.timestampMs && cursor.offset >= wanted.logStartOffset) {
      return { offset: cursor.offset, timestamp: cursor.timestampMs, leaderEpoch }
    }
  }
  return undefined
}
