/**
 * The topic `_schemas`: reads it into a `RegistryState`, and writes what was decided on that state.
 *
 * Several processes may serve one cluster's registry. Whoever writes holds the transactional id `millrace-schema-registry`:
 *
 *   take the id over (fences whoever had it) → read the topic to its end → decide → write in a transaction → apply
 *
 * As long as the id has not been taken by another, nobody else can have written, so the state decided on is the whole
 * truth; a write that was decided on an older one is refused by the broker, and decided anew. The records of one decision
 * are there together or not at all.
 */
import { messageOf, MillraceError } from '../base/millrace-error.ts'
import type { Report } from '../base/report.ts'
import { createTopics, listOffsets } from '../log/client/admin.ts'
import { describeConfigs } from '../log/client/config-admin.ts'
import { backoffMs } from '../log/client/backoff.ts'
import { decodeRecords, Fetcher } from '../log/client/fetcher.ts'
import { KafkaError } from '../log/client/kafka-error.ts'
import type { LogClient } from '../log/client/log-client.ts'
import { createTransactionalProducer, type TransactionalProducer } from '../log/client/transaction.ts'
import { ErrorCode } from '../log/protocol/error-code.ts'
import { sleep } from '../world/world.ts'
import { ErrorCodes, RegistryError } from './registry-error.ts'
import { decodeRecord, encodeRecord, type RegistryRecord } from './registry-record.ts'
import { RegistryState } from './registry-state.ts'

export const SCHEMAS_TOPIC = '_schemas'
const TRANSACTIONAL_ID = 'millrace-schema-registry'

/** What to write, and what to answer once it is written. */
export interface Decision<T> {
  readonly records: readonly RegistryRecord[]
  readonly result: T
}

