/**
 * Writes to a topic, exactly once by default: what comes between two barriers is one Kafka transaction.
 *
 *   write* ─▶ barrier n: the transaction is cut; its records are flushed; its identity goes into checkpoint n
 *                └ the next transaction begins at once, under another transactional id
 *   checkpoint n complete ─▶ EndTxn(commit) ─▶ visible to read_committed readers; the transactional id is free again
 *
 * Invariants
 *  - A transaction's records are sent once those of the one before are stored: a partition keeps the job's order.
 *  - A transactional id is used again only after its transaction has ended, so no later transaction can be ended in its
 *    place.
 *  - After a crash, exactly the transactions of the restored checkpoint are committed (`commit-witness.ts` says which
 *    already are), and all others of this subtask, in every slot, are aborted before the first write.
 *  - Where it cannot be known that a prepared transaction was committed, the job fails with `MR_OUTPUT_LOST`; output is
 *    never silently lost.
 */
import { MillraceError } from '../../base/millrace-error.ts'
import type { LogClient } from '../../log/client/client.ts'
import type { SenderOptions } from '../../log/client/producer.ts'
import {
  createTransactionalProducer,
  endTransaction,
  type TransactionalProducer,
  type TransactionIdentity,
} from '../../log/client/transaction.ts'
import { listOpenTransactions } from '../../log/client/transaction-admin.ts'
import type { Committable, Sink, SinkContext, SinkWriter } from '../../stream/connector/sink.ts'
import { type EventBatch, type JsonValue, NO_TIMESTAMP } from '../../stream/operators/operator.ts'
import { isCommitted, readWitness, type Witness, witnessOffset } from './commit-witness.ts'
import { connectSink, IdempotentWriter, type RecordOf } from './idempotent-writer.ts'
import type { KafkaOptions } from './kafka-options.ts'
import { ensureTopic } from './ensure-topic.ts'
import { opened } from './schemas/record-format.ts'

type KafkaSinkOptions<T> = KafkaOptions<T, unknown>

const TRANSACTION_TIMEOUT_MS = 900_000
/** Slots made ready before they are needed: one being written, one prepared, one being committed. */
const READY_SLOTS = 3
/** Events that may wait for the records before them to be stored until the job is held up. */
const WAITING_MAX = 10_000

export function kafkaSink<T>(options: KafkaSinkOptions<T>): Sink<T> {
  const { guarantee = 'exactly-once' } = options
  return {
    kind: 'kafka',
    guarantee,
    createWriter: (context) =>
      guarantee === 'exactly-once'
        ? new TransactionalWriter(options, context)
        : new IdempotentWriter(
            { ...options, producer: senderOptions(options), openRecord: () => openRecord(options, context) },
            context,
          ),
  }
}

/** What a checkpoint holds of a prepared transaction. */
interface Prepared extends TransactionIdentity {
  readonly token: string
  readonly groupId: string
}

/** What is written between two barriers. */
interface Epoch<T> {
  /** Undefined while no slot is ready. */
  producer: TransactionalProducer | undefined
  /** Events wait until this resolves: there is a slot, and all that was written before is stored. */
  opening: Promise<void> | undefined
  waiting: EventBatch<T>[]
  waitingCount: number
  used: boolean
}

class TransactionalWriter<T> implements SinkWriter<T> {
  readonly #options: KafkaSinkOptions<T>
  readonly #context: SinkContext
  readonly #prefix: string
  readonly #groupId: string
  readonly #token: string
  #record!: RecordOf<T>
  #client!: LogClient
  #witness: Witness = new Map()
  #slots = 0
  readonly #idle: TransactionalProducer[] = []
  readonly #prepared = new Map<number, TransactionalProducer>()
  #epoch!: Epoch<T>
  #committing: Promise<void> = Promise.resolve()

