import { MillraceError, messageOf } from '../../base/millrace-error.ts'
import { SharedRun } from './shared-run.ts'

/**
 * Makes a partition's records durable, many callers at a time: while the device works for some, others gather, and the
 * next round serves all of them with one fdatasync.
 *
 * A round that could not write what belongs to it (a full disk) may be tried again. A sync that the device refused may
 * not: the operating system may have dropped the pages that it could not write, and the next sync would succeed without
 * them. So the first such failure is final, and whoever appends is told.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions
  readonly #rounds: SharedRun
  /** The end of what the round under way makes durable. */
  #roundEnd = -1
  #durableOffset: number
  #failure: MillraceError | undefined

  constructor(durableOffset: number, options: GroupCommitOptions) {
    this.#durableOffset = durableOffset
    this.#options = options
    this.#rounds = new SharedRun(() => this.#round())
  }

  /** Everything below is on the device. */
  get durableOffset(): number {
    return this.#durableOffset
  }

  /** Why nothing can be made durable any more. */
  get failure(): MillraceError | undefined {
    return this.#failure
  }

  /** Resolves when all that was appended before the call is on the device; rejects when that failed. */
  sync(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const endOffset = this.#options.endOffset()
    if (this.#durableOffset >= endOffset) return DONE
    const current = this.#rounds.current
    if (current !== undefined && this.#roundEnd >= endOffset) return current
    return this.#rounds.run()
  }

  /** Like `sync`, and does a round even when all records are durable: for what changed besides them. */
  settle(): Promise<void> {
    return this.#failure === undefined ? this.#rounds.run() : Promise.reject(this.#failure)
  }

  /** From now on every sync fails with `error`. */
  fail(error: MillraceError): void {
    this.#failure ??= error
  }

  async #round(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    const end = this.#options.endOffset()
    this.#roundEnd = end
    const before = this.#options.before()
    if (before !== undefined) await before
    const syncs = this.#options.prepare()
    try {
      await syncs()
    } catch (error) {
      this.#failure ??= new MillraceError({
        code: 'MR_SYNC_FAILED',
        message: `the device did not take what was written: ${messageOf(error)}`,
        fix: 'The partition takes no more writes and can be read. Check the disk, then restart: what is whole on it will be recovered.',
        ...this.#options.place,
        cause: error,
      })
      this.#options.onFailure(this.#failure)
      throw this.#failure
    }
    if (end > this.#durableOffset) {
      this.#durableOffset = end
      this.#options.onDurable()
    }
  }
}

export interface GroupCommitOptions {
  readonly place: { readonly topic: string; readonly partition: number }
  readonly endOffset: () => number
  /** What has to be on the device first, if anything; may fail without harm. */
  readonly before: () => Promise<void> | undefined
  /** Writes what has to be written before the sync, and returns what does the sync. May throw, without harm. */
  readonly prepare: () => () => Promise<void>
  readonly onDurable: () => void
  readonly onFailure: (error: MillraceError) => void
}

const DONE = Promise.resolve()
