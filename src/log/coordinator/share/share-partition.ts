/**
 * What a share group (KIP-932) has done with one partition: a window of offsets from the first that is not final to the
 * last that was given to a member, each of which is
 *
 *   available ──acquire──▶ acquired ──accept──▶ acknowledged
 *       ▲                     │  └────reject, gap──▶ archived
 *       └──release, timeout───┘  (archived as well once it was delivered too often)
 *
 * A decision gives the batches to write down; `apply` makes them true, live and in replay. Acquisitions are volatile: a
 * crash makes what was acquired available again, at the delivery count that was last written.
 */
import { ErrorCode } from '../../protocol/error-code.ts'
import { DeliveryRuns, isFinal, type DeliveryRun } from './delivery-runs.ts'
import type { ShareStateRecord, SharePartitionKey, SnapshotValue, StateBatch } from './share-state-record.ts'

/** What counts for a share group at the moment. */
export interface ShareLimits {
  readonly lockDurationMs: number
  /** After so many deliveries a record is given up. */
  readonly deliveryCountLimit: number
  /** How many offsets may be available or acquired before no new ones are given out. */
  readonly maxRecordLocks: number
  readonly mayRenew: boolean
}

/** A record batch that was read for a member. */
export interface FetchedBatch {
  readonly firstOffset: number
  readonly lastOffset: number
  /** Nobody is to be given it: a control batch, or one of an aborted transaction. */
  readonly isSkipped: boolean
}

export interface AcquiredRange {
  readonly firstOffset: number
  readonly lastOffset: number
  readonly deliveryCount: number
}

export interface Acquisition {
  readonly memberId: string
  /** In ascending order. */
  readonly batches: readonly FetchedBatch[]
  /** Where the batches were looked for: before the first of them there is nothing. */
  readonly fetchOffset: number
  readonly maxRecords: number
  /** Ranges are told in pieces of about so many records. */
  readonly batchSize: number
  /** Never more than `maxRecords`; otherwise record batches are given whole. */
  readonly isStrict: boolean
  readonly limits: ShareLimits
  /** Monotonic. */
  readonly nowMs: number
}

/** Kafka's codes of acknowledgement types. */
export const AcknowledgeType = { GAP: 0, ACCEPT: 1, RELEASE: 2, REJECT: 3, RENEW: 4 } as const

export interface AcknowledgementBatch {
  readonly firstOffset: number
  readonly lastOffset: number
  /** One for all offsets, or one for each. */
  readonly acknowledgeTypes: readonly number[]
}

type Acknowledged =
  | {
      readonly kind: 'accepted'
      readonly changes: readonly StateBatch[]
      readonly renewed: readonly DeliveryRun[]
    }
  | { readonly kind: 'refused'; readonly errorCode: ErrorCode; readonly message: string }

export class SharePartition {
  readonly key: SharePartitionKey
  #window: DeliveryRuns
  #stateEpoch = 0
  #snapshotEpoch = 0
  #createTimestampMs = 0

  constructor(key: SharePartitionKey, startOffset: number) {
    this.key = key
    this.#window = new DeliveryRuns(startOffset)
  }

  get startOffset(): number {
    return this.#window.startOffset
  }

  /** One more than the last offset that was given to a member. */
  get endOffset(): number {
    return this.#window.endOffset
  }

  /** Offsets of the window that are not final. */
  get inFlight(): number {
    let count = 0
    for (const run of this.#window.runs) if (!isFinal(run.state)) count += sizeOf(run)
    return count
  }

  /** How many records are not final, up to the log's end. */
  lag(logEndOffset: number): number {
    return Math.max(0, logEndOffset - this.endOffset) + this.inFlight
  }

  /** Where to read for the next acquisition. */
  get nextFetchOffset(): number {
    return this.#window.runs.find(({ state }) => state === 'available')?.first ?? this.endOffset
  }

  /** Whether something could be acquired if the log had it. */
  hasRoom(limits: ShareLimits): boolean {
    return this.nextFetchOffset < this.endOffset || this.#mayGrow(limits)
  }

  /** Behind a record that is not done for long, what is done in disorder takes room as well. */
  #mayGrow({ maxRecordLocks }: ShareLimits): boolean {
    return this.inFlight < maxRecordLocks && this.#window.runs.length < RUNS_PER_LOCK * maxRecordLocks
  }

