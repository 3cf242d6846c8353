import { WireError } from '../../../base/byte-reader.ts'
import { messageOf } from '../../../base/millrace-error.ts'
import { type BatchHeader, isControl, readControlType } from '../../protocol/record-batch.ts'
import type { PartitionContext } from '../partition-context.ts'
import type { PartitionFiles } from '../partition-files.ts'
import type { ProducerStates } from '../producer-states.ts'
import { Segment, type SegmentPlace } from '../segment.ts'
import type { TopicConfig } from '../topic-config.ts'
import { CleanedTransactions } from './cleaned-transactions.ts'
import { type BatchRecord, deleteHorizonOf, recordsOf, rewrittenBatch } from './compacted-batch.ts'
import { type CompactionPlan, groupSegments, planCompaction } from './compaction-plan.ts'
import { KeyOffsets } from './key-offsets.ts'
import { decideSwap, enterSwap, leaveSwap } from './segment-swap.ts'
import { WorkSlices } from './work-slices.ts'

/**
 * Compacts a partition as Kafka's log cleaner does (KIP-354, KIP-534, KIP-98):
 *
 *  1. Walk over what was never compacted, and note the last offset of every key; records of aborted transactions do not
 *     count. The walk ends early when the memory for it is used up, and the next run goes on there.
 *  2. Walk over all closed segments up to there. Of each key only the record at the noted offset stays, or a later one.
 *     Tombstones, and markers whose transaction has no data any more, get a time (`delete.retention.ms` from now) and go
 *     in a run after that.
 *  3. Neighbours that have become small become one segment. `segment-swap.ts` puts it in their place.
 *
 * What always stays: order and offsets; the end of every segment and the last batch of every known producer, if only as a
 * header; the active segment. Work is cut into slices, so that producers and consumers never wait for it.
 */
export class LogCompaction {
  readonly #options: LogCompactionOptions
  #cleanedTo: number
  /** Records that cannot be read were found: tried again after a restart. */
  #gaveUp = false

  constructor(options: LogCompactionOptions) {
    this.#options = options
    this.#cleanedTo = options.cleanedTo
  }

  /** Below it compaction has been. */
  get cleanedTo(): number {
    return this.#cleanedTo
  }

