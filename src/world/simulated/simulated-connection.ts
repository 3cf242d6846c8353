/**
 * One side of a connection. What the other side wrote is first in transit (in order, each piece with its time of
 * arrival), then delivered, or kept while the reader pauses. Bytes in transit or kept count as the writer's
 * `bufferedBytes`.
 *
 * How it ends, as with TCP: `end` sends what is queued and then a FIN; the side that gets a FIN ends too, and each side
 * is closed when it has both sent and got one. `destroy`, and the end of a process, close at once; the other side gets
 * a FIN, or a reset when this side had left something unread. When the power goes nothing is sent at all.
 */
import type { Connection, ConnectionHandler } from '../world.ts'
import type { Life, Scheduler } from './scheduler.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { NetworkConditions } from './simulated-network.ts'

const HIGH_WATER_BYTES = 1024 * 1024
const RUBBISH = 0xa5

interface Shared {
  readonly scheduler: Scheduler
  readonly random: SeededRandom
  readonly conditions: NetworkConditions
  /** All open sides, of every connection of the network. */
  readonly open: Set<SimulatedConnection>
}

interface Side {
  readonly life: Life
  readonly peer: string
}

type Piece = { readonly kind: 'data'; readonly bytes: Buffer } | { readonly kind: 'fin' }

export function connectionPair(options: Shared & { readonly near: Side; readonly far: Side }): {
  readonly near: SimulatedConnection
  readonly far: SimulatedConnection
} {
  const near = new SimulatedConnection(options, options.near)
  const far = new SimulatedConnection(options, options.far)
  near.join(far)
  far.join(near)
  return { near, far }
}

export class SimulatedConnection implements Connection {
  readonly peer: string
  readonly #life: Life
  readonly #shared: Shared
  #other: SimulatedConnection | undefined
  #handler: ConnectionHandler | undefined
  /** Pieces on their way to this side, oldest first. */
  #transit: { readonly atMs: number; readonly piece: Piece }[] = []
  #arrived: Piece[] = []
  #stalledUntilMs = 0
  /** The connection was cut: nothing more arrives, or there would be a gap in what did. */
  #cut = false
  #paused = false
  #finSent = false
  #finReceived = false
  #closed: { readonly error: Error | undefined } | undefined
  #closeTold = false
  #bufferedBytes = 0
  #needsDrain = false
  readonly #forgetLife: () => void

  constructor(shared: Shared, side: Side) {
    this.#shared = shared
    this.#life = side.life
    this.peer = side.peer
    shared.open.add(this)
    this.#forgetLife = side.life.atEnd(() => this.#lifeEnded())
  }

  join(other: SimulatedConnection): void {
    this.#other = other
  }

