/**
 * Hashes. The Java-compatible ones place keys in the same key groups as Flink, so that state can move between homes;
 * `mixNumber` spreads numeric keys in our own hash tables and is deliberately another function, so that the keys of one
 * key group do not crowd in one corner of a table.
 */

const float = new Float64Array(1)
const words = new Uint32Array(float.buffer)

/** Java's `String.hashCode`: over UTF-16 units, as JavaScript's strings have them. */
export function javaStringHash(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
  return hash
}

/** Java's `Long.hashCode` for safe integers, which agrees with `Integer` for 0 ≤ n < 2^31; else `Double.hashCode`. */
export function javaNumberHash(number: number): number {
  if (number === (number | 0)) return number ^ (number >> 31)
  if (Number.isSafeInteger(number)) {
    const high = Math.floor(number / 0x1_0000_0000)
    return (number - high * 0x1_0000_0000) ^ high
  }
  float[0] = number
  return words[0]! ^ words[1]!
}

/** The MurmurHash3 step with which Flink spreads hash codes over key groups; not negative. */
export function murmurHash(code: number): number {
  let hash = Math.imul(code, 0xcc9e2d51)
  hash = (hash << 15) | (hash >>> 17)
  hash = Math.imul(hash, 0x1b873593)
  hash = (hash << 13) | (hash >>> 19)
  hash = (Math.imul(hash, 5) + 0xe6546b64) | 0
  hash = mix32(hash ^ 4)
  return hash >= 0 ? hash : hash === -0x8000_0000 ? 0 : -hash
}

/** Spreads any number over 32 bits; `-0` as `0`. */
export function mixNumber(number: number): number {
  const whole = number | 0
  if (whole === number) return mix32(whole)
  float[0] = number
  return mix32(words[0]! ^ Math.imul(words[1]!, 0x9e3779b1))
}

/** MurmurHash3's finalizer: a bijection on 32-bit integers. */
export function mix32(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
