/**
 * The transactional ids that one partition of `__transaction_state` keeps, as a replayable state machine (KIP-98,
 * KIP-360, KIP-890). A decision says what to write and what to answer; the broker does both.
 *
 *   Empty ──add──▶ Ongoing ──end──▶ PrepareCommit ──all markers──▶ CompleteCommit ──add──▶ Ongoing …
 *                     └─end, fence, timeout──▶ PrepareAbort ──▶ CompleteAbort
 *
 * Which record must be durable before which (the broker keeps to it; `coordinator-driver.ts` is where):
 *  1. A new epoch before the answer to InitProducerId: an epoch that was given out never comes back.
 *  2. `Prepare…` before the answer to EndTxn and before the first marker is written: it is the decision. One fsync.
 *  3. All markers before `Complete…`. Readers see a marker only once it is durable. One fsync, of all partitions at once.
 *  4. `Complete…` before the next transaction of this id writes data, or a restart that finds `Prepare…` would end that
 *     one too. It is synced in the background; usually nobody waits for it.
 *  5. `Ongoing` waits for nothing. A restart finds open transactions in the data partitions themselves: `adopt` puts
 *     back what a power cut took from here, or says which of them belong to nobody and are to be aborted.
 *
 * Epochs never go backwards: a producer id's epoch grows until it is exhausted, then a fresh producer id follows.
 */
import { ErrorCode } from '../../protocol/error-code.ts'
import type { SnapshotPiece } from '../coordinator-record.ts'
import {
  FRESH,
  LAST_EPOCH,
  fenced,
  granted,
  identityOf,
  isNextIdentity,
  isPrepared,
  isRetriedEnd,
  prepareEnd,
  refuse,
  sameIdentity,
  type MarkerPlan,
  type ProducerIdentity,
  type TopicPartition,
  type TransactionConfig,
  type TransactionDecision,
} from './transaction-decision.ts'
import { NO_PARTITIONS, hasPartition, withPartitions } from './transaction-record.ts'
import type { TransactionRecord, TransactionValue } from './transaction-record.ts'

const NOTHING_PENDING: ReadonlyMap<number, readonly TransactionRecord[]> = new Map()

export class TransactionCoordinator {
  readonly #config: TransactionConfig
  readonly #transactions = new Map<string, TransactionValue>()
  /**
   * The epoch that the last InitProducerId came with: its retry is given the same answer instead of being fenced.
   * Volatile, as in Kafka: after a restart such a retry is fenced.
   */
  readonly #bumpedFrom = new Map<string, { readonly producerId: number; readonly producerEpoch: number }>()

  constructor(config: TransactionConfig) {
    this.#config = config
  }

  get(transactionalId: string): TransactionValue | undefined {
    return this.#transactions.get(transactionalId)
  }

  entries(): IterableIterator<[string, TransactionValue]> {
    return this.#transactions.entries()
  }

  /** The one place where state changes, live and in replay alike. */
  apply({ transactionalId, value }: TransactionRecord): void {
    if (value === null) {
      this.#transactions.delete(transactionalId)
      this.#bumpedFrom.delete(transactionalId)
    } else {
      this.#transactions.set(transactionalId, value)
    }
  }

