/**
 * The transactions of a mirror, one after the other under one transactional id: what is copied of translated partitions,
 * and what the mirror has to remember, become visible together or not at all.
 *
 *   write … write ── interval over, or much written ──▶ flush: the offsets at the target are known
 *                                                         └▶ what to remember of it is written ▶ commit ▶ next
 */
import { MillraceError } from '../base/millrace-error.ts'
import type { LogClient } from '../log/client/log-client.ts'
import type { ProducerRecord } from '../log/client/producer.ts'
import { createTransactionalProducer, type TransactionalProducer } from '../log/client/transaction.ts'
import type { Timer } from '../world/world.ts'

/** A transaction with more than this is committed at once. */
const BYTES_MAX = 16 * 1024 * 1024
const TIMEOUT_MS = 60_000
const DELIVERY_TIMEOUT_MS = 10_000

/** Has written in the open transaction. */
export interface Participant {
  /** Called when all it wrote is stored: gives what has to be remembered of it, in the same transaction. */
  toRemember(): readonly ProducerRecord[]
  committed(): void
}

export class MirrorTransactions {
  readonly #client: LogClient
  readonly #producer: TransactionalProducer
  readonly #intervalMs: number
  readonly #failed: (error: unknown) => void
  readonly #participants = new Set<Participant>()
  #open = false
  #bytes = 0
  #timer: Timer | undefined
  #committing: Promise<void> | undefined

  /** Takes over the transactional id; `failed` is told when a commit on time does not work. */
  static async create(
    client: LogClient,
    options: {
      readonly transactionalId: string
      readonly intervalMs: number
      readonly maxBufferedBytes: number
      readonly failed: (error: unknown) => void
    },
  ): Promise<MirrorTransactions> {
    const { transactionalId, maxBufferedBytes } = options
    const producer = await createTransactionalProducer(client, {
      transactionalId,
      transactionTimeoutMs: TIMEOUT_MS,
      deliveryTimeoutMs: DELIVERY_TIMEOUT_MS,
      maxBufferedBytes,
    })
    return new MirrorTransactions(client, producer, options)
  }

  private constructor(
    client: LogClient,
    producer: TransactionalProducer,
    options: { readonly intervalMs: number; readonly failed: (error: unknown) => void },
  ) {
    this.#client = client
    this.#producer = producer
    this.#intervalMs = options.intervalMs
    this.#failed = options.failed
  }

  /** Runs `work` inside a transaction, once there is one; waits while much is on its way. */
  async write(
    participant: Participant,
    sizeBytes: number,
    work: (producer: TransactionalProducer) => void,
  ): Promise<void> {
    while (this.#committing !== undefined) await this.#committing
    this.#begin()
    this.#participants.add(participant)
    this.#bytes += sizeBytes
    work(this.#producer)
    this.#timer ??= this.#client.world.clock.schedule(this.#intervalMs, () => {
      this.commit().catch(this.#failed)
    })
    if (this.#bytes >= BYTES_MAX) await this.commit()
    else await this.#producer.blocked()
  }

  /** Writes what is to be remembered, durable when it resolves. */
  async remember(records: readonly ProducerRecord[]): Promise<void> {
    if (records.length === 0) return
    await this.write({ toRemember: () => records, committed: () => undefined }, 0, () => undefined)
    await this.commit()
  }

  /** Ends the open transaction; nothing happens when there is none. */
  async commit(): Promise<void> {
    while (this.#committing !== undefined) await this.#committing
    if (!this.#open) return
    this.#timer?.cancel()
    this.#timer = undefined
    this.#committing = this.#commit()
    try {
      await this.#committing
    } finally {
      this.#committing = undefined
    }
  }

  close(): void {
    this.#timer?.cancel()
    this.#producer.close()
  }

  #begin(): void {
    if (this.#open) return
    this.#producer.begin()
    this.#open = true
  }

  async #commit(): Promise<void> {
    const participants = [...this.#participants]
    this.#participants.clear()
    this.#bytes = 0
    await this.#producer.flush()
    for (const participant of participants)
      for (const record of participant.toRemember()) this.#producer.send(record)
    await this.#producer.commit()
    this.#open = false
    for (const participant of participants) participant.committed()
  }
}

/** Whether the mirror's transactional id was taken over, or its transaction timed out. */
export function isFenced(error: unknown): boolean {
  if (!(error instanceof MillraceError)) return false
  return error.code === 'MR_PRODUCER_FENCED' || isFenced(error.cause)
}
