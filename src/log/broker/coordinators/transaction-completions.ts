import { type Clock, sleep } from '../../../world/world.ts'
import type { TransactionCoordinator } from '../../coordinator/transaction/transaction-coordinator.ts'
import type { TransactionRecord } from '../../coordinator/transaction/transaction-record.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import type { CoordinatorLog } from './coordinator-log.ts'
import type { MarkerWriter } from './marker-writer.ts'
import { listPartitions } from './transaction-data.ts'

/** One partition of `__transaction_state` with its coordinator. */
export interface TransactionShard {
  readonly coordinator: TransactionCoordinator
  readonly log: CoordinatorLog
}

const RETRY_MS = 1_000

/**
 * Carries out what is decided: waits until the decision is durable, writes the markers, then the record that completes
 * the transaction. Tries again for as long as the disk refuses.
 */
export class TransactionCompletions {
  readonly #options: TransactionCompletionsOptions
  /** Transactions that are being completed; each promise resolves when the next one may begin. */
  readonly #running = new Map<string, Promise<void>>()
  /** `Complete…` records that may not be durable yet. */
  readonly #completedAt = new Map<string, { readonly log: CoordinatorLog; readonly offset: number }>()

  constructor(options: TransactionCompletionsOptions) {
    this.#options = options
  }

  /** The completion of a transactional id's transaction that is under way, if one is. */
  of(transactionalId: string): Promise<void> | undefined {
    return this.#running.get(transactionalId)
  }

  /** Completes a prepared transaction, unless that is under way already. Never rejects. */
  begin(shard: TransactionShard, transactionalId: string): Promise<void> {
    const running = this.#running.get(transactionalId)
    if (running !== undefined) return running
    const completion = this.#complete(shard, transactionalId).finally(() =>
      this.#running.delete(transactionalId),
    )
    this.#running.set(transactionalId, completion)
    return completion
  }

  /** Whether the end of the last transaction of this id is known to be on the device. */
  isSettled(transactionalId: string): boolean {
    return !this.#completedAt.has(transactionalId)
  }

  /**
   * A transaction writes nothing before the end of the one before it is on the device; usually it is. A power cut would
   * have that one completed again, and its marker would commit what the next one had written by then.
   */
  async settled(transactionalId: string): Promise<ErrorCode> {
    const completed = this.#completedAt.get(transactionalId)
    if (completed === undefined) return ErrorCode.NONE
    const { log, offset } = completed
    const error = log.log.durableOffset > offset ? ErrorCode.NONE : await log.durable()
    if (error === ErrorCode.NONE && this.#completedAt.get(transactionalId) === completed)
      this.#completedAt.delete(transactionalId)
    return error
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await Promise.all(this.#running.values())
  }

  async #complete({ coordinator, log }: TransactionShard, transactionalId: string): Promise<void> {
    const { clock, markers, append, signal } = this.#options
    // Without a durable decision there must be no marker.
    while ((await log.durable()) !== ErrorCode.NONE) {
      await sleep(clock, RETRY_MS, signal)
      if (signal.aborted) return
    }
    const plan = coordinator.markers(transactionalId)
    if (plan === undefined) return
    const coordinatorEpoch = log.log.leaderEpoch
    if (!(await markers.write(listPartitions(plan.partitions), { ...plan, coordinatorEpoch }, signal))) return
    for (;;) {
      const record = coordinator.complete(transactionalId, clock.nowMs())
      if (record === undefined || append({ coordinator, log }, record) === ErrorCode.NONE) break
      await sleep(clock, RETRY_MS, signal)
      if (signal.aborted) return
    }
    this.#completedAt.set(transactionalId, { log, offset: log.log.endOffset - 1 })
    void this.settled(transactionalId)
  }
}

export interface TransactionCompletionsOptions {
  readonly clock: Clock
  readonly markers: MarkerWriter
  /** Appends to the coordinator's log and applies. */
  readonly append: (shard: TransactionShard, record: TransactionRecord) => ErrorCode
  /** Aborted when the broker closes. */
  readonly signal: AbortSignal
}
