import type { BufferPool } from './buffer-pool.ts'

/**
 * Cuts a byte stream into Kafka's frames: a 4-byte big-endian length, then so many bytes.
 *
 * A frame that lies whole in one chunk is a view of that chunk. One that spans chunks is copied once, piece by piece
 * as they arrive, into a buffer that starts small and doubles: a length alone, however large, costs no memory.
 * Such buffers come from a pool that the connections of a broker share.
 *
 * Where memory is short, `next` gives nothing although bytes are there, and says so in `starved`.
 *
 * Both are lent. A frame is whoever's asked for it until `recycle`, and a chunk is the assembler's until `detach`, which
 * copies what has not been asked for yet; after that the chunk's bytes may change.
 */
export class FrameAssembler {
  /** The largest frame, and the setting that says so. */
  maxBytes: number
  setting = 'socket.request.max.bytes'
  /** Whether the last `next` found no memory for what is there. */
  starved = false
  readonly #pool: BufferPool
  readonly #memory: FrameMemory
  /** Bytes not looked at yet, and the chunks after them. */
  #chunk: Buffer = EMPTY
  #position = 0
  readonly #later: Buffer[] = []
  /** Whether `#chunk` is somebody else's memory. */
  #lent = false
  /** The frame being assembled over several chunks: its size is known (-1: not yet), `#filled` bytes are there. */
  #size = -1
  #target: Buffer = EMPTY
  #filled = 0
  /** A length of which not all four bytes have come. */
  #prefix = 0
  #prefixFilled = 0

  constructor(options: {
    readonly maxBytes: number
    readonly pool: BufferPool
    /** Default: as much as is asked for. */
    readonly memory?: FrameMemory
  }) {
    this.maxBytes = options.maxBytes
    this.#pool = options.pool
    this.#memory = options.memory ?? PLENTY
  }

  push(chunk: Buffer): void {
    if (this.#position === this.#chunk.length) {
      this.#chunk = chunk
      this.#position = 0
      this.#lent = true
    } else {
      this.#later.push(Buffer.from(chunk))
    }
  }

  /** Looks at the chunks that were pushed no more: what is left of them is copied. */
  detach(): void {
    if (!this.#lent) return
    this.#lent = false
    this.#chunk =
      this.#position < this.#chunk.length ? Buffer.from(this.#chunk.subarray(this.#position)) : EMPTY
    this.#position = 0
  }

  /** Whether a frame has begun that is not complete. */
  get partial(): boolean {
    return this.#size >= 0 || this.#prefixFilled > 0
  }

  /** The next whole frame without its length, `undefined` when more bytes are needed, or what is wrong with it. */
  next(): Buffer | { readonly invalid: string } | undefined {
    this.starved = false
    for (;;) {
      const available = this.#chunk.length - this.#position
      if (available === 0) {
        if (!this.#nextChunk()) return undefined
        continue
      }
      if (this.#size < 0) {
        const invalid = this.#readSize(available)
        if (invalid !== undefined) return invalid
        continue
      }
      const missing = this.#size - this.#filled
      if (this.#filled === 0 && available >= missing) {
        const frame = this.#chunk.subarray(this.#position, this.#position + missing)
        this.#position += missing
        this.#size = -1
        return frame
      }
      const taken = Math.min(available, missing)
      if (!this.#reserve(this.#filled + taken)) {
        this.starved = true
        return undefined
      }
      this.#chunk.copy(this.#target, this.#filled, this.#position, this.#position + taken)
      this.#position += taken
      this.#filled += taken
      if (taken === missing) {
        const frame = this.#target.subarray(0, this.#size)
        this.#size = -1
        this.#filled = 0
        this.#target = EMPTY
        return frame
      }
    }
  }

  /** Gives a frame back: nobody may look at it any more. */
  recycle(frame: Buffer): void {
    if (this.#size < 0) this.#memory.hold(0, 0)
    this.#pool.give(frame)
  }

  /** Gives back what is held of a frame that will not be completed. */
  close(): void {
    this.#memory.hold(0, 0)
    this.#target = EMPTY
    this.#chunk = EMPTY
    this.#later.length = 0
  }

  #nextChunk(): boolean {
    const chunk = this.#later.shift()
    this.#lent = false
    this.#chunk = chunk ?? EMPTY
    this.#position = 0
    return chunk !== undefined
  }

  #readSize(available: number): { readonly invalid: string } | undefined {
    let size: number
    if (this.#prefixFilled === 0 && available >= 4) {
      size = this.#chunk.readInt32BE(this.#position)
      this.#position += 4
    } else {
      for (let left = Math.min(4 - this.#prefixFilled, available); left > 0; left--) {
        this.#prefix = (this.#prefix << 8) | this.#chunk[this.#position++]!
        this.#prefixFilled++
      }
      if (this.#prefixFilled < 4) return undefined
      size = this.#prefix
      this.#prefixFilled = 0
    }
    if (size < 0) return { invalid: `a request of ${size} bytes` }
    if (size >>> 16 === TLS_HANDSHAKE)
      return { invalid: 'what came is a TLS handshake: this listener speaks without TLS' }
    if (size > this.maxBytes)
      return { invalid: `a request of ${size} bytes, more than ${this.setting} (${this.maxBytes})` }
    if (size === 0) return { invalid: 'a request of 0 bytes' }
    this.#size = size
    return undefined
  }

  /** Makes the target large enough; false when there is no memory for it now. */
  #reserve(needed: number): boolean {
    if (this.#target.length >= needed) return true
    const ahead = this.#memory.isPlenty ? AHEAD_BYTES : AHEAD_BYTES_WHEN_SHORT
    const capacity = Math.min(this.#size, Math.max(ahead, 2 * this.#target.length, needed))
    if (!this.#memory.hold(capacity, this.#size)) return false
    const larger = this.#pool.take(capacity)
    if (this.#filled > 0) {
      this.#target.copy(larger, 0, 0, this.#filled)
      this.#pool.give(this.#target)
    }
    this.#target = larger
    return true
  }
}

/** Who is asked for memory before a frame that spans chunks takes it. */
export interface FrameMemory {
  /** Whether so many bytes may be held for a frame of this size, in place of what was held before. */
  hold(bytes: number, frameBytes: number): boolean
  readonly isPlenty: boolean
}

const PLENTY: FrameMemory = { hold: () => true, isPlenty: true }
const EMPTY = Buffer.alloc(0)
/** A handshake record of any version of TLS; a request of so many bytes would have 369 million. */
const TLS_HANDSHAKE = 0x1603

/** Memory taken for a frame before more than its length is known to be coming. */
const AHEAD_BYTES = 1 << 20
const AHEAD_BYTES_WHEN_SHORT = 1 << 12
