import type { LeaderEpochStart } from './checkpoint-files.ts'

/**
 * The leader epochs of a partition and where each began (KIP-101). With one node there is never another leader, but a
 * crash may take back records that a consumer has already read: a new epoch after it lets consumers notice (KIP-320).
 * Epochs and start offsets ascend.
 */
export class LeaderEpochs {
  #epochs: LeaderEpochStart[]

  constructor(epochs: readonly LeaderEpochStart[]) {
    this.#epochs = [...epochs].sort((a, b) => a.epoch - b.epoch)
  }

  /** The newest epoch, 0 when there is none yet. */
  get current(): number {
    return this.#epochs.at(-1)?.epoch ?? 0
  }

  all(): readonly LeaderEpochStart[] {
    return this.#epochs
  }

  /** Begins `epoch` at `startOffset`, unless it or a later one has begun. */
  begin(epoch: number, startOffset: number): void {
    if (this.#epochs.length > 0 && epoch <= this.current) return
    // `push` would make room for 16 more, in each of many partitions.
    this.#epochs = this.#epochs
      .filter((each) => each.startOffset < startOffset)
      .concat({ epoch, startOffset })
  }

  /** Forgets epochs that began after `endOffset`. */
  truncateTo(endOffset: number): void {
    this.#epochs = this.#epochs.filter((each) => each.startOffset <= endOffset)
  }

  /** Forgets what lies before `startOffset`; the epoch in force there now begins there. */
  advanceStartTo(startOffset: number): boolean {
    const inForce = this.#epochs.findLast((each) => each.startOffset <= startOffset)
    if (inForce === undefined || inForce.startOffset === startOffset) return false
    this.#epochs = [
      { epoch: inForce.epoch, startOffset },
      ...this.#epochs.filter((each) => each.startOffset > startOffset),
    ]
    return true
  }

  /**
   * Where the log of `epoch` ends, as OffsetForLeaderEpoch answers: the largest known epoch not above the one asked for
   * and the offset at which the next one begins; −1 and −1 when the epoch is not known yet.
   */
  endOffsetFor(epoch: number, endOffset: number): { readonly epoch: number; readonly endOffset: number } {
    const epochs = this.#epochs
    if (epochs.length === 0 || epoch < 0 || epoch > this.current) return { epoch: -1, endOffset: -1 }
    if (epoch === this.current) return { epoch, endOffset }
    const nextIndex = epochs.findIndex((each) => each.epoch > epoch)
    const next = epochs[nextIndex]!
    return { epoch: epochs[nextIndex - 1]?.epoch ?? epoch, endOffset: next.startOffset }
  }
}
