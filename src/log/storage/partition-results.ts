import type { MillraceError } from '../../base/millrace-error.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import type { ReadBuffers } from './log-reader.ts'
import type { ProducerVerdict } from './producer-states.ts'
import type { AbortedTransaction } from './transaction-index.ts'

export type AppendResult =
  | {
      /** `duplicate`: the batch was appended before; the offsets are those that it got then. */
      readonly kind: 'appended' | 'duplicate'
      readonly baseOffset: number
      readonly lastOffset: number
      /** The records' timestamp when the topic says LogAppendTime, otherwise −1. */
      readonly logAppendTimeMs: number
      readonly logStartOffset: number
    }
  | {
      readonly kind: 'rejected'
      readonly error: ErrorCode
      readonly message: string
      /** The records of the batch that are to blame, from 0, where only some are. */
      readonly batchIndexes?: readonly number[]
    }

/** What is known of a partition's ends in the moment of a read. */
export interface LogBounds {
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStartOffset: number
}

export interface ReadOptions {
  readonly offset: number
  readonly maxBytes: number
  readonly isolation: 'read_uncommitted' | 'read_committed'
  /** Gives the first batch even when it is larger than `maxBytes`. */
  readonly minOneBatch: boolean
  /** Where to read into; `records` may lie there. Default: memory of its own for each read. */
  readonly buffers?: ReadBuffers
}

export type ReadResult =
  | (LogBounds & {
      readonly kind: 'data'
      /** Whole batches as they lie in the file; empty when there is nothing to give. */
      readonly records: Buffer
      /** Whose data in `records` is to be dropped from which offset on; null for read_uncommitted. */
      readonly abortedTransactions: readonly AbortedTransaction[] | null
    })
  | (LogBounds & { readonly kind: 'out-of-range' })

/** What a batch gets that its producer may not append, or has appended before. */
export function answerTo(
  verdict: Exclude<ProducerVerdict, { kind: 'accepted' }>,
  log: { readonly logStartOffset: number },
  stampsTime: boolean,
): AppendResult {
  if (verdict.kind === 'rejected') return verdict
  const { firstOffset, lastOffset, timestampMs } = verdict.batch
  return {
    kind: 'duplicate',
    baseOffset: firstOffset,
    lastOffset,
    logAppendTimeMs: stampsTime ? timestampMs : -1,
    logStartOffset: log.logStartOffset,
  }
}

export function appendedAt(
  baseOffset: number,
  log: { readonly endOffset: number; readonly logStartOffset: number },
  logAppendTimeMs: number,
): AppendResult {
  const { endOffset, logStartOffset } = log
  return { kind: 'appended', baseOffset, lastOffset: endOffset - 1, logAppendTimeMs, logStartOffset }
}

/** What every batch gets in a partition that takes no writes. */
export function refusedBy(error: MillraceError): AppendResult {
  return { kind: 'rejected', error: ErrorCode.KAFKA_STORAGE_ERROR, message: error.message }
}
