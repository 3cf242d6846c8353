import type { Random } from '../world.ts'

/** Small Fast Counter (sfc32): a seeded generator, the same on every machine. */
export class SeededRandom implements Random {
  readonly #seed: string
  #a: number
  #b: number
  #c: number
  #counter = 1
  #forks = 0

  constructor(seed: number | string) {
    this.#seed = String(seed)
    this.#a = hash(`a${this.#seed}`)
    this.#b = hash(`b${this.#seed}`)
    this.#c = hash(`c${this.#seed}`)
    for (let i = 0; i < 12; i++) this.uint32()
  }

  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  bytes(length: number): Uint8Array {
    const bytes = Buffer.alloc(length)
    for (let i = 0; i < length; i++) bytes[i] = this.uint32() & 255
    return bytes
  }

  /** A uniform integer in [0, limit). */
  below(limit: number): number {
    return Math.floor((this.uint32() / 2 ** 32) * limit)
  }

  /** A uniform number in [from, to). */
  between(from: number, to: number): number {
    return from + (this.uint32() / 2 ** 32) * (to - from)
  }

  /** True with this probability. Draws nothing when it is 0, so that a fault switched off changes no other choice. */
  chance(probability: number): boolean {
    return probability > 0 && this.uint32() / 2 ** 32 < probability
  }

  pick<T>(choices: readonly T[]): T {
    const index = this.below(choices.length)
    return choices[index] as T
  }

  /** A generator of its own, so that how often one part draws does not shift what another part gets. */
  fork(label: string): SeededRandom {
    return new SeededRandom(`${this.#seed}/${label}/${this.#forks++}`)
  }
}

/** FNV-1a with a final mix. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  value = Math.imul(value ^ (value >>> 15), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return value ^ (value >>> 16)
}
