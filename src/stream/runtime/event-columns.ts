/**
 * Columns of fixed width in a growing buffer, each beginning at a multiple of 8, so that typed arrays can be laid over
 * it at both ends.
 */
import { deserialize, serialize } from 'node:v8'

export class ColumnWriter {
  bytes: Buffer = Buffer.from(new ArrayBuffer(1 << 16))
  floats = new Float64Array(this.bytes.buffer)
  ints = new Int32Array(this.bytes.buffer)
  words = new Uint32Array(this.bytes.buffer)
  position = 0

  /** Room for a column of so many bytes; gives its position. Arrays are to be fetched after all room is taken. */
  reserve(size: number): number {
    const start = (this.position + 7) & ~7
    this.position = start + size
    if (this.position > this.bytes.length) this.#grow()
    return start
  }

  numbers(values: readonly number[]): void {
    const start = this.reserve(values.length * 8) >> 3
    const { floats } = this
    for (let i = 0; i < values.length; i++) floats[start + i] = values[i]!
  }

  copy(values: Float64Array): void {
    const start = this.reserve(values.length * 8) >> 3
    this.floats.set(values, start)
  }

  /** Values of any kind, through the platform's serializer. */
  anything(values: readonly unknown[]): void {
    const serialized = serialize(values)
    const start = this.reserve(4 + serialized.length)
    this.words[start >> 2] = serialized.length
    serialized.copy(this.bytes, start + 4)
  }

  /** Copies the first bytes of `source` and gives their position. */
  append(source: Buffer, size: number): number {
    const start = this.reserve(size)
    source.copy(this.bytes, start, 0, size)
    return start
  }

  #grow(): void {
    const bigger = Buffer.from(new ArrayBuffer(2 ** Math.ceil(Math.log2(this.position + 1))))
    this.bytes.copy(bigger)
    this.bytes = bigger
    this.floats = new Float64Array(bigger.buffer)
    this.ints = new Int32Array(bigger.buffer)
    this.words = new Uint32Array(bigger.buffer)
  }
}

/** Reads one frame; it must begin on a multiple of 8 of its memory. */
export class ColumnReader {
  readonly #frame: Buffer
  #position: number

  constructor(frame: Buffer, position: number) {
    this.#frame = frame
    this.#position = position
  }

  floats(count: number): Float64Array {
    return new Float64Array(this.#frame.buffer, this.#take(count * 8), count)
  }

  ints(count: number): Int32Array {
    return new Int32Array(this.#frame.buffer, this.#take(count * 4), count)
  }

  words(count: number): Uint32Array {
    return new Uint32Array(this.#frame.buffer, this.#take(count * 4), count)
  }

  bytes(count: number): Uint8Array {
    return new Uint8Array(this.#frame.buffer, this.#take(count), count)
  }

  anything(): unknown[] {
    const [length] = this.words(1)
    const start = this.#position
    this.#position += length!
    // A copy: the frame's memory is reused, and shared memory is refused by the deserializer's views.
    return deserialize(Buffer.from(this.#frame.subarray(start, this.#position))) as unknown[]
  }

  #take(size: number): number {
    const start = (this.#position + 7) & ~7
    this.#position = start + size
    return this.#frame.byteOffset + start
  }
}
