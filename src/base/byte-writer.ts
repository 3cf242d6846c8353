/**
 * Writes Kafka's primitive types into a growing buffer.
 *
 * Large byte fields are not copied: the writer keeps a reference and hands out a list of chunks for a gathering write.
 * Whoever passes such a buffer in must leave it unchanged until the chunks are sent.
 */

/** Byte fields from this size are taken by reference. */
const REFERENCE_FROM_BYTES = 2_048

const MAX_SHORT_STRING_BYTES = 32_767
const TWO_POW_32 = 2 ** 32
const TWO_POW_63 = 2 ** 63

export class ByteWriter {
  #buffer: Buffer
  /** Where the part of `#buffer` that is not yet a chunk begins. */
  #start = 0
  #position = 0
  readonly #chunks: Buffer[] = []
  #chunkedBytes = 0

  constructor(initialCapacity = 256) {
    this.#buffer = Buffer.allocUnsafe(initialCapacity)
  }

  /** A writer whose first four bytes `frame()` will fill with the length of what follows. */
  static forFrame(initialCapacity = 256): ByteWriter {
    const writer = new ByteWriter(Math.max(initialCapacity, 4))
    writer.int32(0)
    return writer
  }

  get sizeBytes(): number {
    return this.#chunkedBytes + this.#position - this.#start
  }

  /** All that was written, in order. */
  chunks(): Buffer[] {
    this.#cut()
    return this.#chunks
  }

  /** All that was written as one buffer; a copy when there are several chunks. */
  toBuffer(): Buffer {
    const chunks = this.chunks()
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
  }

  /** The chunks of a writer made by `forFrame`, length prefix set. */
  frame(): Buffer[] {
    const chunks = this.chunks()
    chunks[0]!.writeInt32BE(this.sizeBytes - 4, 0)
    return chunks
  }

  int8(value: number): void {
    const at = this.#reserve(1)
    this.#buffer[at] = value
  }

  bool(value: boolean): void {
    const at = this.#reserve(1)
    this.#buffer[at] = value ? 1 : 0
  }

  int16(value: number): void {
    const at = this.#reserve(2)
    this.#buffer[at] = value >> 8
    this.#buffer[at + 1] = value
  }

  uint16(value: number): void {
    this.int16(value)
  }

  int32(value: number): void {
    const at = this.#reserve(4)
    const bytes = this.#buffer
    bytes[at] = value >> 24
    bytes[at + 1] = value >> 16
    bytes[at + 2] = value >> 8
    bytes[at + 3] = value
  }

  uint32(value: number): void {
    this.int32(value | 0)
  }

  /** An integer; 2^63 and more are written as the largest 64-bit value. */
  int64(value: number): void {
    if (value >= TWO_POW_63) {
      this.int32(0x7fffffff)
      this.int32(-1)
      return
    }
    this.int32(Math.floor(value / TWO_POW_32))
    this.int32(value | 0)
  }

  /** An IEEE 754 double, big-endian. */
  float64(value: number): void {
    const at = this.#reserve(8)
    this.#buffer.writeDoubleBE(value, at)
  }

