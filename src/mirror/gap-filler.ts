/**
 * Writes offsets that hold nothing for a reader, so that the records behind them get the offsets that they had at the
 * source, where something was that is not copied: markers of transactions, aborted records, what compaction or retention
 * has removed.
 *
 *   one offset    the marker of a transaction in which nothing was written: no reader ever sees it
 *   a few         so many such transactions, one after the other; a transaction serves all partitions that wait
 *   many          an aborted transaction: filler records, then its marker. `read_uncommitted` readers see the fillers (key
 *                 `millrace-mirror-filler`, no value), as they see aborted records at the source
 *
 * Both transactional ids belong to the mirror alone: taking them over ends what an earlier run left open, before the end
 * of a partition is asked for. A crash in the middle leaves fewer offsets than asked for, never more. A coordinator that
 * crashes before it has noted that a transaction is over writes its markers again, so a filling is done only when that is
 * noted: when the id could be taken over once more.
 */
import { MillraceError } from '../base/millrace-error.ts'
import { listOffsets } from '../log/client/admin.ts'
import type { LogClient } from '../log/client/log-client.ts'
import { EmptyTransactions } from '../log/client/empty-transactions.ts'
import { createTransactionalProducer, type TransactionalProducer } from '../log/client/transaction.ts'
import { RecordBatchBuilder } from '../log/protocol/record-batch.ts'
import { sleep } from '../world/world.ts'

interface Place {
  readonly topic: string
  readonly partition: number
}

interface Waiting extends Place {
  /** The partition's end. */
  at: number
  readonly to: number
  readonly done: () => void
  readonly failed: (error: unknown) => void
}

/** Longer gaps are filled with records of an aborted transaction. */
const MARKERS_MAX = 64
const FILLERS_IN_BATCH = 10_000
const FILLERS_IN_TRANSACTION = 10_000_000
const LOOK_AGAIN_MS = 5
/** How long the end of a partition may stay behind what was written. */
const SETTLE_MS = 30_000

export class GapFiller {
  readonly #client: LogClient
  readonly #transactionalId: string
  readonly #markers: EmptyTransactions
  readonly #waiting: Waiting[] = []
  #fillers!: TransactionalProducer
  /** Fillings with records go one after the other. */
  #last: Promise<void> = Promise.resolve()
  #marking = false
  #closed = false

  /** Takes over the transactional ids. */
  static async create(client: LogClient, transactionalId: string): Promise<GapFiller> {
    const markers = await EmptyTransactions.create(client, `${transactionalId}.markers`)
    const filler = new GapFiller(client, transactionalId, markers)
    filler.#fillers = await filler.#newFillers()
    return filler
  }

  private constructor(client: LogClient, transactionalId: string, markers: EmptyTransactions) {
    this.#client = client
    this.#transactionalId = transactionalId
    this.#markers = markers
  }

  /** Fills from the partition's end `from` up to `to`; returns when the end is there. Throws `Overfilled`. */
  async fill(place: Place, { from, to }: { readonly from: number; readonly to: number }): Promise<void> {
    let at = from
    while (to - at > MARKERS_MAX) {
      const count = Math.min(to - at, FILLERS_IN_TRANSACTION)
      const filling = this.#last.then(() => this.#writeFillers(place, count - 1))
      this.#last = filling.catch(() => undefined)
      await filling
      const [end] = await this.#ends([{ ...place, least: at + count, to }])
      at = end!
    }
    if (at < to) await this.#mark(place, at, to)
  }

  close(): void {
    this.#closed = true
    this.#fillers.close()
  }

  #newFillers(): Promise<TransactionalProducer> {
    return createTransactionalProducer(this.#client, { transactionalId: `${this.#transactionalId}.fillers` })
  }

  #mark(place: Place, at: number, to: number): Promise<void> {
    return new Promise((done, failed) => {
      this.#waiting.push({ ...place, at, to, done, failed })
      if (!this.#marking) void this.#markAll()
    })
  }

