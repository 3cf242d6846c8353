/**
 * A client that means no good: connects, sends requests that are right, broken or no requests at all, in pieces of any
 * size, and goes away in any way. It checks only what a broker owes even to such a client: an answer to a right request
 * is a right answer to that request.
 */
import { ByteReader, WireError } from '../src/base/byte-reader.ts'
import { MillraceError } from '../src/base/millrace-error.ts'
import { BufferPool } from '../src/log/broker/buffer-pool.ts'
import { FrameAssembler } from '../src/log/broker/frame-assembler.ts'
import { decodeResponseHeader } from '../src/log/protocol/request-header.ts'
import type { SeededRandom } from '../src/world/simulated/seeded-random.ts'
import { sleep, type Connection, type World } from '../src/world/world.ts'
import type { FrameSource } from './frame-source.ts'
import type { FuzzRequest } from './request-grammar.ts'
import type { Vocabulary } from './vocabulary.ts'

export interface AttackerOptions {
  readonly world: World
  readonly address: { readonly host: string; readonly port: number }
  readonly random: SeededRandom
  readonly vocabulary: Vocabulary
  readonly frames: FrameSource
  /** Called for what a broker must never do. */
  readonly onFinding: (text: string) => void
}

/** How long it waits for an answer before it goes on: many requests have none, or a late one. */
const PATIENCE_MS = 20

export interface SessionReport {
  readonly sent: readonly Buffer[]
  readonly answers: number
}

export async function attack(options: AttackerOptions): Promise<SessionReport> {
  const { world, address, random } = options
  let connection: Connection
  try {
    connection = await world.network.connect({ ...address, timeoutMs: 20_000 })
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    return { sent: [], answers: 0 }
  }
  const session = new Session(connection, options)
  const sent: Buffer[] = []
  for (let count = 1 + random.below(12); count > 0 && session.isOpen; count--) {
    const { frame, request } = options.frames.next()
    sent.push(frame)
    if (request !== undefined) session.expect(request)
    await session.send(frame)
    if (random.chance(0.4)) await session.somethingArrives()
  }
  // Now and then it reads nothing of what it asked for, and is gone later or at once.
  if (random.chance(0.1)) connection.pause()
  await session.somethingArrives()
  if (random.chance(0.5)) connection.end()
  else connection.destroy()
  await session.closedSoon()
  return { sent, answers: session.answers }
}

class Session {
  answers = 0
  isOpen = true
  readonly #connection: Connection
  readonly #options: AttackerOptions
  readonly #assembler = new FrameAssembler({ maxBytes: 1 << 30, pool: new BufferPool() })
  readonly #expected = new Map<number, FuzzRequest>()
  readonly #closed = Promise.withResolvers<void>()
  #arrived = Promise.withResolvers<void>()

  constructor(connection: Connection, options: AttackerOptions) {
    this.#connection = connection
    this.#options = options
    connection.handle({
      onData: (chunk) => this.#onData(chunk),
      onDrain: () => undefined,
      onClose: () => {
        this.isOpen = false
        this.#arrived.resolve()
        this.#closed.resolve()
      },
    })
  }

  expect(request: FuzzRequest): void {
    this.#expected.set(request.correlationId, request)
  }

  /** All at once, in two or more pieces, or byte by byte. */
  async send(frame: Buffer): Promise<void> {
    const { random, world } = this.#options
    const style = random.below(10)
    const pieces = style < 6 ? 1 : style < 9 || frame.length > 300 ? 2 + random.below(3) : frame.length
    for (let piece = 0; piece < pieces && this.isOpen; piece++) {
      const from = Math.floor((piece * frame.length) / pieces)
      const to = Math.floor(((piece + 1) * frame.length) / pieces)
      this.#connection.write([frame.subarray(from, to)])
      if (pieces > 1 && pieces < 6) await sleep(world.clock, random.below(2))
    }
  }

  somethingArrives(): Promise<void> {
    return this.#within(this.#arrived.promise, PATIENCE_MS)
  }

  async closedSoon(): Promise<void> {
    await this.#within(this.#closed.promise, PATIENCE_MS)
    if (this.isOpen) this.#connection.destroy()
  }

  async #within(event: Promise<void>, timeoutMs: number): Promise<void> {
    const late = Promise.withResolvers<void>()
    const timer = this.#options.world.clock.schedule(timeoutMs, () => late.resolve())
    await Promise.race([event, late.promise])
    timer.cancel()
  }

  #onData(chunk: Uint8Array): void {
    this.#assembler.push(Buffer.from(chunk))
    for (;;) {
      const frame = this.#assembler.next()
      if (frame === undefined) break
      if (Buffer.isBuffer(frame)) this.#onAnswer(frame)
      else return this.#options.onFinding(`the broker answered with ${frame.invalid}`)
    }
    this.#arrived.resolve()
    this.#arrived = Promise.withResolvers()
  }

  #onAnswer(frame: Buffer): void {
    this.answers++
    const request = frame.length >= 4 ? this.#expected.get(frame.readInt32BE(0)) : undefined
    if (request === undefined) return
    const { api, version, correlationId } = request
    this.#expected.delete(correlationId)
    try {
      const reader = new ByteReader(frame)
      decodeResponseHeader(reader, api, version)
      const answer = api.decodeResponse(reader, version)
      if (reader.remaining() > 0) throw new WireError(`${reader.remaining()} bytes too many`)
      this.#options.vocabulary.learn(answer)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.#options.onFinding(`the answer to ${api.name} version ${version} cannot be read: ${error.message}`)
    }
  }
}