  /** When the next acquisition ends by itself (monotonic); Infinity when there is none. */
  get nextDeadlineMs(): number {
    let next = Infinity
    for (const { deadlineMs } of this.#window.runs) if (deadlineMs < next) next = deadlineMs
    return next
  }

  /**
   * Gives a member what is available in these batches. A record on its last delivery is given alone: if the member dies
   * of it again, it alone is given up, and not its neighbours with it.
   */
  acquire(acquisition: Acquisition): AcquiredRange[] {
    const { batches, fetchOffset, maxRecords, isStrict, limits } = acquisition
    const given: DeliveryRun[] = []
    let count = 0
    let at = Math.max(fetchOffset, this.startOffset)
    read: for (const batch of batches) {
      // Compaction leaves offsets without records.
      if (batch.firstOffset > at) this.#archive(at, batch.firstOffset - 1)
      const first = Math.max(at, batch.firstOffset)
      if (batch.isSkipped) this.#archive(first, batch.lastOffset)
      else {
        if (count >= maxRecords) break
        for (const run of this.#availableIn(first, batch.lastOffset, limits)) {
          const isLastDelivery = run.deliveryCount >= 2 && run.deliveryCount + 1 >= limits.deliveryCountLimit
          const left = isStrict ? maxRecords - count : Infinity
          if (left <= 0 || (isLastDelivery && count > 0)) break read
          const taken = this.#take(run, isLastDelivery ? 1 : left, acquisition)
          count += sizeOf(taken)
          given.push(taken)
          if (isLastDelivery) break read
        }
      }
      if (this.endOffset <= batch.lastOffset) break
      at = Math.max(at, batch.lastOffset + 1)
    }
    this.#window.trim()
    return rangesOf(given, acquisition.batchSize)
  }

  /** Decides about acknowledgements of a member: all of them, or none. */
  acknowledge(
    memberId: string,
    batches: readonly AcknowledgementBatch[],
    { limits, nowMs }: { readonly limits: ShareLimits; readonly nowMs: number },
  ): Acknowledged {
    const changes: StateBatch[] = []
    const renewed: DeliveryRun[] = []
    let before = -1
    for (const batch of batches) {
      const problem =
        batch.firstOffset > before ? this.#problemWith(memberId, batch) : refused(...NOT_ACQUIRED)
      if (problem !== undefined) return problem
      before = batch.lastOffset
      for (const { first, last, type } of piecesOf(batch, this.startOffset)) {
        for (const run of this.#window.between(first, last)) {
          const piece = { ...run, first: Math.max(first, run.first), last: Math.min(last, run.last) }
          if (type === AcknowledgeType.RENEW) {
            if (!limits.mayRenew)
              return refused(
                ErrorCode.INVALID_RECORD_STATE,
                'Renewing acquisition locks is not enabled for the group.',
              )
            renewed.push({ ...piece, deadlineMs: nowMs + limits.lockDurationMs })
          } else changes.push(changeOf(piece, type, limits))
        }
      }
    }
    return { kind: 'accepted', changes: joinBatches(changes), renewed }
  }

  /** Acquisitions that a member keeps for longer; nothing of that is written down. */
  renew(runs: readonly DeliveryRun[]): void {
    for (const run of runs) this.#window.set(run)
  }

  /** What becomes of the acquisitions of a member that is gone. */
  release(memberId: string, limits: ShareLimits): StateBatch[] {
    return this.#released(limits, (run) => run.memberId === memberId)
  }

  /** What becomes of acquisitions that have lasted too long. */
  expire(nowMs: number, limits: ShareLimits): StateBatch[] {
    return this.#released(limits, (run) => run.deadlineMs <= nowMs)
  }

  /** The log begins later than it did: what is gone is final. */
  logStartsAt(offset: number): void {
    this.#window.startAt(offset)
    this.#window.trim()
  }

  /** The one place where written state changes, live and in replay alike. */
  apply({ kind, value }: ShareStateRecord): void {
    if (value === null) return
    if (kind === 'snapshot') {
      this.#window = new DeliveryRuns(value.startOffset)
      this.#stateEpoch = value.stateEpoch
      this.#createTimestampMs = value.createTimestampMs
    }
    this.#snapshotEpoch = value.snapshotEpoch
    this.#window.startAt(value.startOffset)
    for (const { firstOffset, lastOffset, state, deliveryCount } of value.batches) {
      this.#window.set({ first: firstOffset, last: lastOffset, state, deliveryCount, ...NOBODY })
    }
    this.#window.trim()
  }

  /** The record that writes changes down. */
  updateRecord(batches: readonly StateBatch[], leaderEpoch: number): ShareStateRecord {
    const value = {
      snapshotEpoch: this.#snapshotEpoch,
      leaderEpoch,
      startOffset: this.startOffset,
      completeCount: this.#completeCount(batches),
      batches,
    }
    return { kind: 'update', key: this.key, value }
  }

  /** The record that would make it what it is; what is acquired is written down as available. */
  snapshotRecord(options: { readonly leaderEpoch: number; readonly wallMs: number }): ShareStateRecord {
    const batches = this.#window.runs
      .map(asStored)
      .filter(({ state, deliveryCount }) => state !== 'available' || deliveryCount > 0)
    return {
      kind: 'snapshot',
      key: this.key,
      value: {
        ...this.#snapshotOf(this.startOffset, options),
        batches,
        completeCount: this.#completeCount([]),
      },
    }
  }

  /** The record with which it begins anew at an offset. */
  resetRecord(
    startOffset: number,
    options: { readonly leaderEpoch: number; readonly wallMs: number },
  ): ShareStateRecord {
    const value = this.#snapshotOf(startOffset, options)
    return { kind: 'snapshot', key: this.key, value: { ...value, stateEpoch: this.#stateEpoch + 1 } }
  }

  /** All of its state was written down once more, in this snapshot. */
  rewritten({ value }: ShareStateRecord): void {
    this.#snapshotEpoch = value?.snapshotEpoch ?? this.#snapshotEpoch
  }

  #snapshotOf(
    startOffset: number,
    { leaderEpoch, wallMs }: { readonly leaderEpoch: number; readonly wallMs: number },
  ): SnapshotValue {
    return {
      snapshotEpoch: this.#snapshotEpoch + 1,
      stateEpoch: this.#stateEpoch,
      leaderEpoch,
      startOffset,
      completeCount: 0,
      createTimestampMs: this.#createTimestampMs === 0 ? wallMs : this.#createTimestampMs,
      writeTimestampMs: wallMs,
      batches: [],
    }
  }

  #completeCount(changes: readonly StateBatch[]): number {
    let count = 0
    for (const run of this.#window.runs) if (isFinal(run.state)) count += sizeOf(run)
    for (const { state, firstOffset, lastOffset } of changes)
      if (isFinal(state)) count += lastOffset - firstOffset + 1
    return Math.min(count, COMPLETE_COUNT_MAX)
  }

  /** What may be acquired of some offsets: parts that are available, and those that are new while there is room. */
  *#availableIn(first: number, last: number, limits: ShareLimits): Generator<DeliveryRun, void, void> {
    for (const run of this.#window.between(first, last)) {
      if (run.state === 'available')
        yield { ...run, first: Math.max(first, run.first), last: Math.min(last, run.last) }
    }
    const from = Math.max(first, this.endOffset)
    if (from <= last && this.#mayGrow(limits))
      yield { first: from, last, state: 'available', deliveryCount: 0, ...NOBODY }
  }

  #take(
    run: DeliveryRun,
    most: number,
    { memberId, nowMs, limits }: Pick<Acquisition, 'memberId' | 'nowMs' | 'limits'>,
  ): DeliveryRun {
    const taken: DeliveryRun = {
      first: run.first,
      last: Math.min(run.last, run.first + most - 1),
      state: 'acquired',
      deliveryCount: run.deliveryCount + 1,
      memberId,
      deadlineMs: nowMs + limits.lockDurationMs,
    }
    this.#window.set(taken)
    return taken
  }

  /** Offsets that nobody is to be given. After a crash that is found out again, so it is not written down. */
  #archive(first: number, last: number): void {
    const archived: DeliveryRun = { first, last, state: 'archived', deliveryCount: 0, ...NOBODY }
    for (const run of this.#window.between(first, last)) {
      if (run.state === 'available')
        this.#window.set({ ...archived, first: Math.max(first, run.first), last: Math.min(last, run.last) })
    }
    if (last >= this.endOffset) this.#window.set({ ...archived, first: Math.max(first, this.endOffset) })
  }

