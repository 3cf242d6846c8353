/** Ways to break bytes. Each takes a copy. */
import type { SeededRandom } from '../src/world/simulated/seeded-random.ts'

type Mutation = (random: SeededRandom, bytes: Buffer) => Buffer

const LENGTHS_32 = [-1, -2, 0, 1, 2 ** 31 - 1, -(2 ** 31), 0x00ffffff, 0x7f, 0x10000]
const VARINTS = [
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0x7f],
  [0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
  [0x00],
  [0x80, 0x00],
]

const MUTATIONS: readonly Mutation[] = [
  function flipBit(random, bytes) {
    const at = random.below(bytes.length)
    bytes[at] = bytes[at]! ^ (1 << random.below(8))
    return bytes
  },
  function setByte(random, bytes) {
    bytes[random.below(bytes.length)] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)])
    return bytes
  },
  function cut(random, bytes) {
    return bytes.subarray(0, random.below(bytes.length))
  },
  function remove(random, bytes) {
    const at = random.below(bytes.length)
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(8))])
  },
  function insert(random, bytes) {
    const at = random.below(bytes.length + 1)
    return Buffer.concat([bytes.subarray(0, at), random.bytes(1 + random.below(8)), bytes.subarray(at)])
  },
  function repeatPart(random, bytes) {
    const at = random.below(bytes.length)
    const part = bytes.subarray(at, at + 1 + random.below(64))
    const times = 1 + random.below(random.chance(0.1) ? 2_000 : 4)
    return Buffer.concat([bytes.subarray(0, at), ...Array<Buffer>(times).fill(part), bytes.subarray(at)])
  },
  function lieAboutLength(random, bytes) {
    if (bytes.length < 4) return bytes
    bytes.writeInt32BE(random.pick(LENGTHS_32), random.below(bytes.length - 3))
    return bytes
  },
  function lieAboutShortLength(random, bytes) {
    if (bytes.length < 2) return bytes
    bytes.writeInt16BE(random.pick([-1, -2, 0, 1, 32_767, -32_768]), random.below(bytes.length - 1))
    return bytes
  },
  function lieInVarint(random, bytes) {
    const at = random.below(bytes.length)
    return Buffer.concat([bytes.subarray(0, at), Buffer.from(random.pick(VARINTS)), bytes.subarray(at + 1)])
  },
  function swapParts(random, bytes) {
    const at = random.below(bytes.length)
    return Buffer.concat([bytes.subarray(at), bytes.subarray(0, at)])
  },
]

/** The bytes with one to five things wrong. May be empty. */
export function mutate(random: SeededRandom, original: Uint8Array): Buffer {
  let bytes = Buffer.from(original)
  for (let count = random.chance(0.6) ? 1 : 1 + random.below(5); count > 0 && bytes.length > 0; count--)
    bytes = Buffer.from(random.pick(MUTATIONS)(random, bytes))
  return bytes
}
