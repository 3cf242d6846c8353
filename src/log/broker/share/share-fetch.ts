/**
 * A fetch for a member of a share group: what is available in its partitions is acquired for it, at once or as soon as
 * there is something. Records leave as the segment file holds them, around what was acquired.
 *
 * Nobody is given a record that a power cut could take back: its offset might come again, with another record, and
 * would be taken for acknowledged.
 */
import { messageOf } from '../../../base/millrace-error.ts'
import type { AcquiredRange, FetchedBatch, SharePartition } from '../../coordinator/share/share-partition.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import {
  isControl,
  isTransactional,
  readBatchHeader,
  readControlType,
  splitBatches,
} from '../../protocol/record-batch.ts'
import type { PartitionLog, ReadResult } from '../../storage/partition-log.ts'
import type { RequestContext } from '../services.ts'
import { sharedLog, type ShareMember } from './share-acknowledgements.ts'
import { partitionKey, type SharedPartition, type ShareSession } from './share-sessions.ts'

interface ShareFetchLimits {
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly maxBytes: number
  readonly maxRecords: number
  readonly batchSize: number
  readonly isStrict: boolean
}

export interface FetchedShare extends SharedPartition {
  readonly errorCode: ErrorCode
  readonly records: Buffer
  readonly acquiredRecords: readonly AcquiredRange[]
}

/** There is nothing to answer with; `look again`: as far as it was looked, which was not to the end. */
type NothingYet = 'wait' | 'look again'

type DataRead = Extract<ReadResult, { kind: 'data' }>

/** A partition as it was read, before anything of it is acquired. */
interface Readable {
  readonly shared: SharedPartition
  readonly log: PartitionLog
  readonly partition: SharePartition
  readonly fetchOffset: number
  readonly records: Buffer
  readonly batches: readonly FetchedBatch[]
}

const NO_RECORDS = Buffer.alloc(0)
/**
 * A member is given some hundred records at a time, and what is read beyond them is read in vain: so much of a partition
 * and no more, unless the member wants no less. It is the most that the pool of buffers keeps.
 */
const PARTITION_BYTES = 1 << 21
/** Batches that nobody is given (markers, aborted transactions) are passed over; after so much others have their turn. */
const PASSED_BYTES_MAX = 1 << 23

export class ShareFetch {
  readonly #session: ShareSession
  readonly #member: ShareMember
  readonly #limits: ShareFetchLimits
  readonly #context: RequestContext

  constructor(
    session: ShareSession,
    options: {
      readonly member: ShareMember
      readonly limits: ShareFetchLimits
      readonly context: RequestContext
    },
  ) {
    this.#session = session
    this.#member = options.member
    this.#limits = options.limits
    this.#context = options.context
  }

