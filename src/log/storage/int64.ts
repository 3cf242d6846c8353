const TWO_POW_63 = 2 ** 63
const LARGEST = 2n ** 63n - 1n

/** A 64-bit integer for writing. The largest ones that come over the wire are numbers rounded up to 2^63. */
export function int64(value: number): bigint {
  return value >= TWO_POW_63 ? LARGEST : BigInt(value)
}
