/**
 * Reads Kafka's primitive types from a buffer, front to back.
 *
 * Invariants:
 *  - Nothing outside [start, end) is ever read; running out of bytes throws `WireError` and nothing else does.
 *  - A length is checked against the bytes that are left before anything is allocated for it.
 *  - 64-bit integers become numbers: exact up to 2^53, rounded beyond.
 */

/** Bytes that are not what the format says: cut off, over-long, or out of range. The sender is at fault. */
export class WireError extends Error {
  override readonly name = 'WireError'
}

/**
 * A message whose arrays would take more heap than this is refused: 3 bytes on the wire may become 250, and a client may
 * send 100 MB of them.
 */
const MAX_ARRAY_HEAP_BYTES = 200 << 20
/** A small object of no known kind. */
const ELEMENT_HEAP_BYTES = 64

const TWO_POW_28 = 2 ** 28
const TWO_POW_32 = 2 ** 32

export class ByteReader {
  readonly buffer: Buffer
  /** The next byte to be read. */
  position: number
  /** One past the last byte that may be read. */
  readonly end: number
  /** What the elements of all arrays may take in memory, about, in bytes. */
  arrayHeapBytesLeft = MAX_ARRAY_HEAP_BYTES

  constructor(buffer: Buffer, start = 0, end = buffer.length) {
    this.buffer = buffer
    this.position = start
    this.end = end
  }

  remaining(): number {
    return this.end - this.position
  }

  /** Moves past `length` bytes and returns where they began. */
  skip(length: number): number {
    const start = this.position
    if (length < 0 || length > this.end - start) throw truncated(length, this.end - start)
    this.position = start + length
    return start
  }

  int8(): number {
    const at = this.skip(1)
    return (this.buffer[at]! << 24) >> 24
  }

  bool(): boolean {
    return this.buffer[this.skip(1)] !== 0
  }

  int16(): number {
    const at = this.skip(2)
    return ((this.buffer[at]! << 24) >> 16) | this.buffer[at + 1]!
  }

  uint16(): number {
    const at = this.skip(2)
    return (this.buffer[at]! << 8) | this.buffer[at + 1]!
  }

  int32(): number {
    const at = this.skip(4)
    const bytes = this.buffer
    return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
  }

  uint32(): number {
    return this.int32() >>> 0
  }

  int64(): number {
    const high = this.int32()
    const low = this.int32() >>> 0
    return high * TWO_POW_32 + low
  }

  /** An IEEE 754 double, big-endian. */
  float64(): number {
    const at = this.position
    if (this.end - at < 8) throw truncated(8, this.end - at)
    this.position = at + 8
    return this.buffer.readDoubleBE(at)
  }

