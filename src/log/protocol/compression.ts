/**
 * The codecs of record batches. Snappy is written in the framing of Java's snappy library (xerial), as Kafka's own client
 * does, and read in that framing and raw, as librdkafka sends it; LZ4 is the LZ4 frame format.
 *
 *   xerial   82 'SNAPPY' 00, version int32, compatible version int32, then blocks: length int32, raw snappy
 *
 * What comes out of a decoder is bounded before it is allocated, so that a small batch cannot blow up the process.
 */
import { createRequire } from 'node:module'
import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type * as Lz4 from 'lz4-napi'
import type * as Snappy from 'snappy'
import { unreachable } from '../../base/assert.ts'
import { WireError } from '../../base/byte-reader.ts'
import { messageOf } from '../../base/millrace-error.ts'

// Native libraries that most logs never need: loaded by the first batch in their codec, not by every start.
const load = createRequire(import.meta.url)
let loadedLz4: typeof Lz4 | undefined
let loadedSnappy: typeof Snappy | undefined
const lz4 = (): typeof Lz4 => (loadedLz4 ??= load('lz4-napi') as typeof Lz4)
const snappy = (): typeof Snappy => (loadedSnappy ??= load('snappy') as typeof Snappy)

export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

/** In the order of the codes in a batch's attributes. */
export const COMPRESSIONS: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

/** A batch whose records take more than this is refused. */
const MAX_DECOMPRESSED_BYTES = 256 * 1024 * 1024

const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const XERIAL_HEADER = Buffer.concat([XERIAL_MAGIC, Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])])
const XERIAL_BLOCK_BYTES = 32 * 1024
/** No snappy element makes more than 64 bytes out of 3. */
const SNAPPY_MAX_RATIO = 22

const LZ4_FRAME_MAGIC = 0x184d2204

/** `level` is of gzip (-1, 1 to 9) and zstd (-131072 to 22); the other codecs have one. Default: the codec's own. */
export function compress(codec: Compression, bytes: Buffer, level?: number): Buffer {
  switch (codec) {
    case 'none':
      return bytes
    case 'gzip':
      return gzipSync(bytes, level === undefined ? {} : { level })
    case 'snappy':
      return compressXerial(bytes)
    case 'lz4':
      return lz4().compressFrameSync(bytes)
    case 'zstd':
      return zstdCompressSync(
        bytes,
        level === undefined ? {} : { params: { [constants.ZSTD_c_compressionLevel]: level } },
      )
    default:
      return unreachable(codec)
  }
}

/** Throws `WireError` on bytes that are not the codec's, or that become more than `maxBytes`. */
export function decompress(
  codec: Compression,
  bytes: Buffer,
  maxBytes: number = MAX_DECOMPRESSED_BYTES,
): Buffer {
  if (codec === 'none') return bytes
  try {
    switch (codec) {
      case 'gzip':
        return gunzipSync(bytes, { maxOutputLength: maxBytes })
      case 'snappy':
        return isXerial(bytes) ? decompressXerial(bytes, maxBytes) : decompressSnappy(bytes, maxBytes)
      case 'lz4':
        checkLz4Size(bytes, maxBytes)
        return lz4().decompressFrameSync(bytes)
      case 'zstd':
        return zstdDecompressSync(bytes, { maxOutputLength: maxBytes })
      default:
        return unreachable(codec)
    }
  } catch (error) {
    throw error instanceof WireError ? error : new WireError(`${codec} cannot decode it: ${messageOf(error)}`)
  }
}

function isXerial(bytes: Buffer): boolean {
  return bytes.length >= XERIAL_HEADER.length && bytes.compare(XERIAL_MAGIC, 0, 8, 0, 8) === 0
}

function compressXerial(bytes: Buffer): Buffer {
  const chunks: Buffer[] = [XERIAL_HEADER]
  for (let at = 0; at < bytes.length; at += XERIAL_BLOCK_BYTES) {
    const block = snappy().compressSync(bytes.subarray(at, at + XERIAL_BLOCK_BYTES))
    const length = Buffer.allocUnsafe(4)
    length.writeInt32BE(block.length)
    chunks.push(length, block)
  }
  return Buffer.concat(chunks)
}

function decompressXerial(bytes: Buffer, maxBytes: number): Buffer {
  const chunks: Buffer[] = []
  let total = 0
  for (let at = XERIAL_HEADER.length; at < bytes.length;) {
    if (at + 4 > bytes.length) throw new WireError('a snappy block is cut off')
    const length = bytes.readUInt32BE(at)
    at += 4
    if (length > bytes.length - at) throw new WireError('a snappy block is cut off')
    const chunk = decompressSnappy(bytes.subarray(at, at + length), maxBytes - total)
    total += chunk.length
    chunks.push(chunk)
    at += length
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
}

function decompressSnappy(bytes: Buffer, maxBytes: number): Buffer {
  let claimed = 0
  for (let at = 0, scale = 1; ; at++, scale *= 128) {
    const byte = bytes[at]
    if (byte === undefined || at > 4) throw new WireError('a snappy block has no length')
    claimed += (byte & 0x7f) * scale
    if (byte < 0x80) break
  }
  if (claimed > maxBytes) throw tooLarge()
  if (claimed > bytes.length * SNAPPY_MAX_RATIO)
    throw new WireError('a snappy block claims more than it can hold')
  return snappy().uncompressSync(bytes, { asBuffer: true }) as Buffer
}

/** Adds up the most that each block of an LZ4 frame can become. */
function checkLz4Size(bytes: Buffer, maxBytes: number): void {
  if (bytes.length < 7 || bytes.readUInt32LE(0) !== LZ4_FRAME_MAGIC) throw new WireError('not an LZ4 frame')
  const flags = bytes[4]!
  const blockMaxBytes = 1 << (8 + 2 * ((bytes[5]! >> 4) & 0x07))
  const hasBlockChecksum = (flags & 0x10) !== 0
  let at = 7 + ((flags & 0x08) !== 0 ? 8 : 0) + ((flags & 0x01) !== 0 ? 4 : 0)
  for (let total = 0; at + 4 <= bytes.length;) {
    const size = bytes.readUInt32LE(at) & 0x7fffffff
    if (size === 0) return
    total += Math.min(blockMaxBytes, size * 255)
    if (total > maxBytes) throw tooLarge()
    at += 4 + size + (hasBlockChecksum ? 4 : 0)
  }
  throw new WireError('an LZ4 frame has no end')
}

function tooLarge(): WireError {
  return new WireError('it becomes more bytes than it may')
}
