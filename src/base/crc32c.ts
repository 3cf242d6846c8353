import { crc32c as nativeCrc32c } from '@node-rs/crc32'

/** CRC-32C (Castagnoli), unsigned. `previous` continues the checksum of the bytes before. */
export function crc32c(bytes: Uint8Array, previous = 0): number {
  return nativeCrc32c(bytes, previous)
}

/** CRC-32C of several chunks as if they were one. */
export function crc32cOfChunks(chunks: readonly Uint8Array[]): number {
  let crc = 0
  for (const chunk of chunks) crc = nativeCrc32c(chunk, crc)
  return crc
}