  /** Compacts when it is time; resolves with the bytes that it freed. Never runs twice at the same time. */
  async run(nowMs: number): Promise<number> {
    const { files, log } = this.#options
    if (!this.#isActive()) return 0
    await this.#finishSwaps()
    const config = this.#options.config()
    if (!config.cleanupCompacts || this.#gaveUp) return 0
    const plan = planCompaction(files.segments.all(), {
      config,
      nowMs,
      cleanedTo: this.#cleanedTo,
      settledTo: Math.min(log.lastStableOffset, log.durableOffset),
    })
    if (plan === undefined) return 0
    // Recovery must never walk over what is about to be rewritten, nor may a restart find less than what is compacted.
    await log.settle()
    await this.#options.context.recoveryPointsSaved()
    try {
      return await this.#compact(plan, config, nowMs)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.#gaveUp = true
      this.#report('error', 'partition cannot be compacted', { reason: error.message })
      return 0
    }
  }

  async #compact(plan: CompactionPlan, config: TopicConfig, nowMs: number): Promise<number> {
    const { files } = this.#options
    const slices = new WorkSlices(this.#options.context.clock)
    const before = files.segments.sizeBytes()
    const noted = await this.#noteKeys(plan, slices)
    if (noted === undefined) return 0
    const groups = groupSegments(files.segments.all(), noted.end, config)
    const rules: Rules = {
      nowMs,
      deleteRetentionMs: config.deleteRetentionMs,
      keys: noted.keys,
      end: noted.end,
      transactions: this.#transactions(noted.end),
      producers: this.#options.producers,
    }
    for (const group of groups) if (!(await this.#compactGroup(group, rules, slices))) return 0
    this.#cleanedTo = Math.max(this.#cleanedTo, noted.end)
    const freedBytes = before - files.segments.sizeBytes()
    this.#report('info', 'partition compacted', { cleanedTo: noted.end, freedBytes })
    return freedBytes
  }

  /** Undefined when the partition went away meanwhile. */
  async #noteKeys(
    { dirtyFrom, dirtyTo }: CompactionPlan,
    slices: WorkSlices,
  ): Promise<{ readonly keys: KeyOffsets; readonly end: number } | undefined> {
    const { segments } = this.#options.files
    const keys = new KeyOffsets({ maxBytes: this.#options.keyMemoryBytes ?? KEY_MEMORY_BYTES })
    const transactions = this.#transactions(dirtyTo)
    for (const segment of segments.all().slice(segments.indexOf(dirtyFrom))) {
      if (segment.baseOffset >= dirtyTo) break
      const scanner = segment.scan({ start: segment.positionOf(dirtyFrom) })
      for (let header = scanner.next(); header !== undefined; header = scanner.next()) {
        if (header.baseOffset + header.lastOffsetDelta < dirtyFrom) continue
        if (keys.isFull) return { keys, end: header.baseOffset }
        const batch = scanner.batch(header)
        if (isControl(header.attributes)) transactions.marker(header, markerKind(batch, header))
        else if (!transactions.data(header))
          for (const { key, offset } of recordsOf(batch, header)) if (key !== null) keys.put(key, offset)
        if (slices.isOver()) {
          await slices.pause()
          if (!this.#isActive()) return undefined
        }
      }
      if (scanner.problem !== undefined) throw new WireError(scanner.problem)
    }
    return { keys, end: dirtyTo }
  }

  /** False when the partition went away meanwhile. */
  async #compactGroup(group: readonly Segment[], rules: Rules, slices: WorkSlices): Promise<boolean> {
    const { files, context } = this.#options
    const place = files.placeOf(group[0]!.baseOffset)
    const cleaned = Segment.create({ ...place, suffix: '.cleaned' }, group.at(-1)!.createdMs)
    let isChanged = group.length > 1
    try {
      for (const segment of group) {
        const scanner = segment.scan()
        for (let header = scanner.next(); header !== undefined; header = scanner.next()) {
          const batch = scanner.batch(header)
          const isLast = segment === group.at(-1) && scanner.nextPosition === segment.sizeBytes
          const kept = compactBatch(batch, header, { ...rules, isLast, index: cleaned })
          if (kept !== batch) isChanged = true
          if (kept !== undefined) appendTo(cleaned, kept, header)
          if (slices.isOver()) {
            await slices.pause()
            if (!this.#isActive()) return false
          }
        }
        if (scanner.problem !== undefined) throw new WireError(scanner.problem)
      }
      if (!isChanged) return true
      cleaned.seal()
      await decideSwap(context.files.disk, cleaned, place)
    } catch (error) {
      if (files.isSwapPending(place)) this.#options.onBroken(messageOf(error))
      throw error
    } finally {
      if (!files.isSwapPending(place)) cleaned.remove()
    }
    return this.#isActive() && (await this.#swap(group, place))
  }

  /** From here on only what was decided may be done; when the disk refuses, a restart does it. */
  async #swap(group: readonly Segment[], place: SegmentPlace): Promise<boolean> {
    const { files, context, onBroken } = this.#options
    try {
      const swapped = enterSwap(context.files.disk, group, place)
      files.replaceSegments(group, swapped)
      await context.files.disk.syncDirectory(place.directory)
      if (!this.#isActive()) return false
      files.replaceSegments([swapped], leaveSwap(context.files.disk, swapped, place))
      await context.files.disk.syncDirectory(place.directory)
      return true
    } catch (error) {
      onBroken(messageOf(error))
      throw error
    }
  }

  /** Gives the outcomes that a crash left under their `.swap` names the names that they are to have. */
  async #finishSwaps(): Promise<void> {
    const { files, context } = this.#options
    const pending = files.segments.all().filter(({ isSwapped }) => isSwapped)
    if (pending.length === 0) return
    const { directory } = files.placeOf(0)
    await context.files.disk.syncDirectory(directory)
    for (const swapped of pending) {
      const place = files.placeOf(swapped.baseOffset)
      files.replaceSegments([swapped], leaveSwap(context.files.disk, swapped, place))
    }
    await context.files.disk.syncDirectory(directory)
  }

  #transactions(end: number): CleanedTransactions {
    const entries = this.#options.files.segments.all().flatMap(({ transactions }) => transactions.entries())
    return new CleanedTransactions(entries.filter(({ firstOffset }) => firstOffset < end))
  }

  #isActive(): boolean {
    return this.#options.log.refusal === undefined
  }

  #report(level: 'info' | 'error', event: string, fields: Readonly<Record<string, unknown>>): void {
    const { context, topic, partition } = this.#options
    context.report(level, event, { topic, partition, ...fields })
  }
}

export interface LogCompactionOptions {
  readonly topic: string
  readonly partition: number
  readonly context: PartitionContext
  readonly files: PartitionFiles
  readonly producers: ProducerStates
  readonly config: () => TopicConfig
  /** Where compaction was before; 0 when nobody knows. */
  readonly cleanedTo: number
  readonly log: {
    readonly lastStableOffset: number
    readonly durableOffset: number
    /** Why it takes no writes any more. */
    readonly refusal: Error | undefined
    settle(): Promise<void>
  }
  /** The disk refused in the middle of a swap: only a restart can say what is there. */
  readonly onBroken: (reason: string) => void
  /** Default 64 MiB. */
  readonly keyMemoryBytes?: number
}

const KEY_MEMORY_BYTES = 64 * 1024 * 1024

interface Rules {
  readonly nowMs: number
  readonly deleteRetentionMs: number
  readonly keys: KeyOffsets
  /** Records from here on are not in `keys`. */
  readonly end: number
  readonly transactions: CleanedTransactions
  readonly producers: ProducerStates
}

/** What stays of a batch: itself, another in its place, or nothing. */
function compactBatch(
  batch: Buffer,
  header: BatchHeader,
  rules: Rules & { readonly isLast: boolean; readonly index: Segment },
): Buffer | undefined {
  const horizonMs = deleteHorizonOf(header)
  const isPast = horizonMs !== undefined && horizonMs <= rules.nowMs
  const empty = (): Buffer | undefined =>
    rules.isLast || isLastOfProducer(header, rules.producers)
      ? header.recordCount === 0
        ? batch
        : rewrittenBatch(batch, header, { records: [], deleteHorizonMs: undefined })
      : undefined
  const nextHorizonMs = horizonMs ?? rules.nowMs + rules.deleteRetentionMs

  if (isControl(header.attributes)) {
    const { isIdle, entry } = rules.transactions.marker(header, markerKind(batch, header))
    if (entry !== undefined) rules.index.transactions.append(entry)
    if (!isIdle) return batch
    if (header.recordCount === 0 || isPast) return empty()
    if (horizonMs !== undefined) return batch
    return rewrittenBatch(batch, header, {
      records: recordsOf(batch, header),
      deleteHorizonMs: nextHorizonMs,
    })
  }

  if (rules.transactions.data(header)) return empty()
  const records = recordsOf(batch, header)
  const kept = records.filter((record) => staysIn(record, rules, isPast))
  if (kept.length === 0) return empty()
  const needsHorizon = horizonMs === undefined && kept.some(({ isTombstone }) => isTombstone)
  if (kept.length === records.length && !needsHorizon) return batch
  return rewrittenBatch(batch, header, {
    records: kept,
    deleteHorizonMs: needsHorizon ? nextHorizonMs : horizonMs,
  })
}

function staysIn({ offset, key, isTombstone }: BatchRecord, { keys, end }: Rules, isPast: boolean): boolean {
  if (offset >= end) return true
  // From a time when the topic was not compacted: nothing can ever supersede it.
  if (key === null) return false
  const last = keys.get(key)
  if (last !== undefined && offset < last) return false
  return !(isTombstone && isPast)
}

/** Its sequence numbers, or for a marker its epoch, are what a restart without a snapshot knows the producer by. */
function isLastOfProducer(header: BatchHeader, producers: ProducerStates): boolean {
  if (header.producerId < 0) return false
  const state = producers.producer(header.producerId)
  if (state === undefined) return false
  const last = state.batches.at(-1)
  return last === undefined
    ? isControl(header.attributes) && header.producerEpoch === state.producerEpoch
    : header.baseOffset + header.lastOffsetDelta === last.lastOffset
}

function markerKind(batch: Buffer, header: BatchHeader): 'commit' | 'abort' | 'other' {
  return header.recordCount === 0 ? 'other' : readControlType(batch)
}

function appendTo(cleaned: Segment, batch: Buffer, header: BatchHeader): void {
  cleaned.append(batch, {
    lastOffset: header.baseOffset + header.lastOffsetDelta,
    maxTimestampMs: Number(batch.readBigInt64BE(MAX_TIMESTAMP_AT)),
  })
}

const MAX_TIMESTAMP_AT = 35