  /** Transactions in which nothing is written, each in all the partitions that wait. */
  async #markAll(): Promise<void> {
    this.#marking = true
    while (this.#waiting.length > 0 && !this.#closed) {
      const batch = [...this.#waiting]
      try {
        await this.#markers.mark(batch)
        if (batch.some(({ at, to }) => at + 1 === to)) await this.#markers.settle()
        const ends = await this.#ends(batch.map((one) => ({ ...one, least: one.at + 1 })))
        for (const [index, one] of batch.entries()) one.at = ends[index]!
      } catch (error) {
        for (const one of this.#waiting.splice(0)) one.failed(error)
        break
      }
      for (const one of batch) {
        if (one.at < one.to) continue
        this.#waiting.splice(this.#waiting.indexOf(one), 1)
        one.done()
      }
    }
    this.#marking = false
  }

  async #writeFillers({ topic, partition }: Place, count: number): Promise<void> {
    const producer = this.#fillers
    producer.begin()
    for (let left = count; left > 0;) {
      const size = Math.min(left, FILLERS_IN_BATCH)
      if (!producer.sendBatch(topic, partition, fillers(size, this.#client), () => undefined))
        await producer.blocked()
      left -= size
    }
    await producer.flush()
    await producer.abort()
    this.#fillers = await this.#newFillers()
  }

  /** The partitions' ends, once they are where they must be at `least`: markers are written after a transaction's end is answered. */
  async #ends(
    places: readonly (Place & { readonly least: number; readonly to: number })[],
  ): Promise<readonly number[]> {
    const { clock } = this.#client.world
    const deadlineMs = clock.monotonicMs() + SETTLE_MS
    for (;;) {
      // Committed: what could still be lost would leave its place to what comes next.
      const found = await listOffsets(
        this.#client,
        places.map(({ topic, partition }) => ({ topic, partition, at: 'latest' as const })),
        { isolation: 'read_committed' },
      )
      const ends = found.map(({ offset }) => offset)
      const beyond = places.find(({ to }, index) => ends[index]! > to)
      if (beyond !== undefined)
        throw new Overfilled(`${beyond.topic}-${beyond.partition} goes beyond ${beyond.to}`)
      if (places.every(({ least }, index) => ends[index]! >= least)) return ends
      if (clock.monotonicMs() > deadlineMs || this.#closed) throw neverWritten(places[0]!)
      await sleep(clock, LOOK_AGAIN_MS)
    }
  }
}

/** There is more than was asked for: a marker was written twice after a failure, or somebody else writes too. */
export class Overfilled extends Error {
  override readonly name = 'Overfilled'
}

/** Somebody else has written to a partition whose offsets were kept, and it is not known any more what lies where. */
export function diverged(place: Place): MillraceError {
  return new MillraceError({
    code: 'MR_MIRROR_DIVERGED',
    topic: place.topic,
    partition: place.partition,
    message:
      'the partition at the target does not hold what this mirror wrote to it: what is copied cannot be told any more.',
    fix: 'Let nobody else write to it. Delete the topic at the target to copy it anew, or copy into another one with prefix and offsets "translated".',
  })
}

function neverWritten({ topic, partition }: Place): MillraceError {
  return new MillraceError({
    code: 'MR_REQUEST_TIMEOUT',
    topic,
    partition,
    message: `the markers of a transaction did not appear within ${SETTLE_MS} ms.`,
    fix: 'Look into the log of the target: its transaction coordinator may have no leader.',
  })
}

function fillers(count: number, { world }: LogClient): Buffer {
  const builder = new RecordBatchBuilder({ initialCapacity: count * 32 + 128 })
  const timestampMs = world.clock.nowMs()
  for (let index = 0; index < count; index++)
    builder.append({ timestampMs, key: 'millrace-mirror-filler', value: null })
  return builder.build({ compression: 'gzip' })
}
