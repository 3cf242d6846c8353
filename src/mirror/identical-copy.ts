/**
 * Copies a partition so that every record has the offset that it has at the source. `target-tail.ts` says how that is
 * exactly once: the end of the partition at the target is the position at the source.
 *
 * Invariants
 *  - A batch is sent when all offsets before its first are taken at the target, or on their way there in order.
 *  - What the source does not show (markers, aborted and removed records) is filled before what lies behind it.
 *  - Every answer is looked at. When a batch did not get its offset (somebody else writes too), or a filling came out longer
 *    than it had to be (a marker was written twice), offsets cannot be kept any more: nothing further is sent, and once all
 *    that is under way is answered, it is known exactly what lies where. From there on the partition is translated.
 */
import { assert } from '../base/assert.ts'
import type { BatchSender } from '../log/client/batch-sender.ts'
import type { FetchedRecords } from '../log/client/fetched-records.ts'
import { readBatchHeader } from '../log/protocol/record-batch.ts'
import { piecesOf, type Piece } from './copy-plan.ts'
import { type GapFiller, Overfilled } from './gap-filler.ts'
import type { Run } from './mirror-state.ts'
import type { PartitionCopy, PartitionPlace, PartitionProgress } from './partition-copy.ts'
import { ResumeNeeded } from './resume-needed.ts'

export interface IdenticalCopyOptions {
  readonly progress: PartitionProgress
  readonly sender: BatchSender
  readonly gaps: GapFiller
  /** The end of the partition at the target. */
  readonly end: number
  readonly joinedBytesMax: number
  /** The first offset that was copied. */
  readonly first: number
  readonly failed: (error: unknown) => void
  /** Offsets cannot be kept: all before `next` is copied, and lies as the runs say. Ends this copy. */
  readonly notKept: (where: { readonly next: number; readonly runs: readonly Run[] }) => void
}

export class IdenticalCopy implements PartitionCopy {
  readonly offsets = 'identical'
  readonly #options: IdenticalCopyOptions
  /** What comes next at the source: all before it has been sent. */
  #next: number
  #underWay = 0
  /** Where batches lie since one did not get its offset. */
  #shifted: Run[] | undefined
  #broken = false
  #idle: (() => void) | undefined

  constructor(options: IdenticalCopyOptions) {
    this.#options = options
    this.#next = options.end
    options.progress.position = options.end
  }

  get place(): PartitionPlace {
    return this.#options.progress.place
  }

  get position(): number {
    return this.#options.progress.position
  }

  async take(fetched: FetchedRecords): Promise<void> {
    const { sender, joinedBytesMax } = this.#options
    for (const piece of piecesOf(fetched, { from: this.#next, joinedBytesMax })) {
      if (this.#shifted !== undefined) return
      if (piece.firstOffset > this.#next) await this.fillTo(piece.firstOffset)
      this.#send(piece)
      await sender.blocked()
    }
    // Behind the last record, what is not shown is filled when nothing else comes: then more of it may be together.
    if (this.#shifted === undefined && fetched.caughtUp && fetched.nextOffset > this.#next)
      await this.fillTo(fetched.nextOffset)
  }

  /** Writes what holds nothing up to an offset of the source. */
  async fillTo(offset: number): Promise<void> {
    await this.finish()
    if (this.#shifted !== undefined || this.#broken) return
    const { gaps, progress, first, notKept } = this.#options
    const { target, partition } = this.place
    try {
      await gaps.fill({ topic: target, partition }, { from: this.#next, to: offset })
    } catch (error) {
      if (!(error instanceof Overfilled)) throw error
      this.#shifted = []
      notKept({ next: offset, runs: runOf(first, this.#next) })
      return
    }
    progress.filled += offset - this.#next
    this.#next = offset
    progress.position = offset
  }

  async finish(): Promise<void> {
    while (this.#underWay > 0) await new Promise<void>((resolve) => (this.#idle = resolve))
  }

  translate(offset: number): number | undefined {
    return offset <= this.#options.progress.position ? offset : undefined
  }

  #send({ batch, firstOffset, lastOffset }: Piece): void {
    if (this.#shifted !== undefined || this.#broken) return
    assert(firstOffset === this.#next, 'offsets are copied without a gap')
    const { sender, progress } = this.#options
    const { target, partition } = this.place
    const { recordCount } = readBatchHeader(batch, 0)
    this.#underWay++
    this.#next = lastOffset + 1
    sender.appendBatch(target, partition, batch, (error, { offset }) => {
      this.#underWay--
      if (error !== undefined) this.#fail(error)
      // It is there, but the log no longer knows where: its end does.
      else if (offset < 0) this.#fail(new ResumeNeeded('a batch was stored before'))
      else {
        if (offset !== firstOffset) this.#shifted ??= runOf(this.#options.first, firstOffset)
        this.#shifted?.push({ source: firstOffset, target: offset, count: recordCount })
        progress.position = lastOffset + 1
        progress.records += recordCount
        progress.bytes += batch.length
      }
      if (this.#underWay > 0) return
      if (this.#shifted !== undefined && !this.#broken)
        this.#options.notKept({ next: this.#next, runs: this.#shifted })
      this.#idle?.()
    })
  }

  #fail(error: unknown): void {
    this.#broken = true
    this.#options.failed(error)
  }
}

/** Offsets that were kept, as a run. */
function runOf(first: number, end: number): Run[] {
  return end > first ? [{ source: first, target: first, count: end - first }] : []
}
