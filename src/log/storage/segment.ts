import { BATCH_HEADER_BYTES, type BatchHeader } from '../protocol/record-batch.ts'
import { BatchScanner } from './batch-scanner.ts'
import { damagedLog } from './damaged-log.ts'
import { OffsetIndex } from './offset-index.ts'
import type { LogFile, OpenFiles } from './open-files.ts'
import { type SegmentFileKind, segmentFileName } from './segment-file-names.ts'
import { TimeIndex } from './time-index.ts'
import { TransactionIndex } from './transaction-index.ts'

const REWRITE_CHUNK_BYTES = 1024 * 1024
/** Room ends where a page of the operating system does: the last page of a room is not written twice. */
const PAGE_BYTES = 4096
const ZEROS = Buffer.alloc(64 * 1024)

/**
 * One segment: a `.log` file of record batches and its indexes, which are opened when first needed and rebuilt from the
 * log when they are missing or cannot be right.
 *
 * Invariants:
 *  - `sizeBytes` is where the next batch goes; bytes behind it in the file mean nothing. They are zeros where room was
 *    made for what comes, and none are left in a segment that was closed in order.
 *  - The indexes hold only what is true of the batches below `sizeBytes`.
 */
export class Segment {
  readonly baseOffset: number
  readonly log: LogFile
  readonly createdMs: number
  sizeBytes: number
  readonly #place: SegmentPlace
  /** Whether the indexes have no entries yet, whatever their files hold: they are made with the first. */
  #isUnindexed = false
  #offsetIndex: OffsetIndex | undefined
  #timeIndex: TimeIndex | undefined
  readonly #hasTransactions: boolean
  #transactions: TransactionIndex | undefined
  /** Where the room ends that was made for batches to come; 0 when none was. */
  #roomEnd = 0
  #bytesSinceIndexEntry = 0
  /** Largest timestamp and the last offset of the first batch that has it; known once the time index is open. */
  #maxTimestampMs = -1
  #maxTimestampOffset = -1
  #firstTimestampMs: number | undefined
  #doubtful: { readonly from: number; readonly to: number } | undefined

  private constructor(
    place: SegmentPlace,
    state: { readonly sizeBytes: number; readonly createdMs: number; readonly hasTransactions: boolean },
  ) {
    this.#place = place
    this.baseOffset = place.baseOffset
    this.#hasTransactions = state.hasTransactions
    this.log = this.#file('log')
    this.sizeBytes = state.sizeBytes
    this.createdMs = state.createdMs
  }

  /** A new, empty segment; its `.log` file exists afterwards and is empty. */
  static create(place: SegmentPlace, nowMs: number): Segment {
    const segment = new Segment(place, { sizeBytes: 0, createdMs: nowMs, hasTransactions: false })
    segment.log.create()
    if (segment.log.sizeBytes() > 0) segment.log.truncate(0)
    segment.#startIndexes()
    return segment
  }

  /** A segment that is on disk; nothing is opened yet. */
  static existing(
    place: SegmentPlace,
    state: { readonly sizeBytes: number; readonly modifiedMs: number; readonly hasTransactions: boolean },
  ): Segment {
    return new Segment(place, { ...state, createdMs: state.modifiedMs })
  }

  /** Whether it is the outcome of a compaction that has not got its name yet. */
  get isSwapped(): boolean {
    return this.#place.suffix === '.swap'
  }

  /** Bytes of the larger one of the two indexes that grow with the log. */
  get indexBytes(): number {
    return this.#isUnindexed ? 0 : Math.max(this.offsetIndex.sizeBytes, this.timeIndex.sizeBytes)
  }