  handle(handler: ConnectionHandler): void {
    this.#handler = handler
    this.#later(() => {
      this.#deliver()
      this.#tellClose()
    })
  }

  write(chunks: readonly Uint8Array[]): boolean {
    if (this.#closed !== undefined || this.#finSent || !this.#life.alive) return true
    const { random, conditions } = this.#shared
    const bytes = Buffer.concat(chunks)
    if (bytes.length === 0) return !this.#needsDrain
    this.#bufferedBytes += bytes.length
    for (const part of this.#fragments(bytes)) this.#other?.receive({ kind: 'data', bytes: part })
    if (random.chance(conditions.stallChance)) this.stall(random.between(...conditions.stallMs))
    if (random.chance(conditions.cutChance)) this.cut()
    if (this.#bufferedBytes >= HIGH_WATER_BYTES) this.#needsDrain = true
    return !this.#needsDrain
  }

  bufferedBytes(): number {
    return this.#bufferedBytes
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#later(() => this.#deliver())
  }

  end(): void {
    if (this.#closed !== undefined || this.#finSent || !this.#life.alive) return
    this.#finSent = true
    this.#other?.receive({ kind: 'fin' })
    if (this.#finReceived) this.#close(undefined)
  }

  destroy(): void {
    if (this.#closed !== undefined || !this.#life.alive) return
    this.#hangUp()
    this.#close(undefined)
  }

  /** Both sides see a reset after a while; any part of what is in transit still arrives before. */
  cut(): void {
    const { random, conditions } = this.#shared
    for (const side of [this, this.#other]) {
      if (side === undefined) continue
      side.#loseTransit()
      side.#cut = true
      side.resetIn(random.between(...conditions.latencyMs) * 2)
    }
  }

  stall(durationMs: number): void {
    for (const side of [this, this.#other]) {
      if (side === undefined) continue
      side.#stalledUntilMs = this.#shared.scheduler.nowMs + durationMs
      this.#shared.scheduler.schedule(side.#life, durationMs, () => side.#arrive())
    }
  }

  /** The other side sent a piece. */
  receive(piece: Piece): void {
    if (this.#closed !== undefined || this.#cut || !this.#life.alive) {
      if (piece.kind === 'data') this.#other?.taken(piece.bytes.length)
      return
    }
    const { random, scheduler, conditions } = this.#shared
    const earliest = this.#transit.at(-1)?.atMs ?? 0
    const atMs = Math.max(earliest, scheduler.nowMs + random.between(...conditions.latencyMs))
    this.#transit.push({ atMs, piece })
    scheduler.schedule(this.#life, atMs - scheduler.nowMs, () => this.#arrive())
  }

  /** The other side consumed or lost so many of our bytes. */
  taken(count: number): void {
    this.#bufferedBytes -= count
    if (!this.#needsDrain || this.#bufferedBytes > 0) return
    this.#needsDrain = false
    this.#later(() => {
      if (this.#closed === undefined) this.#handler?.onDrain()
    })
  }

  resetIn(delayMs: number): void {
    this.#shared.scheduler.schedule(this.#life, delayMs, () => this.#close(new Error('read ECONNRESET')))
  }

  #arrive(): void {
    const { nowMs } = this.#shared.scheduler
    if (this.#stalledUntilMs > nowMs) return
    let count = 0
    while (count < this.#transit.length && this.#transit[count]!.atMs <= nowMs) {
      this.#arrived.push(this.#transit[count++]!.piece)
    }
    this.#transit.splice(0, count)
    this.#deliver()
  }

  #deliver(): void {
    while (this.#handler !== undefined && !this.#paused && this.#closed === undefined) {
      const piece = this.#arrived.shift()
      if (piece === undefined) return
      switch (piece.kind) {
        case 'data':
          this.#other?.taken(piece.bytes.length)
          this.#handler.onData(piece.bytes)
          // The chunk was only lent: whoever kept it sees rubbish, as it would with a real socket.
          piece.bytes.fill(RUBBISH)
          break
        case 'fin':
          this.#finReceived = true
          if (this.#finSent) this.#close(undefined)
          else this.end()
          break
      }
    }
  }

  #close(error: Error | undefined): void {
    if (this.#closed !== undefined) return
    this.#closed = { error }
    this.#shared.open.delete(this)
    this.#forgetLife()
    this.#dropUnread()
    this.#later(() => this.#tellClose())
  }

  #tellClose(): void {
    if (this.#closed === undefined || this.#handler === undefined || this.#closeTold) return
    this.#closeTold = true
    this.#handler.onClose(this.#closed.error)
  }

  /** Tells the other side that this one is gone. */
  #hangUp(): void {
    const unread = this.#transit.length > 0 || this.#arrived.some((piece) => piece.kind === 'data')
    if (unread) this.#other?.resetIn(this.#shared.random.between(...this.#shared.conditions.latencyMs))
    else if (!this.#finSent) this.#other?.receive({ kind: 'fin' })
    this.#finSent = true
  }

  #lifeEnded(): void {
    this.#shared.open.delete(this)
    if (this.#closed !== undefined) return
    this.#closed = { error: undefined }
    const { random, conditions } = this.#shared
    if (this.#life.silentEnd) this.#other?.resetIn(random.between(...conditions.halfOpenMs))
    else this.#hangUp()
    this.#dropUnread()
  }

  #loseTransit(): void {
    const kept = this.#shared.random.below(this.#transit.length + 1)
    for (const { piece } of this.#transit.splice(kept)) {
      if (piece.kind === 'data') this.#other?.taken(piece.bytes.length)
    }
  }

  #dropUnread(): void {
    for (const piece of [...this.#arrived, ...this.#transit.map((item) => item.piece)]) {
      if (piece.kind === 'data') this.#other?.taken(piece.bytes.length)
    }
    this.#arrived = []
    this.#transit = []
  }

  #later(action: () => void): void {
    this.#shared.scheduler.schedule(this.#life, 0, action)
  }

  *#fragments(bytes: Buffer): Iterable<Buffer> {
    const { random, conditions } = this.#shared
    if (!random.chance(conditions.fragmentChance)) {
      yield bytes
      return
    }
    let at = 0
    for (let pieces = 1 + random.below(6); pieces > 0 && at < bytes.length; pieces--) {
      const length = random.chance(0.5) ? 1 : 1 + random.below(bytes.length - at)
      yield bytes.subarray(at, at + length)
      at += length
    }
    if (at < bytes.length) yield bytes.subarray(at)
  }
}