  /** Acquires what there is; waits while there is nothing. */
  async run(): Promise<readonly FetchedShare[]> {
    if (this.#limits.maxRecords <= 0) return []
    const failed = await this.#begin()
    await this.#preload()
    const isLast = failed.length > 0 || this.#limits.maxWaitMs <= 0
    const first = this.#collect(isLast)
    if (typeof first === 'string') return isLast ? failed : this.#wait(first)
    return [...failed, ...first]
  }

  /** Has share-partitions begin that have not; gives those that could not. */
  async #begin(): Promise<FetchedShare[]> {
    const { shares } = this.#context.services
    const failed: FetchedShare[] = []
    for (const shared of this.#session.partitions.values()) {
      const log = this.#logOf(shared)
      if (typeof log === 'number') continue
      const key = { groupId: this.#member.groupId, ...shared }
      const known = shares.find(key)
      if (known !== undefined && known.startOffset >= 0) continue
      const begun = await shares.begin(key, log)
      if (typeof begun === 'number') failed.push(nothing(shared, begun))
    }
    return failed
  }

  /** Has what lies far behind brought into memory, lest everybody waits for the device. */
  async #preload(): Promise<void> {
    const { shares } = this.#context.services
    const pending: Promise<void>[] = []
    for (const shared of this.#session.partitions.values()) {
      const log = this.#logOf(shared)
      const partition = shares.find({ groupId: this.#member.groupId, ...shared })
      if (typeof log === 'number' || partition === undefined) continue
      const cold = log.preload({ offset: partition.nextFetchOffset, maxBytes: PARTITION_BYTES })
      if (cold !== undefined) pending.push(cold)
    }
    if (pending.length > 0) await Promise.all(pending)
  }

  #wait(before: NothingYet): Promise<readonly FetchedShare[]> {
    const { clock, waiters, shares } = this.#context.services
    const keys = [...this.#session.partitions.values()]
    const logs = keys.map((shared) => this.#logOf(shared)).filter((log) => typeof log !== 'number')
    return new Promise((resolve) => {
      let done = false
      const finish = (fetched: readonly FetchedShare[]): void => {
        if (done) return
        done = true
        timer.cancel()
        for (const stop of stops) stop()
        resolve(fetched)
      }
      const look = (): void => {
        if (done) return
        const collected = this.#collect(false)
        if (collected === 'look again') clock.defer(look)
        else if (collected !== 'wait') finish(collected)
      }
      const timer = clock.schedule(this.#limits.maxWaitMs, () => {
        const collected = this.#collect(true)
        finish(typeof collected === 'string' ? [] : collected)
      })
      const named = keys.map((shared) => ({ groupId: this.#member.groupId, ...shared }))
      const stops = [
        waiters.wait(logs, { look, giveUp: () => finish([]) }),
        shares.watch(named, look),
        this.#context.connection.onClose(() => finish([])),
      ]
      if (before === 'look again') clock.defer(look)
    })
  }

  /** Acquires and answers with what there is; `isLast`: with whatever there is. Nothing for who was expelled meanwhile. */
  #collect(isLast: boolean): readonly FetchedShare[] | NothingYet {
    if (!this.#context.services.shares.sessions.isOpen(this.#session)) return []
    for (let passedBytes = 0; passedBytes < PASSED_BYTES_MAX;) {
      const { failed, readable } = this.#read()
      const bytes = readable.reduce((sum, { records }) => sum + records.length, 0)
      if (failed.length === 0 && (bytes === 0 || (bytes < this.#limits.minBytes && !isLast))) {
        for (const { records } of readable) this.#context.services.buffers.give(records)
        return 'wait'
      }
      const fetched = this.#acquire(readable)
      if (failed.length > 0 || fetched.length > 0) return [...failed, ...fetched]
      passedBytes += bytes
    }
    return 'look again'
  }

  /** Reads every partition from where there is something to acquire, within the limits of the request. */
  #read(): { failed: FetchedShare[]; readable: Readable[] } {
    const { config, buffers, shares } = this.#context.services
    const failed: FetchedShare[] = []
    const readable: Readable[] = []
    let left = Math.min(this.#limits.maxBytes, config['fetch.max.bytes'], buffers.roomBytes)
    for (const shared of this.#session.partitions.values()) {
      const log = this.#logOf(shared)
      if (typeof log === 'number') {
        failed.push(nothing(shared, log))
        // There will never be such a topic: a session is not to be filled with them.
        if (log === ErrorCode.UNKNOWN_TOPIC_ID) this.#session.partitions.delete(partitionKey(shared))
        continue
      }
      const partition = shares.find({ groupId: this.#member.groupId, ...shared })
      if (partition === undefined) continue
      partition.logStartsAt(log.logStartOffset)
      if (!partition.hasRoom(shares.limitsOf(this.#member.groupId))) continue
      const read = this.#readOne(
        { shared, log, partition },
        { maxBytes: left, isFirst: readable.length === 0 },
      )
      if (typeof read === 'number') failed.push(nothing(shared, read))
      else if (read !== undefined) {
        readable.push(read)
        left = Math.max(0, left - read.records.length)
      }
    }
    return { failed, readable }
  }

  #readOne(
    { shared, log, partition }: Pick<Readable, 'shared' | 'log' | 'partition'>,
    { maxBytes, isFirst }: { readonly maxBytes: number; readonly isFirst: boolean },
  ): Readable | ErrorCode | undefined {
    const { buffers, groupSettings, report } = this.#context.services
    const readsCommitted = groupSettings.readsCommitted(this.#member.groupId)
    const fetchOffset = partition.nextFetchOffset
    if (log.durableOffset < log.endOffset) log.sync().catch(() => undefined)
    let read: ReadResult
    try {
      read = log.read({
        offset: fetchOffset,
        maxBytes: Math.min(maxBytes, Math.max(PARTITION_BYTES, this.#limits.minBytes)),
        isolation: readsCommitted ? 'read_committed' : 'read_uncommitted',
        minOneBatch: isFirst,
        buffers,
      })
    } catch (error) {
      report('error', 'records could not be read', {
        topic: log.topic,
        partition: log.partition,
        offset: fetchOffset,
        reason: messageOf(error),
      })
      return ErrorCode.KAFKA_STORAGE_ERROR
    }
    if (read.kind === 'out-of-range' || read.records.length === 0) return undefined
    const batches = batchesOf(read, log.durableOffset)
    if (batches.length > 0) return { shared, log, partition, fetchOffset, records: read.records, batches }
    buffers.give(read.records)
    return undefined
  }

  #acquire(readable: readonly Readable[]): FetchedShare[] {
    const { services } = this.#context
    const { clock, shares, buffers, metrics } = services
    const { memberId, groupId } = this.#member
    const fetched: FetchedShare[] = []
    let left = this.#limits.maxRecords
    for (const { shared, log, partition, fetchOffset, records, batches } of readable) {
      const acquiredRecords =
        left <= 0
          ? []
          : partition.acquire({
              memberId,
              batches,
              fetchOffset,
              maxRecords: left,
              batchSize: this.#limits.batchSize,
              isStrict: this.#limits.isStrict,
              limits: shares.limitsOf(groupId),
              nowMs: clock.monotonicMs(),
            })
      if (acquiredRecords.length === 0) {
        buffers.give(records)
        continue
      }
      shares.acquired(partition)
      for (const { firstOffset, lastOffset } of acquiredRecords) left -= lastOffset - firstOffset + 1
      const sent = around(records, acquiredRecords)
      metrics.topic(log.topic).bytesOut += sent.length
      fetched.push({ ...shared, errorCode: ErrorCode.NONE, records: sent, acquiredRecords })
      // Whoever was served goes to the end, so that a busy partition does not starve the others.
      const key = partitionKey(shared)
      if (this.#session.partitions.delete(key)) this.#session.partitions.set(key, shared)
    }
    return fetched
  }

  #logOf(shared: SharedPartition): PartitionLog | ErrorCode {
    const log = sharedLog(shared, this.#context)
    if (typeof log === 'number') return log
    const topics = this.#context.services.groups.shareTopics(this.#member.groupId)
    return topics?.has(shared.topicId) === true ? log : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
  }
}

function nothing(shared: SharedPartition, errorCode: ErrorCode): FetchedShare {
  return { ...shared, errorCode, records: NO_RECORDS, acquiredRecords: [] }
}

/** The batches that were read and are on the device. */
function batchesOf(read: DataRead, durableOffset: number): FetchedBatch[] {
  const batches: FetchedBatch[] = []
  const aborted = (read.abortedTransactions ?? []).toSorted(
    (one, other) => one.firstOffset - other.firstOffset,
  )
  /** Whose transactional batches are dropped, until the marker that ends the transaction. */
  const aborting = new Set<number>()
  for (const batch of splitBatches(read.records)) {
    const { baseOffset, lastOffsetDelta, attributes, producerId } = readBatchHeader(batch, 0)
    const lastOffset = baseOffset + lastOffsetDelta
    if (lastOffset >= durableOffset) break
    while (aborted.length > 0 && aborted[0]!.firstOffset <= lastOffset)
      aborting.add(aborted.shift()!.producerId)
    const isMarker = isControl(attributes)
    if (isMarker && readControlType(batch) === 'abort') aborting.delete(producerId)
    const isAborted = isTransactional(attributes) && aborting.has(producerId)
    batches.push({ firstOffset: baseOffset, lastOffset, isSkipped: isMarker || isAborted })
  }
  return batches
}

/** The batches from the one with the first acquired record to the one with the last. */
function around(records: Buffer, acquired: readonly AcquiredRange[]): Buffer {
  const first = acquired[0]!.firstOffset
  const last = acquired.at(-1)!.lastOffset
  let start = -1
  let end = 0
  let position = 0
  for (const batch of splitBatches(records)) {
    const { baseOffset, lastOffsetDelta } = readBatchHeader(batch, 0)
    if (baseOffset > last) break
    if (start < 0 && baseOffset + lastOffsetDelta >= first) start = position
    position += batch.length
    end = position
  }
  return records.subarray(Math.max(0, start), end)
}
