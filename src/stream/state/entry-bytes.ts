/** Flat binary entries of keyed state, little-endian: what tables of numbers write and read. */
import type { Key } from '../operators/operator.ts'

const NUMBER_KEY = 0
const STRING_KEY = 1
/** UTF-16 units, for strings that are not well-formed and so have no UTF-8. */
const UTF16_KEY = 2

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

export class EntryWriter {
  #bytes = new Uint8Array(256)
  #view = new DataView(this.#bytes.buffer)
  #length = 0

  get length(): number {
    return this.#length
  }

  uint8(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  uint32(value: number): void {
    this.#reserve(4)
    this.#view.setUint32(this.#length, value, true)
    this.#length += 4
  }

  setUint32(position: number, value: number): void {
    this.#view.setUint32(position, value, true)
  }

  float64(value: number): void {
    this.#reserve(8)
    this.#view.setFloat64(this.#length, value, true)
    this.#length += 8
  }

  key(key: Key): void {
    if (typeof key === 'number') {
      this.uint8(NUMBER_KEY)
      return this.float64(key)
    }
    if (!key.isWellFormed()) {
      this.uint8(UTF16_KEY)
      this.uint32(key.length)
      for (let i = 0; i < key.length; i++) {
        this.uint8(key.charCodeAt(i) & 0xff)
        this.uint8(key.charCodeAt(i) >>> 8)
      }
      return
    }
    this.uint8(STRING_KEY)
    this.#reserve(4 + key.length * 3)
    const { written } = encoder.encodeInto(key, this.#bytes.subarray(this.#length + 4))
    this.#view.setUint32(this.#length, written, true)
    this.#length += 4 + written
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more))
    grown.set(this.#bytes)
    this.#bytes = grown
    this.#view = new DataView(grown.buffer)
  }
}

export class EntryReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #position = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get atEnd(): boolean {
    return this.#position >= this.#bytes.length
  }

  uint8(): number {
    return this.#view.getUint8(this.#position++)
  }

  uint32(): number {
    this.#position += 4
    return this.#view.getUint32(this.#position - 4, true)
  }

  float64(): number {
    this.#position += 8
    return this.#view.getFloat64(this.#position - 8, true)
  }

  key(): Key {
    const tag = this.uint8()
    if (tag === NUMBER_KEY) return this.float64()
    const length = this.uint32()
    if (tag === UTF16_KEY) {
      return String.fromCharCode(...Array.from({ length }, () => this.uint8() + this.uint8() * 256))
    }
    this.#position += length
    return decoder.decode(this.#bytes.subarray(this.#position - length, this.#position))
  }
}
