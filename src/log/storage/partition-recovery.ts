import { join } from 'node:path/posix'
import { readText, readWhole } from '../../world/files.ts'
import { decodeLeaderEpochs } from './checkpoint-files.ts'
import { LeaderEpochs } from './leader-epochs.ts'
import { LogSegments } from './log-segments.ts'
import type { PartitionContext } from './partition-context.ts'
import { replayBatch } from './producer-replay.ts'
import { decodeProducerSnapshot } from './producer-snapshot.ts'
import { type ProducerState, ProducerStates } from './producer-states.ts'
import { openSegment, resumeSwaps } from './compaction/segment-swap.ts'
import { parseSegmentFileName, parseSwappedLogName, segmentFileName } from './segment-file-names.ts'
import { Segment, type SegmentPlace } from './segment.ts'

/**
 * Opens a partition's files and finds out where the log ends.
 *
 * After a clean shutdown everything on disk is right: the last index entry and a snapshot of the producers lead to the
 * end at once. After anything else, what lies below the recovery point is on the device and right; what lies above may
 * be torn, or missing in the middle:
 *
 *  1. Take the newest whole snapshot of the producers at or below the segment that holds the recovery point, and replay
 *     batch headers from there up to that segment.
 *  2. Walk that segment and all later ones batch by batch. Check the CRC of everything above the recovery point, build
 *     the indexes anew, replay producers and transactions.
 *  3. Remember what was found above the recovery point: if a sync failed before the process ended, only the page cache
 *     may hold it, so it is written once more before the first sync.
 *  4. At the first batch that is not whole and right: cut the file there, remove all later segments, report it. Nothing
 *     above it was ever acknowledged as durable, because durability ends at the first gap. Zeros up to a file's end are
 *     the room that was made for batches to come: that is cut, and nothing is missing.
 */
export interface OpenedPartition {
  readonly segments: LogSegments
  readonly producers: ProducerStates
  readonly leaderEpochs: LeaderEpochs
  readonly endOffset: number
  readonly logStartOffset: number
  /** Below it all is on the device; above it, what was found may still be in the page cache only. */
  readonly durableOffset: number
  /** Offsets of the snapshot files, ascending. */
  readonly snapshotOffsets: readonly number[]
  /** Segments besides the active one whose indexes were rebuilt and are not on disk yet. */
  readonly unsynced: readonly Segment[]
  /** What was cut off, if anything. */
  readonly cut: TailCut | undefined
  /** Whether the tail had to be looked at. */
  readonly recovered: boolean
}

export interface TailCut {
  readonly offset: number
  readonly bytesCut: number
  readonly segmentsRemoved: number
  readonly problem: string
}

export interface OpenPartitionOptions {
  readonly context: PartitionContext
  readonly path: string
  readonly indexIntervalBytes: () => number
  readonly cleanShutdown: boolean
  /** From the checkpoint files; 0 when they do not say. */
  readonly recoveryPoint: number
  readonly logStartOffset: number
}

export function openPartition(options: OpenPartitionOptions): OpenedPartition {
  const { context, path } = options
  const disk = context.files.disk
  const place = (baseOffset: number): SegmentPlace => ({
    files: context.files,
    directory: path,
    baseOffset,
    indexIntervalBytes: options.indexIntervalBytes,
  })
  const found = findFiles(options, place)
  if (found.segments.length === 0)
    found.segments.push(Segment.create(place(options.logStartOffset), context.clock.nowMs()))

  const epochsText = readText(disk, join(path, 'leader-epoch-checkpoint'))
  const leaderEpochs = new LeaderEpochs(
    (epochsText === undefined ? undefined : decodeLeaderEpochs(epochsText)) ?? [],
  )
  const opening: Opening = {
    options,
    leaderEpochs,
    segments: found.segments,
    snapshotOffsets: found.snapshotOffsets,
    nowMs: context.clock.nowMs(),
  }
  const result = (options.cleanShutdown ? openClean(opening) : undefined) ?? recover(opening)

  let { endOffset } = result
  const logStartOffset = Math.max(options.logStartOffset, opening.segments[0]!.baseOffset)
  if (logStartOffset > endOffset) {
    // Records were deleted up to a point that the surviving ones do not reach: the log begins anew there.
    for (const segment of opening.segments) segment.remove()
    opening.segments = [Segment.create(place(logStartOffset), opening.nowMs)]
    endOffset = logStartOffset
  }
  leaderEpochs.truncateTo(endOffset)
  return {
    segments: new LogSegments(opening.segments),
    producers: result.producers,
    leaderEpochs,
    endOffset,
    logStartOffset,
    durableOffset:
      options.cleanShutdown && !result.recovered ? endOffset : Math.min(options.recoveryPoint, endOffset),
    snapshotOffsets: opening.snapshotOffsets,
    unsynced: result.reindexed.filter((segment) => opening.segments.slice(0, -1).includes(segment)),
    cut: result.cut,
    recovered: result.recovered,
  }
}

