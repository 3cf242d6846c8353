/**
 * Builds a record batch: records are written where they will lie, behind room for the header, in one growing buffer.
 * Timestamps are relative to the first record's. `build` gives the buffer away, so what it returned may be sent
 * by reference while the next batch is being built.
 */
import { crc32c } from '../../base/crc32c.ts'
import { compress, type Compression, COMPRESSIONS } from './compression.ts'

export interface RecordInput {
  /** Milliseconds since the Unix epoch. */
  readonly timestampMs: number
  /** Text becomes UTF-8. */
  readonly key?: Uint8Array | string | null
  readonly value?: Uint8Array | string | null
  readonly headers?: readonly { readonly key: string; readonly value: Uint8Array | string | null }[]
}

export interface BatchOptions {
  /** -1, the default, for a producer that is not idempotent; likewise the next two. */
  readonly producerId?: number
  readonly producerEpoch?: number
  readonly baseSequence?: number
  readonly transactional?: boolean
  readonly control?: boolean
  readonly compression?: Compression
  /** Of gzip and zstd; default: the codec's own. */
  readonly compressionLevel?: number
  /** Default 0: the log sets it. */
  readonly baseOffset?: number
  readonly partitionLeaderEpoch?: number
}

const HEADER_BYTES = 61
const TWO_POW_32 = 2 ** 32
const TWO_POW_63 = 2 ** 63
const DEFAULT_CAPACITY = 16 * 1024

export class RecordBatchBuilder {
  #buffer: Buffer | undefined
  readonly #capacity: number
  #position = HEADER_BYTES
  #count = 0
  #baseTimestamp = 0
  #maxTimestamp = 0

  /** `initialCapacity`: bytes to begin with, headers included; the buffer grows as needed. */
  constructor(options: { readonly initialCapacity?: number } = {}) {
    this.#capacity = Math.max(options.initialCapacity ?? DEFAULT_CAPACITY, HEADER_BYTES)
  }

  get count(): number {
    return this.#count
  }

  /** What `build` would give now without compression. */
  get estimatedSizeBytes(): number {
    return this.#position
  }