export class SchemaStore {
  readonly #client: LogClient
  readonly #report: Report
  readonly #state = new RegistryState()
  readonly #fetcher: Fetcher
  #nextOffset = 0
  #waiting: {
    readonly offset: number
    readonly resolve: () => void
    readonly reject: (error: Error) => void
  }[] = []
  #failure: Error | undefined
  #producer: TransactionalProducer | undefined
  /** The end of the queue of writes. */
  #lastWrite: Promise<unknown> = Promise.resolve()

  private constructor(client: LogClient, report: Report) {
    this.#client = client
    this.#report = report
    this.#fetcher = new Fetcher(client, { outOfRange: 'earliest' })
  }

  /** Makes the topic if need be and reads it. Throws what the client throws. */
  static async open(client: LogClient, report: Report): Promise<SchemaStore> {
    await findOrMakeTopic(client, report)
    const store = new SchemaStore(client, report)
    const [start] = await listOffsets(client, [{ topic: SCHEMAS_TOPIC, partition: 0, at: 'earliest' }])
    store.#nextOffset = start!.offset
    store.#fetcher.assign([{ topic: SCHEMAS_TOPIC, partition: 0, offset: start!.offset }])
    void store.#read()
    await store.#catchUp()
    return store
  }

  /** As of the last record that was read: own writes are in it once they have resolved. */
  get state(): RegistryState {
    if (this.#failure !== undefined) throw storeError(this.#failure)
    return this.#state
  }

  /** Whether reading has ended for good; then the store has to be opened anew. */
  get failed(): boolean {
    return this.#failure !== undefined
  }

  /**
   * Decides on the state as it is after all earlier writes and writes the records. `decide` may be called again; what it
   * throws is thrown, and nothing is written. Throws 50001 when the log cannot be written.
   */
  write<T>(decide: (state: RegistryState) => Decision<T>): Promise<T> {
    const written = this.#lastWrite.then(() => this.#write(decide))
    this.#lastWrite = written.catch(() => undefined)
    return written
  }

  close(): void {
    this.#fetcher.close()
    this.#producer?.close()
    this.#fail(new Error('the registry is closing.'))
  }

  async #write<T>(decide: (state: RegistryState) => Decision<T>): Promise<T> {
    const { clock, random } = this.#client.world
    const deadlineMs = clock.monotonicMs() + this.#client.requestTimeoutMs
    for (let attempt = 0; ; attempt++) {
      // What does not write needs no turn: a schema that is there already is the common case.
      const { records, result } = decide(this.state)
      if (records.length === 0) return result
      try {
        const held = this.#producer
        const producer = held ?? (await this.#takeOver())
        const decided = held === undefined ? decide(this.state) : { records, result }
        if (decided.records.length === 0) return decided.result
        await this.#waitFor((await this.#append(producer, decided.records)) + 1)
        return decided.result
      } catch (error) {
        if (error instanceof RegistryError) throw error
        this.#producer?.close()
        this.#producer = undefined
        // Two that take the id from each other at once need pauses of different lengths for one to get through.
        const pauseMs = backoffMs(random, attempt)
        if (clock.monotonicMs() + pauseMs >= deadlineMs || this.#failure !== undefined)
          throw storeError(error)
        this.#report('debug', 'schema-registry-write-repeated', { attempt, reason: messageOf(error) })
        await sleep(clock, pauseMs)
      }
    }
  }

  async #takeOver(): Promise<TransactionalProducer> {
    const producer = await createTransactionalProducer(this.#client, {
      transactionalId: TRANSACTIONAL_ID,
      lingerMs: 0,
    })
    this.#producer = producer
    await this.#catchUp()
    return producer
  }

  /** Returns the offset of the last record. */
  async #append(producer: TransactionalProducer, records: readonly RegistryRecord[]): Promise<number> {
    let last = -1
    producer.begin()
    for (const record of records) {
      producer.send(
        { topic: SCHEMAS_TOPIC, partition: 0, headers: [], ...encodeRecord(record) },
        (error, place) => {
          if (error === undefined) last = Math.max(last, place.offset)
        },
      )
    }
    await producer.commit()
    return last
  }

  /** Waits until all that was committed before the call is in the state. */
  async #catchUp(): Promise<void> {
    const [end] = await listOffsets(this.#client, [{ topic: SCHEMAS_TOPIC, partition: 0, at: 'latest' }], {
      isolation: 'read_committed',
    })
    await this.#waitFor(end!.offset)
  }

  #waitFor(offset: number): Promise<void> {
    if (this.#nextOffset >= offset) return Promise.resolve()
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => this.#waiting.push({ offset, resolve, reject }))
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        const fetched = await this.#fetcher.poll()
        if (fetched === undefined) return
        const { keys, values, offsets } = decodeRecords(fetched)
        for (const [index, key] of keys.entries()) {
          this.#apply({ key, value: values[index]!, offset: offsets[index]! })
        }
        this.#nextOffset = fetched.nextOffset
        const reached = this.#waiting.filter(({ offset }) => offset <= this.#nextOffset)
        this.#waiting = this.#waiting.filter(({ offset }) => offset > this.#nextOffset)
        for (const { resolve } of reached) resolve()
      }
    } catch (error) {
      this.#report('error', 'schema-registry-unreadable', { topic: SCHEMAS_TOPIC, reason: messageOf(error) })
      this.#fail(error as Error)
    }
  }

  /** A record that cannot be read is left out, and said so: the others are still of use. */
  #apply({
    key,
    value,
    offset,
  }: {
    readonly key: Buffer | null
    readonly value: Buffer | null
    readonly offset: number
  }): void {
    try {
      const record = decodeRecord({ key, value })
      if (record !== undefined) this.#state.apply(record)
    } catch (error) {
      this.#report('warn', 'schema-registry-bad-record', {
        topic: SCHEMAS_TOPIC,
        offset,
        reason: messageOf(error),
      })
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error
    const waiting = this.#waiting
    this.#waiting = []
    for (const { reject } of waiting) reject(this.#failure)
  }
}

async function findOrMakeTopic(client: LogClient, report: Report): Promise<void> {
  const found = (await client.metadata([SCHEMAS_TOPIC])).topics.get(SCHEMAS_TOPIC)
  if (found?.errorCode === ErrorCode.NONE) return warnOfRetention(client, report)
  await createTopics(
    client,
    [{ name: SCHEMAS_TOPIC, partitions: 1, config: { 'cleanup.policy': 'compact' } }],
    { ifNotExists: true },
  )
  await client.topic(SCHEMAS_TOPIC)
}

/** A topic that somebody else made may be one that loses what is old. */
async function warnOfRetention(client: LogClient, report: Report): Promise<void> {
  try {
    const [topic] = await describeConfigs(client, [{ type: 'topic', name: SCHEMAS_TOPIC }])
    const policy = topic?.find(({ name }) => name === 'cleanup.policy')?.value
    if (policy === undefined || policy === 'compact') return
    report('warn', 'schema-registry-topic-loses-schemas', {
      topic: SCHEMAS_TOPIC,
      policy,
      fix: 'Set cleanup.policy=compact: otherwise schemas vanish by their age.',
    })
  } catch (error) {
    // Whoever may read the topic need not be allowed to see its settings.
    report('debug', 'schema-registry-topic-settings-unknown', { reason: messageOf(error) })
  }
}

function storeError(error: unknown): RegistryError {
  const kafka = error instanceof KafkaError || error instanceof MillraceError
  return new RegistryError(
    ErrorCodes.STORE,
    `Error in the backend data store - ${kafka ? messageOf(error) : 'unexpected'}`,
    { cause: error },
  )
}
