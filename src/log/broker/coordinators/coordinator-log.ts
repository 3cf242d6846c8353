import { messageOf } from '../../../base/millrace-error.ts'
import type { Report } from '../../../base/report.ts'
import type { Clock } from '../../../world/world.ts'
import type { SnapshotPiece, StoredRecord } from '../../coordinator/coordinator-record.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import {
  RecordBatchBuilder,
  forEachRecord,
  isControl,
  isTransactional,
  readBatchHeader,
  readControlType,
  splitBatches,
} from '../../protocol/record-batch.ts'
import type { PartitionLog } from '../../storage/partition-log.ts'
import type { CoordinatorEnvironment } from '../coordinator-services.ts'

/** Whose transaction records belong to. */
export interface TransactionOwner {
  readonly producerId: number
  readonly producerEpoch: number
}

export type CoordinatorAppend =
  | { readonly kind: 'appended'; readonly baseOffset: number }
  | { readonly kind: 'refused'; readonly errorCode: ErrorCode }

export interface ReplayVisitor {
  record(
    stored: StoredRecord,
    position: { readonly offset: number; readonly producerId: number | undefined },
  ): void
  marker(producerId: number, kind: 'commit' | 'abort'): void
}

/** How a coordinator gives its state for a snapshot, and takes in where its records lie now. */
export interface SnapshotSource<Rec> {
  readonly pieces: Iterator<SnapshotPiece<Rec>, void, void>
  encode(record: Rec): StoredRecord
  apply(record: Rec, position: { readonly offset: number; readonly producerId: number | undefined }): void
}

const REPLAY_CHUNK_BYTES = 1 << 20
/** About as many records of a snapshot are written at a time: other work comes through in between. */
const SNAPSHOT_SLICE_RECORDS = 200

/** A snapshot is written when at least four times as many records as it would have came since the last. */
const SNAPSHOT_AFTER_FACTOR = 4

/**
 * One partition of an internal topic as its coordinator uses it: appends records in batches, says when they are
 * durable (concurrent callers share an fdatasync), replays, and keeps the log from growing for ever.
 *
 * Instead of compacting segments it appends the whole state anew when the log has become large against it, waits
 * until that is durable, and only then drops what lies before: a crash at any point finds a log whose replay gives the
 * same state. A large state is written in slices, between which the coordinator works on. Batches from the first open
 * transaction on are kept until it has ended.
 */
export class CoordinatorLog {
  readonly log: PartitionLog
  readonly #clock: Clock
  readonly #report: Report
  readonly #minRecords: number
  /** Where the last snapshot began. */
  #snapshotOffset: number
  /** So many records must have come since the last snapshot before it is worth counting the state's. */
  #countAfter: number
  #compacting = false
  #closed = false

  constructor(log: PartitionLog, options: Pick<CoordinatorEnvironment, 'clock' | 'report' | 'config'>) {
    this.log = log
    this.#clock = options.clock
    this.#report = options.report
    this.#minRecords = options.config['coordinator.snapshot.min.records']
    this.#countAfter = this.#minRecords
    this.#snapshotOffset = log.logStartOffset
  }

