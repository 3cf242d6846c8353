import { ErrorCode } from '../protocol/error-code.ts'
import { type BatchHeader, isTransactional } from '../protocol/record-batch.ts'

/**
 * What a partition knows about its idempotent and transactional producers, and the rules that follow from it (KIP-98,
 * KIP-360, KIP-890):
 *
 *  - A producer's batches follow one another without a gap in their sequence numbers; after 2^31 − 1 comes 0.
 *  - The last five batches are remembered, so that a producer with five requests in flight may repeat any of them and
 *    is answered with the offset it got the first time. Whether an older sequence was ever stored is not known.
 *  - A new epoch starts at sequence 0; an older epoch is fenced off. A producer that is unknown may start anywhere: its
 *    earlier batches may have been deleted. Not so where every transaction has an epoch of its own (KIP-890): what
 *    begins one then begins at 0, and a batch that overtook the first is refused.
 *  - A transaction is open on the partition from its producer's first transactional batch to its marker. Open ones are
 *    kept in order of their first offset, so the first of them bounds the last stable offset.
 *
 * `check…` only look; `apply…` only change. Replay after a restart applies without checking.
 */

/** Batches remembered per producer: as many as a producer may have in flight. */
export const REMEMBERED_BATCHES = 5

const SEQUENCES = 2 ** 31

export interface RememberedBatch {
  readonly firstSequence: number
  readonly lastSequence: number
  readonly firstOffset: number
  readonly lastOffset: number
  readonly timestampMs: number
}

export interface ProducerState {
  readonly producerId: number
  readonly producerEpoch: number
  /** −1 until a marker came. */
  readonly coordinatorEpoch: number
  /** When it was last heard of, by the log's clock. */
  readonly lastSeenMs: number
  /** First offset of its open transaction, −1 when none is open. */
  readonly transactionFirstOffset: number
  /** Oldest first. */
  readonly batches: readonly RememberedBatch[]
}

export interface OpenTransaction {
  readonly producerId: number
  readonly producerEpoch: number
  readonly firstOffset: number
}

/** Who wrote a batch. `client-with-epochs`: in a transaction of a client that gets a new epoch for each of them. */
export type BatchOrigin = 'client' | 'client-with-epochs' | 'coordinator'

export type ProducerVerdict =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'duplicate'; readonly batch: RememberedBatch }
  | { readonly kind: 'rejected'; readonly error: ErrorCode; readonly message: string }

const ACCEPTED: ProducerVerdict = { kind: 'accepted' }

interface MutableState {
  producerId: number
  producerEpoch: number
  coordinatorEpoch: number
  lastSeenMs: number
  transactionFirstOffset: number
  batches: RememberedBatch[]
}

export class ProducerStates {
  /** Both are made when they are first needed: most partitions know no producer, and empty maps are 200 bytes each. */
  #producers: Map<number, MutableState> | undefined
  /** Open transactions by producer; insertion order is the order of their first offsets. */
  #open: Map<number, MutableState> | undefined

  get size(): number {
    return this.#producers?.size ?? 0
  }

  producers(): Iterable<ProducerState> {
    return this.#producers?.values() ?? []
  }

  producer(producerId: number): ProducerState | undefined {
    return this.#producers?.get(producerId)
  }

