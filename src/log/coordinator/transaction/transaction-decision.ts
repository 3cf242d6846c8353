import { ErrorCode } from '../../protocol/error-code.ts'
import { NO_PARTITIONS, type TransactionPartitions, type TransactionRecord } from './transaction-record.ts'
import type { TransactionValue } from './transaction-record.ts'
import type { TransactionStatus } from './transaction-status.ts'

export interface TransactionConfig {
  readonly maxTimeoutMs: number
  readonly idExpirationMs: number
}

export interface ProducerIdentity {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
}

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** What the client is told: the identity to go on with, or an error. */
export interface TransactionAnswer {
  readonly errorCode: ErrorCode
  readonly producerId: number
  readonly producerEpoch: number
}

export type TransactionDecision =
  /** Nothing to write. */
  | { readonly kind: 'answer'; readonly answer: TransactionAnswer }
  /** A transaction of this id is being completed: ask again afterwards (or answer CONCURRENT_TRANSACTIONS). */
  | { readonly kind: 'wait' }
  /** Write, then answer; once the record is durable when `durable` is set, at once otherwise. */
  | {
      readonly kind: 'write'
      readonly record: TransactionRecord
      readonly answer: TransactionAnswer
      readonly durable: boolean
    }
  /** Write, answer once durable, then write markers and complete. Without an answer: ask again when completed. */
  | {
      readonly kind: 'prepare'
      readonly record: TransactionRecord
      readonly answer: TransactionAnswer | undefined
    }

/** Markers that a prepared transaction still needs. */
export interface MarkerPlan {
  readonly transactionalId: string
  readonly kind: 'commit' | 'abort'
  readonly producerId: number
  readonly producerEpoch: number
  /** The epoch is of this transaction alone: its client gets a new one with each. */
  readonly hasOwnEpoch: boolean
  readonly partitions: TransactionPartitions
}

/** One before the largest 16-bit epoch: the last that a client is given. Its end still needs one more. */
export const LAST_EPOCH = 32_766

export const FRESH: TransactionValue = {
  producerId: -1,
  previousProducerId: -1,
  nextProducerId: -1,
  producerEpoch: 0,
  timeoutMs: 0,
  status: 'Empty',
  partitions: NO_PARTITIONS,
  updatedMs: -1,
  startedMs: -1,
  clientVersion: 0,
}

export function prepareEnd(options: {
  readonly transactionalId: string
  readonly known: TransactionValue
  readonly commit: boolean
  readonly bumpsEpoch: boolean
  readonly allocateProducerId: () => number
  readonly nowMs: number
}): TransactionDecision {
  const { transactionalId, known, commit, bumpsEpoch, allocateProducerId, nowMs } = options
  const exhausted = bumpsEpoch && known.producerEpoch >= LAST_EPOCH
  const value: TransactionValue = {
    ...known,
    status: commit ? 'PrepareCommit' : 'PrepareAbort',
    producerEpoch: bumpsEpoch ? known.producerEpoch + 1 : known.producerEpoch,
    nextProducerId: exhausted ? allocateProducerId() : -1,
    clientVersion: bumpsEpoch ? 2 : known.clientVersion,
    updatedMs: nowMs,
  }
  const answer = exhausted
    ? { errorCode: ErrorCode.NONE, producerId: value.nextProducerId, producerEpoch: 0 }
    : granted(value)
  return { kind: 'prepare', record: { transactionalId, value }, answer }
}

/** The transaction as aborted over its producer's head: the bumped epoch shuts the producer out. */
export function fenced(known: TransactionValue, nowMs: number): TransactionValue {
  return {
    ...known,
    status: 'PrepareAbort',
    producerEpoch: known.producerEpoch + 1,
    updatedMs: nowMs,
    clientVersion: 0,
  }
}

/** An EndTxn whose first attempt has bumped the epoch, or rotated the producer id, already. */
export function isRetriedEnd(known: TransactionValue, request: ProducerIdentity): boolean {
  // Version 0 or 1 here: the broker bumped the epoch to shut the producer out.
  if (known.clientVersion < 2) return false
  if (known.producerId === request.producerId) return known.producerEpoch === request.producerEpoch + 1
  return (
    known.previousProducerId === request.producerId &&
    request.producerEpoch >= LAST_EPOCH &&
    known.producerEpoch === 0
  )
}

/** Whether the end under way has given its producer this identity, because the old id has no epochs left. */
export function isNextIdentity(known: TransactionValue, request: ProducerIdentity): boolean {
  return (
    isPrepared(known.status) &&
    known.nextProducerId !== -1 &&
    known.nextProducerId === request.producerId &&
    request.producerEpoch === 0
  )
}

export function isPrepared(status: TransactionStatus): boolean {
  return status === 'PrepareCommit' || status === 'PrepareAbort' || status === 'PrepareEpochFence'
}

export function sameIdentity(
  one: { readonly producerId: number; readonly producerEpoch: number },
  other: { readonly producerId: number; readonly producerEpoch: number } | undefined,
): boolean {
  return one.producerId === other?.producerId && one.producerEpoch === other.producerEpoch
}

export function identityOf({ producerId, producerEpoch }: TransactionValue): {
  producerId: number
  producerEpoch: number
} {
  return { producerId, producerEpoch }
}

export function granted(value: TransactionValue): TransactionAnswer {
  return { errorCode: ErrorCode.NONE, producerId: value.producerId, producerEpoch: value.producerEpoch }
}

export function refuse(errorCode: ErrorCode): TransactionDecision {
  return { kind: 'answer', answer: { errorCode, producerId: -1, producerEpoch: -1 } }
}