  /** An unsigned LEB128 of at most 32 bits. */
  unsignedVarint(): number {
    const bytes = this.buffer
    const end = this.end
    let at = this.position
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      if (at >= end) throw truncated(1, 0)
      const byte = bytes[at++]!
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        this.position = at
        return value >>> 0
      }
    }
    throw new WireError('a varint is longer than 5 bytes')
  }

  /** A zigzag-encoded 32-bit integer. */
  varint(): number {
    const value = this.unsignedVarint()
    return (value >>> 1) ^ -(value & 1)
  }

  /** A zigzag-encoded 64-bit integer; exact up to 2^52, as the doubled value passes through a number. */
  varlong(): number {
    const bytes = this.buffer
    const end = this.end
    let at = this.position
    let low = 0
    let high = 0
    let scale = 1
    for (let index = 0; index < 10; index++) {
      if (at >= end) throw truncated(1, 0)
      const byte = bytes[at++]!
      if (index < 4) low |= (byte & 0x7f) << (7 * index)
      else {
        high += (byte & 0x7f) * scale
        scale *= 128
      }
      if (byte < 0x80) {
        this.position = at
        const value = high * TWO_POW_28 + low
        return (low & 1) === 0 ? value / 2 : -(value + 1) / 2
      }
    }
    throw new WireError('a varlong is longer than 10 bytes')
  }

  /** 16 bytes as 22 characters of base64url. */
  uuid(): string {
    const at = this.skip(16)
    return this.buffer.toString('base64url', at, at + 16)
  }

  string(): string {
    return this.#text(required(this.int16()))
  }

  nullableString(): string | null {
    const length = this.int16()
    return length < 0 ? nullLength(length) : this.#text(length)
  }

  compactString(): string {
    return this.#text(required(this.unsignedVarint() - 1))
  }

  compactNullableString(): string | null {
    const length = this.unsignedVarint() - 1
    return length < 0 ? null : this.#text(length)
  }

  /** A copy: it may outlive the message. */
  bytes(): Buffer {
    return this.#copy(required(this.int32()))
  }

  nullableBytes(): Buffer | null {
    const length = this.int32()
    return length < 0 ? nullLength(length) : this.#copy(length)
  }

  compactBytes(): Buffer {
    return this.#copy(required(this.unsignedVarint() - 1))
  }

  compactNullableBytes(): Buffer | null {
    const length = this.unsignedVarint() - 1
    return length < 0 ? null : this.#copy(length)
  }

  /** A view of the underlying buffer, for record batches. */
  records(): Buffer {
    return this.slice(required(this.int32()))
  }

  nullableRecords(): Buffer | null {
    const length = this.int32()
    return length < 0 ? nullLength(length) : this.slice(length)
  }

  compactRecords(): Buffer {
    return this.slice(required(this.unsignedVarint() - 1))
  }

  compactNullableRecords(): Buffer | null {
    const length = this.unsignedVarint() - 1
    return length < 0 ? null : this.slice(length)
  }

  /** The next `length` bytes as a view. */
  slice(length: number): Buffer {
    const at = this.skip(length)
    return this.buffer.subarray(at, at + length)
  }

  /**
   * An array's length, -1 for null; each element takes at least `minElementBytes` (1 or more) on the wire, and about
   * `heapBytes` in memory.
   */
  arrayLength(minElementBytes: number, heapBytes = ELEMENT_HEAP_BYTES): number {
    const length = this.int32()
    return length < 0 ? (nullLength(length), -1) : this.#checkedLength(length, minElementBytes, heapBytes)
  }

  compactArrayLength(minElementBytes: number, heapBytes = ELEMENT_HEAP_BYTES): number {
    const length = this.unsignedVarint() - 1
    return length < 0 ? -1 : this.#checkedLength(length, minElementBytes, heapBytes)
  }

  /** Skips a section of tagged fields none of which is known. */
  skipTaggedFields(): void {
    for (let count = this.unsignedVarint(); count > 0; count--) {
      this.unsignedVarint()
      this.skip(this.unsignedVarint())
    }
  }

  /** Reads a tagged field's size and returns the position where it ends. */
  taggedFieldEnd(): number {
    const size = this.unsignedVarint()
    if (size > this.end - this.position) throw truncated(size, this.end - this.position)
    return this.position + size
  }

  #checkedLength(length: number, minElementBytes: number, heapBytes: number): number {
    if (length * minElementBytes > this.end - this.position)
      throw truncated(length * minElementBytes, this.remaining())
    this.arrayHeapBytesLeft -= length * heapBytes
    if (this.arrayHeapBytesLeft < 0) throw new WireError('the arrays of a message would take too much memory')
    return length
  }

  #text(length: number): string {
    const at = this.skip(length)
    return this.buffer.toString('utf8', at, at + length)
  }

  /**
   * What is copied is kept, so it gets memory of its own. In Node's pool it would keep 64 KiB around it: the subscriptions
   * and assignments of 500 groups held 6 MB.
   */
  #copy(length: number): Buffer {
    const at = this.skip(length)
    const copy = Buffer.allocUnsafeSlow(length)
    this.buffer.copy(copy, 0, at, at + length)
    return copy
  }
}

function required(length: number): number {
  if (length < 0) throw new WireError(`a length of ${length} where null is not allowed`)
  return length
}

function nullLength(length: number): null {
  if (length !== -1) throw new WireError(`a length of ${length}`)
  return null
}

function truncated(wanted: number, left: number): WireError {
  return new WireError(`${wanted} bytes expected, ${left} left`)
}