  unsignedVarint(value: number): void {
    let rest = value >>> 0
    let at = this.#reserve(5)
    while (rest > 0x7f) {
      this.#buffer[at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.#buffer[at++] = rest
    this.#position = at
  }

  varint(value: number): void {
    this.unsignedVarint((value << 1) ^ (value >> 31))
  }

  /** A zigzag-encoded 64-bit integer; exact up to 2^52. */
  varlong(value: number): void {
    let rest = value >= 0 ? value * 2 : -value * 2 - 1
    let at = this.#reserve(10)
    while (rest > 0x7f) {
      this.#buffer[at++] = (rest % 128) | 0x80
      rest = Math.floor(rest / 128)
    }
    this.#buffer[at++] = rest
    this.#position = at
  }

  uuid(value: string): void {
    const at = this.#reserve(16)
    if (value.length !== 22 || this.#buffer.write(value, at, 16, 'base64url') !== 16) {
      throw new RangeError(`not a 22-character UUID: ${value}`)
    }
  }

  string(value: string): void {
    const at = this.#reserve(2 + value.length * 3)
    const size = this.#text(value, at + 2)
    if (size > MAX_SHORT_STRING_BYTES)
      throw new RangeError(`a string of ${size} bytes; ${MAX_SHORT_STRING_BYTES} fit`)
    this.#buffer[at] = size >> 8
    this.#buffer[at + 1] = size
  }

  nullableString(value: string | null): void {
    if (value === null) this.int16(-1)
    else this.string(value)
  }

  compactString(value: string): void {
    // Text of 40 characters has at most 120 bytes: its size takes one byte and can be set afterwards.
    if (value.length <= 40) {
      const at = this.#reserve(1 + value.length * 3)
      this.#buffer[at] = this.#text(value, at + 1) + 1
      return
    }
    this.unsignedVarint(Buffer.byteLength(value) + 1)
    this.#text(value, this.#reserve(value.length * 3))
  }

  compactNullableString(value: string | null): void {
    if (value === null) this.unsignedVarint(0)
    else this.compactString(value)
  }

  bytes(value: Uint8Array): void {
    this.int32(value.length)
    this.raw(value)
  }

  nullableBytes(value: Uint8Array | null): void {
    if (value === null) this.int32(-1)
    else this.bytes(value)
  }

  compactBytes(value: Uint8Array): void {
    this.unsignedVarint(value.length + 1)
    this.raw(value)
  }

  compactNullableBytes(value: Uint8Array | null): void {
    if (value === null) this.unsignedVarint(0)
    else this.compactBytes(value)
  }

  records(value: Buffer | readonly Buffer[]): void {
    this.int32(totalBytes(value))
    this.#rawChunks(value)
  }

  nullableRecords(value: Buffer | readonly Buffer[] | null): void {
    if (value === null) this.int32(-1)
    else this.records(value)
  }

  compactRecords(value: Buffer | readonly Buffer[]): void {
    this.unsignedVarint(totalBytes(value) + 1)
    this.#rawChunks(value)
  }

  compactNullableRecords(value: Buffer | readonly Buffer[] | null): void {
    if (value === null) this.unsignedVarint(0)
    else this.compactRecords(value)
  }

  /** Bytes without a length; large ones by reference. */
  raw(value: Uint8Array): void {
    if (value.length < REFERENCE_FROM_BYTES) {
      const at = this.#reserve(value.length)
      this.#buffer.set(value, at)
      return
    }
    this.#cut()
    this.#chunks.push(
      Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength),
    )
    this.#chunkedBytes += value.length
  }

  #rawChunks(value: Buffer | readonly Buffer[]): void {
    if (Buffer.isBuffer(value)) this.raw(value)
    else for (const chunk of value) this.raw(chunk)
  }

  /** Writes UTF-8 at `at`, where there is room for 3 bytes a character, ends there, and returns how many bytes it took. */
  #text(value: string, at: number): number {
    const length = value.length
    const bytes = this.#buffer
    let index = 0
    if (length <= 64) {
      for (; index < length; index++) {
        const code = value.charCodeAt(index)
        if (code > 0x7f) break
        bytes[at + index] = code
      }
    }
    const size = index === length ? length : bytes.write(value, at, 'utf8')
    this.#position = at + size
    return size
  }

  /** Moves what lies in the buffer to the chunks. */
  #cut(): void {
    if (this.#position === this.#start && this.#chunks.length > 0) return
    this.#chunks.push(this.#buffer.subarray(this.#start, this.#position))
    this.#chunkedBytes += this.#position - this.#start
    this.#start = this.#position
  }

  #reserve(length: number): number {
    const at = this.#position
    if (at + length > this.#buffer.length) return this.#grow(length)
    this.#position = at + length
    return at
  }

  #grow(length: number): number {
    const used = this.#position - this.#start
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, used + length))
    this.#buffer.copy(larger, 0, this.#start, this.#position)
    this.#buffer = larger
    this.#start = 0
    this.#position = used + length
    return used
  }
}

function totalBytes(value: Buffer | readonly Buffer[]): number {
  if (Buffer.isBuffer(value)) return value.length
  let total = 0
  for (const chunk of value) total += chunk.length
  return total
}
