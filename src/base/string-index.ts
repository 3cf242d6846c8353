/**
 * Numbers strings in the order they first come: 0, 1, 2 … For keys that arrive as new string objects all the time, as
 * out of a decoder, it is about twice as fast as a `Map`, which has the engine flatten and hash each of them outside of
 * compiled code.
 *
 * Sixteen open-addressed parts, by the hash's upper bits, of pairs [hash, number + 1]; a part doubles by itself, from
 * the stored hashes, so that no growth touches more than a sixteenth.
 */
import { mix32 } from './hash.ts'

const PARTS_BITS = 4
const PART_SLOTS_MIN = 8

interface Part {
  slots: Int32Array
  mask: number
  used: number
}

export class StringIndex {
  /** By number. */
  readonly keys: string[] = []
  readonly #parts: readonly Part[] = Array.from({ length: 1 << PARTS_BITS }, () => ({
    slots: new Int32Array(2 * PART_SLOTS_MIN),
    mask: PART_SLOTS_MIN - 1,
    used: 0,
  }))

  get size(): number {
    return this.keys.length
  }

  /** The string's number, −1 when it has none. */
  find(key: string): number {
    const hash = hashOf(key)
    const { slots, mask } = this.#parts[hash >>> (32 - PARTS_BITS)]!
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const number = slots[2 * slot + 1]! - 1
      if (number < 0 || (slots[2 * slot] === hash && this.keys[number] === key)) return number
    }
  }

  /** The string's number; the next free one, which is `size`, when it is new. */
  add(key: string): number {
    const hash = hashOf(key)
    const part = this.#parts[hash >>> (32 - PARTS_BITS)]!
    const { slots, mask } = part
    let slot = hash & mask
    for (; ; slot = (slot + 1) & mask) {
      const number = slots[2 * slot + 1]! - 1
      if (number < 0) break
      if (slots[2 * slot] === hash && this.keys[number] === key) return number
    }
    const number = this.keys.push(key) - 1
    slots[2 * slot] = hash
    slots[2 * slot + 1] = number + 1
    if (++part.used * 2 > mask) grow(part)
    return number
  }
}

function grow(part: Part): void {
  const { slots } = part
  const grown = new Int32Array(slots.length * 2)
  const mask = part.mask * 2 + 1
  for (let from = 0; from < slots.length; from += 2) {
    if (slots[from + 1] === 0) continue
    const hash = slots[from]!
    let slot = hash & mask
    while (grown[2 * slot + 1] !== 0) slot = (slot + 1) & mask
    grown[2 * slot] = hash
    grown[2 * slot + 1] = slots[from + 1]!
  }
  part.slots = grown
  part.mask = mask
}

function hashOf(key: string): number {
  let hash = key.length
  for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) | 0
  return mix32(hash)
}
