/** Record batches: right ones, ones whose checksum is right and whose records are not, and ones that blow up when opened. */
import { deflateRawSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { crc32c } from '../src/base/crc32c.ts'
import { BATCH_HEADER_BYTES, RecordBatchBuilder } from '../src/log/protocol/record-batch.ts'
import type { SeededRandom } from '../src/world/simulated/seeded-random.ts'
import { mutate } from './mutations.ts'

const CODECS = ['none', 'none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
const CODE_OF = { gzip: 1, zstd: 4 } as const
const BOMB_BYTES = 64 << 20

export function randomBatch(random: SeededRandom, options: { readonly producerId?: number } = {}): Buffer {
  const kind = random.below(20)
  if (kind < 9) return rightBatch(random, options)
  if (kind < 15) return withRightChecksum(mutate(random, rightBatch(random, options)))
  if (kind < 18) return mutate(random, rightBatch(random, options))
  if (kind === 18) return Buffer.concat([rightBatch(random, options), rightBatch(random, options)])
  return random.chance(0.02) ? bomb(random) : Buffer.alloc(0)
}

export function rightBatch(
  random: SeededRandom,
  { producerId = -1 }: { readonly producerId?: number } = {},
): Buffer {
  const builder = new RecordBatchBuilder()
  const padding = random.pick([0, 0, 10, 1_000])
  for (let count = 1 + random.below(6); count > 0; count--) {
    builder.append({
      key: random.chance(0.3) ? null : Buffer.from(`k${random.below(5)}`),
      value: random.chance(0.2) ? null : Buffer.alloc(padding + random.below(20), 'v'),
      timestampMs: random.pick([0, 1_000, 1_700_000_000_000, -1]),
      ...(random.chance(0.2) && {
        headers: [{ key: 'h', value: random.chance(0.5) ? null : Buffer.from('x') }],
      }),
    })
  }
  const idempotent = producerId >= 0 && random.chance(0.6)
  return builder.build({
    compression: random.pick(CODECS),
    ...(idempotent && {
      producerId,
      producerEpoch: random.below(2),
      baseSequence: random.pick([0, 0, 0, 1, 2, 5]),
      transactional: random.chance(0.5),
    }),
  })
}

/** Length and checksum as they have to be for what is in it: such a batch gets past the first looks. */
export function withRightChecksum(batch: Buffer): Buffer {
  if (batch.length < BATCH_HEADER_BYTES) return batch
  batch.writeInt32BE(batch.length - 12, 8)
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17)
  return batch
}

/** A few kilobytes that become 64 MiB, well formed or not. */
function bomb(random: SeededRandom): Buffer {
  const codec = random.pick(['gzip', 'zstd'] as const)
  bombs[codec] ??=
    codec === 'gzip' ? gzipSync(Buffer.alloc(BOMB_BYTES)) : zstdCompressSync(Buffer.alloc(BOMB_BYTES))
  const header = new RecordBatchBuilder()
  header.append({ key: Buffer.from('k'), value: Buffer.from('v'), timestampMs: 0 })
  const batch = Buffer.concat([header.build({}).subarray(0, BATCH_HEADER_BYTES), bombs[codec]])
  batch.writeInt16BE(CODE_OF[codec], 21)
  return withRightChecksum(random.chance(0.2) ? Buffer.concat([batch, deflateRawSync(batch)]) : batch)
}

const bombs: { gzip?: Buffer; zstd?: Buffer } = {}
