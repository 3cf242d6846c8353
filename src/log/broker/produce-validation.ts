/**
 * What a batch must be like before it may be appended: Kafka's rules, on the header alone. Records are opened only
 * where a topic's configuration asks for it: keys of compacted topics, another codec.
 */
import { WireError } from '../../base/byte-reader.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import {
  BATCH_HEADER_BYTES,
  compressionOf,
  forEachRecord,
  isControl,
  isTransactional,
  readBatchHeader,
  RecordBatchBuilder,
  verifyBatchCrc,
  type BatchHeader,
} from '../protocol/record-batch.ts'
import type { TopicConfig } from '../storage/topic-config.ts'
import type { Topic } from '../storage/log-directory.ts'

export type BatchCheck =
  { readonly kind: 'accepted'; readonly batch: Buffer; readonly header: BatchHeader } | BatchRefusal

interface BatchRefusal {
  readonly kind: 'refused'
  readonly error: ErrorCode
  readonly message: string
  /** The records that are to blame, where only some are. */
  readonly batchIndexes?: readonly number[]
  /** Kafka tells where the log begins once a batch has come as far as being looked at record by record. */
  readonly tellsLogStart?: true
}

const CODEC_MASK = 7
const ZSTD = 4
const ZSTD_FROM = 7
const MAGIC_AT = 16

export function checkBatch(options: {
  readonly records: Buffer | null
  readonly topic: Topic
  readonly apiVersion: number
}): BatchCheck {
  const { records, topic, apiVersion } = options
  const rules = topic.config
  if (topic.internal)
    return refused(
      ErrorCode.INVALID_TOPIC_EXCEPTION,
      `Clients may not write to the internal topic ${topic.name}.`,
    )
  if (records === null || records.length === 0)
    return refused(
      ErrorCode.INVALID_RECORD,
      'A produce request holds exactly one record batch a partition; there is none.',
    )
  if (records.length <= MAGIC_AT)
    return refused(ErrorCode.CORRUPT_MESSAGE, `A record batch is cut off after ${records.length} bytes.`)
  const magic = records[MAGIC_AT]
  if (magic !== 2) {
    const error = magic === 0 || magic === 1 ? ErrorCode.INVALID_RECORD : ErrorCode.CORRUPT_MESSAGE
    return refused(error, `Record batches of format 2 are needed; this one has format ${magic}.`)
  }
  if (records.length < BATCH_HEADER_BYTES)
    return refused(ErrorCode.CORRUPT_MESSAGE, `A record batch is cut off after ${records.length} bytes.`)
  const header = readBatchHeader(records, 0)
  const { sizeBytes } = header
  if (sizeBytes < BATCH_HEADER_BYTES || sizeBytes > records.length) {
    return refused(
      ErrorCode.CORRUPT_MESSAGE,
      `A record batch says that it has ${sizeBytes} bytes where ${records.length} came.`,
    )
  }
  if (sizeBytes !== records.length)
    return refused(
      ErrorCode.INVALID_RECORD,
      'A produce request holds exactly one record batch a partition; there are more.',
    )
  if (sizeBytes > rules.maxMessageBytes) {
    return refused(
      ErrorCode.MESSAGE_TOO_LARGE,
      `The record batch has ${sizeBytes} bytes; max.message.bytes of topic ${topic.name} is ${rules.maxMessageBytes}.`,
    )
  }
  if (!verifyBatchCrc(records, 0, sizeBytes))
    return refused(ErrorCode.CORRUPT_MESSAGE, 'The checksum of the record batch is wrong.')
  const problem = headerProblem(header)
  if (problem !== undefined) return { ...refused(ErrorCode.INVALID_RECORD, problem), tellsLogStart: true }
  const codec = header.attributes & CODEC_MASK
  if (codec > ZSTD) return refused(ErrorCode.CORRUPT_MESSAGE, `Unknown compression codec ${codec}.`)
  if (codec === ZSTD && apiVersion < ZSTD_FROM) {
    return refused(
      ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
      `zstd needs Produce version ${ZSTD_FROM} or later.`,
    )
  }
  return applyRules(records, header, rules)
}

function headerProblem(header: BatchHeader): string | undefined {
  if (isControl(header.attributes)) return 'Clients may not write control batches.'
  if (header.recordCount < 1 || header.lastOffsetDelta !== header.recordCount - 1) {
    return `The batch says ${header.recordCount} records and a last offset delta of ${header.lastOffsetDelta}.`
  }
  if (header.producerId >= 0 && (header.producerEpoch < 0 || header.baseSequence < 0)) {
    return `The batch of producer ${header.producerId} has epoch ${header.producerEpoch} and sequence ${header.baseSequence}.`
  }
  if (header.producerId < 0 && isTransactional(header.attributes))
    return 'A transactional batch has no producer id.'
  return undefined
}

/** What a topic's configuration asks of records beyond what the log itself checks: keys, and another codec. */
function applyRules(records: Buffer, header: BatchHeader, rules: TopicConfig): BatchCheck {
  const recompress =
    rules.compressionType !== 'producer' &&
    storedCodec(rules.compressionType) !== compressionOf(header.attributes)
  if (!recompress && !rules.cleanupCompacts) return { kind: 'accepted', batch: records, header }
  const builder = recompress ? new RecordBatchBuilder() : undefined
  let index = 0
  const withoutKey: number[] = []
  try {
    forEachRecord(records, (_offset, timestampMs, key, value, headers) => {
      if (key === null) withoutKey.push(index)
      builder?.append({ key, value, headers, timestampMs })
      index += 1
    })
  } catch (error) {
    if (error instanceof WireError)
      return refused(ErrorCode.CORRUPT_MESSAGE, `The records cannot be read: ${error.message}`)
    throw error
  }
  if (rules.cleanupCompacts && withoutKey.length > 0) {
    const message = 'Compacted topic cannot accept message without key in topic partition.'
    return {
      ...refused(ErrorCode.INVALID_RECORD, message),
      batchIndexes: withoutKey,
      tellsLogStart: true,
    }
  }
  if (builder === undefined) return { kind: 'accepted', batch: records, header }
  const batch = builder.build({
    producerId: header.producerId,
    producerEpoch: header.producerEpoch,
    baseSequence: header.baseSequence,
    transactional: isTransactional(header.attributes),
    compression: storedCodec(rules.compressionType),
    ...levelOf(rules),
  })
  return { kind: 'accepted', batch, header: readBatchHeader(batch, 0) }
}

function levelOf({ compressionType, gzipLevel, zstdLevel }: TopicConfig): {
  readonly compressionLevel?: number
} {
  if (compressionType === 'gzip') return { compressionLevel: gzipLevel }
  return compressionType === 'zstd' ? { compressionLevel: zstdLevel } : {}
}

type Codec = ReturnType<typeof compressionOf>

function storedCodec(configured: string): Codec {
  return configured === 'uncompressed' ? 'none' : (configured as Codec)
}

function refused(error: ErrorCode, message: string): BatchRefusal {
  return { kind: 'refused', error, message }
}