  get transactions(): TransactionIndex {
    const state = this.#hasTransactions ? 'on disk' : 'absent'
    return (this.#transactions ??= new TransactionIndex(this.#file('txnindex'), state))
  }

  get offsetIndex(): OffsetIndex {
    if (this.#offsetIndex === undefined) this.#openIndexes()
    return this.#offsetIndex!
  }

  get timeIndex(): TimeIndex {
    if (this.#timeIndex === undefined) this.#openIndexes()
    return this.#timeIndex!
  }

  /** Largest timestamp of a record, −1 when there is none. */
  get maxTimestampMs(): number {
    if (this.#timeIndex === undefined && !this.#isUnindexed) this.#openIndexes()
    return this.#maxTimestampMs
  }

  /** Largest timestamp of the first batch, undefined in an empty segment. It says when the segment is to be rolled. */
  get firstTimestampMs(): number | undefined {
    if (this.#firstTimestampMs === undefined && this.sizeBytes > 0)
      this.#firstTimestampMs = this.scan({ chunkBytes: BATCH_HEADER_BYTES }).next()?.maxTimestamp
    return this.#firstTimestampMs
  }

  /** Writes a batch at the end. Throws what the disk throws, and may leave rubbish behind `sizeBytes` then. */
  append(batch: Buffer, added: { readonly lastOffset: number; readonly maxTimestampMs: number }): void {
    const position = this.sizeBytes
    this.log.write([batch], position)
    this.sizeBytes = position + batch.length
    this.#index({
      position,
      sizeBytes: batch.length,
      lastOffset: added.lastOffset,
      maxTimestampMs: added.maxTimestampMs,
    })
  }

  /**
   * Recovery found these bytes and cannot know whether they are on the device: a sync that failed may have left them in
   * the page cache, marked as written, where no later sync would bring them to the device.
   */
  doubt(from: number, to: number): void {
    this.#doubtful = { from, to }
  }

  /** Writes what is in doubt once more, so that the next sync is about it. May throw; it stays in doubt then. */
  rewriteDoubtful(): void {
    if (this.#doubtful === undefined) return
    const { from, to } = this.#doubtful
    const chunk = Buffer.allocUnsafe(Math.min(REWRITE_CHUNK_BYTES, to - from))
    for (let at = from; at < to; at += chunk.length) {
      const part = chunk.subarray(0, Math.min(chunk.length, to - at))
      this.log.read(part, at)
      this.log.write([part], at)
    }
    this.#doubtful = undefined
  }

  /** Cuts the file to `sizeBytes`: a failed write left something behind, or there is room that nobody will need. */
  cut(): void {
    this.log.truncate(this.sizeBytes)
    this.#roomEnd = 0
  }

  /**
   * Writes zeros for so many bytes of batches to come, when the room that was made before is used up. Batches that are
   * written over zeros leave the file's size and its blocks as they are: a sync of them waits for their bytes alone.
   */
  makeRoom(bytes: number): void {
    if (bytes <= 0 || this.sizeBytes < this.#roomEnd) return
    const end = Math.ceil((this.sizeBytes + bytes) / PAGE_BYTES) * PAGE_BYTES
    const zeros: Buffer[] = []
    for (let at = this.sizeBytes; at < end; at += ZEROS.length)
      zeros.push(ZEROS.subarray(0, Math.min(ZEROS.length, end - at)))
    this.#roomEnd = end
    try {
      this.log.write(zeros, this.sizeBytes)
    } catch {
      this.#giveRoomBack()
    }
  }

  /** The last bytes of a disk are for records. */
  #giveRoomBack(): void {
    try {
      this.cut()
    } catch {
      // They are where records will be written.
    }
  }

  /** Cuts the room that was not needed. */
  cutRoom(): void {
    if (this.#roomEnd > this.sizeBytes) this.cut()
  }

  /** Whether the file holds nothing but zeros from the position on: room, after a crash. */
  isRoomFrom(position: number): boolean {
    const chunk = Buffer.allocUnsafe(Math.min(ZEROS.length, this.sizeBytes - position))
    for (let at = position; at < this.sizeBytes; at += chunk.length) {
      const part = chunk.subarray(0, Math.min(chunk.length, this.sizeBytes - at))
      if (this.log.read(part, at) < part.length || !part.equals(ZEROS.subarray(0, part.length))) return false
    }
    return true
  }

  /**
   * Position of the first batch whose last offset is `offset` or above; `sizeBytes` when there is none. Throws
   * `MR_LOG_DAMAGED` when what lies before cannot be read.
   */
  positionOf(offset: number): number {
    const start = this.#isUnindexed ? 0 : this.offsetIndex.positionFor(offset)
    const found = this.#positionFrom(start, offset)
    if (found !== undefined) return found
    // The index leads astray: its file is damaged. What it says is in the log too.
    this.#rebuildIndexes()
    return this.#positionFrom(this.offsetIndex.positionFor(offset), offset) ?? this.sizeBytes
  }

  /** Undefined when no batch that may be followed by `offset` begins at `start`. */
  #positionFrom(start: number, offset: number): number | undefined {
    if (start < 0 || start > this.sizeBytes) return undefined
    const scanner = this.scan({ start, chunkBytes: 4096 })
    for (let header = scanner.next(); header !== undefined; header = scanner.next()) {
      if (scanner.position === start && start > 0 && header.baseOffset > offset) return undefined
      if (header.baseOffset + header.lastOffsetDelta >= offset) return scanner.position
    }
    const { problem } = scanner
    if (problem === undefined) return this.sizeBytes
    if (start > 0 && scanner.nextPosition === start) return undefined
    throw damagedLog({ path: this.log.path, offset, problem })
  }

  /** The offset after the last record, undefined when the file does not end with a whole batch. Looks only behind the last index entry. */
  readNextOffset(): number | undefined {
    const start = this.#isUnindexed ? 0 : this.offsetIndex.lastPosition()
    const scanner = this.scan({ start, chunkBytes: 4096 })
    let next = this.baseOffset
    for (let header = scanner.next(); header !== undefined; header = scanner.next())
      next = header.baseOffset + header.lastOffsetDelta + 1
    return scanner.problem === undefined ? next : undefined
  }

  scan(
    options: {
      readonly start?: number
      readonly verifyFromOffset?: number
      readonly chunkBytes?: number
    } = {},
  ): BatchScanner {
    return new BatchScanner({
      file: this.log,
      start: options.start ?? 0,
      end: this.sizeBytes,
      minBaseOffset: this.baseOffset,
      ...options,
    })
  }

  /** Empties the indexes, to be filled again by `reindex` for each batch from the front. */
  startReindexing(): void {
    this.#startIndexes()
    this.transactions.clear()
  }

  /** Enters a batch that is in the file already. */
  reindex(header: BatchHeader, position: number): void {
    this.#index({
      position,
      sizeBytes: header.sizeBytes,
      lastOffset: header.baseOffset + header.lastOffsetDelta,
      maxTimestampMs: header.maxTimestamp,
    })
  }

  /** Writes the indexes out whole, the largest timestamp last, as a closed segment has them. */
  seal(): void {
    if (this.#offsetIndex === undefined && !this.#isUnindexed) return
    this.timeIndex.append(this.#maxTimestampMs, this.#maxTimestampOffset)
    this.offsetIndex.seal()
    this.timeIndex.seal()
    this.transactions.seal()
  }

  /** Waits until log and indexes are on the device; `seal` comes first. */
  async syncAll(): Promise<void> {
    await Promise.all([this.log.sync(), this.syncIndexes()])
  }

  async syncIndexes(): Promise<void> {
    await Promise.all([this.#transactions?.sync(), this.#offsetIndex?.sync(), this.#timeIndex?.sync()])
  }

  close(): void {
    this.log.close()
    this.#offsetIndex?.close()
    this.#timeIndex?.close()
    this.#transactions?.close()
  }

  /** Deletes the files, the log first: what else is left by a crash is then known to be an orphan. */
  remove(): void {
    this.log.remove()
    for (const kind of ['index', 'timeindex', 'txnindex'] as const) {
      this.#file(kind).remove()
    }
    this.close()
  }

  #index(batch: {
    readonly position: number
    readonly sizeBytes: number
    readonly lastOffset: number
    readonly maxTimestampMs: number
  }): void {
    if (batch.maxTimestampMs > this.#maxTimestampMs) {
      this.#maxTimestampMs = batch.maxTimestampMs
      this.#maxTimestampOffset = batch.lastOffset
    }
    this.#firstTimestampMs ??= batch.maxTimestampMs
    if (this.#bytesSinceIndexEntry > this.#place.indexIntervalBytes()) {
      this.offsetIndex.append(batch.lastOffset, batch.position)
      this.timeIndex.append(this.#maxTimestampMs, this.#maxTimestampOffset)
      this.#bytesSinceIndexEntry = 0
    }
    this.#bytesSinceIndexEntry += batch.sizeBytes
  }

  /** The indexes hold nothing from now on, whatever their files do. */
  #startIndexes(): void {
    this.#offsetIndex?.close()
    this.#timeIndex?.close()
    this.#offsetIndex = undefined
    this.#timeIndex = undefined
    this.#isUnindexed = true
    this.#bytesSinceIndexEntry = 0
    this.#maxTimestampMs = -1
    this.#maxTimestampOffset = -1
    this.#firstTimestampMs = undefined
  }

  #openIndexes(): void {
    const offsetFile = this.#file('index')
    const timeFile = this.#file('timeindex')
    if (this.#isUnindexed) {
      this.#isUnindexed = false
      this.#offsetIndex = OffsetIndex.empty(offsetFile, this.baseOffset)
      this.#timeIndex = TimeIndex.empty(timeFile, this.baseOffset)
      return
    }
    const offsetIndex = OffsetIndex.load(offsetFile, {
      baseOffset: this.baseOffset,
      logSizeBytes: this.sizeBytes,
    })
    const timeIndex = TimeIndex.load(timeFile, this.baseOffset)
    const usable =
      offsetIndex !== undefined &&
      timeIndex !== undefined &&
      (timeIndex.last() !== undefined || this.sizeBytes === 0)
    if (!usable) return this.#rebuildIndexes()
    this.#offsetIndex = offsetIndex
    this.#timeIndex = timeIndex
    this.#maxTimestampMs = timeIndex.last()?.timestampMs ?? -1
    this.#maxTimestampOffset = timeIndex.last()?.offset ?? -1
    this.#bytesSinceIndexEntry = this.sizeBytes - offsetIndex.lastPosition()
  }

  #rebuildIndexes(): void {
    this.#startIndexes()
    const scanner = this.scan()
    for (let header = scanner.next(); header !== undefined; header = scanner.next())
      this.reindex(header, scanner.position)
    try {
      this.seal()
    } catch {
      // No room for the files: what was rebuilt is in memory, which is all that a reader needs.
    }
  }

  #file(kind: SegmentFileKind): LogFile {
    const { files, directory, baseOffset, suffix = '' } = this.#place
    const name = segmentFileName(baseOffset, kind)
    // While a compaction's outcome takes the place of what it was made from, its indexes have their names first.
    return files.file(directory, suffix === '.swap' && kind !== 'log' ? name : name + suffix)
  }
}

export interface SegmentPlace {
  readonly files: OpenFiles
  readonly directory: string
  readonly baseOffset: number
  /** `index.interval.bytes` of the moment. */
  readonly indexIntervalBytes: () => number
  /** Behind the names of the files of a compaction's outcome; `segment-swap.ts` says when which. Default: none. */
  readonly suffix?: '.cleaned' | '.swap'
}
