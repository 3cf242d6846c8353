/**
 * A bounded queue of byte frames in shared memory, with one writing and one reading thread and no locks.
 *
 *   SharedArrayBuffer:  │ written │ read │ waiting │ pad │ … data (capacity bytes) …                       │
 *                          int32    int32   int32
 *   frame in data:      │ length │ flags │ payload … padded to 8 │
 *
 * `written` and `read` count bytes modulo 2^31; they are stored after the bytes they cover, by Atomics, which orders
 * the two threads' memory. A frame is contiguous and 8-byte aligned, so a reader may lay typed arrays over it: where it
 * does not fit before the end of the data, a filler covers the rest. Frames longer than a quarter of the ring travel
 * in parts.
 */
import { assert } from '../../base/assert.ts'

const HEADER_BYTES = 32
const WRITTEN = 0
const READ = 1
/** Positions wrap here: a multiple of every capacity, which is a power of two. */
const POSITION_MASK = 0x3fffffff
const FILLER = 1
const MORE = 2

export const RING_BYTES = 1 << 20

export function createRing(capacityBytes: number = RING_BYTES): SharedArrayBuffer {
  assert(
    (capacityBytes & (capacityBytes - 1)) === 0 && capacityBytes >= 1024,
    'ring capacities are powers of two',
  )
  return new SharedArrayBuffer(HEADER_BYTES + capacityBytes)
}

export class RingWriter {
  readonly #positions: Int32Array
  readonly #words: Int32Array
  readonly #bytes: Uint8Array
  readonly #capacity: number
  #written: number

  constructor(ring: SharedArrayBuffer) {
    this.#positions = new Int32Array(ring, 0, HEADER_BYTES / 4)
    this.#bytes = new Uint8Array(ring, HEADER_BYTES)
    this.#words = new Int32Array(ring, HEADER_BYTES)
    this.#capacity = this.#bytes.length
    this.#written = Atomics.load(this.#positions, WRITTEN)
  }

  /** The longest payload that is written in one part. */
  get partBytes(): number {
    return this.#capacity / 4
  }

  /**
   * Writes a part of a frame, or nothing and returns false when there is no room now. `more`: the frame goes on in
   * the next part.
   */
  tryWrite(payload: Uint8Array, more: boolean): boolean {
    const size = 8 + ((payload.length + 7) & ~7)
    const start = this.#written & (this.#capacity - 1)
    const toEnd = this.#capacity - start
    const needed = size <= toEnd ? size : toEnd + size
    const used = (this.#written - Atomics.load(this.#positions, READ)) & POSITION_MASK
    if (used + needed > this.#capacity) return false
    let at = start
    if (size > toEnd) {
      this.#words[at >> 2] = toEnd - 8
      this.#words[(at >> 2) + 1] = FILLER
      at = 0
    }
    this.#words[at >> 2] = payload.length
    this.#words[(at >> 2) + 1] = more ? MORE : 0
    this.#bytes.set(payload, at + 8)
    this.#written = (this.#written + needed) & POSITION_MASK
    Atomics.store(this.#positions, WRITTEN, this.#written)
    return true
  }
}

export class RingReader {
  readonly #positions: Int32Array
  readonly #words: Int32Array
  readonly #buffer: Buffer
  readonly #capacity: number
  #read: number
  #parts: Buffer[] = []
  #madeRoom = false
  /** Bytes that `release` gives back. */
  #held = 0

  constructor(ring: SharedArrayBuffer) {
    this.#positions = new Int32Array(ring, 0, HEADER_BYTES / 4)
    this.#words = new Int32Array(ring, HEADER_BYTES)
    this.#buffer = Buffer.from(ring, HEADER_BYTES)
    this.#capacity = this.#buffer.length
    this.#read = Atomics.load(this.#positions, READ)
  }

  hasFrame(): boolean {
    return Atomics.load(this.#positions, WRITTEN) !== this.#read
  }

  /**
   * The next whole frame, or undefined when there is none yet. It is a view (8-byte aligned) that is valid until
   * `release`, which must come before the next call.
   */
  next(): Buffer | undefined {
    for (;;) {
      if (!this.hasFrame()) return undefined
      const at = this.#read & (this.#capacity - 1)
      const length = this.#words[at >> 2]!
      const flags = this.#words[(at >> 2) + 1]!
      this.#held = 8 + ((length + 7) & ~7)
      if (flags === FILLER) {
        this.release()
        continue
      }
      const payload = this.#buffer.subarray(at + 8, at + 8 + length)
      if (flags === 0 && this.#parts.length === 0) return payload
      this.#parts.push(Buffer.from(payload))
      if (flags === MORE) {
        this.release()
        continue
      }
      const whole = alignedConcat(this.#parts)
      this.#parts = []
      return whole
    }
  }

  /** Whether room was made since the last call: parts of a frame that is not whole yet make room too. */
  madeRoom(): boolean {
    const made = this.#madeRoom
    this.#madeRoom = false
    return made
  }

  release(): void {
    this.#madeRoom = true
    this.#read = (this.#read + this.#held) & POSITION_MASK
    this.#held = 0
    Atomics.store(this.#positions, READ, this.#read)
  }
}

/** Pooled buffers may begin anywhere; typed arrays over the frame need its start on a multiple of 8. */
function alignedConcat(parts: readonly Buffer[]): Buffer {
  const whole = Buffer.from(new ArrayBuffer(parts.reduce((size, part) => size + part.length, 0)))
  let at = 0
  for (const part of parts) at += part.copy(whole, at)
  return whole
}