  /** Adds a record and returns how many bytes it takes. */
  append(record: RecordInput): number {
    if (this.#count === 0) {
      this.#baseTimestamp = record.timestampMs
      this.#maxTimestamp = record.timestampMs
    } else if (record.timestampMs > this.#maxTimestamp) this.#maxTimestamp = record.timestampMs
    const timestampDelta = record.timestampMs - this.#baseTimestamp
    const key = record.key ?? null
    const value = record.value ?? null
    const keyLength = lengthOf(key)
    const valueLength = lengthOf(value)
    const headers = record.headers
    let bodyBytes =
      1 +
      varlongBytes(timestampDelta) +
      varintBytes(this.#count) +
      varintBytes(keyLength) +
      Math.max(keyLength, 0) +
      varintBytes(valueLength) +
      Math.max(valueLength, 0)
    bodyBytes += headers === undefined ? 1 : headersBytes(headers)

    const start = this.#position
    const bytes = this.#room(bodyBytes + 5)
    let at = writeVarint(bytes, start, bodyBytes)
    bytes[at++] = 0
    at = writeVarlong(bytes, at, timestampDelta)
    at = writeVarint(bytes, at, this.#count)
    at = writeVarint(bytes, at, keyLength)
    at = writeBytes(bytes, at, { value: key, length: keyLength })
    at = writeVarint(bytes, at, valueLength)
    at = writeBytes(bytes, at, { value, length: valueLength })
    if (headers === undefined) bytes[at++] = 0
    else {
      at = writeVarint(bytes, at, headers.length)
      for (const header of headers) {
        for (const part of [header.key, header.value]) {
          const length = lengthOf(part)
          at = writeVarint(bytes, at, length)
          at = writeBytes(bytes, at, { value: part, length })
        }
      }
    }
    this.#position = at
    this.#count++
    return at - start
  }

  /** Finishes the batch and empties the builder. The buffer belongs to the caller. */
  build(options: BatchOptions = {}): Buffer {
    const codec = options.compression ?? 'none'
    const bytes = this.#room(0)
    let batch = bytes.subarray(0, this.#position)
    if (codec !== 'none') {
      batch = Buffer.concat([
        bytes.subarray(0, HEADER_BYTES),
        compress(codec, bytes.subarray(HEADER_BYTES, this.#position), options.compressionLevel),
      ])
    }
    writeInt64(batch, 0, options.baseOffset ?? 0)
    batch.writeInt32BE(batch.length - 12, 8)
    batch.writeInt32BE(options.partitionLeaderEpoch ?? -1, 12)
    batch[16] = 2
    batch.writeInt16BE(attributesOf(codec, options), 21)
    batch.writeInt32BE(this.#count - 1, 23)
    writeInt64(batch, 27, this.#baseTimestamp)
    writeInt64(batch, 35, this.#maxTimestamp)
    writeInt64(batch, 43, options.producerId ?? -1)
    batch.writeInt16BE(options.producerEpoch ?? -1, 51)
    batch.writeInt32BE(options.baseSequence ?? -1, 53)
    batch.writeInt32BE(this.#count, 57)
    batch.writeUInt32BE(crc32c(batch.subarray(21)), 17)
    this.reset()
    return batch
  }

  /** Drops what was appended. */
  reset(): void {
    this.#buffer = undefined
    this.#position = HEADER_BYTES
    this.#count = 0
  }

  #room(length: number): Buffer {
    const needed = this.#position + length
    const buffer = this.#buffer
    if (buffer !== undefined && needed <= buffer.length) return buffer
    const larger = Buffer.allocUnsafe(
      Math.max(needed, buffer === undefined ? this.#capacity : buffer.length * 2),
    )
    if (buffer !== undefined) buffer.copy(larger, HEADER_BYTES, HEADER_BYTES, this.#position)
    this.#buffer = larger
    return larger
  }
}

function attributesOf(codec: Compression, options: BatchOptions): number {
  return (
    COMPRESSIONS.indexOf(codec) |
    (options.transactional === true ? 0x10 : 0) |
    (options.control === true ? 0x20 : 0)
  )
}

function lengthOf(value: Uint8Array | string | null): number {
  if (value === null) return -1
  return typeof value === 'string' ? Buffer.byteLength(value) : value.length
}

function headersBytes(headers: NonNullable<RecordInput['headers']>): number {
  let total = varintBytes(headers.length)
  for (const { key, value } of headers) {
    const keyLength = lengthOf(key)
    const valueLength = lengthOf(value)
    total += varintBytes(keyLength) + keyLength + varintBytes(valueLength) + Math.max(valueLength, 0)
  }
  return total
}

function writeBytes(
  target: Buffer,
  at: number,
  { value, length }: { readonly value: Uint8Array | string | null; readonly length: number },
): number {
  if (value === null) return at
  if (typeof value === 'string') {
    target.write(value, at, length, length === value.length ? 'latin1' : 'utf8')
  } else if (length > 64) target.set(value, at)
  else for (let index = 0; index < length; index++) target[at + index] = value[index]!
  return at + length
}

function varintBytes(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  return zigzag < 0x80 ? 1 : zigzag < 0x4000 ? 2 : zigzag < 0x200000 ? 3 : zigzag < 0x10000000 ? 4 : 5
}

function varlongBytes(value: number): number {
  if (value >= -0x40000000 && value < 0x40000000) return varintBytes(value)
  let rest = value >= 0 ? value * 2 : -value * 2 - 1
  let count = 1
  for (; rest > 0x7f; count++) rest = Math.floor(rest / 128)
  return count
}

function writeVarint(target: Buffer, start: number, value: number): number {
  let zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  let at = start
  while (zigzag > 0x7f) {
    target[at++] = (zigzag & 0x7f) | 0x80
    zigzag >>>= 7
  }
  target[at++] = zigzag
  return at
}

function writeVarlong(target: Buffer, start: number, value: number): number {
  if (value >= -0x40000000 && value < 0x40000000) return writeVarint(target, start, value)
  let rest = value >= 0 ? value * 2 : -value * 2 - 1
  let at = start
  while (rest > 0x7f) {
    target[at++] = (rest % 128) | 0x80
    rest = Math.floor(rest / 128)
  }
  target[at++] = rest
  return at
}

/** 2^63, which is what the largest 64-bit integers are as numbers, becomes the largest one. */
function writeInt64(target: Buffer, at: number, value: number): void {
  if (value >= TWO_POW_63) {
    target.writeInt32BE(0x7fffffff, at)
    target.writeInt32BE(-1, at + 4)
    return
  }
  target.writeInt32BE(Math.floor(value / TWO_POW_32), at)
  target.writeUInt32BE(value >>> 0, at + 4)
}
