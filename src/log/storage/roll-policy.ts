import type { Segment } from './segment.ts'
import type { TopicConfig } from './topic-config.ts'

/** Offsets inside a segment are stored in 31 bits. */
const MAX_RELATIVE_OFFSET = 2 ** 31 - 1
const INDEX_ENTRY_BYTES_MAX = 12

/**
 * Whether a segment is to be closed before the next batch goes in: it would grow too large, its records would span more
 * than `segment.ms` (by their timestamps; without timestamps by the segment's age), an index is full, or the offset is too
 * far from the segment's first.
 */
export function mustRoll(
  active: Segment,
  next: { readonly sizeBytes: number; readonly lastOffset: number; readonly maxTimestampMs: number },
  rules: { readonly config: TopicConfig; readonly nowMs: number },
): boolean {
  const { config, nowMs } = rules
  if (active.sizeBytes === 0) return false
  if (active.sizeBytes + next.sizeBytes > config.segmentBytes) return true
  const firstMs = active.firstTimestampMs ?? -1
  const spanMs =
    next.maxTimestampMs >= 0 && firstMs >= 0 ? next.maxTimestampMs - firstMs : nowMs - active.createdMs
  // Only closed segments are compacted.
  const limitMs = config.cleanupCompacts
    ? Math.min(config.segmentMs, config.maxCompactionLagMs)
    : config.segmentMs
  if (spanMs > limitMs) return true
  if (active.indexBytes > config.segmentIndexBytes - INDEX_ENTRY_BYTES_MAX) return true
  return next.lastOffset - active.baseOffset > MAX_RELATIVE_OFFSET
}
