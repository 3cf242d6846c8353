/**
 * The batches of one partition in the order in which they must arrive. The first ones may be in flight (up to five: a
 * broker remembers that many to recognise duplicates), the last one may still be open.
 *
 * Invariants:
 *  - Sequence numbers are given when a batch is first sent, in queue order, without gaps, and stay with the batch.
 *  - After a failure batches go out one at a time until one has arrived, so that retries do not overtake each other.
 *  - So they do at first: a broker that does not know a producer takes any sequence for its beginning, and refuses a first
 *    batch that comes after the second, or takes it for one that was stored before.
 */
import type { PendingBatch, ProducerIdentity } from './pending-batch.ts'

const MAX_IN_FLIGHT = 5
const SEQUENCE_MODULUS = 2 ** 31

export class PartitionQueue {
  readonly topic: string
  readonly partition: number
  /** Waiting batches, oldest first; those in flight are not here. */
  readonly waiting: PendingBatch[] = []
  readonly inFlight = new Set<PendingBatch>()
  identity: ProducerIdentity
  /** Set while the partition needs a new identity because its sequence was broken; nothing is sent meanwhile. */
  resetting = false
  /** Whether the open transaction knows the partition. */
  inTransaction = false
  #nextSequence = 0
  #alone = true

  constructor(options: {
    readonly topic: string
    readonly partition: number
    readonly identity: ProducerIdentity
  }) {
    this.topic = options.topic
    this.partition = options.partition
    this.identity = options.identity
  }

  /** The batch that takes records, if there is one. */
  get open(): PendingBatch | undefined {
    const last = this.waiting.at(-1)
    return last?.sealed === false ? last : undefined
  }

  /** Numbers the next batch so: the log has this identity's batches up to there. Call it before the first batch. */
  startAt(sequence: number): void {
    this.#nextSequence = sequence % SEQUENCE_MODULUS
  }

  /** When (monotonic) the next batch should go; Infinity when none can for now. */
  dueAtMs(lingerMs: number): number {
    const next = this.waiting[0]
    if (next === undefined || this.resetting || this.inFlight.size >= MAX_IN_FLIGHT) return Infinity
    if (this.#alone && this.inFlight.size > 0) return Infinity
    return Math.max(next.notBeforeMs, next.sealed ? 0 : next.openedAtMs + lingerMs)
  }

  /** Takes the next batch out to be sent, sealed and numbered. */
  take(): PendingBatch {
    const batch = this.waiting.shift()!
    batch.sealed = true
    if (batch.sequence < 0) {
      batch.sequence = this.#nextSequence
      this.#nextSequence = (this.#nextSequence + batch.recordCount) % SEQUENCE_MODULUS
    }
    batch.attempts++
    this.inFlight.add(batch)
    return batch
  }

  /** The batch has arrived. */
  arrived(batch: PendingBatch): void {
    this.inFlight.delete(batch)
    this.#alone = false
  }

  /** The batch will be sent again, in its old place. */
  putBack(batch: PendingBatch, notBeforeMs: number): void {
    this.inFlight.delete(batch)
    this.#alone = true
    batch.notBeforeMs = notBeforeMs
    const later = this.waiting.findIndex((one) => one.sequence < 0 || isBefore(batch.sequence, one.sequence))
    this.waiting.splice(later < 0 ? this.waiting.length : later, 0, batch)
  }

  /** The batch will never arrive. */
  drop(batch: PendingBatch): void {
    this.inFlight.delete(batch)
  }

  /** Whether an older batch is still on its way, which explains a refused sequence. */
  hasOlder(batch: PendingBatch): boolean {
    const older = (one: PendingBatch): boolean => one.sequence >= 0 && isBefore(one.sequence, batch.sequence)
    return [...this.inFlight].some(older) || this.waiting.some(older)
  }

  /** Begins a new numbering under a new identity. Call it with nothing in flight and nothing uncertain. */
  adopt(identity: ProducerIdentity): void {
    if (identity.producerId !== this.identity.producerId) this.#alone = true
    this.identity = identity
    this.resetting = false
    this.#nextSequence = 0
    for (const batch of this.waiting) batch.sequence = -1
  }

  /** Takes out what may have been stored by an earlier attempt: it can only be sent again under the same identity. */
  takeUncertain(): PendingBatch[] {
    const uncertain = this.waiting.filter(({ mayBeStored }) => mayBeStored)
    for (const batch of uncertain) this.waiting.splice(this.waiting.indexOf(batch), 1)
    return uncertain
  }

  /** Takes out all that waits, to be given up. */
  clear(): PendingBatch[] {
    return this.waiting.splice(0)
  }
}

/** Order of sequence numbers that wrap. */
function isBefore(a: number, b: number): boolean {
  const distance = (b - a + SEQUENCE_MODULUS) % SEQUENCE_MODULUS
  return distance > 0 && distance < SEQUENCE_MODULUS / 2
}
