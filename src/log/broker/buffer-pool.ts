/**
 * Large buffers that are used again: for requests that span chunks, and for what is read from segments to be sent. A
 * fresh megabyte costs page faults and garbage collection, more than the reading itself.
 *
 * Buffers have a power of two of bytes from 64 KiB to 2 MiB, and at most 16 MiB of them are kept; larger ones are left
 * to the collector. `give` knows the pool's own buffers by their memory and ignores all others, so that it may be called
 * with whatever was sent; each may be given back once, by its last user.
 */
const SMALLEST = 1 << 16
const LARGEST = 1 << 21
const KEPT_BYTES = 16 << 20
const UNSENT_BYTES_MAX = 256 << 20

export class BufferPool {
  readonly #bySize = new Map<number, ArrayBuffer[]>()
  /** Tells a buffer of the pool from a socket's chunk, which is not to be written into. */
  readonly #own = new WeakSet<ArrayBufferLike>()
  #keptBytes = 0
  /** Bytes of answers that clients have not taken yet, in all connections. */
  unsentBytes = 0

  /**
   * How much more of answers may be made. Clients that ask for 50 MB each and do not read them are many before they are
   * too many: where there is no room, an answer holds one batch.
   */
  get roomBytes(): number {
    return Math.max(0, UNSENT_BYTES_MAX - this.unsentBytes)
  }

  take(sizeBytes: number): Buffer {
    if (sizeBytes > LARGEST) return Buffer.allocUnsafeSlow(sizeBytes)
    const size = Math.max(SMALLEST, 2 ** Math.ceil(Math.log2(sizeBytes)))
    const kept = this.#bySize.get(size)?.pop()
    if (kept === undefined) {
      const made = Buffer.allocUnsafeSlow(size)
      this.#own.add(made.buffer)
      return made
    }
    this.#keptBytes -= size
    return Buffer.from(kept)
  }

  give(frame: Buffer): void {
    const memory = frame.buffer as ArrayBuffer
    const size = memory.byteLength
    if (!this.#own.has(memory) || this.#keptBytes + size > KEPT_BYTES) return
    let kept = this.#bySize.get(size)
    if (kept === undefined) this.#bySize.set(size, (kept = []))
    kept.push(memory)
    this.#keptBytes += size
  }

  /** Forgets what is kept: a broker that nobody writes to holds no memory for it. */
  clear(): void {
    this.#bySize.clear()
    this.#keptBytes = 0
  }
}