  initProducerId(
    request: {
      readonly transactionalId: string
      readonly timeoutMs: number
      /** The identity that the producer has had so far (version 3 and later), if any. */
      readonly current: { readonly producerId: number; readonly producerEpoch: number } | undefined
    },
    allocateProducerId: () => number,
    nowMs: number,
  ): TransactionDecision {
    const { transactionalId, timeoutMs, current } = request
    if (transactionalId === '') return refuse(ErrorCode.INVALID_REQUEST)
    if (timeoutMs <= 0 || timeoutMs > this.#config.maxTimeoutMs)
      return refuse(ErrorCode.INVALID_TRANSACTION_TIMEOUT)
    const known = this.#transactions.get(transactionalId)
    if (known === undefined) {
      return this.#grant(transactionalId, { ...FRESH, producerId: allocateProducerId(), timeoutMs }, nowMs)
    }
    if (isPrepared(known.status)) return { kind: 'wait' }
    const retried = current !== undefined && sameIdentity(current, this.#bumpedFrom.get(transactionalId))
    if (current !== undefined && !retried && !sameIdentity(current, known))
      return refuse(ErrorCode.PRODUCER_FENCED)
    if (known.status === 'Ongoing') {
      // A retry lost its answer, yet the transaction began: somebody else uses the identity, which only an init ends.
      if (retried) return refuse(ErrorCode.PRODUCER_FENCED)
      if (current !== undefined) this.#bumpedFrom.set(transactionalId, current)
      return { kind: 'prepare', record: { transactionalId, value: fenced(known, nowMs) }, answer: undefined }
    }
    if (retried && !this.#isFencing(transactionalId, known)) return { kind: 'answer', answer: granted(known) }
    if (current !== undefined && !retried) this.#bumpedFrom.set(transactionalId, current)
    else if (current === undefined) this.#bumpedFrom.delete(transactionalId)
    const next =
      known.producerEpoch >= LAST_EPOCH
        ? {
            ...known,
            previousProducerId: known.producerId,
            producerId: allocateProducerId(),
            producerEpoch: 0,
            timeoutMs,
          }
        : { ...known, producerEpoch: known.producerEpoch + 1, timeoutMs }
    return this.#grant(transactionalId, next, nowMs)
  }

  /** Whether the epoch was bumped to end a transaction, and nobody has been given it yet. */
  #isFencing(transactionalId: string, known: TransactionValue): boolean {
    const from = this.#bumpedFrom.get(transactionalId)
    return (
      known.status === 'CompleteAbort' &&
      from?.producerId === known.producerId &&
      from.producerEpoch === known.producerEpoch - 1
    )
  }

  #grant(transactionalId: string, next: TransactionValue, nowMs: number): TransactionDecision {
    const value: TransactionValue = {
      ...next,
      status: 'Empty',
      nextProducerId: -1,
      partitions: NO_PARTITIONS,
      startedMs: -1,
      updatedMs: nowMs,
    }
    return { kind: 'write', record: { transactionalId, value }, answer: granted(value), durable: true }
  }

  /** Puts partitions into the transaction, and begins it when none is open. */
  addPartitions(
    request: ProducerIdentity & {
      readonly partitions: readonly TopicPartition[]
      readonly clientVersion: number
    },
    nowMs: number,
  ): TransactionDecision {
    const known = this.#owned(request)
    if (typeof known === 'number') return refuse(known)
    if (isPrepared(known.status)) return { kind: 'wait' }
    const begins = known.status !== 'Ongoing'
    const partitions = withPartitions(begins ? NO_PARTITIONS : known.partitions, request.partitions)
    if (!begins && partitions === known.partitions) return { kind: 'answer', answer: granted(known) }
    const value: TransactionValue = {
      ...known,
      status: 'Ongoing',
      partitions,
      startedMs: begins ? nowMs : known.startedMs,
      updatedMs: nowMs,
      clientVersion: request.clientVersion,
    }
    return {
      kind: 'write',
      record: { transactionalId: request.transactionalId, value },
      answer: granted(value),
      durable: false,
    }
  }

  /** Whether each partition is in the producer's open transaction; 'wait' while one is being completed. */
  verifyPartitions(
    request: ProducerIdentity & { readonly partitions: readonly TopicPartition[] },
  ): readonly ErrorCode[] | 'wait' {
    const known = this.#owned(request)
    if (typeof known === 'number') return request.partitions.map(() => known)
    if (isPrepared(known.status)) return 'wait'
    const open = known.status === 'Ongoing'
    return request.partitions.map(({ topic, partition }) =>
      open && hasPartition(known.partitions, topic, partition)
        ? ErrorCode.NONE
        : ErrorCode.TRANSACTION_ABORTABLE,
    )
  }

  /** Commits or aborts. `bumpsEpoch` is what EndTxn version 5 asks for (KIP-890). */
  endTransaction(
    request: ProducerIdentity & { readonly commit: boolean; readonly bumpsEpoch: boolean },
    allocateProducerId: () => number,
    nowMs: number,
  ): TransactionDecision {
    const { transactionalId, commit, bumpsEpoch } = request
    if (transactionalId === '') return refuse(ErrorCode.INVALID_REQUEST)
    const known = this.#transactions.get(transactionalId)
    if (known === undefined) return refuse(ErrorCode.INVALID_PRODUCER_ID_MAPPING)
    if (isNextIdentity(known, request)) return { kind: 'wait' }
    const retried = bumpsEpoch && isRetriedEnd(known, request)
    if (!retried) {
      if (known.producerId !== request.producerId) return refuse(ErrorCode.INVALID_PRODUCER_ID_MAPPING)
      if (known.producerEpoch !== request.producerEpoch) return refuse(ErrorCode.PRODUCER_FENCED)
    }
    // Under the epoch that the end under way has given out: this one ends what comes after it, and so waits for it.
    if (isPrepared(known.status) && known.clientVersion >= 2 && bumpsEpoch && !retried)
      return { kind: 'wait' }
    switch (known.status) {
      case 'Ongoing':
        if (retried) return refuse(ErrorCode.PRODUCER_FENCED)
        if (bumpsEpoch) this.#bumpedFrom.set(transactionalId, identityOf(known))
        return prepareEnd({ transactionalId, known, commit, bumpsEpoch, allocateProducerId, nowMs })
      case 'PrepareCommit':
        return commit ? { kind: 'wait' } : refuse(ErrorCode.INVALID_TXN_STATE)
      case 'PrepareAbort':
      case 'PrepareEpochFence':
        return commit ? refuse(ErrorCode.INVALID_TXN_STATE) : { kind: 'wait' }
      case 'CompleteCommit':
      case 'CompleteAbort':
        if ((retried || !bumpsEpoch) && commit === (known.status === 'CompleteCommit')) {
          return { kind: 'answer', answer: granted(known) }
        }
        if (retried) return refuse(ErrorCode.INVALID_TXN_STATE)
        break
      case 'Empty':
        if (retried) return refuse(ErrorCode.PRODUCER_FENCED)
        break
      case 'Dead':
        break
    }
    // Nothing was begun. A new client may abort that: it cannot know whether its first write arrived.
    if (commit || !bumpsEpoch) return refuse(ErrorCode.INVALID_TXN_STATE)
    const nothing = { ...known, partitions: NO_PARTITIONS, startedMs: nowMs }
    return prepareEnd({ transactionalId, known: nothing, commit, bumpsEpoch, allocateProducerId, nowMs })
  }

  /** Ids whose open transaction has lasted longer than its timeout. */
  timedOut(nowMs: number): string[] {
    const ids: string[] = []
    for (const [transactionalId, value] of this.#transactions) {
      if (value.status === 'Ongoing' && value.startedMs + value.timeoutMs < nowMs) ids.push(transactionalId)
    }
    return ids
  }

  /** Aborts an open transaction whose producer is not heard of any more, and fences it. */
  abortTimedOut(transactionalId: string, nowMs: number): TransactionDecision {
    const known = this.#transactions.get(transactionalId)
    if (known?.status !== 'Ongoing') return refuse(ErrorCode.INVALID_TXN_STATE)
    return {
      kind: 'prepare',
      record: { transactionalId, value: fenced(known, nowMs) },
      answer: granted(known),
    }
  }

  /** Tombstones for ids that nobody has used for so long. */
  expired(nowMs: number): TransactionRecord[] {
    const records: TransactionRecord[] = []
    for (const [transactionalId, value] of this.#transactions) {
      const idle =
        value.status === 'Empty' || value.status === 'CompleteCommit' || value.status === 'CompleteAbort'
      if (idle && value.updatedMs + this.#config.idExpirationMs <= nowMs)
        records.push({ transactionalId, value: null })
    }
    return records
  }

  /** Transactions that are decided but not completed; after a restart the broker completes them. */
  prepared(): MarkerPlan[] {
    const plans: MarkerPlan[] = []
    for (const transactionalId of this.#transactions.keys()) {
      const plan = this.markers(transactionalId)
      if (plan !== undefined) plans.push(plan)
    }
    return plans
  }

  markers(transactionalId: string): MarkerPlan | undefined {
    const value = this.#transactions.get(transactionalId)
    if (value === undefined || !isPrepared(value.status)) return undefined
    const { producerId, producerEpoch, partitions, status, clientVersion } = value
    return {
      transactionalId,
      kind: status === 'PrepareCommit' ? 'commit' : 'abort',
      producerId,
      producerEpoch,
      hasOwnEpoch: clientVersion >= 2,
      partitions,
    }
  }

  /** All markers are durable: the record that completes the transaction. */
  complete(transactionalId: string, nowMs: number): TransactionRecord | undefined {
    const known = this.#transactions.get(transactionalId)
    if (known === undefined || !isPrepared(known.status)) return undefined
    const rotated = known.nextProducerId !== -1
    return {
      transactionalId,
      value: {
        ...known,
        status: known.status === 'PrepareCommit' ? 'CompleteCommit' : 'CompleteAbort',
        partitions: NO_PARTITIONS,
        updatedMs: nowMs,
        startedMs: -1,
        ...(rotated
          ? {
              producerId: known.nextProducerId,
              previousProducerId: known.producerId,
              nextProducerId: -1,
              producerEpoch: 0,
            }
          : {}),
      },
    }
  }

  /**
   * After a restart: an open transaction was found in a data partition. Gives the record that makes this coordinator
   * know of it again, 'known' when it does, or 'orphan' when no transaction here can own it any more.
   */
  adopt(
    found: TopicPartition & { readonly producerId: number; readonly producerEpoch: number },
    nowMs: number,
  ): TransactionRecord | 'known' | 'orphan' {
    for (const [transactionalId, value] of this.#transactions) {
      if (value.producerId !== found.producerId) continue
      if (hasPartition(value.partitions, found.topic, found.partition) && value.status !== 'Empty')
        return 'known'
      const partitions = withPartitions(value.partitions, [found])
      if (isPrepared(value.status)) return { transactionalId, value: { ...value, partitions } }
      if (value.producerEpoch !== found.producerEpoch) return 'orphan'
      const startedMs = value.status === 'Ongoing' ? value.startedMs : nowMs
      return {
        transactionalId,
        value: { ...value, status: 'Ongoing', partitions, startedMs, updatedMs: nowMs },
      }
    }
    return 'orphan'
  }

  /** All durable state as records, in pieces: once all are appended, they make everything before them superfluous. */
  *snapshot(): Generator<SnapshotPiece<TransactionRecord>, void, void> {
    for (const [transactionalId, value] of this.#transactions)
      yield { records: [{ transactionalId, value }], pending: NOTHING_PENDING }
  }

  get sizeRecords(): number {
    return this.#transactions.size
  }

  #owned(request: ProducerIdentity): TransactionValue | ErrorCode {
    if (request.transactionalId === '') return ErrorCode.INVALID_REQUEST
    const known = this.#transactions.get(request.transactionalId)
    if (known !== undefined && isNextIdentity(known, request)) return known
    if (known === undefined || known.producerId !== request.producerId)
      return ErrorCode.INVALID_PRODUCER_ID_MAPPING
    return known.producerEpoch === request.producerEpoch ? known : ErrorCode.PRODUCER_FENCED
  }
}
