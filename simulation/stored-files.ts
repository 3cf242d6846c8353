/**
 * What a log that was closed in order left on its disk, byte by byte, and read without the storage's own code: every
 * byte of a segment belongs to a whole batch with the right checksum, offsets follow each other from segment to segment,
 * and every entry of an index is true.
 */
import { readBatchHeader, verifyBatchCrc, type BatchHeader } from '../src/log/protocol/record-batch.ts'
import { readWhole } from '../src/world/files.ts'
import type { Disk } from '../src/world/world.ts'
import { BrokenPromise } from './history.ts'

/** Base offset → batch. */
export type StoredBatches = ReadonlyMap<number, Buffer>

interface Placed {
  readonly position: number
  readonly header: BatchHeader
}

const PARTITION_DIRECTORY = /^.+-\d+$/
const SEGMENT_LOG = /^(\d{20})\.log$/
const PENDING_SWAP = /\.log\.swap$/
const LENGTH_AT = 8
const PREFIX_BYTES = 12
const OFFSET_ENTRY_BYTES = 8
const TIME_ENTRY_BYTES = 12

/**
 * All partitions of a data directory, by `topic-partition`, but for those where a compaction's outcome waits for the next
 * start to take its place. Throws `BrokenPromise` at the first wrong byte.
 */
export function checkStoredFiles(
  disk: Disk,
  dataPath: string,
  options: {
    /** Whether compaction may have taken offsets away. */
    readonly mayHaveGaps: (place: string) => boolean
  },
): ReadonlyMap<string, StoredBatches> {
  const isSettled = (place: string): boolean =>
    !disk.list(`${dataPath}/${place}`).some((name) => PENDING_SWAP.test(name))
  const places = disk.list(dataPath).filter((name) => PARTITION_DIRECTORY.test(name) && isSettled(name))
  return new Map(
    places.map((place) => [
      place,
      new StoredPartition(disk, `${dataPath}/${place}`).check(options.mayHaveGaps(place)),
    ]),
  )
}

class StoredPartition {
  readonly #disk: Disk
  readonly #path: string

  constructor(disk: Disk, path: string) {
    this.#disk = disk
    this.#path = path
  }

  check(mayHaveGaps: boolean): StoredBatches {
    const batches = new Map<number, Buffer>()
    let next: number | undefined
    for (const name of this.#disk.list(this.#path)) {
      const base = SEGMENT_LOG.exec(name)?.[1]
      if (base === undefined) continue
      const isNext = next === undefined || (mayHaveGaps ? Number(base) >= next : Number(base) === next)
      if (!isNext) this.#wrong(name, `follows a segment that ends at ${next}`)
      next = this.#segment(name, base, { mayHaveGaps, batches })
    }
    return batches
  }

  /** The offset after its last batch. */
  #segment(
    name: string,
    base: string,
    { mayHaveGaps, batches }: { readonly mayHaveGaps: boolean; readonly batches: Map<number, Buffer> },
  ): number {
    const bytes = this.#read(name)
    const placed: Placed[] = []
    let next = Number(base)
    for (let position = 0; position < bytes.length;) {
      const batch = this.#batchAt(name, bytes, position)
      const header = readBatchHeader(batch, 0)
      const { baseOffset } = header
      if (mayHaveGaps ? baseOffset < next : baseOffset !== next)
        this.#wrong(name, `offset ${baseOffset} at ${position}, where ${next} should be`)
      batches.set(baseOffset, batch)
      placed.push({ position, header })
      next = lastOffsetOf(header) + 1
      position += batch.length
    }
    this.#offsetIndex(base, placed)
    this.#timeIndex(base, placed)
    return next
  }

  #batchAt(name: string, bytes: Buffer, position: number): Buffer {
    const isLong = position + PREFIX_BYTES <= bytes.length
    const end = isLong ? position + PREFIX_BYTES + bytes.readInt32BE(position + LENGTH_AT) : Infinity
    if (!(end > position + PREFIX_BYTES && end <= bytes.length))
      this.#wrong(name, `${bytes.length - position} bytes at ${position} are no whole batch`)
    const batch = bytes.subarray(position, end)
    if (!verifyBatchCrc(batch, 0, batch.length))
      this.#wrong(name, `the batch at ${position} has a wrong checksum`)
    return batch
  }

  /** Each entry leads to the beginning of the batch that ends with its offset. */
  #offsetIndex(base: string, placed: readonly Placed[]): void {
    const name = `${base}.index`
    const bytes = this.#read(name)
    const lastOffsets = new Map(placed.map(({ position, header }) => [position, lastOffsetOf(header)]))
    if (bytes.length % OFFSET_ENTRY_BYTES !== 0) this.#wrong(name, `has ${bytes.length} bytes`)
    for (let at = 0; at < bytes.length; at += OFFSET_ENTRY_BYTES) {
      const offset = Number(base) + bytes.readInt32BE(at)
      const position = bytes.readInt32BE(at + 4)
      if (lastOffsets.get(position) !== offset)
        this.#wrong(name, `${offset} is at ${position}, where ${lastOffsets.get(position)} ends`)
    }
  }

  /** Each entry is the largest timestamp up to the batch that ends with its offset; the last is that of the segment. */
  #timeIndex(base: string, placed: readonly Placed[]): void {
    const name = `${base}.timeindex`
    const bytes = this.#read(name)
    const largest = new Map<number, bigint>()
    let largestMs = -1n
    for (const { header } of placed) {
      if (BigInt(header.maxTimestamp) <= largestMs) continue
      largestMs = BigInt(header.maxTimestamp)
      largest.set(lastOffsetOf(header), largestMs)
    }
    if (bytes.length % TIME_ENTRY_BYTES !== 0) this.#wrong(name, `has ${bytes.length} bytes`)
    let lastMs = -1n
    for (let at = 0; at < bytes.length; at += TIME_ENTRY_BYTES) {
      lastMs = bytes.readBigInt64BE(at)
      const offset = Number(base) + bytes.readInt32BE(at + 8)
      if (largest.get(offset) !== lastMs)
        this.#wrong(name, `${lastMs} at ${offset}, where ${largest.get(offset)} is the largest timestamp`)
    }
    if (bytes.length > 0 && lastMs !== largestMs)
      this.#wrong(name, `ends with ${lastMs}, the largest timestamp is ${largestMs}`)
  }

  /** Nothing where there is no such file: an index without entries. */
  #read(name: string): Buffer {
    return readWhole(this.#disk, `${this.#path}/${name}`) ?? Buffer.alloc(0)
  }

  #wrong(name: string, what: string): never {
    throw new BrokenPromise(`${this.#path}/${name}: ${what}`)
  }
}

function lastOffsetOf({ baseOffset, lastOffsetDelta }: BatchHeader): number {
  return baseOffset + lastOffsetDelta
}
