import { join } from 'node:path/posix'
import type { Disk } from '../../../world/world.ts'
import { parseSwappedLogName, parseSegmentFileName, segmentFileName } from '../segment-file-names.ts'
import { Segment, type SegmentPlace } from '../segment.ts'

/**
 * Puts the outcome of a compaction in the place of the segments that it was made from, such that a crash at any point
 * leaves either all of them or all of it.
 *
 *     1  all files of the outcome are written as `….cleaned`, synced, and so are their names
 *     2  ….log.cleaned becomes ….log.swap, synced: it is decided. Before, a restart removes the outcome; from here on
 *        it removes what the outcome replaces.
 *     3  the old files go, the outcome's indexes get their names, synced
 *     4  ….log.swap becomes ….log, synced
 *
 * Which segments an outcome replaces follows from itself: it begins where the first did, and its last batch, which
 * compaction always keeps, if only as a header, ends where the last did.
 */
const INDEX_KINDS = ['index', 'timeindex', 'txnindex'] as const

/** Steps 1 and 2. `cleaned` is sealed. Rejects with what the disk throws; then `isDecided` says whether it may be dropped. */
export async function decideSwap(disk: Disk, cleaned: Segment, place: SegmentPlace): Promise<void> {
  const { directory, baseOffset } = place
  await cleaned.syncAll()
  // An index without entries has no file; here it needs one, to take the place of the old one.
  const indexPath = join(directory, `${segmentFileName(baseOffset, 'txnindex')}.cleaned`)
  if (disk.stat(indexPath) === undefined) disk.open(indexPath, { create: true }).close()
  cleaned.close()
  await disk.syncDirectory(directory)
  const logPath = join(directory, segmentFileName(baseOffset, 'log'))
  disk.rename(`${logPath}.cleaned`, `${logPath}.swap`)
  await disk.syncDirectory(directory)
}

/** Step 3, but for the sync. Returns the outcome as it may be read until step 4. */
export function enterSwap(disk: Disk, old: readonly Segment[], place: SegmentPlace): Segment {
  for (const segment of old) segment.remove()
  nameIndexes(disk, place)
  return openSegment(disk, { ...place, suffix: '.swap' })
}

/** Step 4, but for the sync. Step 3 must be on the device. */
export function leaveSwap(disk: Disk, swapped: Segment, place: SegmentPlace): Segment {
  swapped.close()
  const logPath = join(place.directory, segmentFileName(place.baseOffset, 'log'))
  disk.rename(`${logPath}.swap`, logPath)
  return openSegment(disk, place)
}

/**
 * After a crash: removes what a decided outcome replaces. The outcomes stay under their `.swap` names until the next
 * compaction does step 4, because nothing can wait for the device here.
 */
export function resumeSwaps(
  disk: Disk,
  placeOf: (baseOffset: number) => SegmentPlace,
  directory: string,
): void {
  for (const name of disk.list(directory)) {
    const baseOffset = parseSwappedLogName(name)
    if (baseOffset === undefined) continue
    const place = placeOf(baseOffset)
    nameIndexes(disk, place)
    const swapped = openSegment(disk, { ...place, suffix: '.swap' })
    const end = swapped.readNextOffset() ?? baseOffset
    swapped.close()
    for (const other of disk.list(directory)) {
      const file = parseSegmentFileName(other)
      if (file === undefined || file.kind === 'snapshot') continue
      const isReplaced = file.offset > baseOffset && file.offset < end
      if (isReplaced || (file.offset === baseOffset && file.kind === 'log'))
        disk.remove(join(directory, other))
    }
  }
}

/** A segment that is on disk at this place. */
export function openSegment(disk: Disk, place: SegmentPlace): Segment {
  const path = (kind: 'log' | 'txnindex'): string =>
    join(place.directory, segmentFileName(place.baseOffset, kind))
  const { sizeBytes, modifiedMs } = disk.stat(path('log') + (place.suffix ?? ''))!
  const hasTransactions = disk.stat(path('txnindex')) !== undefined
  return Segment.existing(place, { sizeBytes, modifiedMs, hasTransactions })
}

function nameIndexes(disk: Disk, { directory, baseOffset }: SegmentPlace): void {
  for (const kind of INDEX_KINDS) {
    const path = join(directory, segmentFileName(baseOffset, kind))
    if (disk.stat(`${path}.cleaned`) !== undefined) disk.rename(`${path}.cleaned`, path)
  }
}
