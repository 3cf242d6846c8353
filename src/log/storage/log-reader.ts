import type { Clock } from '../../world/world.ts'
import { BATCH_HEADER_BYTES, BATCH_PREFIX_BYTES } from '../protocol/record-batch.ts'
import { damagedLog } from './damaged-log.ts'
import type { LogSegments } from './log-segments.ts'
import type { RecentBatches } from './recent-batches.ts'
import type { Segment } from './segment.ts'

/** Cursors that are remembered: about as many consumers as read one partition at the same time. */
const CURSORS = 8
const LAST_OFFSET_DELTA_POSITION = 23
/** A megabyte out of the page cache takes a tenth of this; a device that is as fast may as well be waited for. */
const SLOW_READ_MS = 2
const SLOW_READ_BYTES = 1_048_576
/** By how much quick preloads have to outweigh slow ones before reads are trusted to find their bytes in memory. */
const TRUSTED_BYTES = 8_388_608

/**
 * Reads whole batches from the segment files into one buffer, as they lie there; only their headers are looked at.
 *
 * To find where an offset lies it asks, in this order: the newest batches in memory, the places where recent reads
 * ended (a consumer goes on where it stopped), the sparse index of the segment.
 *
 * A read is a system call that the page cache answers. When it has to wait for the device, everybody waits: a read that
 * took long says that a consumer is far behind, and `preload` has what comes next brought into memory aside, until that
 * takes no longer than the page cache does. No read is spent on trying: of a consumer at 300 MB/s one in sixty was, which
 * had everybody wait for the device five times a second.
 */
export class LogReader {
  readonly #segments: LogSegments
  readonly #recent: RecentBatches
  /** Empty until somebody reads: two arrays for each of many idle partitions are more than the rest of a reader. */
  readonly #cursorOffsets: number[] = []
  readonly #cursorPositions: number[] = []
  readonly #clock: Pick<Clock, 'monotonicMs'>
  #nextCursor = 0
  /** How much is still to be preloaded quickly before reads are trusted to find it in memory. */
  #coldBytes = 0

  constructor(segments: LogSegments, recent: RecentBatches, clock: Pick<Clock, 'monotonicMs'>) {
    this.#segments = segments
    this.#recent = recent
    this.#clock = clock
  }

  /**
   * What to wait for before `read` of the same batches, so that it does not wait for the device; undefined when it will
   * hardly have to. Fails in no way: what is wrong with the batches is for `read` to say, partition by partition.
   */
  preload(options: {
    readonly offset: number
    readonly upperOffset: number
    readonly maxBytes: number
  }): Promise<void> | undefined {
    const { offset, upperOffset, maxBytes } = options
    if (this.#coldBytes <= 0 || offset >= upperOffset) return undefined
    const segment = this.#segments.at(this.#segments.indexOf(offset))
    if (segment === undefined) return undefined
    if (segment === this.#segments.active && this.#recent.find(offset) >= 0) return undefined
    try {
      const position = this.#locate(segment, offset)
      const sizeBytes = Math.min(segment.sizeBytes - position, maxBytes)
      return sizeBytes <= 0 ? undefined : this.#preload(segment, position, sizeBytes).catch(() => undefined)
    } catch {
      return undefined
    }
  }

  async #preload(segment: Segment, position: number, sizeBytes: number): Promise<void> {
    const startedMs = this.#clock.monotonicMs()
    await segment.log.preload(position, sizeBytes)
    const slowMs = SLOW_READ_MS * Math.max(1, sizeBytes / SLOW_READ_BYTES)
    const isQuick = this.#clock.monotonicMs() - startedMs < slowMs
    this.#coldBytes = Math.min(TRUSTED_BYTES, this.#coldBytes + (isQuick ? -sizeBytes : sizeBytes))
  }

  /**
   * Batches from the one that holds `offset` on, as many as fit into `maxBytes`, none that begins at `upperOffset` or
   * later, all of one segment.
   */
  read(options: {
    readonly offset: number
    readonly upperOffset: number
    readonly maxBytes: number
    /** Gives the first batch even when it is larger than `maxBytes` (KIP-74). */
    readonly minOneBatch: boolean
    readonly buffers?: ReadBuffers | undefined
  }): BatchesRead {
    const { offset, upperOffset } = options
    if (offset >= upperOffset) return { records: NO_RECORDS, nextOffset: offset }
    for (let index = this.#segments.indexOf(offset); ; index++) {
      const segment = this.#segments.at(index)
      if (segment === undefined) return { records: NO_RECORDS, nextOffset: offset }
      const position = this.#locate(segment, offset)
      // Nothing at or above the offset in this segment: offsets may skip.
      if (position >= segment.sizeBytes) continue
      return this.#readAt(segment, position, options)
    }
  }

  /** To be called when batches have moved: places that are remembered are not theirs any more. */
  forgetPlaces(): void {
    this.#cursorOffsets.length = 0
    this.#cursorPositions.length = 0
    this.#nextCursor = 0
  }

  #locate(segment: Segment, offset: number): number {
    // Offsets may skip from one segment to the next; a place that is remembered lies in the earlier one.
    if (offset <= segment.baseOffset) return 0
    if (segment === this.#segments.active) {
      const position = this.#recent.find(offset)
      if (position >= 0) return position
    }
    const cursor = this.#cursorOffsets.indexOf(offset)
    if (cursor >= 0) return this.#cursorPositions[cursor]!
    return segment.positionOf(offset)
  }

