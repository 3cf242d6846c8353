/**
 * What the two coordinators share. Both are replayable state machines: a request **decides** (pure: state, request and
 * time in; records and a response out), the broker **appends** the records to an internal topic, and **apply** alone
 * changes what is durable; at start-up the same `apply` is fed from the log. No I/O, no clock, no randomness in here.
 *
 * Records are applied as soon as they are appended, so that the next decision sees them, but an answer leaves only
 * after its records are on the device. A crash in between takes back nothing that anybody was told.
 */

/** A record of `__consumer_offsets` or `__transaction_state`, in Kafka's own key and value formats. */
export interface StoredRecord {
  readonly key: Buffer
  /** Null deletes what the key names. */
  readonly value: Buffer | null
}

/**
 * A part of a snapshot. It is made from the state of the moment, so it has to be appended and applied before anything
 * else is; `pending` belongs to open transactions, by producer id, and comes after `records`.
 */
export interface SnapshotPiece<Rec> {
  readonly records: readonly Rec[]
  readonly pending: ReadonlyMap<number, readonly Rec[]>
}

/** The time of a decision. Deadlines are monotonic, what is written down is wall-clock. */
export interface Instant {
  /** Milliseconds since the Unix epoch. */
  readonly wallMs: number
  /** Milliseconds since some fixed moment, never decreasing. */
  readonly monotonicMs: number
}

/** Which partition of an internal topic keeps a group or a transactional id: the amount of Java's `String.hashCode`, as in Kafka. */
export function coordinatorPartition(key: string, partitionCount: number): number {
  let hash = 0
  for (let index = 0; index < key.length; index++) hash = (Math.imul(31, hash) + key.charCodeAt(index)) | 0
  // Java has no positive counterpart of its smallest number; Kafka takes 0 for it.
  return hash === -(2 ** 31) ? 0 : Math.abs(hash) % partitionCount
}
