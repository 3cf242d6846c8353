/**
 * Walks over the records of one batch without allocating: a cursor is reused from batch to batch, and key and value are
 * positions in `bytes` until somebody asks for them as buffers.
 *
 *   record   length varint, attributes int8, timestampDelta varlong, offsetDelta varint, key, value, headers
 *   key, value, header value   length varint (-1 is null), bytes
 *   headers  count varint, then (key length varint, key, value)…
 *
 * Invariant: whatever the bytes say, no position outside the batch's records is handed out; rubbish is a `WireError`.
 */
import { WireError } from '../../base/byte-reader.ts'
import { decompress } from './compression.ts'
import { BATCH_HEADER_BYTES, compressionOf, isLogAppendTime, readBatchHeader } from './batch-header.ts'

export interface RecordHeader {
  readonly key: string
  readonly value: Buffer | null
}

export type RecordVisitor = (
  offset: number,
  timestampMs: number,
  key: Buffer | null,
  value: Buffer | null,
  headers: readonly RecordHeader[],
) => void

const NO_BYTES = Buffer.alloc(0)
const NO_HEADERS: readonly RecordHeader[] = []
const TWO_POW_28 = 2 ** 28

/** Calls `visit` for every record. Key and value are views of the batch, or of its decompressed copy. */
export function forEachRecord(batch: Buffer, visit: RecordVisitor): void {
  const cursor = new RecordCursor().open(batch)
  while (cursor.next())
    visit(cursor.offset, cursor.timestampMs, cursor.key(), cursor.value(), cursor.headers())
}

export class RecordCursor {
  offset = 0
  /** Milliseconds since the Unix epoch; the append time when the batch has one. */
  timestampMs = 0
  /** What the positions are positions in. */
  bytes: Buffer = NO_BYTES
  keyStart = 0
  /** -1 for a null key. */
  keyLength = -1
  valueStart = 0
  /** -1 for a null value. */
  valueLength = -1
  headerCount = 0
  #headersStart = 0
  #position = 0
  #end = 0
  #left = 0
  #baseOffset = 0
  #baseTimestamp = 0
  #appendTime = -1

  /** Begins the batch at the start of `batch`, decompressing it. */
  open(batch: Buffer): this {
    const header = readBatchHeader(batch, 0)
    if (header.magic !== 2) throw new WireError(`a batch with magic ${header.magic}; 2 is what Kafka 4 has`)
    if (header.sizeBytes > batch.length || header.sizeBytes < BATCH_HEADER_BYTES) {
      throw new WireError(`a batch says ${header.sizeBytes} bytes, ${batch.length} are there`)
    }
    const codec = compressionOf(header.attributes)
    if (codec === 'none') {
      this.bytes = batch
      this.#position = BATCH_HEADER_BYTES
      this.#end = header.sizeBytes
    } else {
      this.bytes = decompress(codec, batch.subarray(BATCH_HEADER_BYTES, header.sizeBytes))
      this.#position = 0
      this.#end = this.bytes.length
    }
    this.#left = header.recordCount
    if (this.#left < 0) throw new WireError(`a batch with ${this.#left} records`)
    this.#baseOffset = header.baseOffset
    this.#baseTimestamp = header.baseTimestamp
    this.#appendTime = isLogAppendTime(header.attributes) ? header.maxTimestamp : -1
    return this
  }

  /** Moves to the next record; false when there is none. */
  next(): boolean {
    if (this.#left === 0) {
      if (this.#position !== this.#end) throw new WireError('a batch is longer than its records')
      return false
    }
    this.#left--
    const length = this.#varint()
    const end = this.#position + length
    if (length < 0 || end > this.#end) throw new WireError('a record is cut off')
    this.#position++
    const timestampDelta = this.#varlong()
    this.timestampMs = this.#appendTime >= 0 ? this.#appendTime : this.#baseTimestamp + timestampDelta
    this.offset = this.#baseOffset + this.#varint()
    this.keyLength = this.#varint()
    this.keyStart = this.#skipBytes(this.keyLength, end)
    this.valueLength = this.#varint()
    this.valueStart = this.#skipBytes(this.valueLength, end)
    this.headerCount = this.#varint()
    this.#headersStart = this.#position
    if (this.headerCount !== 0) this.#skipHeaders(end)
    if (this.#position !== end) throw new WireError('a record is not as long as it says')
    return true
  }

  key(): Buffer | null {
    return this.keyLength < 0 ? null : this.bytes.subarray(this.keyStart, this.keyStart + this.keyLength)
  }

  value(): Buffer | null {
    return this.valueLength < 0
      ? null
      : this.bytes.subarray(this.valueStart, this.valueStart + this.valueLength)
  }

  headers(): readonly RecordHeader[] {
    if (this.headerCount === 0) return NO_HEADERS
    const next = this.#position
    this.#position = this.#headersStart
    const headers: RecordHeader[] = []
    for (let index = 0; index < this.headerCount; index++) {
      const keyLength = this.#varint()
      const keyStart = this.#skipBytes(keyLength, next)
      const valueLength = this.#varint()
      const valueStart = this.#skipBytes(valueLength, next)
      headers.push({
        key: this.bytes.toString('utf8', keyStart, keyStart + keyLength),
        value: valueLength < 0 ? null : this.bytes.subarray(valueStart, valueStart + valueLength),
      })
    }
    this.#position = next
    return headers
  }

  #skipHeaders(end: number): void {
    if (this.headerCount < 0 || this.headerCount * 2 > end - this.#position)
      throw new WireError('an impossible header count')
    for (let index = 0; index < this.headerCount; index++) {
      const keyLength = this.#varint()
      if (keyLength < 0) throw new WireError('a header without a key')
      this.#skipBytes(keyLength, end)
      this.#skipBytes(this.#varint(), end)
    }
  }

  /** Moves past `length` bytes (-1 is none) that must end within the record. */
  #skipBytes(length: number, end: number): number {
    const start = this.#position
    if (length <= 0) {
      if (length < -1) throw new WireError(`a length of ${length} in a record`)
      return start
    }
    if (length > end - start) throw new WireError('a key or value is cut off')
    this.#position = start + length
    return start
  }

  #varint(): number {
    const byte = this.bytes[this.#position]!
    if (byte < 0x80) {
      this.#position++
      return (byte >>> 1) ^ -(byte & 1)
    }
    return this.#longVarint()
  }

  #longVarint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#byte()
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1)
    }
    throw new WireError('a varint is longer than 5 bytes')
  }

  #varlong(): number {
    let low = 0
    let high = 0
    let scale = 1
    for (let index = 0; index < 10; index++) {
      const byte = this.#byte()
      if (index < 4) low |= (byte & 0x7f) << (7 * index)
      else {
        high += (byte & 0x7f) * scale
        scale *= 128
      }
      if (byte < 0x80) {
        const value = high * TWO_POW_28 + low
        return (low & 1) === 0 ? value / 2 : -(value + 1) / 2
      }
    }
    throw new WireError('a varlong is longer than 10 bytes')
  }

  #byte(): number {
    if (this.#position >= this.#end) throw new WireError('a record is cut off')
    return this.bytes[this.#position++]!
  }
}