interface Opening {
  readonly options: OpenPartitionOptions
  readonly leaderEpochs: LeaderEpochs
  readonly nowMs: number
  segments: Segment[]
  snapshotOffsets: number[]
}

interface TailState {
  readonly endOffset: number
  readonly producers: ProducerStates
  readonly cut: TailCut | undefined
  readonly recovered: boolean
  readonly reindexed: readonly Segment[]
}

function findFiles(
  options: OpenPartitionOptions,
  place: (baseOffset: number) => SegmentPlace,
): { segments: Segment[]; snapshotOffsets: number[] } {
  const disk = options.context.files.disk
  resumeSwaps(disk, place, options.path)
  const names = disk.list(options.path)
  const present = new Set(names)
  const segments: Segment[] = []
  const snapshotOffsets: number[] = []
  for (const name of names) {
    const file = parseSegmentFileName(name)
    const swapped = parseSwappedLogName(name)
    if (swapped !== undefined) segments.push(openSegment(disk, { ...place(swapped), suffix: '.swap' }))
    else if (file === undefined) {
      // What an interrupted deletion or compaction left behind.
      if (/\.(deleted|cleaned|tmp)$/.test(name)) disk.remove(join(options.path, name))
    } else if (file.kind === 'snapshot') snapshotOffsets.push(file.offset)
    else if (file.kind === 'log') {
      segments.push(openSegment(disk, place(file.offset)))
    } else {
      const logName = segmentFileName(file.offset, 'log')
      if (!present.has(logName) && !present.has(`${logName}.swap`)) disk.remove(join(options.path, name))
    }
  }
  return { segments, snapshotOffsets }
}

/** Undefined when the files are not as a clean shutdown leaves them. */
function openClean(opening: Opening): TailState | undefined {
  const endOffset = opening.segments.at(-1)!.readNextOffset()
  if (endOffset === undefined) return undefined
  const producers = restoreProducers(opening, endOffset)
  replayRange(opening, producers.states, { from: producers.offset, to: endOffset })
  return { endOffset, producers: producers.states, cut: undefined, recovered: false, reindexed: [] }
}

function recover(opening: Opening): TailState {
  const { options, leaderEpochs, nowMs } = opening
  const { recoveryPoint } = options
  const segments = opening.segments
  const firstIndex = Math.max(
    0,
    segments.findLastIndex((segment) => segment.baseOffset < recoveryPoint),
  )
  const start = segments[firstIndex]!
  const restored = restoreProducers(opening, start.baseOffset)
  const producers = restored.states
  replayRange(opening, producers, { from: restored.offset, to: start.baseOffset })

  let endOffset = start.baseOffset
  let cut: TailCut | undefined
  for (let index = firstIndex; index < segments.length && cut === undefined; index++) {
    const segment = segments[index]!
    if (index > firstIndex && segment.baseOffset !== endOffset && segment.baseOffset > recoveryPoint) {
      cut = cutAt(opening, {
        index,
        position: 0,
        offset: endOffset,
        problem: `a segment begins at ${segment.baseOffset} where ${endOffset} is expected`,
      })
      break
    }
    segment.startReindexing()
    const scanner = segment.scan({ verifyFromOffset: recoveryPoint, chunkBytes: 1 << 20 })
    let doubtFrom: number | undefined
    for (let header = scanner.next(); header !== undefined; header = scanner.next()) {
      const whole = header
      if (header.baseOffset >= recoveryPoint) doubtFrom ??= scanner.position
      segment.reindex(header, scanner.position)
      const aborted = replayBatch(producers, header, { batch: () => scanner.batch(whole), nowMs })
      if (aborted !== undefined) segment.transactions.append(aborted)
      leaderEpochs.begin(header.partitionLeaderEpoch, header.baseOffset)
      endOffset = header.baseOffset + header.lastOffsetDelta + 1
    }
    endOffset = Math.max(endOffset, segment.baseOffset)
    if (doubtFrom !== undefined) segment.doubt(doubtFrom, scanner.nextPosition)
    if (scanner.problem !== undefined) {
      if (endOffset >= recoveryPoint && segment.isRoomFrom(scanner.nextPosition)) {
        segment.sizeBytes = scanner.nextPosition
        segment.cut()
        continue
      }
      cut = cutAt(opening, {
        index,
        position: scanner.nextPosition,
        offset: endOffset,
        problem: scanner.problem,
      })
    }
  }
  for (const offset of opening.snapshotOffsets) {
    const isUsable = offset <= endOffset && readSnapshot(opening, offset) !== undefined
    if (!isUsable) removeSnapshot(opening, offset)
  }
  return { endOffset, producers, cut, recovered: true, reindexed: segments.slice(firstIndex) }
}