  openTransactions(): OpenTransaction[] {
    return [...(this.#open?.values() ?? [])].map((state) => ({
      producerId: state.producerId,
      producerEpoch: state.producerEpoch,
      firstOffset: state.transactionFirstOffset,
    }))
  }

  /** First offset of the oldest open transaction, leaving out one producer's if given; undefined when there is none. */
  oldestOpenOffset(exceptProducerId?: number): number | undefined {
    if (this.#open === undefined) return undefined
    for (const [producerId, state] of this.#open) {
      if (producerId !== exceptProducerId) return state.transactionFirstOffset
    }
    return undefined
  }

  /** Whether a batch of records may be appended. Batches without a producer id always may. */
  check(header: BatchHeader, origin: BatchOrigin): ProducerVerdict {
    if (header.producerId < 0) return ACCEPTED
    const fromClient = origin !== 'coordinator'
    if (fromClient && header.baseSequence < 0) {
      return rejected(
        ErrorCode.INVALID_RECORD,
        `sequence ${header.baseSequence} with producer id ${header.producerId}`,
      )
    }
    const state = this.#producers?.get(header.producerId)
    if (state === undefined) {
      if (origin !== 'client-with-epochs' || header.baseSequence === 0) return ACCEPTED
      return rejected(
        ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
        `producer ${header.producerId} begins with sequence ${header.baseSequence} instead of 0`,
      )
    }
    if (header.producerEpoch < state.producerEpoch) {
      return rejected(
        ErrorCode.INVALID_PRODUCER_EPOCH,
        `producer ${header.producerId} has epoch ${state.producerEpoch}, the batch ${header.producerEpoch}`,
      )
    }
    if (state.transactionFirstOffset >= 0 && !isTransactional(header.attributes)) {
      return rejected(
        ErrorCode.INVALID_TXN_STATE,
        `producer ${header.producerId} sent a batch outside of its open transaction`,
      )
    }
    return fromClient ? checkSequence(header, state) : ACCEPTED
  }

  /** Whether an end-of-transaction marker may be appended. */
  checkMarker(marker: MarkerOrigin): ProducerVerdict {
    const state = this.#producers?.get(marker.producerId)
    if (state === undefined) return ACCEPTED
    if (marker.producerEpoch < state.producerEpoch) {
      return rejected(
        ErrorCode.INVALID_PRODUCER_EPOCH,
        `producer ${marker.producerId} has epoch ${state.producerEpoch}, the marker ${marker.producerEpoch}`,
      )
    }
    if (marker.coordinatorEpoch < state.coordinatorEpoch) {
      return rejected(
        ErrorCode.TRANSACTION_COORDINATOR_FENCED,
        `coordinator epoch ${marker.coordinatorEpoch} is older than ${state.coordinatorEpoch}`,
      )
    }
    return ACCEPTED
  }

  /** Takes in a batch that was appended at `baseOffset`. */
  apply(header: BatchHeader, placed: { readonly baseOffset: number; readonly nowMs: number }): void {
    if (header.producerId < 0) return
    const state = this.#stateFor(header.producerId, header.producerEpoch)
    state.lastSeenMs = placed.nowMs
    if (header.baseSequence >= 0) {
      const batch: RememberedBatch = {
        firstSequence: header.baseSequence,
        lastSequence: lastSequenceOf(header),
        firstOffset: placed.baseOffset,
        lastOffset: placed.baseOffset + header.lastOffsetDelta,
        timestampMs: header.maxTimestamp,
      }
      // There is a state for each producer in each partition that it writes to: `push` and spread make room for 17.
      state.batches = state.batches.slice(1 - REMEMBERED_BATCHES).concat(batch)
    }
    if (isTransactional(header.attributes) && state.transactionFirstOffset < 0) {
      state.transactionFirstOffset = placed.baseOffset
      this.#open ??= new Map()
      this.#open.set(header.producerId, state)
    }
  }

  /** Takes in a marker; returns the first offset of the transaction that it ended, if one was open. */
  applyMarker(marker: MarkerOrigin & { readonly nowMs: number }): number | undefined {
    const state = this.#stateFor(marker.producerId, marker.producerEpoch)
    const firstOffset = state.transactionFirstOffset
    state.coordinatorEpoch = marker.coordinatorEpoch
    state.lastSeenMs = marker.nowMs
    state.transactionFirstOffset = -1
    this.#open?.delete(marker.producerId)
    return firstOffset < 0 ? undefined : firstOffset
  }

  /** Forgets producers that were silent for longer than `expirationMs` and have no open transaction. */
  expire(nowMs: number, expirationMs: number): number {
    const producers = this.#producers
    if (producers === undefined) return 0
    let count = 0
    for (const state of producers.values()) {
      if (state.transactionFirstOffset < 0 && nowMs - state.lastSeenMs >= expirationMs) {
        producers.delete(state.producerId)
        count++
      }
    }
    return count
  }

  /** Puts back a producer from a snapshot; snapshots hold each producer once. */
  restore(saved: ProducerState): void {
    this.#producers ??= new Map()
    this.#producers.set(saved.producerId, { ...saved, batches: [...saved.batches] })
  }

  /** To be called after the last `restore`: brings the open transactions into the order of their first offsets. */
  restored(): void {
    const open = [...(this.#producers?.values() ?? [])].filter((state) => state.transactionFirstOffset >= 0)
    open.sort((a, b) => a.transactionFirstOffset - b.transactionFirstOffset)
    this.#open = open.length === 0 ? undefined : new Map(open.map((state) => [state.producerId, state]))
  }

  #stateFor(producerId: number, producerEpoch: number): MutableState {
    let state = this.#producers?.get(producerId)
    if (state === undefined) {
      state = {
        producerId,
        producerEpoch,
        coordinatorEpoch: -1,
        lastSeenMs: 0,
        transactionFirstOffset: -1,
        batches: [],
      }
      this.#producers ??= new Map()
      this.#producers.set(producerId, state)
    } else if (state.producerEpoch !== producerEpoch) {
      state.producerEpoch = producerEpoch
      state.batches = []
    }
    return state
  }
}

export interface MarkerOrigin {
  readonly producerId: number
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
}

/** Sequence number of a batch's last record. */
export function lastSequenceOf(header: BatchHeader): number {
  return (header.baseSequence + header.lastOffsetDelta) % SEQUENCES
}

function checkSequence(header: BatchHeader, state: MutableState): ProducerVerdict {
  const first = header.baseSequence
  if (header.producerEpoch !== state.producerEpoch) {
    if (first === 0) return ACCEPTED
    return rejected(
      ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
      `producer ${header.producerId} begins epoch ${header.producerEpoch} with sequence ${first} instead of 0`,
    )
  }
  const newest = state.batches.at(-1)
  const expected = newest === undefined ? 0 : (newest.lastSequence + 1) % SEQUENCES
  if (first === expected) return ACCEPTED
  const last = lastSequenceOf(header)
  const repeated = state.batches.find((batch) => batch.firstSequence === first && batch.lastSequence === last)
  if (repeated !== undefined) return { kind: 'duplicate', batch: repeated }
  return rejected(
    ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    `sequence ${first} of producer ${header.producerId} where ${expected} was expected`,
  )
}

function rejected(error: ErrorCode, message: string): ProducerVerdict {
  return { kind: 'rejected', error, message }
}
