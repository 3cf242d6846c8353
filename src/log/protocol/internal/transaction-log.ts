/** A transactional id's state in `__transaction_state`; a tombstone (null value) forgets it. */
import { array, arrayOf, int16, int32, int64, int8, string } from '../field.ts'
import type { Decoded } from '../field.ts'
import { defineRecord } from './record-schema.ts'

export const TRANSACTION_LOG_RECORD_TYPE = 0

const keyFields = { transactionalId: string() }

export const transactionLogKey = defineRecord({
  name: 'TransactionLogKey',
  versions: [0, 0],
  flexibleFrom: Infinity,
  fields: keyFields,
})

/** The values of `transactionStatus`. */
export const TransactionStatus = {
  EMPTY: 0,
  ONGOING: 1,
  PREPARE_COMMIT: 2,
  PREPARE_ABORT: 3,
  COMPLETE_COMMIT: 4,
  COMPLETE_ABORT: 5,
  DEAD: 6,
  PREPARE_EPOCH_FENCE: 7,
} as const
export type TransactionStatus = (typeof TransactionStatus)[keyof typeof TransactionStatus]

const valueFields = {
  producerId: int64(),
  previousProducerId: int64({ since: 1, tag: 0, default: -1 }),
  nextProducerId: int64({ since: 1, tag: 1, default: -1 }),
  producerEpoch: int16(),
  nextProducerEpoch: int16({ since: 1, tag: 3, default: -1 }),
  transactionTimeoutMs: int32(),
  transactionStatus: int8(),
  transactionPartitions: array({ topic: string(), partitionIds: arrayOf(int32()) }, { nullableSince: 0 }),
  transactionLastUpdateTimestampMs: int64(),
  transactionStartTimestampMs: int64(),
  /** 2 when the client speaks KIP-890's second protocol. */
  clientTransactionVersion: int16({ since: 1, tag: 2, default: 0 }),
}

export const transactionLogValue = defineRecord({
  name: 'TransactionLogValue',
  versions: [0, 1],
  flexibleFrom: 1,
  fields: valueFields,
})

export type TransactionLogKey = Decoded<typeof keyFields>
export type TransactionLogValue = Decoded<typeof valueFields>
