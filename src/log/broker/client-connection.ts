import { messageOf } from '../../base/millrace-error.ts'
import type { Report } from '../../base/report.ts'
import type { Clock, Connection, Timer } from '../../world/world.ts'
import type { BrokerCounters } from './broker-metrics.ts'
import type { BufferPool } from './buffer-pool.ts'
import { FrameAssembler } from './frame-assembler.ts'
import type { MemoryAccount, MemoryOwner, RequestMemory } from './request-memory.ts'
import type { Outcome, Router } from './router.ts'
import type { HostAndPort } from './security/listener-options.ts'
import { ANONYMOUS, type Principal } from './security/principal.ts'
import { type SaslClient, type SaslRules, SaslSession } from './security/sasl-session.ts'
import { CloseConnection, NO_RESPONSE, type ClientConnection } from './services.ts'

/** What all connections of a broker have in common. */
export interface ConnectionSurroundings {
  readonly router: Router
  readonly pool: BufferPool
  readonly memory: RequestMemory
  readonly clock: Clock
  readonly report: (connection: ServerConnection, ...line: Parameters<Report>) => void
  readonly metrics: BrokerCounters
  readonly maxRequestBytes: number
  readonly maxRequests: number
  readonly onClosed: (connection: ServerConnection) => void
}

export interface ServerConnectionOptions {
  readonly id: number
  readonly surroundings: ConnectionSurroundings
  readonly connection: Connection
  /** The name of the listener that it came over. */
  readonly listener: string
  /** Where its clients are told to connect to. */
  readonly advertised: HostAndPort
  /** Who the client is as far as its certificate says; default: nobody. */
  readonly principal?: Principal
  /** How it has to authenticate; by default it has not. */
  readonly sasl?: SaslRules & { readonly requestBytesMax: number }
}

/**
 * One client's connection: bytes in, requests to the router, responses out in request order.
 *
 * Requests start in the order they came and may overlap, so that a producer's pipeline shares one fdatasync; an answer
 * that is ready early waits for those before it. Reading stops while the client does not take its answers, while too
 * many requests are in work, or while too many bytes of answers wait for an earlier one: a client that only asks
 * costs a bounded amount of memory. Answers of one turn of the event loop leave in one write.
 */
export class ServerConnection implements ClientConnection, SaslClient, MemoryOwner {
  readonly id: number
  readonly peer: string
  readonly clientHost: string
  readonly listener: string
  readonly advertised: HostAndPort
  principal: Principal
  readonly sasl: SaslSession | undefined
  clientId: string | null = null
  softwareName = 'unknown'
  softwareVersion = 'unknown'
  isOpen = true
  requests = 0
  bytesIn = 0
  bytesOut = 0
  /** When the last bytes came, on the monotonic clock. */
  lastActiveMs: number
  readonly #surroundings: ConnectionSurroundings
  readonly #connection: Connection
  readonly #frames: FrameAssembler
  readonly #account: MemoryAccount
  /** Made with the first: producers have none. */
  #closeCallbacks: Set<() => void> | undefined
  /** Requests without an answer sent, oldest first. */
  readonly #waiting: Answer[] = []
  /** Bytes of answers that are ready but wait for an earlier one. */
  #heldBytes = 0
  /** What of this connection's answers is in the pool's count of unsent bytes. */
  #countedBytes = 0
  /** Bytes of requests whose handlers have not finished. */
  #workBytes = 0
  #output: Uint8Array[] = []
  #outputBytes = 0
  /** Large chunks that were written and may not have been taken yet. */
  readonly #unsent: Buffer[] = []
  #flushing = false
  #blocked = false
  #paused = false
  #processing = false
  /** Set while the client is over a quota. */
  #unmute: Timer | undefined
  #closing = false
  #ending = false

  constructor(options: ServerConnectionOptions) {
    const { surroundings, sasl } = options
    this.#surroundings = surroundings
    this.#connection = options.connection
    this.id = options.id
    this.listener = options.listener
    this.advertised = options.advertised
    this.principal = options.principal ?? ANONYMOUS
    this.peer = options.connection.peer
    this.clientHost = `/${this.peer.slice(0, this.peer.lastIndexOf(':'))}`
    this.lastActiveMs = surroundings.clock.monotonicMs()
    this.#account = surroundings.memory.open(this)
    const maxBytes = sasl?.requestBytesMax ?? surroundings.maxRequestBytes
    this.#frames = new FrameAssembler({ maxBytes, pool: surroundings.pool, memory: this.#account })
    if (sasl !== undefined) this.#frames.setting = 'sasl.server.max.receive.size'
    this.sasl = sasl && new SaslSession(this, sasl)
  }

