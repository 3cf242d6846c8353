import {
  BATCH_HEADER_BYTES,
  type BatchHeader,
  readBatchHeader,
  verifyBatchCrc,
} from '../protocol/record-batch.ts'
import type { LogFile } from './open-files.ts'

const MAGIC_POSITION = 16
/** Behind batches of this size, only the next header is read where nothing else is looked at. */
const SKIPPED_FROM_BYTES = 8_192
/** The indexes keep offsets as 32-bit distances from the segment's first. */
const OFFSETS_MAX = 2 ** 31 - 1

/**
 * Walks the batches of a segment file front to back through a chunk buffer; only headers are looked at, unless CRCs are
 * asked for. Ends at the first thing that is not a whole, right batch, and says what is wrong with it.
 */
export class BatchScanner {
  readonly #file: LogFile
  readonly #end: number
  readonly #verifyFromOffset: number
  readonly #maxOffset: number
  #chunk: Buffer
  /** File position of the chunk's first byte, and how many bytes of it are valid. */
  #chunkStart = 0
  #chunkLength = 0
  #next: number
  #position = 0
  /** Of the batch that `next` returned last. */
  #sizeBytes = 0
  #minBaseOffset: number
  /** Why the scan ended before the end of the file; undefined while all was well. */
  problem: string | undefined

  constructor(options: {
    readonly file: LogFile
    /** Byte position of a batch. */
    readonly start: number
    /** One past the last byte that may be read. */
    readonly end: number
    /** Batches that hold this offset or a later one have their CRC checked; default: none. */
    readonly verifyFromOffset?: number
    /** Offsets below this one are wrong here; default 0. */
    readonly minBaseOffset?: number
    readonly chunkBytes?: number
  }) {
    this.#file = options.file
    this.#next = options.start
    this.#end = options.end
    this.#verifyFromOffset = options.verifyFromOffset ?? Infinity
    this.#minBaseOffset = options.minBaseOffset ?? 0
    this.#maxOffset = this.#minBaseOffset + OFFSETS_MAX
    this.#chunk = Buffer.allocUnsafe(
      Math.min(options.chunkBytes ?? 65_536, Math.max(BATCH_HEADER_BYTES, options.end - options.start)),
    )
  }

  /** File position of the batch that `next` returned last. */
  get position(): number {
    return this.#position
  }

  /** File position after the last good batch. */
  get nextPosition(): number {
    return this.#next
  }

  /** The next batch's header, or undefined at the end or at a problem. */
  next(): BatchHeader | undefined {
    const position = this.#next
    const left = this.#end - position
    const headerOnly = this.#verifyFromOffset === Infinity || this.#minBaseOffset < this.#verifyFromOffset
    if (left === 0 || this.problem !== undefined) return undefined
    if (left < BATCH_HEADER_BYTES) return this.#stop(`only ${left} bytes of a batch's header are there`)
    let at = this.#ensure(position, BATCH_HEADER_BYTES, headerOnly && this.#sizeBytes > SKIPPED_FROM_BYTES)
    if (at < 0) return this.#stop('the file ends inside a batch header')
    const magic = this.#chunk[at + MAGIC_POSITION]
    if (magic !== 2) return this.#stop(`magic ${String(magic)} where 2 belongs`)
    const header = readBatchHeader(this.#chunk, at)
    if (header.sizeBytes < BATCH_HEADER_BYTES) return this.#stop(`a batch of ${header.sizeBytes} bytes`)
    if (header.sizeBytes > left)
      return this.#stop(`a batch of ${header.sizeBytes} bytes of which ${left} are there`)
    if (header.baseOffset < this.#minBaseOffset)
      return this.#stop(`offset ${header.baseOffset} after ${this.#minBaseOffset - 1}`)
    if (header.baseOffset + header.lastOffsetDelta > this.#maxOffset)
      return this.#stop(`offset ${header.baseOffset}, too far from the segment's first`)
    if (header.lastOffsetDelta < 0) return this.#stop(`a last offset delta of ${header.lastOffsetDelta}`)
    if (header.baseOffset + header.lastOffsetDelta >= this.#verifyFromOffset) {
      at = this.#ensure(position, header.sizeBytes)
      if (at < 0 || !verifyBatchCrc(this.#chunk, at, header.sizeBytes))
        return this.#stop('the CRC does not match')
    }
    this.#position = position
    this.#sizeBytes = header.sizeBytes
    this.#next = position + header.sizeBytes
    this.#minBaseOffset = header.baseOffset + header.lastOffsetDelta + 1
    return header
  }

  /** All bytes of the batch that `next` returned last; a view that is valid until the next call. */
  batch(header: BatchHeader): Buffer {
    const at = this.#ensure(this.#position, header.sizeBytes)
    return this.#chunk.subarray(at, at + header.sizeBytes)
  }

  #stop(problem: string): undefined {
    this.problem = problem
    return undefined
  }

  /** Makes [position, position + length) available and returns where in the chunk it begins; -1 when it is not all there. */
  #ensure(position: number, length: number, noMore = false): number {
    if (position >= this.#chunkStart && position + length <= this.#chunkStart + this.#chunkLength)
      return position - this.#chunkStart
    if (length > this.#chunk.length)
      this.#chunk = Buffer.allocUnsafe(Math.max(length, this.#chunk.length * 2))
    const wanted = noMore ? length : Math.min(this.#chunk.length, this.#end - position)
    this.#chunkStart = position
    this.#chunkLength = this.#file.read(
      wanted === this.#chunk.length ? this.#chunk : this.#chunk.subarray(0, wanted),
      position,
    )
    return this.#chunkLength >= length ? 0 : -1
  }
}
