/**
 * Cuts the byte stream of a connection into frames: int32 length, then that many bytes. Each frame is copied out of the
 * chunks, which are only lent, into a buffer of its own: it belongs to whoever gets it.
 */
import { WireError } from '../../base/byte-reader.ts'

/** No answer is longer; text such as `HTTP` or a TLS record, read as a length, is. */
const MAX_FRAME_BYTES = 256 * 1024 * 1024

export class ResponseFrames {
  readonly #onFrame: (frame: Buffer) => void
  readonly #lengthBytes = Buffer.alloc(4)
  #lengthFilled = 0
  #frame: Buffer | undefined
  #filled = 0

  constructor(onFrame: (frame: Buffer) => void) {
    this.#onFrame = onFrame
  }

  /** Takes the next bytes; throws `WireError` on an impossible length. */
  push(data: Uint8Array): void {
    const chunk = Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    for (let at = 0; at < chunk.length;) {
      at = this.#frame === undefined ? this.#begin(chunk, at) : this.#continue(this.#frame, chunk, at)
    }
  }

  #begin(chunk: Buffer, start: number): number {
    let at = start
    while (this.#lengthFilled < 4 && at < chunk.length) this.#lengthBytes[this.#lengthFilled++] = chunk[at++]!
    if (this.#lengthFilled < 4) return at
    const length = this.#lengthBytes.readUInt32BE(0)
    if (length > MAX_FRAME_BYTES) {
      const shown = this.#lengthBytes.toString('latin1').replaceAll(/[^ -~]/g, '.')
      throw new WireError(`a frame of ${length} bytes (it begins with "${shown}")`)
    }
    this.#lengthFilled = 0
    if (length <= chunk.length - at) {
      this.#onFrame(Buffer.from(chunk.subarray(at, at + length)))
      return at + length
    }
    this.#frame = Buffer.allocUnsafeSlow(length)
    this.#filled = 0
    return at
  }

  #continue(frame: Buffer, chunk: Buffer, at: number): number {
    const taken = Math.min(frame.length - this.#filled, chunk.length - at)
    chunk.copy(frame, this.#filled, at, at + taken)
    this.#filled += taken
    if (this.#filled === frame.length) {
      this.#frame = undefined
      this.#onFrame(frame)
    }
    return at + taken
  }
}
