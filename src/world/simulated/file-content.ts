/**
 * One file's bytes as the page cache has them (`live`) and as the device has them (`durable`). The difference is the
 * list of writes since the last sync, in order; a power loss keeps some of them.
 */
import type { SeededRandom } from './seeded-random.ts'

const SECTOR_BYTES = 512

type PendingWrite =
  | { readonly kind: 'write'; readonly position: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly sizeBytes: number }

/**
 * What a power loss leaves of the writes that were not synced: of a `random-prefix` those in front, as a device that
 * keeps the order; `reordered`, any of them, later ones without earlier ones.
 */
export type Unsynced = 'all' | 'none' | 'random-prefix' | 'reordered'

export class FileContent {
  readonly live: GrowingBytes
  readonly #durable: GrowingBytes
  readonly #pending: PendingWrite[] = []
  /** How many writes were taken off `#pending` so far: positions in the sequence of all writes stay valid. */
  #settled = 0

  constructor(content?: Buffer) {
    this.live = new GrowingBytes(content)
    this.#durable = new GrowingBytes(content)
  }

  write(position: number, bytes: Buffer): void {
    this.live.write(position, bytes)
    this.#pending.push({ kind: 'write', position, bytes })
  }

  truncate(sizeBytes: number): void {
    this.live.truncate(sizeBytes)
    this.#pending.push({ kind: 'truncate', sizeBytes })
  }

  /** The place in the sequence of writes after the newest one; for `settle`. */
  get newest(): number {
    return this.#settled + this.#pending.length
  }

  /**
   * A sync of all writes before `newest` ended. When it failed they are dropped: the operating system marks such pages
   * clean, so that they read well, no later sync writes them, and the next power loss takes them. Where a file was cut
   * stands in the file system's journal, which such an error leaves whole.
   */
  settle(newest: number, outcome: 'synced' | 'failed'): void {
    const writes = this.#pending.splice(0, Math.max(0, newest - this.#settled))
    this.#settled += writes.length
    for (const write of writes)
      if (outcome === 'synced' || write.kind === 'truncate') apply(this.#durable, write)
  }

  /** The content after a power loss. `torn`: of the writes after the surviving prefix, any sectors may be there. */
  afterPowerLoss(
    random: SeededRandom,
    options: { readonly unsynced: Unsynced; readonly torn: boolean },
  ): FileContent {
    const survivor = new GrowingBytes(this.#durable.copy())
    const { unsynced, torn } = options
    const count = this.#pending.length
    if (unsynced === 'reordered') {
      const keep = random.pick([0.2, 0.5, 0.9])
      for (const write of this.#pending) {
        if (torn && random.chance(0.3)) tear(survivor, write, random)
        else if (random.chance(keep)) apply(survivor, write)
      }
      return new FileContent(survivor.copy())
    }
    const kept = unsynced === 'all' ? count : unsynced === 'none' || count === 0 ? 0 : random.below(count + 1)
    for (const write of this.#pending.slice(0, kept)) apply(survivor, write)
    if (unsynced === 'random-prefix' && torn && kept < count) {
      const reached = kept + 1 + random.below(count - kept)
      for (const write of this.#pending.slice(kept, reached)) tear(survivor, write, random)
    }
    return new FileContent(survivor.copy())
  }
}

function apply(target: GrowingBytes, write: PendingWrite): void {
  if (write.kind === 'truncate') target.truncate(write.sizeBytes)
  else target.write(write.position, write.bytes)
}

function tear(target: GrowingBytes, write: PendingWrite, random: SeededRandom): void {
  if (write.kind === 'truncate') {
    if (random.chance(0.5)) target.truncate(write.sizeBytes)
    return
  }
  const end = write.position + write.bytes.length
  for (let at = write.position; at < end;) {
    const sectorEnd = Math.min(end, (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES)
    if (random.chance(0.5))
      target.write(at, write.bytes.subarray(at - write.position, sectorEnd - write.position))
    at = sectorEnd
  }
}

/** Bytes that grow at the end; what was skipped reads as zeros. */
export class GrowingBytes {
  #bytes: Buffer
  #size: number

  constructor(content: Buffer = Buffer.alloc(0)) {
    this.#bytes = Buffer.from(content)
    this.#size = content.length
  }

  get size(): number {
    return this.#size
  }

  read(target: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(target.length, this.#size - position))
    if (count > 0) target.set(this.#bytes.subarray(position, position + count))
    return count
  }

  write(position: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return
    const end = position + bytes.length
    if (end > this.#bytes.length) {
      const grown = Buffer.alloc(Math.max(end, 2 * this.#bytes.length, 256))
      this.#bytes.copy(grown, 0, 0, this.#size)
      this.#bytes = grown
    }
    this.#bytes.set(bytes, position)
    if (end > this.#size) this.#size = end
  }

  truncate(sizeBytes: number): void {
    if (sizeBytes > this.#bytes.length) {
      const grown = Buffer.alloc(sizeBytes)
      this.#bytes.copy(grown, 0, 0, this.#size)
      this.#bytes = grown
    } else if (sizeBytes < this.#size) {
      this.#bytes.fill(0, sizeBytes, this.#size)
    }
    this.#size = sizeBytes
  }

  copy(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#size))
  }
}