  /** Whether nothing is in work: such a connection may be closed when it has been silent for long. */
  get idle(): boolean {
    return this.#waiting.length === 0 && this.#output.length === 0
  }

  /** Whether its listener has let it in; where nobody is asked, everybody is. */
  get isAuthenticated(): boolean {
    return this.sasl?.isAuthenticated ?? true
  }

  start(): void {
    this.#connection.handle({
      onData: (chunk) => this.#onData(chunk),
      onDrain: () => this.#onDrain(),
      onClose: (error) => this.#onClosed(error),
    })
  }

  onClose(callback: () => void): () => void {
    if (!this.isOpen) this.#surroundings.clock.defer(callback)
    else (this.#closeCallbacks ??= new Set()).add(callback)
    return () => this.#closeCallbacks?.delete(callback)
  }

  #onData(chunk: Uint8Array): void {
    if (this.#closing) return
    this.lastActiveMs = this.#surroundings.clock.monotonicMs()
    this.#account.progressed()
    this.#surroundings.metrics.bytesIn += chunk.length
    this.bytesIn += chunk.length
    this.#frames.push(
      Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length),
    )
    this.#advance()
    this.#frames.detach()
  }

  #onDrain(): void {
    this.#blocked = false
    this.#giveBack()
    this.#advance()
  }

  #onClosed(error?: Error): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.#closing = true
    if (error !== undefined || this.#frames.partial) {
      this.#surroundings.report(this, 'info', 'client went away', {
        peer: this.peer,
        clientId: this.clientId,
        reason: error === undefined ? 'closed in the middle of a request' : messageOf(error),
      })
    }
    this.#waiting.length = 0
    this.#output = []
    this.#frames.close()
    this.#account.close()
    this.#unmute?.cancel()
    this.#countUnsent()
    for (const callback of this.#closeCallbacks ?? []) callback()
    this.#closeCallbacks = undefined
    this.#surroundings.onClosed(this)
  }

  authenticated(): void {
    this.#frames.maxBytes = this.#surroundings.maxRequestBytes
    this.#frames.setting = 'socket.request.max.bytes'
  }

  /** Takes no more requests, answers those in work, then closes. */
  end(): void {
    this.#ending = true
    this.#endIfIdle()
  }

  /** Closes at once; what is in work is dropped. */
  destroy(): void {
    this.#closing = true
    this.#connection.destroy()
  }

  /** Closes because of what the client did, and says so in the log. */
  reject(reason: string): void {
    if (this.#closing) return
    this.#surroundings.report(this, 'warn', 'connection closed by the broker', {
      peer: this.peer,
      clientId: this.clientId,
      reason,
    })
    this.#surroundings.metrics.connectionsRejected += 1
    this.destroy()
  }

  /** For the memory: there is some for the request that comes in part. */
  memoryIsThere(): void {
    this.#frames.starved = false
    this.#advance()
  }

  /** For the memory. */
  memoryIsNeeded(heldBytes: number): void {
    this.reject(`nothing more of a request comes, and others need the ${heldBytes} bytes that it holds`)
  }

  /** Starts as many requests as may be in work, then sends what is ready. */
  #advance(): void {
    if (this.#processing) return
    this.#processing = true
    while (!this.#closing && this.#accepting()) {
      const frame = this.#frames.next()
      if (frame === undefined) break
      if (!Buffer.isBuffer(frame)) this.reject(frame.invalid)
      else this.#start(frame)
      // A client may ask for much in one breath; it gets the next answer when it has taken this one.
      if (this.#outputBytes > HELD_BYTES_MAX) this.#flush()
    }
    this.#processing = false
    this.#flush()
    this.#countUnsent()
    this.#pauseOrResume()
    if (this.#ending) this.#endIfIdle()
  }

  #endIfIdle(): void {
    if (this.#closing || !this.idle) return
    this.#closing = true
    this.#connection.end()
  }

  mute(durationMs: number): void {
    this.#unmute?.cancel()
    this.#unmute = this.#surroundings.clock.schedule(durationMs, () => {
      this.#unmute = undefined
      this.#advance()
    })
  }

  #accepting(): boolean {
    if (this.#blocked || this.#ending || this.#unmute !== undefined) return false
    const { maxRequests } = this.#surroundings
    return (
      this.#waiting.length < maxRequests &&
      this.#heldBytes <= HELD_BYTES_MAX &&
      this.#workBytes <= (this.#surroundings.memory.isFull ? 0 : WORK_BYTES_MAX) &&
      !this.#frames.starved
    )
  }

  #pauseOrResume(): void {
    if (this.#closing) return
    const pause = !this.#accepting()
    if (pause === this.#paused) return
    this.#paused = pause
    if (pause) this.#connection.pause()
    else this.#connection.resume()
  }

  /**
   * Produce works on the bytes where they lie, mostly still in the buffer that the socket was read into, and has copied
   * what it needs later when `dispatch` returns. Other requests are small, and their bytes may live on in group state.
   */
  #start(frame: Buffer): void {
    const isProduce = frame.length >= 2 && frame.readInt16BE(0) === PRODUCE_KEY
    const request = isProduce ? frame : Buffer.from(frame)
    this.requests += 1
    const outcome = this.#surroundings.router.dispatch(request, this)
    const { length } = frame
    this.#frames.recycle(frame)
    if (!(outcome instanceof Promise)) {
      if (this.#waiting.length === 0) this.#send(outcome)
      else this.#hold({ outcome: undefined }, outcome, true)
      return
    }
    const answer: Answer = { outcome: undefined }
    this.#waiting.push(answer)
    this.#workBytes += length
    this.#surroundings.memory.work(length)
    void outcome.then((settled) => {
      this.#workBytes -= length
      this.#surroundings.memory.work(-length)
      if (this.#closing) return
      this.#hold(answer, settled, false)
      this.#countUnsent()
      this.#sendReady()
    })
  }

  #hold(answer: Answer, outcome: Outcome, push: boolean): void {
    answer.outcome = outcome
    if (push) this.#waiting.push(answer)
    if (Array.isArray(outcome)) this.#heldBytes += sizeOf(outcome)
  }

  #sendReady(): void {
    let ready = 0
    for (const { outcome } of this.#waiting) {
      if (outcome === undefined) break
      ready += 1
      if (Array.isArray(outcome)) this.#heldBytes -= sizeOf(outcome)
      this.#send(outcome)
    }
    if (ready === 0) return
    this.#waiting.splice(0, ready)
    // Other answers may be settling in this same turn (one fdatasync answers many): they leave together.
    if (this.#flushing) return
    this.#flushing = true
    queueMicrotask(() => {
      this.#flushing = false
      this.#advance()
    })
  }

  #send(outcome: Outcome): void {
    if (outcome === NO_RESPONSE || this.#closing) return
    if (outcome instanceof CloseConnection) {
      this.#flush()
      this.reject(outcome.reason)
      return
    }
    for (const chunk of outcome) this.#output.push(chunk)
    this.#outputBytes += sizeOf(outcome)
    // An answer that was waited for is known to a promise that is old, and may be dead, but not collected for long.
    outcome.length = 0
  }

  #flush(): void {
    if (this.#output.length === 0 || this.#closing) return
    const output = this.#output
    this.#output = []
    this.#outputBytes = 0
    const size = sizeOf(output)
    this.#surroundings.metrics.bytesOut += size
    this.bytesOut += size
    if (!this.#connection.write(output)) this.#blocked = true
    for (const chunk of output) if (chunk.length >= LENT_FROM_BYTES) this.#unsent.push(chunk as Buffer)
    this.#giveBack()
  }

  /** What a client does not take counts for all connections: fetches are given less then. */
  #countUnsent(): void {
    const written = this.#blocked ? this.#connection.bufferedBytes() : 0
    const bytes = this.isOpen ? this.#heldBytes + written : 0
    this.#surroundings.pool.unsentBytes += bytes - this.#countedBytes
    this.#countedBytes = bytes
  }

  /** Buffers of records are free for others once the operating system has taken all that was written. */
  #giveBack(): void {
    if (this.#unsent.length === 0 || this.#connection.bufferedBytes() > 0) return
    for (const chunk of this.#unsent) this.#surroundings.pool.give(chunk)
    this.#unsent.length = 0
  }
}

interface Answer {
  outcome: Outcome | undefined
}

const PRODUCE_KEY = 0
const HELD_BYTES_MAX = 1 << 20
const WORK_BYTES_MAX = 32 << 20
/** Smaller chunks are none of the pool's. */
const LENT_FROM_BYTES = 16_384

function sizeOf(chunks: readonly Uint8Array[]): number {
  let size = 0
  for (const chunk of chunks) size += chunk.length
  return size
}
