import type { ErrorCode } from '../protocol/error-code.ts'
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

export type ReadResult =
  | (LogBounds & {
      readonly kind: 'data'
      /** Whole batches as they lie in the file; empty when there is nothing to give. */
      readonly records: Buffer
      /** Whose data in `records` is to be dropped from which offset on; null for read_uncommitted. */
      readonly abortedTransactions: readonly AbortedTransaction[] | null
    })
  | (LogBounds & { readonly kind: 'out-of-range' })