/** Ends the log at a position of a segment, or before the segment when the position is 0 and others remain. */
function cutAt(
  opening: Opening,
  at: {
    readonly index: number
    readonly position: number
    readonly offset: number
    readonly problem: string
  },
): TailCut {
  const dropsWhole = at.position === 0 && at.index > 0
  const keep = dropsWhole ? at.index : at.index + 1
  const removed = opening.segments.slice(keep)
  let bytesCut = 0
  for (const segment of removed.toReversed()) {
    bytesCut += segment.sizeBytes
    segment.remove()
  }
  opening.segments = opening.segments.slice(0, keep)
  if (!dropsWhole) {
    const last = opening.segments.at(-1)!
    bytesCut += last.sizeBytes - at.position
    last.sizeBytes = at.position
    last.cut()
  }
  return { offset: at.offset, bytesCut, segmentsRemoved: removed.length, problem: at.problem }
}

/** The producers of the newest whole snapshot at or below `limit`; without one, none, from the start of the log. */
function restoreProducers(
  opening: Opening,
  limit: number,
): { readonly states: ProducerStates; readonly offset: number } {
  const states = new ProducerStates()
  for (const offset of opening.snapshotOffsets.filter((each) => each <= limit).toReversed()) {
    const producers = readSnapshot(opening, offset)
    if (producers === undefined) {
      removeSnapshot(opening, offset)
      continue
    }
    for (const producer of producers) states.restore(producer)
    states.restored()
    return { states, offset }
  }
  return { states, offset: opening.segments[0]!.baseOffset }
}

/** Replays the batches of [from, to), all of which are known to be right. */
function replayRange(
  opening: Opening,
  producers: ProducerStates,
  range: { readonly from: number; readonly to: number },
): void {
  if (range.from >= range.to) return
  const firstIndex = Math.max(
    0,
    opening.segments.findLastIndex((segment) => segment.baseOffset <= range.from),
  )
  for (const segment of opening.segments.slice(firstIndex)) {
    if (segment.baseOffset >= range.to) return
    const scanner = segment.scan({ chunkBytes: 1 << 20 })
    for (
      let header = scanner.next();
      header !== undefined && header.baseOffset < range.to;
      header = scanner.next()
    ) {
      const whole = header
      if (header.baseOffset >= range.from)
        replayBatch(producers, header, { batch: () => scanner.batch(whole), nowMs: opening.nowMs })
    }
  }
}

function readSnapshot(opening: Opening, offset: number): ProducerState[] | undefined {
  const { context, path } = opening.options
  const bytes = readWhole(context.files.disk, join(path, segmentFileName(offset, 'snapshot')))
  return bytes === undefined ? undefined : decodeProducerSnapshot(bytes, opening.nowMs)
}

function removeSnapshot(opening: Opening, offset: number): void {
  opening.snapshotOffsets = opening.snapshotOffsets.filter((each) => each !== offset)
  opening.options.context.files.disk.remove(join(opening.options.path, segmentFileName(offset, 'snapshot')))
}