  /** Appends all records in one batch, or none. */
  append(records: readonly StoredRecord[], owner?: TransactionOwner): CoordinatorAppend {
    const builder = new RecordBatchBuilder({ initialCapacity: 1_024 })
    const timestampMs = this.#clock.nowMs()
    for (const { key, value } of records) builder.append({ timestampMs, key, value })
    const batch = builder.build(owner === undefined ? {} : { ...owner, transactional: true })
    const result = this.log.append(batch, readBatchHeader(batch, 0), { origin: 'coordinator' })
    if (result.kind === 'appended') return { kind: 'appended', baseOffset: result.baseOffset }
    if (result.kind === 'rejected' && result.error === ErrorCode.INVALID_PRODUCER_EPOCH) {
      return { kind: 'refused', errorCode: result.error }
    }
    this.#report('error', 'a coordinator could not write its state', {
      topic: this.log.topic,
      partition: this.log.partition,
      reason: result.kind === 'rejected' ? result.message : result.kind,
    })
    return { kind: 'refused', errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE }
  }

  /** Resolves once all that was appended so far is on the device, with what to tell clients if it cannot be. */
  async durable(): Promise<ErrorCode> {
    if (this.log.durableOffset >= this.log.endOffset) return ErrorCode.NONE
    try {
      await this.log.sync()
      return ErrorCode.NONE
    } catch (error) {
      this.#report('error', 'a coordinator could not make its state durable', {
        topic: this.log.topic,
        partition: this.log.partition,
        reason: messageOf(error),
      })
      return ErrorCode.COORDINATOR_NOT_AVAILABLE
    }
  }

  /** Reads the whole log in order; throws `WireError` when a record is not what the format says. */
  replay(visitor: ReplayVisitor): void {
    for (let offset = this.log.logStartOffset; offset < this.log.endOffset;) {
      const read = this.log.read({
        offset,
        maxBytes: REPLAY_CHUNK_BYTES,
        isolation: 'read_uncommitted',
        minOneBatch: true,
      })
      if (read.kind !== 'data' || read.records.length === 0) return
      for (const batch of splitBatches(read.records)) {
        const header = readBatchHeader(batch, 0)
        if (isControl(header.attributes)) {
          const kind = readControlType(batch)
          if (kind !== 'other') visitor.marker(header.producerId, kind)
        } else {
          const producerId = isTransactional(header.attributes) ? header.producerId : undefined
          const from = offset
          forEachRecord(batch, (recordOffset, _timestampMs, key, value) => {
            // The log may begin inside a batch.
            if (key !== null && recordOffset >= from)
              visitor.record({ key, value }, { offset: recordOffset, producerId })
          })
        }
        offset = header.baseOffset + header.lastOffsetDelta + 1
      }
    }
  }

  /**
   * Whether the log has become large against a state of so many records. A large state is counted rarely: doing so at
   * every append would cost more than the append.
   */
  wantsSnapshot(stateRecords: () => number): boolean {
    if (this.#compacting) return false
    const since = this.log.endOffset - this.#snapshotOffset
    if (since <= this.#countAfter) return false
    this.#countAfter = Math.max(this.#minRecords, SNAPSHOT_AFTER_FACTOR * stateRecords())
    return since > this.#countAfter
  }

  /** Writes a snapshot, slice by slice, and then drops what lies before it. */
  async compact<Rec>(source: SnapshotSource<Rec>): Promise<void> {
    this.#compacting = true
    try {
      const startOffset = this.log.endOffset
      this.#snapshotOffset = startOffset
      for (let slice = takeSlice(source.pieces); slice !== undefined; slice = takeSlice(source.pieces)) {
        if (!this.#appendSlice(slice, source)) return
        await new Promise<void>((resolve) => this.#clock.defer(resolve))
        if (this.#closed) return
      }
      if ((await this.durable()) !== ErrorCode.NONE) return
      this.log.deleteRecordsBefore(Math.min(startOffset, this.log.lastStableOffset))
      this.#report('debug', 'a coordinator wrote a snapshot', {
        topic: this.log.topic,
        partition: this.log.partition,
        offset: startOffset,
        records: this.log.endOffset - startOffset,
      })
    } finally {
      this.#compacting = false
    }
  }

  /** Ends a snapshot that is being written; resolves when all that was appended is on the device. */
  async close(): Promise<void> {
    this.#closed = true
    await this.durable()
  }

  #appendSlice<Rec>({ records, pending }: SnapshotPiece<Rec>, source: SnapshotSource<Rec>): boolean {
    if (!this.#appendAgain(records, undefined, source)) return false
    if (pending.size === 0) return true
    const open = this.log.openTransactions()
    for (const [producerId, list] of pending) {
      const owner = open.find((transaction) => transaction.producerId === producerId)
      if (owner !== undefined && !this.#appendAgain(list, owner, source)) return false
    }
    return true
  }

  #appendAgain<Rec>(
    records: readonly Rec[],
    owner: TransactionOwner | undefined,
    source: SnapshotSource<Rec>,
  ): boolean {
    if (records.length === 0) return true
    const result = this.append(
      records.map((record) => source.encode(record)),
      owner,
    )
    if (result.kind === 'refused') return false
    records.forEach((record, at) =>
      source.apply(record, { offset: result.baseOffset + at, producerId: owner?.producerId }),
    )
    return true
  }
}

/** As many pieces as make a slice, as one; undefined when there are no more. */
function takeSlice<Rec>(pieces: Iterator<SnapshotPiece<Rec>, void, void>): SnapshotPiece<Rec> | undefined {
  const records: Rec[] = []
  const pending = new Map<number, Rec[]>()
  let size = 0
  while (size < SNAPSHOT_SLICE_RECORDS) {
    const next = pieces.next()
    if (next.done === true) return size === 0 ? undefined : { records, pending }
    size += 1 + next.value.records.length
    for (const record of next.value.records) records.push(record)
    for (const [producerId, list] of next.value.pending) {
      const known = pending.get(producerId)
      if (known === undefined) pending.set(producerId, [...list])
      else known.push(...list)
    }
  }
  return { records, pending }
}
