/** Finds out how a partition is copied, kept or translated, and from where: from what the target holds. */
import { listOffsets } from '../log/client/admin.ts'
import type { BatchSender } from '../log/client/batch-sender.ts'
import type { TopicMetadata } from '../log/client/cluster-metadata.ts'
import { describeConfigs } from '../log/client/config-admin.ts'
import { throwIfError } from '../log/client/kafka-error.ts'
import type { LogClient } from '../log/client/log-client.ts'
import type { ProducerIdentity } from '../log/client/producer.ts'
import { deleteRecordsApi } from '../log/protocol/apis/delete-records.ts'
import { ErrorCode } from '../log/protocol/error-code.ts'
import { forEachRecord } from '../log/protocol/record-batch.ts'
import { diverged, type GapFiller } from './gap-filler.ts'
import { IdenticalCopy } from './identical-copy.ts'
import { lostRecords, offsetsNotKept, sourceRemade } from './mirror-errors.ts'
import { type MirrorState, type PartitionRecord, type Run, stateRecords } from './mirror-state.ts'
import type { MirrorTransactions } from './mirror-transactions.ts'
import type { PartitionCopy, PartitionPlace, PartitionProgress } from './partition-copy.ts'
import { ResumeNeeded } from './resume-needed.ts'
import type { MirrorSetting } from './start-mirror.ts'
import { batchAt, firstVisibleOffset, tailOf, type TailRecord, type TargetTail } from './target-tail.ts'
import { TranslatedCopy } from './translated-copy.ts'

/** A partition that begins behind this is not filled up from 0, but translated. */
const FILLED_MAX = 1_000_000_000

interface Opening {
  readonly topic: TopicMetadata
  readonly target: TopicMetadata
  readonly progress: PartitionProgress
  readonly joinedBytesMax: number
}

interface OpenerParts {
  readonly source: LogClient
  readonly target: LogClient
  readonly setting: MirrorSetting
  readonly state: MirrorState
  readonly stateTopic: string
  readonly producer: ProducerIdentity
  readonly sender: BatchSender
  readonly gaps: GapFiller
  readonly transactions: MirrorTransactions
  readonly failed: (error: unknown) => void
}

interface NotKept {
  /** All of the source before it is copied. */
  readonly next: number
  readonly runs: readonly Run[]
}

interface Bounds {
  readonly start: number
  /** Of what a `read_committed` reader sees. */
  readonly stable: number
  readonly end: number
}

export class PartitionOpener {
  readonly #parts: OpenerParts

  constructor(parts: OpenerParts) {
    this.#parts = parts
  }

