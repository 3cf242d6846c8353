import type { BatchHeader } from '../../protocol/record-batch.ts'
import { isTransactional } from '../../protocol/record-batch.ts'
import type { TransactionIndexEntry } from '../transaction-index.ts'

/**
 * Which transactions a walk over the log is inside of, batch by batch, and what becomes of their data and markers:
 *
 *  - Data of an aborted transaction goes at once; nobody may see it.
 *  - The marker stays as long as a walk still meets data of its transaction, because the data is meaningless without
 *    it; after that it may go, when the time that tombstones get has passed too.
 */
export class CleanedTransactions {
  /** Not begun yet, by their first offset. */
  readonly #aborted: TransactionIndexEntry[]
  readonly #insideAborted = new Map<number, { readonly entry: TransactionIndexEntry; met: boolean }>()
  readonly #insideCommitted = new Set<number>()
  #next = 0

  /** `aborted`: all that were aborted, from the transaction indexes of the log. */
  constructor(aborted: readonly TransactionIndexEntry[]) {
    this.#aborted = aborted.toSorted((a, b) => a.firstOffset - b.firstOffset)
  }

  /** Takes in a batch of records; true when they belong to an aborted transaction. */
  data(header: BatchHeader): boolean {
    this.#begin(header.baseOffset + header.lastOffsetDelta)
    if (!isTransactional(header.attributes)) return false
    const inside = this.#insideAborted.get(header.producerId)
    // A walk may begin behind the end of a transaction, or its marker may be gone: what follows is another one.
    if (inside === undefined || inside.entry.lastOffset < header.baseOffset) {
      this.#insideCommitted.add(header.producerId)
      return false
    }
    inside.met = true
    return true
  }

  /** Takes in a marker: whether it has done its work, and what the index of its segment has to say about it. */
  marker(
    header: BatchHeader,
    kind: 'commit' | 'abort' | 'other',
  ): { readonly isIdle: boolean; readonly entry?: TransactionIndexEntry } {
    this.#begin(header.baseOffset + header.lastOffsetDelta)
    if (header.recordCount === 0) return { isIdle: true }
    if (kind === 'commit') return { isIdle: !this.#insideCommitted.delete(header.producerId) }
    if (kind === 'other') return { isIdle: false }
    const inside = this.#insideAborted.get(header.producerId)
    this.#insideAborted.delete(header.producerId)
    return inside?.met === true ? { isIdle: false, entry: inside.entry } : { isIdle: true }
  }

  #begin(upTo: number): void {
    for (; this.#next < this.#aborted.length; this.#next++) {
      const entry = this.#aborted[this.#next]!
      if (entry.firstOffset > upTo) return
      this.#insideAborted.set(entry.producerId, { entry, met: false })
    }
  }
}