  #readAt(
    segment: Segment,
    position: number,
    options: {
      readonly offset: number
      readonly upperOffset: number
      readonly maxBytes: number
      readonly minOneBatch: boolean
      readonly buffers?: ReadBuffers | undefined
    },
  ): BatchesRead {
    const available = segment.sizeBytes - position
    const wanted = Math.min(available, Math.max(options.maxBytes, BATCH_HEADER_BYTES))
    const lent = wanted >= LENT_FROM_BYTES ? options.buffers?.take(wanted) : undefined
    const read = this.#readInto(
      lent?.subarray(0, wanted) ?? Buffer.allocUnsafe(wanted),
      segment,
      position,
      options,
    )
    if (lent === undefined || read.records.buffer === lent.buffer) return read
    options.buffers?.give(lent)
    return read
  }

  #readInto(
    target: Buffer,
    segment: Segment,
    position: number,
    options: {
      readonly offset: number
      readonly upperOffset: number
      readonly maxBytes: number
      readonly minOneBatch: boolean
    },
  ): BatchesRead {
    const nothing: BatchesRead = { records: NO_RECORDS, nextOffset: options.offset }
    if (options.maxBytes < BATCH_HEADER_BYTES && !options.minOneBatch) return nothing
    let buffer = target
    let length = this.#readSegment(segment, buffer, position)
    if (length < BATCH_HEADER_BYTES)
      throw this.#damaged(segment, options, `only ${length} bytes of a batch are there`)
    if (offsetAt(buffer, 0) >= options.upperOffset) return nothing
    const firstBytes = sizeAt(buffer, 0)
    if (firstBytes < BATCH_HEADER_BYTES || firstBytes > segment.sizeBytes - position)
      throw this.#damaged(segment, options, `a batch of ${firstBytes} bytes`)
    if (firstBytes > length) {
      if (!options.minOneBatch) return nothing
      buffer = Buffer.allocUnsafe(firstBytes)
      length = this.#readSegment(segment, buffer, position)
      if (length < firstBytes)
        throw this.#damaged(segment, options, `a batch of ${firstBytes} bytes of which ${length} are there`)
    }
    let end = 0
    let nextOffset = options.offset
    while (end + BATCH_HEADER_BYTES <= length) {
      const sizeBytes = sizeAt(buffer, end)
      const baseOffset = offsetAt(buffer, end)
      // What is not a batch ends the read; the next one begins there, and says so.
      if (sizeBytes < BATCH_HEADER_BYTES || end + sizeBytes > length || baseOffset >= options.upperOffset)
        break
      nextOffset = baseOffset + buffer.readInt32BE(end + LAST_OFFSET_DELTA_POSITION) + 1
      end += sizeBytes
    }
    this.#remember(nextOffset, position + end)
    const records = buffer.subarray(0, end)
    // A small answer must not keep a large buffer alive.
    return { records: end < buffer.length / 2 ? Buffer.from(records) : records, nextOffset }
  }

  #readSegment(segment: Segment, target: Buffer, position: number): number {
    const startedMs = this.#clock.monotonicMs()
    const length = segment.log.read(target, position)
    if (this.#clock.monotonicMs() - startedMs > SLOW_READ_MS) this.#coldBytes = TRUSTED_BYTES
    return length
  }

  #damaged(segment: Segment, { offset }: { readonly offset: number }, problem: string): Error {
    return damagedLog({ path: segment.log.path, offset, problem })
  }

  #remember(nextOffset: number, position: number): void {
    let slot = this.#cursorOffsets.indexOf(nextOffset)
    if (slot < 0) {
      slot = this.#nextCursor
      this.#nextCursor = (slot + 1) % CURSORS
    }
    this.#cursorOffsets[slot] = nextOffset
    this.#cursorPositions[slot] = position
  }
}

/** Memory for reads that is used again and again: whoever gets `records` in it gives it back when they are sent. */
export interface ReadBuffers {
  /** A buffer of so many bytes or more. */
  take(sizeBytes: number): Buffer
  give(buffer: Buffer): void
}

export interface BatchesRead {
  readonly records: Buffer
  /** The offset after the last record that was read. */
  readonly nextOffset: number
}

const NO_RECORDS = Buffer.alloc(0)

/** Smaller reads are not worth lending memory for. */
const LENT_FROM_BYTES = 65_536

function offsetAt(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at) * 4_294_967_296 + buffer.readUInt32BE(at + 4)
}

function sizeAt(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + 8) + BATCH_PREFIX_BYTES
}
