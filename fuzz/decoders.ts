/**
 * Everything that turns bytes from outside into objects, without a server around it: requests, answers, record batches,
 * the coordinators' records, the small files of the storage. Whatever the bytes say, a decoder gives a value or refuses
 * them in its own way; it never throws anything else, and never takes long.
 */
import { WireError } from '../src/base/byte-reader.ts'
import { ByteReader } from '../src/base/byte-reader.ts'
import { OtlpMetrics } from '../src/log/broker/telemetry/otlp-metrics.ts'
import { metricsData } from '../src/log/broker/telemetry/otlp.test-kit.ts'
import { decodeGroupRecord } from '../src/log/coordinator/group/group-record.ts'
import { decodeTransactionRecord } from '../src/log/coordinator/transaction/transaction-record.ts'
import { apis } from '../src/log/protocol/apis.ts'
import type { AnyApi } from '../src/log/protocol/api-schema.ts'
import { forEachRecord, readControlType, splitBatches } from '../src/log/protocol/record-batch.ts'
import { decodeRequestHeader, skipRequestHeaderTags } from '../src/log/protocol/request-header.ts'
import {
  decodeLeaderEpochs,
  decodeMetaProperties,
  decodeOffsetCheckpoint,
  decodePartitionMetadata,
} from '../src/log/storage/checkpoint-files.ts'
import { decodeProducerSnapshot, encodeProducerSnapshot } from '../src/log/storage/producer-snapshot.ts'
import { SeededRandom } from '../src/world/simulated/seeded-random.ts'
import { mutate } from './mutations.ts'
import { randomBatch, withRightChecksum } from './record-batches.ts'
import { RequestGrammar } from './request-grammar.ts'
import { Vocabulary } from './vocabulary.ts'

/** Bytes of few kilobytes; whatever takes this long has a loop that the bytes control. */
const DECODING_MS_MAX = 5_000

const CHECKPOINT = '0\n2\norders 0 15\norders 1 7\n'
const EPOCHS = '0\n2\n0 0\n3 120\n'
const META = 'version=1\ncluster.id=abc\nnode.id=1\ndirectory.id=AAAA\n'
const METADATA = 'version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA\n'

interface Decoder {
  readonly name: string
  /** Bytes that may be right. */
  readonly sample: (random: SeededRandom, grammar: RequestGrammar) => Buffer
  readonly decode: (bytes: Buffer) => void
}

const ALL_APIS = Object.values(apis) as readonly AnyApi[]

