/**
 * Writes and reads columns of values in a growing, 8-byte aligned buffer.
 *
 *   number   n × float64        boolean  n × byte
 *   string   n × uint32 (length in bytes, top bit: UTF-8 rather than Latin-1), bytes
 *   any      uint32 length, the serialized array of the n values
 */
import { deserialize, serialize } from 'node:v8'

const UTF8 = 0x80000000
/** Strings up to this length are written here; calling the platform costs more than they do. */
const SHORT = 24

export class ColumnWriter {
  buffer: Buffer = Buffer.from(new ArrayBuffer(1 << 16))
  position = 0
  #floats = new Float64Array(this.buffer.buffer)
  #words = new Uint32Array(this.buffer.buffer)

  /** Room for `size` more bytes, beginning at a multiple of 8. */
  reserve(size: number): void {
    this.position = (this.position + 7) & ~7
    this.#grow(size)
  }

  floats(): Float64Array {
    return this.#floats
  }

  word(value: number): void {
    this.#grow(4)
    this.#words[this.position >> 2] = value
    this.position += 4
  }

  float(value: number): void {
    this.#grow(8)
    this.#floats[this.position >> 3] = value
    this.position += 8
  }

  numbers(values: readonly number[]): void {
    const count = values.length
    this.reserve(count * 8)
    const floats = this.#floats
    const at = this.position >> 3
    for (let i = 0; i < count; i++) floats[at + i] = values[i]!
    this.position += count * 8
  }

  booleans(values: readonly boolean[]): void {
    const count = values.length
    this.reserve(count)
    for (let i = 0; i < count; i++) this.buffer[this.position + i] = values[i]! ? 1 : 0
    this.position += count
  }

  strings(values: readonly string[]): void {
    const count = values.length
    let characters = 0
    for (let i = 0; i < count; i++) characters += values[i]!.length
    this.reserve(count * 4 + characters * 3)
    const { buffer } = this
    const words = this.#words
    const lengths = this.position >> 2
    let at = this.position + count * 4
    for (let i = 0; i < count; i++) {
      const text = values[i]!
      const { length } = text
      if (length <= SHORT) {
        let n = 0
        for (; n < length; n++) {
          const code = text.charCodeAt(n)
          if (code > 127) break
          buffer[at + n] = code
        }
        if (n === length) {
          words[lengths + i] = length
          at += length
          continue
        }
      }
      const written = buffer.write(text, at, 'utf8')
      // Unpaired surrogates have no UTF-8 form; the decoder could not tell that they were there.
      words[lengths + i] = written === length ? written : (written | UTF8) >>> 0
      at += written
    }
    this.position = at
  }

  anything(values: readonly unknown[]): void {
    const bytes = serialize(values)
    this.reserve(4 + bytes.length)
    this.word(bytes.length)
    bytes.copy(this.buffer, this.position)
    this.position += bytes.length
  }

  #grow(size: number): void {
    const needed = this.position + size
    if (needed <= this.buffer.length) return
    const bigger = Buffer.from(new ArrayBuffer(2 ** Math.ceil(Math.log2(needed + 1))))
    this.buffer.copy(bigger, 0, 0, this.position)
    this.buffer = bigger
    this.#floats = new Float64Array(bigger.buffer)
    this.#words = new Uint32Array(bigger.buffer)
  }
}

/** Reads one frame; it must begin on a multiple of 8 of its memory. */
export class ColumnReader {
  readonly #buffer: Buffer
  #position: number

  constructor(frame: Buffer, position: number) {
    this.#buffer = frame
    this.#position = position
  }

  numbers(count: number): Float64Array {
    const at = this.#align()
    this.#position = at + count * 8
    return new Float64Array(this.#buffer.buffer, this.#buffer.byteOffset + at, count)
  }

  booleans(count: number): boolean[] {
    const at = this.#align()
    this.#position = at + count
    const values: boolean[] = []
    for (let i = 0; i < count; i++) values.push(this.#buffer[at + i] === 1)
    return values
  }

  strings(count: number): string[] {
    const buffer = this.#buffer
    const lengthsAt = this.#align()
    const lengths = new Uint32Array(buffer.buffer, buffer.byteOffset + lengthsAt, count)
    let at = lengthsAt + count * 4
    const values: string[] = []
    for (let i = 0; i < count; i++) {
      const length = lengths[i]!
      const end = at + (length & ~UTF8)
      values.push(length >= UTF8 ? buffer.toString('utf8', at, end) : buffer.toString('latin1', at, end))
      at = end
    }
    this.#position = at
    return values
  }

  anything(): unknown[] {
    const at = this.#align()
    const length = this.#buffer.readUInt32LE(at)
    this.#position = at + 4 + length
    // A copy: the frame's memory is reused, and shared memory is refused by the deserializer's views.
    return deserialize(Buffer.from(this.#buffer.subarray(at + 4, this.#position))) as unknown[]
  }

  #align(): number {
    return (this.#position + 7) & ~7
  }
}
