import { messageOf } from '../../base/millrace-error.ts'
import type { PartitionFiles } from './partition-files.ts'

/**
 * Deletes a partition's oldest segments, one deletion after the other. The order is such that a crash in between does no
 * harm: first a snapshot of the producers at or above the new beginning is on the device (they could not be replayed any
 * more), then the new log start is, then files go.
 */
export class SegmentDeletion {
  readonly #options: SegmentDeletionOptions
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: SegmentDeletionOptions) {
    this.#options = options
  }

  /** Deletes as many as `expired` says, but for the active one; resolves with how many went. Never rejects. */
  run(expired: () => number): Promise<number> {
    const deletion = this.#last.then(async () => {
      try {
        return await this.#delete(expired)
      } catch (error) {
        this.#options.onFailure(messageOf(error))
        return 0
      }
    })
    this.#last = deletion
    return deletion
  }

  /** Does other work on the segments while none is deleted. Rejects as the work does. */
  exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(work)
    this.#last = result.catch(() => undefined)
    return result
  }

  /** Resolves when no deletion is under way. */
  async idle(): Promise<void> {
    await this.#last
  }

  async #delete(expired: () => number): Promise<number> {
    const { files, isWritable, settle, moveStart, startSaved } = this.#options
    if (!isWritable() || expired() === 0) return 0
    await settle()
    const { segments, snapshots } = files
    let count = Math.min(expired(), segments.count - 1)
    while (count > 0 && !snapshots.coverStartAt(segments.at(count)!.baseOffset)) count--
    if (count === 0 || !isWritable()) return 0
    const { baseOffset } = segments.at(count)!
    moveStart(baseOffset)
    await startSaved()
    return isWritable() ? files.removeBelow(baseOffset) : 0
  }
}

export interface SegmentDeletionOptions {
  readonly files: PartitionFiles
  readonly isWritable: () => boolean
  /** Brings everything that was appended and rolled to the device. */
  readonly settle: () => Promise<void>
  /** Moves the log start up to an offset, if it is below. */
  readonly moveStart: (offset: number) => void
  /** Resolves when the log start is on the device. */
  readonly startSaved: () => Promise<void>
  readonly onFailure: (reason: string) => void
}