const decoders: readonly Decoder[] = [
  {
    name: 'request',
    sample: (_random, grammar) => grammar.request().frame.subarray(4),
    decode: (bytes) => {
      const reader = new ByteReader(bytes)
      const { apiKey, apiVersion } = decodeRequestHeader(reader)
      const api = ALL_APIS.find(({ key }) => key === apiKey)
      if (api === undefined || apiVersion < api.versions[0] || apiVersion > api.versions[1]) return
      skipRequestHeaderTags(reader, api, apiVersion)
      api.decodeRequest(reader, apiVersion)
    },
  },
  {
    // In front of the answer itself: its API key and version, which a client knows from what it asked.
    name: 'answer',
    sample: (random, grammar) => {
      const api = random.pick(ALL_APIS)
      const [oldest, newest] = api.versions
      const version = oldest + random.below(newest - oldest + 1)
      return Buffer.concat([Buffer.from([api.key, version]), grammar.answer(api, version)])
    },
    decode: (bytes) => {
      const api = ALL_APIS.find(({ key }) => key === bytes[0])
      const version = bytes[1] ?? 0
      if (api === undefined || version < api.versions[0] || version > api.versions[1]) return
      api.decodeResponse(new ByteReader(bytes, 2), version)
    },
  },
  {
    name: 'record batch',
    sample: (random) => randomBatch(random),
    decode: (bytes) => {
      for (const batch of splitBatches(bytes)) forEachRecord(batch, () => undefined)
    },
  },
  {
    name: 'record batch with a right checksum',
    sample: (random) => randomBatch(random),
    decode: (bytes) => forEachRecord(withRightChecksum(bytes), () => undefined),
  },
  {
    name: 'control batch',
    sample: (random) => randomBatch(random),
    decode: (bytes) => void readControlType(bytes),
  },
  {
    name: 'group record',
    sample: (random) =>
      Buffer.from([0, random.below(12), 0, 1, 103, 0, 1, 116, 0, 0, 0, 0, ...random.bytes(random.below(60))]),
    decode: (bytes) => void decodeGroupRecord(split(bytes)),
  },
  {
    name: 'transaction record',
    sample: (random) => Buffer.from([0, random.below(3), 0, 1, 116, ...random.bytes(random.below(60))]),
    decode: (bytes) => void decodeTransactionRecord(split(bytes)),
  },
  {
    name: 'push of metrics',
    sample: (random) => {
      const attributes = { node_id: String(random.below(9)) }
      const kind = random.pick(['gauge', 'sum', 'histogram'] as const)
      const metric = { name: 'org.apache.kafka.x', kind, value: random.below(1_000), attributes }
      return metricsData([metric, { ...metric, whole: true }], { group_id: 'g' })
    },
    decode: (bytes) => {
      for (const { points } of new OtlpMetrics(bytes).resources()) Array.from(points)
    },
  },
  {
    name: 'producer snapshot',
    sample: () => encodeProducerSnapshot([]),
    decode: (bytes) => void decodeProducerSnapshot(bytes, 0),
  },
  text('offset checkpoint', CHECKPOINT, decodeOffsetCheckpoint),
  text('leader epochs', EPOCHS, decodeLeaderEpochs),
  text('partition metadata', METADATA, decodePartitionMetadata),
  text('meta.properties', META, decodeMetaProperties),
]

/** Throws with the bytes that a decoder failed on. */
export async function fuzzDecoders(options: {
  readonly seed: number
  readonly durationMs: number
  readonly inputs?: number
  readonly say: (text: string) => void
}): Promise<void> {
  const { seed, durationMs, inputs = Infinity, say } = options
  const random = new SeededRandom(`${seed}/decoders`)
  const vocabulary = new Vocabulary(random.fork('words'))
  const grammar = new RequestGrammar({ random: random.fork('grammar'), vocabulary, apis: ALL_APIS })
  const untilMs = performance.now() + durationMs
  let done = 0
  for (; done < inputs && performance.now() < untilMs; done++) {
    const { name, sample, decode } = random.pick(decoders)
    const right = sample(random, grammar)
    const bytes = random.chance(0.1) ? right : mutate(random, right)
    tryDecoder(name, decode, bytes)
    // A process that is to be interrupted, or a test with a time limit, needs its turn.
    if (done % 1_000 === 0) await new Promise(setImmediate)
  }
  say(`${done} inputs decoded or refused`)
}

function tryDecoder(name: string, decode: (bytes: Buffer) => void, bytes: Buffer): void {
  const beganMs = performance.now()
  try {
    decode(Buffer.from(bytes))
  } catch (error) {
    if (!(error instanceof WireError))
      throw new Error(`the decoder of a ${name} failed on ${bytes.toString('hex')}`, { cause: error })
  }
  const tookMs = performance.now() - beganMs
  if (tookMs > DECODING_MS_MAX)
    throw new Error(
      `the decoder of a ${name} took ${Math.round(tookMs)} ms for ${bytes.toString('hex').slice(0, 2_000)}`,
    )
}

/** Key and value of a stored record, cut where the first byte says. */
function split(bytes: Buffer): { readonly key: Buffer; readonly value: Buffer | null } {
  const at = Math.min(bytes.length, 12)
  return { key: bytes.subarray(0, at), value: bytes.length > at ? bytes.subarray(at) : null }
}

function text(name: string, sample: string, decode: (text: string) => unknown): Decoder {
  return { name, sample: () => Buffer.from(sample), decode: (bytes) => void decode(bytes.toString('utf8')) }
}