  #problemWith(memberId: string, batch: AcknowledgementBatch): Acknowledged | undefined {
    if (batch.lastOffset < this.startOffset) return undefined
    const first = Math.max(batch.firstOffset, this.startOffset)
    if (first >= this.endOffset)
      return refused(
        ErrorCode.INVALID_REQUEST,
        'Batch record not found. The first offset in request is past acquired records.',
      )
    if (batch.lastOffset >= this.endOffset)
      return refused(
        ErrorCode.INVALID_REQUEST,
        'Batch record not found. The last offset in request is past acquired records.',
      )
    for (const run of this.#window.between(first, batch.lastOffset)) {
      if (run.state !== 'acquired') return refused(...NOT_ACQUIRED)
      if (run.memberId !== memberId)
        return refused(ErrorCode.INVALID_RECORD_STATE, 'Member is not the owner of batch record')
    }
    return undefined
  }

  #released(limits: ShareLimits, isMeant: (run: DeliveryRun) => boolean): StateBatch[] {
    return this.#window.runs
      .filter((run) => run.state === 'acquired' && isMeant(run))
      .map((run) => changeOf(run, AcknowledgeType.RELEASE, limits))
  }
}

const RUNS_PER_LOCK = 4
/** The log has 32 bits for it; offsets that compaction has emptied are counted, too, and may be more. */
const COMPLETE_COUNT_MAX = 2_147_483_647

