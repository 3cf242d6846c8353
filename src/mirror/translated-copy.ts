/**
 * Copies a partition in transactions, each of which also writes where at the source the next one begins, and which
 * offsets the records got: for partitions that have records of others, whose offsets cannot be kept.
 */
import type { FetchedRecords } from '../log/client/fetched-records.ts'
import type { ProducerRecord } from '../log/client/producer.ts'
import { readBatchHeader } from '../log/protocol/record-batch.ts'
import { piecesOf } from './copy-plan.ts'
import { type PartitionRecord, type Run, stateRecords } from './mirror-state.ts'
import type { MirrorTransactions, Participant } from './mirror-transactions.ts'
import { translateBy } from './offset-translation.ts'
import type { PartitionCopy, PartitionPlace, PartitionProgress } from './partition-copy.ts'

export interface TranslatedCopyOptions {
  readonly progress: PartitionProgress
  readonly transactions: MirrorTransactions
  readonly stateTopic: string
  /** As it was remembered. */
  readonly record: PartitionRecord
  /** As they were remembered; those of new transactions are added. */
  readonly runs: Run[]
  /** Whether these are all that there ever were. */
  readonly runsAreComplete: boolean
  readonly joinedBytesMax: number
}

/** Newest runs that are kept in memory. */
const RUNS_MAX = 50_000

export class TranslatedCopy implements PartitionCopy, Participant {
  readonly offsets = 'translated'
  readonly #options: TranslatedCopyOptions
  readonly #runs: Run[]
  /** All before it has been sent. */
  #next: number
  #newRuns: Run[] = []
  #complete: boolean
  /** Position and counts that the open transaction will have reached. */
  #pending = { next: 0, records: 0, bytes: 0 }

  constructor(options: TranslatedCopyOptions) {
    this.#options = options
    this.#runs = options.runs
    this.#complete = options.runsAreComplete
    this.#next = options.record.next
    options.progress.position = options.record.next
  }

  get place(): PartitionPlace {
    return this.#options.progress.place
  }

  get position(): number {
    return this.#options.progress.position
  }

  async take(fetched: FetchedRecords): Promise<void> {
    const { transactions, joinedBytesMax } = this.#options
    const { target, partition } = this.place
    for (const { batch, firstOffset, lastOffset } of piecesOf(fetched, {
      from: this.#next,
      joinedBytesMax,
    })) {
      await transactions.write(this, batch.length, (producer) => {
        this.#next = lastOffset + 1
        const { recordCount } = readBatchHeader(batch, 0)
        this.#pending.records += recordCount
        this.#pending.bytes += batch.length
        producer.sendBatch(target, partition, batch, (error, { offset }) => {
          if (error === undefined) this.#add({ source: firstOffset, target: offset, count: recordCount })
        })
      })
    }
    if (fetched.nextOffset <= this.#next) return
    // What the source does not show is passed over; the next transaction remembers it.
    this.#next = fetched.nextOffset
    if (fetched.caughtUp) await transactions.write(this, 0, () => undefined)
  }

  finish(): Promise<void> {
    return this.#options.transactions.commit()
  }

  toRemember(): readonly ProducerRecord[] {
    const { stateTopic, record } = this.#options
    const { target: topic, partition } = this.place
    this.#pending.next = this.#next
    return [
      stateRecords.partition(stateTopic, { topic, partition }, { ...record, next: this.#next }),
      ...this.#newRuns.map((run) => stateRecords.run(stateTopic, { topic, partition }, run)),
    ]
  }

  committed(): void {
    const { progress } = this.#options
    progress.position = this.#pending.next
    progress.records += this.#pending.records
    progress.bytes += this.#pending.bytes
    this.#pending = { next: this.#pending.next, records: 0, bytes: 0 }
    this.#runs.push(...this.#newRuns)
    this.#newRuns = []
    if (this.#runs.length <= RUNS_MAX) return
    this.#runs.splice(0, RUNS_MAX / 10)
    this.#complete = false
  }

  translate(offset: number): number | undefined {
    if (offset > this.#options.progress.position) return undefined
    return translateBy(this.#runs, offset, { complete: this.#complete })
  }

  /** Records that follow each other on both sides are one run. */
  #add(run: Run): void {
    const last = this.#newRuns.at(-1)
    if (last !== undefined && follows(last, run))
      this.#newRuns[this.#newRuns.length - 1] = { ...last, count: last.count + run.count }
    else this.#newRuns.push(run)
  }
}

function follows(a: Run, b: Run): boolean {
  return a.source + a.count === b.source && a.target + a.count === b.target
}
