/** What attackers send: right requests, requests with something wrong, what reached new code before, and rubbish. */
import type { SeededRandom } from '../src/world/simulated/seeded-random.ts'
import { mutate } from './mutations.ts'
import type { FuzzRequest, RequestGrammar } from './request-grammar.ts'

export interface FuzzFrame {
  /** As it goes over the wire. */
  readonly frame: Buffer
  /** Set when it is a right request, whose answer can be told. */
  readonly request: FuzzRequest | undefined
}

const HEADER_BYTES = 14
const HUGE = 90 << 20

export class FrameSource {
  readonly #random: SeededRandom
  readonly #grammar: RequestGrammar
  /** Frames that were worth keeping; others may add to it. */
  readonly #corpus: readonly Buffer[]

  constructor(options: {
    readonly random: SeededRandom
    readonly grammar: RequestGrammar
    readonly corpus?: readonly Buffer[]
  }) {
    this.#random = options.random
    this.#grammar = options.grammar
    this.#corpus = options.corpus ?? []
  }

  next(): FuzzFrame {
    const random = this.#random
    const kind = random.below(100)
    if (kind < 40) {
      const request = this.#grammar.request()
      return { frame: request.frame, request }
    }
    if (kind < 55 && this.#corpus.length > 0) {
      const kept = random.pick(this.#corpus)
      return broken(random.chance(0.7) ? framed(mutateBody(random, kept.subarray(4))) : kept)
    }
    const { frame } = this.#grammar.request()
    const message = frame.subarray(4)
    if (kind < 85) return broken(framed(mutateBody(random, message)))
    if (kind < 92) return broken(framed(mutate(random, message)))
    if (kind < 96) return broken(mutate(random, frame))
    if (kind < 98) return broken(framed(Buffer.from(random.bytes(random.below(200)))))
    if (kind === 98) return broken(Buffer.from(random.bytes(random.below(100))))
    return broken(random.chance(0.5) ? withLength(message, HUGE) : withLength(message, random.uint32() | 0))
  }
}

function broken(frame: Buffer): FuzzFrame {
  return { frame, request: undefined }
}

/** Behind the header, so that it gets as far as the body's decoder. */
function mutateBody(random: SeededRandom, message: Buffer): Buffer {
  if (message.length <= HEADER_BYTES) return mutate(random, message)
  return Buffer.concat([message.subarray(0, HEADER_BYTES), mutate(random, message.subarray(HEADER_BYTES))])
}

function framed(message: Buffer): Buffer {
  return withLength(message, message.length)
}

function withLength(message: Buffer, length: number): Buffer {
  const frame = Buffer.allocUnsafe(4 + message.length)
  frame.writeInt32BE(length)
  frame.set(message, 4)
  return frame
}