const NOBODY = { memberId: '', deadlineMs: Infinity } as const

const NOT_ACQUIRED = [
  ErrorCode.INVALID_RECORD_STATE,
  'The batch cannot be acknowledged. The batch is not in the acquired state.',
] as const

function refused(errorCode: ErrorCode, message: string): Acknowledged {
  return { kind: 'refused', errorCode, message }
}

function sizeOf({ first, last }: Pick<DeliveryRun, 'first' | 'last'>): number {
  return last - first + 1
}

function asStored({ first, last, state, deliveryCount }: DeliveryRun): StateBatch {
  return {
    firstOffset: first,
    lastOffset: last,
    state: state === 'acquired' ? 'available' : state,
    deliveryCount,
  }
}

function changeOf(run: DeliveryRun, type: number, limits: ShareLimits): StateBatch {
  const state =
    type === AcknowledgeType.ACCEPT
      ? 'acknowledged'
      : type === AcknowledgeType.RELEASE && run.deliveryCount < limits.deliveryCountLimit
        ? 'available'
        : 'archived'
  return { ...asStored(run), state }
}

/** Runs of offsets with the same type, without those before `startOffset`: they have been final for long. */
function* piecesOf(
  { firstOffset, lastOffset, acknowledgeTypes }: AcknowledgementBatch,
  startOffset: number,
): Generator<{ first: number; last: number; type: number }, void, void> {
  const from = Math.max(firstOffset, startOffset)
  const typeAt = (offset: number): number =>
    acknowledgeTypes.length === 1 ? acknowledgeTypes[0]! : acknowledgeTypes[offset - firstOffset]!
  if (acknowledgeTypes.length === 1) {
    if (from <= lastOffset) yield { first: from, last: lastOffset, type: typeAt(from) }
    return
  }
  for (let first = from; first <= lastOffset;) {
    let last = first
    while (last < lastOffset && typeAt(last + 1) === typeAt(first)) last += 1
    yield { first, last, type: typeAt(first) }
    first = last + 1
  }
}

function joinBatches(batches: readonly StateBatch[]): StateBatch[] {
  const joined: StateBatch[] = []
  for (const batch of batches) {
    const before = joined.at(-1)
    const continues =
      before?.lastOffset === batch.firstOffset - 1 &&
      before.state === batch.state &&
      before.deliveryCount === batch.deliveryCount
    if (continues) joined[joined.length - 1] = { ...before, lastOffset: batch.lastOffset }
    else joined.push(batch)
  }
  return joined
}

/** As clients are told: neighbours together up to the size that they ask for. */
function rangesOf(runs: readonly DeliveryRun[], batchSize: number): AcquiredRange[] {
  const ranges: AcquiredRange[] = []
  for (const { first, last, deliveryCount } of runs) {
    const before = ranges.at(-1)
    const continues =
      before?.lastOffset === first - 1 &&
      before.deliveryCount === deliveryCount &&
      before.lastOffset - before.firstOffset + 1 < batchSize
    if (continues) ranges[ranges.length - 1] = { ...before, lastOffset: last }
    else ranges.push({ firstOffset: first, lastOffset: last, deliveryCount })
  }
  return ranges
}