  /** The most bytes that a batch of this topic may have at the target. */
  async batchBytesMax(topic: string): Promise<number> {
    const [settings = []] = await describeConfigs(this.#parts.target, [{ type: 'topic', name: topic }])
    const value = Number(settings.find(({ name }) => name === 'max.message.bytes')?.value)
    return value > 0 ? value : Infinity
  }

  async open(opening: Opening): Promise<PartitionCopy> {
    const { progress } = opening
    const { place } = progress
    const bounds = await this.#boundsOf(place)
    progress.start = bounds.start
    progress.end = Math.max(progress.end, bounds.stable)
    const record = await this.#recordOf(opening, bounds)
    progress.offsets = record.offsets
    return record.offsets === 'identical'
      ? this.#openIdentical(opening, record, bounds)
      : this.#openTranslated(opening, record, bounds)
  }

  async #openIdentical(opening: Opening, record: PartitionRecord, bounds: Bounds): Promise<PartitionCopy> {
    const { progress, joinedBytesMax } = opening
    const { place } = progress
    const { target, sender, gaps, producer, failed } = this.#parts
    const at = { topic: place.target, partition: place.partition }
    const tail = await tailOf(target, at, producer)
    const copied = await this.#copiedUpTo({ place, record, tail, bounds })
    const notKept = (where: NotKept): void => {
      this.#translateFromNow(place, record, where).then(
        () => failed(new ResumeNeeded('offsets are translated from now on')),
        failed,
      )
    }
    if (copied !== undefined) {
      const count = copied - record.first
      const runs = count > 0 ? [{ source: record.first, target: record.first, count }] : []
      const next = Math.max(copied, bounds.start)
      const translated = await this.#translateFromNow(place, record, { next, runs })
      progress.offsets = 'translated'
      return this.#openTranslated(opening, translated, bounds)
    }
    sender.startAt(at.topic, at.partition, tail.sequence)
    const { first } = record
    const end = tail.end
    const copy = new IdenticalCopy({ progress, sender, gaps, end, joinedBytesMax, first, failed, notKept })
    if (tail.end >= bounds.start) {
      if (tail.start < record.first && tail.end >= record.first) await this.#deleteBefore(at, record.first)
      return copy
    }
    const atFirst = tail.end <= record.first
    if (!atFirst) this.#lose(progress, { position: tail.end, start: bounds.start })
    await copy.fillTo(bounds.start)
    if (atFirst) await this.#deleteBefore(at, bounds.start)
    return copy
  }

  /**
   * Undefined where the end of the target's partition tells the position at the source, as it does as long as offsets are
   * kept. Otherwise how far the source is copied, which the last record that was tells.
   */
  async #copiedUpTo(opened: {
    readonly place: PartitionPlace
    readonly record: PartitionRecord
    readonly tail: TargetTail
    readonly bounds: Bounds
  }): Promise<number | undefined> {
    const { place, record, tail, bounds } = opened
    const { topic, partition } = place
    if (tail.last !== undefined) await this.#compare(place, tail.last, bounds)
    if (tail.last === undefined && tail.sequence > 0) {
      if (tail.end <= bounds.end) return undefined
      throw sourceRemade(place, `it ends at ${bounds.end}, and ${tail.end} offsets of it are at the target`)
    }
    const copied = tail.last === undefined ? record.first : tail.last.offset + 1
    if (copied > bounds.end)
      throw sourceRemade(place, `it ends at ${bounds.end}, and was copied up to ${copied}`)
    const from = Math.max(copied, bounds.start)
    if (tail.end > bounds.end) return copied
    const next = await firstVisibleOffset(this.#parts.source, { topic, partition, offset: from }, tail.end)
    return next === undefined ? undefined : copied
  }

  /** Offsets cannot be kept any more: remembers where what is copied lies. */
  async #translateFromNow(
    place: PartitionPlace,
    record: PartitionRecord,
    { next, runs }: NotKept,
  ): Promise<PartitionRecord> {
    const { state, stateTopic, transactions, setting } = this.#parts
    const at = { topic: place.target, partition: place.partition }
    const translated: PartitionRecord = { ...record, offsets: 'translated', next }
    await transactions.remember([
      stateRecords.partition(stateTopic, at, translated),
      ...runs.map((run) => stateRecords.run(stateTopic, at, run)),
    ])
    const key = `${place.target}/${place.partition}`
    state.partitions.set(key, translated)
    state.runs.set(key, [...runs])
    const why =
      'the target has more offsets than the source: others write to it, or a marker was written twice'
    setting.report('warn', 'mirror: offsets are translated', { ...place, from: next, why })
    return translated
  }

  #openTranslated(opening: Opening, record: PartitionRecord, bounds: Bounds): PartitionCopy {
    const { progress, joinedBytesMax } = opening
    const { place } = progress
    const { transactions, stateTopic, state } = this.#parts
    const key = `${place.target}/${place.partition}`
    if (record.next > bounds.end)
      throw sourceRemade(place, `it ends at ${bounds.end}, and was copied up to ${record.next}`)
    let { next } = record
    if (next < bounds.start) {
      if (next !== record.first) this.#lose(progress, { position: next, start: bounds.start })
      next = bounds.start
    }
    const runs = state.runs.get(key) ?? []
    state.runs.set(key, runs)
    return new TranslatedCopy({
      progress,
      transactions,
      stateTopic,
      record: { ...record, next },
      runs,
      runsAreComplete: !state.incomplete.has(key),
      joinedBytesMax,
    })
  }

  /** As it is remembered; decided now when it is not, or when the target's topic is another one. */
  async #recordOf({ topic, target, progress }: Opening, bounds: Bounds): Promise<PartitionRecord> {
    const { place } = progress
    const { state, stateTopic, setting, transactions } = this.#parts
    const key = `${place.target}/${place.partition}`
    const known = state.partitions.get(key)
    if (known !== undefined && known.targetTopicId === target.id) {
      if (known.sourceTopicId !== topic.id || known.source !== topic.name)
        throw sourceRemade(place, 'it has another id')
      if (setting.offsets === 'identical' && known.offsets === 'translated')
        throw offsetsNotKept(place, 'they were translated from the beginning')
      return known
    }
    const why = await this.#whyTranslated(place, bounds)
    if (why !== undefined && setting.offsets === 'identical') throw offsetsNotKept(place, why)
    const offsets = why === undefined ? 'identical' : 'translated'
    const { start } = bounds
    const ids = { sourceTopicId: topic.id, targetTopicId: target.id }
    const record: PartitionRecord = { offsets, source: topic.name, ...ids, first: start, next: start }
    const at = { topic: place.target, partition: place.partition }
    const forgotten = state.runs.get(key) ?? []
    await transactions.remember([
      stateRecords.partition(stateTopic, at, record),
      ...forgotten.map((run) => stateRecords.forgetRun(stateTopic, at, run)),
    ])
    state.partitions.set(key, record)
    state.runs.delete(key)
    state.incomplete.delete(key)
    if (why !== undefined) setting.report('warn', 'mirror: offsets are translated', { ...place, why })
    return record
  }

  async #whyTranslated(place: PartitionPlace, bounds: Bounds): Promise<string | undefined> {
    if (this.#parts.setting.offsets === 'translated') return 'it was asked for'
    const at = { topic: place.target, partition: place.partition }
    const [end] = await listOffsets(this.#parts.target, [{ ...at, at: 'latest' }], {
      isolation: 'read_uncommitted',
    })
    if (end!.offset > 0) return 'the partition at the target was not empty'
    return bounds.start > FILLED_MAX ? `the source begins at ${bounds.start}` : undefined
  }

  async #boundsOf({ topic, partition }: PartitionPlace): Promise<Bounds> {
    const at = { topic, partition }
    const [start, end] = await listOffsets(
      this.#parts.source,
      [
        { ...at, at: 'earliest' },
        { ...at, at: 'latest' },
      ],
      { isolation: 'read_uncommitted' },
    )
    const [stable] = await listOffsets(this.#parts.source, [{ ...at, at: 'latest' }], {
      isolation: 'read_committed',
    })
    return { start: start!.offset, stable: stable!.offset, end: end!.offset }
  }

  #lose(progress: PartitionProgress, lost: { readonly position: number; readonly start: number }): void {
    const { setting } = this.#parts
    if (setting.onLost === 'stop') throw lostRecords(progress.place, lost)
    progress.lost += lost.start - lost.position
    setting.report('error', 'mirror: deleted at the source before it was copied', {
      ...progress.place,
      ...lost,
    })
  }

  /** The last record that was copied must be the source's at that offset, as long as the source still has it. */
  async #compare(place: PartitionPlace, last: TailRecord, bounds: Bounds): Promise<void> {
    if (last.offset < bounds.start || last.offset >= bounds.end) return
    const { topic, partition } = place
    const batch = await batchAt(this.#parts.source, { topic, partition, offset: last.offset })
    if (batch === undefined) return
    let same = true
    forEachRecord(batch, (offset, timestampMs, key, value) => {
      if (offset !== last.offset) return
      same = timestampMs === last.timestampMs && equal(key, last.key) && equal(value, last.value)
    })
    if (!same) throw diverged({ topic: place.target, partition })
  }

  /** Takes away the fillers in front of the first record, where the topic's policy allows it. */
  async #deleteBefore(
    { topic, partition }: { readonly topic: string; readonly partition: number },
    offset: number,
  ): Promise<void> {
    const { target } = this.#parts
    if (offset === 0) return
    await target.retry(async () => {
      const node = target.knownTopic(topic)?.partitions[partition]?.leader ?? 'any'
      const partitions = [{ partitionIndex: partition, offset }]
      const request = { topics: [{ name: topic, partitions }], timeoutMs: target.requestTimeoutMs }
      const answer = await target.request(deleteRecordsApi, request, { node })
      const errorCode = answer.topics[0]?.partitions[0]?.errorCode ?? ErrorCode.NONE
      // A compacted topic keeps them; its cleaner takes them away.
      if (errorCode === ErrorCode.POLICY_VIOLATION) return
      throwIfError(errorCode, { doing: 'deleting the fillers', topic, partition })
    })
  }
}

function equal(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b)
}
