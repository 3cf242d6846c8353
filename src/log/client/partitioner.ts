/** Where a record goes, so that we and Kafka's Java client agree on keyed records. */

/** MurmurHash2, 32 bits, with the seed of Kafka's Java client; a signed integer. */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length
  let hash = 0x9747b28c ^ length
  const words = length >> 2
  for (let word = 0, at = 0; word < words; word++, at += 4) {
    let value = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    value = Math.imul(value, 0x5bd1e995)
    value ^= value >>> 24
    value = Math.imul(value, 0x5bd1e995)
    hash = Math.imul(hash, 0x5bd1e995) ^ value
  }
  const tail = words << 2
  const left = length - tail
  if (left > 0) {
    if (left === 3) hash ^= bytes[tail + 2]! << 16
    if (left >= 2) hash ^= bytes[tail + 1]! << 8
    hash ^= bytes[tail]!
    hash = Math.imul(hash, 0x5bd1e995)
  }
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0x5bd1e995)
  return hash ^ (hash >>> 15)
}

/** The partition of a key, as Kafka's default partitioner has it. */
export function partitionOfKey(key: Uint8Array | string, partitionCount: number): number {
  const bytes = typeof key === 'string' ? Buffer.from(key) : key
  return (murmur2(bytes) & 0x7fffffff) % partitionCount
}