  constructor(options: KafkaSinkOptions<T>, context: SinkContext) {
    // Its one transaction would stay open until its time is over, and be aborted then.
    if (context.output?.commits === false) {
      throw new MillraceError({
        code: 'MR_JOB_INVALID',
        job: context.job,
        step: context.step,
        topic: options.topic,
        message: 'the step writes exactly once, which checkpoints commit, and the job takes none.',
        fix: "Let the job take checkpoints, or give the step guarantee: 'at-least-once'.",
      })
    }
    this.#options = options
    this.#context = context
    this.#prefix = `millrace.${context.job}.${context.step}`
    this.#groupId = `${this.#prefix}.${context.subtask}`
    this.#token = Buffer.from(context.world.random.bytes(4)).toString('hex')
  }

  async recover(restored: readonly Committable[]): Promise<void> {
    this.#record = await openRecord(this.#options, this.#context)
    this.#client = await connectSink(this.#options, this.#context)
    await ensureTopic(this.#client, this.#options)
    for (const { checkpointId, data } of restored)
      await this.#commitRestored(checkpointId, data as unknown as Prepared)
    await this.#abortOthers()
    this.#witness = await readWitness(this.#client, {
      groupId: this.#groupId,
      topic: this.#options.topic,
      stable: true,
    })
    this.#idle.push(...(await Promise.all(Array.from({ length: READY_SLOTS }, () => this.#newSlot()))))
    this.#epoch = this.#newEpoch()
  }

  write(batch: EventBatch<T>): void {
    const epoch = this.#epoch
    if (batch.values.length === 0) return
    epoch.used = true
    if (epoch.opening === undefined) return this.#send(epoch.producer as TransactionalProducer, batch)
    const { values, timestamps } = batch
    epoch.waiting.push({ values: [...values], timestamps: [...timestamps], keys: undefined })
    epoch.waitingCount += values.length
  }

  blocked(): Promise<void> | undefined {
    const { opening, producer, waitingCount } = this.#epoch
    if (opening !== undefined) return waitingCount < WAITING_MAX ? undefined : opening
    return producer?.blocked() as Promise<void> | undefined
  }

  async prepareCommit(checkpointId: number): Promise<JsonValue | undefined> {
    const epoch = this.#epoch
    if (!epoch.used) return undefined
    const flushed = this.#flush(epoch)
    flushed.catch(() => {})
    this.#epoch = this.#newEpoch(flushed)
    await epoch.opening
    const producer = epoch.producer as TransactionalProducer
    this.#prepared.set(checkpointId, producer)
    const { topic } = this.#options
    const offset = witnessOffset(this.#witness, { topic, token: this.#token, checkpointId })
    await Promise.all([flushed, producer.sendOffsets({ groupId: this.#groupId, offsets: [offset] })])
    const prepared: Prepared = { ...producer.identity, token: this.#token, groupId: this.#groupId }
    return { ...prepared }
  }

  /** One after the other: a checkpoint may be complete before the transactions of the one before it have ended. */
  commit(checkpointId: number): Promise<void> {
    const committed = this.#committing.then(() => this.#commitUpTo(checkpointId))
    this.#committing = committed
    return committed
  }

  async close(): Promise<void> {
    for (const producer of [...this.#idle, ...this.#prepared.values()]) producer.close()
    this.#epoch?.producer?.close()
    await this.#client?.close()
  }

  async #commitUpTo(checkpointId: number): Promise<void> {
    const due = [...this.#prepared].filter(([id]) => id <= checkpointId).sort(([a], [b]) => a - b)
    for (const [id, producer] of due) {
      await producer.commit()
      this.#prepared.delete(id)
      this.#idle.push(producer)
    }
  }

  /**
   * Begins the next transaction in an idle slot, or opens a further one. The slots are different producers, so only
   * waiting until what is `before` is stored keeps the order of a partition.
   */
  #newEpoch(before?: Promise<void>): Epoch<T> {
    const producer = this.#idle.shift()
    const epoch: Epoch<T> = { producer, opening: undefined, waiting: [], waitingCount: 0, used: false }
    if (producer !== undefined && before === undefined) {
      producer.begin()
    } else {
      epoch.opening = this.#open(epoch, before)
      // Whoever waits for the slot gets the error; that nobody waits is no reason to end the process.
      epoch.opening.catch(() => {})
    }
    return epoch
  }

  async #open(epoch: Epoch<T>, before: Promise<void> | undefined): Promise<void> {
    const [producer] = await Promise.all([epoch.producer ?? this.#newSlot(), before])
    producer.begin()
    epoch.producer = producer
    epoch.opening = undefined
    for (const batch of epoch.waiting.splice(0)) this.#send(producer, batch)
  }

  async #flush(epoch: Epoch<T>): Promise<void> {
    await epoch.opening
    await epoch.producer?.flush()
  }

  #send(producer: TransactionalProducer, { values, timestamps }: EventBatch<T>): void {
    for (let i = 0; i < values.length; i++)
      producer.send(this.#record(values[i] as T, timestamps[i] as number))
  }

  #newSlot(): Promise<TransactionalProducer> {
    const { transactionTimeoutMs = TRANSACTION_TIMEOUT_MS } = this.#options
    return createTransactionalProducer(this.#client, {
      transactionalId: `${this.#groupId}.${this.#slots++}`,
      transactionTimeoutMs,
      ...senderOptions(this.#options),
    })
  }

  async #commitRestored(checkpointId: number, prepared: Prepared): Promise<void> {
    const { token, groupId, ...identity } = prepared
    const { topic } = this.#options
    const done = async (): Promise<boolean> =>
      isCommitted(await readWitness(this.#client, { groupId, topic }), { token, checkpointId })
    if (await done()) return
    const result = await endTransaction(this.#client, identity, 'commit')
    // Another process may have committed it between the two questions; only then is another answer good.
    if (result === 'ended' || (await done())) return
    throw new MillraceError({
      code: 'MR_OUTPUT_LOST',
      job: this.#context.job,
      step: this.#context.step,
      topic,
      message:
        `checkpoint ${checkpointId} had prepared the transaction ${identity.transactionalId} (producer ` +
        `${identity.producerId}, epoch ${identity.producerEpoch}), which was aborted before it could be committed (${result}).`,
      fix:
        'Its events are not in the topic. Start the job from an older checkpoint or savepoint, and raise ' +
        'transactionTimeoutMs above the longest time the job may be down.',
    })
  }

  /** Aborts what earlier starts left open: this subtask's, and those of subtasks that no longer exist and are dealt to it. */
  async #abortOthers(): Promise<void> {
    const { subtask, parallelism } = this.#context
    const pattern = new RegExp(`^${RegExp.escape(this.#prefix)}\\.(\\d+)\\.\\d+$`)
    const open = await listOpenTransactions(this.#client)
    const mine = open.filter((transactionalId) => {
      const owner = pattern.exec(transactionalId)?.[1]
      return owner !== undefined && Number(owner) % parallelism === subtask
    })
    await Promise.all(
      mine.map(async (transactionalId) => {
        const producer = await createTransactionalProducer(this.#client, { transactionalId })
        producer.close()
      }),
    )
  }
}

function senderOptions({
  compression,
  lingerMs,
}: Pick<KafkaOptions<unknown>, 'compression' | 'lingerMs'>): SenderOptions {
  return { ...(compression && { compression }), ...(lingerMs !== undefined && { lingerMs }) }
}

/**
 * The record of an event. Its timestamp is the event time, or the time of writing where the event time lies ahead of it:
 * a log refuses times far in the future, and one wrong clock among the senders must not stop the job for good.
 */
async function openRecord<T>(
  { topic, value, key, keyFormat }: KafkaSinkOptions<T>,
  context: SinkContext,
): Promise<RecordOf<T>> {
  const { clock } = context.world
  const values = opened(value, { ...context, topic, part: 'value' })
  const keys = keyFormat && opened(keyFormat, { ...context, topic, part: 'key' })
  await Promise.all([values.prepareEncode?.(), keys?.prepareEncode?.()])
  const keyOf = (event: T): string | Uint8Array | null => {
    const given = key?.(event) ?? null
    return given === null || keys === undefined ? (given as string | Uint8Array | null) : keys.encode(given)
  }
  return (event, timestampMs) => ({
    topic,
    key: keyOf(event),
    value: values.encode(event),
    ...(timestampMs !== NO_TIMESTAMP &&
      timestampMs >= 0 && { timestampMs: Math.min(timestampMs, clock.nowMs()) }),
  })
}
