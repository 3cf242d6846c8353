/**
 * What both producers share: gathers records into batches per partition and sends them, in order and without
 * duplicates, to the partitions' leaders.
 *
 * A batch goes when it is full, when it has waited `lingerMs`, or at a flush. A request takes at most one batch of each
 * partition that one broker leads; up to five requests to a broker are under way. All writes are acks=all and carry
 * producer id, epoch and sequence, so that a batch sent twice is stored once.
 *
 * Answers:    stored, or stored before     → delivered
 *             may pass (no leader, broken connection, …) → back into its place, sent again until `deliveryTimeoutMs`
 *             sequence refused while an older batch is on its way → likewise
 *             identity refused (fenced)     → everything fails, for good
 *             anything else                 → that batch fails; its partition starts anew under a new identity (or, in
 *                                             a transaction, the transaction can only be aborted). What may be stored
 *                                             already fails too (`MR_WRITE_UNKNOWN`): under another identity it would
 *                                             be stored twice
 *
 * Memory: what is appended and not yet delivered is counted; `blocked` says when it is too much.
 */
import { MillraceError } from '../../base/millrace-error.ts'
import type { Timer } from '../../world/world.ts'
import { produceApi, type ProduceResponse } from '../protocol/apis/produce.ts'
import { ErrorCode, isRetriable } from '../protocol/error-code.ts'
import type { Compression, RecordInput } from '../protocol/record-batch.ts'
import { backoffMs } from './backoff.ts'
import { isWorthRetrying, KafkaError } from './kafka-error.ts'
import type { LogClient } from './log-client.ts'
import { OutstandingBatches } from './outstanding-batches.ts'
import { PartitionQueue } from './partition-queue.ts'
import { type Delivered, PendingBatch, type ProducerIdentity } from './pending-batch.ts'
import type { SenderHooks, SenderOptions } from './sender-options.ts'
import { mayBeStored, outcomeUnknown } from './write-outcome.ts'

interface InRequest {
  readonly queue: PartitionQueue
  readonly batch: PendingBatch
}

const MAX_REQUESTS_PER_BROKER = 5
const MAX_REQUEST_BYTES = 8 * 1024 * 1024
/** The last Produce version that names topics by name. */
const PRODUCE_BY_NAME = 12
/** The last Produce version that does not add partitions to the transaction. */
const PRODUCE_WITHOUT_ADDING = 11

const FENCED: ReadonlySet<number> = new Set([
  ErrorCode.PRODUCER_FENCED,
  ErrorCode.INVALID_PRODUCER_EPOCH,
  ErrorCode.INVALID_PRODUCER_ID_MAPPING,
])

export class BatchSender {
  readonly #client: LogClient
  readonly #hooks: SenderHooks
  readonly #lingerMs: number
  readonly #batchSizeBytes: number
  readonly #compression: Compression
  readonly #deliveryTimeoutMs: number
  readonly #queues = new Map<string, PartitionQueue[]>()
  readonly #requests = new Map<number, number>()
  readonly #outstanding: OutstandingBatches
  #identity: ProducerIdentity
  #typicalBatchBytes = 1_024
  /** Partitions that are being added to the transaction. */
  readonly #additions = new Set<Promise<void>>()
  /** Told after each answer of a broker. */
  readonly #answered: (() => void)[] = []
  #wakeUp: { readonly timer: Timer; readonly atMs: number } | undefined
  #pumpQueued = false
  #refreshing = false
  #fatal: Error | undefined

  constructor(
    client: LogClient,
    identity: ProducerIdentity,
    options: SenderOptions & { readonly hooks: SenderHooks },
  ) {
    this.#client = client
    this.#identity = identity
    this.#hooks = options.hooks
    this.#lingerMs = options.lingerMs ?? 5
    this.#batchSizeBytes = options.batchSizeBytes ?? 128 * 1024
    this.#outstanding = new OutstandingBatches({
      maxBufferedBytes: options.maxBufferedBytes ?? 32 * 1024 * 1024,
    })
    this.#compression = options.compression ?? 'none'
    this.#deliveryTimeoutMs = options.deliveryTimeoutMs ?? 120_000
  }

  /** Why nothing can be sent any more. */
  get fatal(): Error | undefined {
    return this.#fatal
  }

  /** Makes the next flush reject: a record was lost before it had a batch. */
  noteFailure(error: Error): void {
    this.#outstanding.failure ??= error
  }

  get bufferedBytes(): number {
    return this.#outstanding.bufferedBytes
  }

  /** Takes a record; false when it would be better to wait for `blocked` before the next one. */
  append(topic: string, partition: number, record: RecordInput, delivered?: Delivered): boolean {
    if (this.#fatal !== undefined) throw this.#fatal
    const queue = this.#queue(topic, partition)
    let batch = queue.open
    if (batch === undefined) {
      const nowMs = this.#client.world.clock.monotonicMs()
      batch = new PendingBatch({ nowMs, initialCapacity: this.#typicalBatchBytes })
      queue.waiting.push(batch)
      this.#outstanding.add(batch)
      this.#wakeAt(nowMs + this.#lingerMs)
    }
    this.#outstanding.bufferedBytes += batch.append(record, delivered)
    if (batch.estimatedSizeBytes >= this.#batchSizeBytes) {
      batch.sealed = true
      this.#typicalBatchBytes = Math.ceil(batch.estimatedSizeBytes * 1.1)
      this.#queuePump()
    }
    return this.#outstanding.hasRoom
  }

  /**
   * Takes a whole batch (magic 2, offsets without gaps, times of creation), which keeps its compression. `delivered` is
   * told once, with the offset of its first record. The topic has to be known to the client. False as `append`.
   */
  appendBatch(topic: string, partition: number, batch: Buffer, delivered: Delivered): boolean {
    if (this.#fatal !== undefined) throw this.#fatal
    const queue = this.#queue(topic, partition)
    const open = queue.open
    if (open !== undefined) open.sealed = true
    const pending = PendingBatch.of(batch, { nowMs: this.#client.world.clock.monotonicMs(), delivered })
    queue.waiting.push(pending)
    this.#outstanding.add(pending)
    this.#outstanding.bufferedBytes += pending.sizeBytes
    this.#queuePump()
    return this.#outstanding.hasRoom
  }

  /**
   * Goes on with the numbering of an identity that wrote to the partition before: a batch is then stored only if it
   * follows the last one that was, whoever sent that, and once. Call it before the partition's first batch.
   */
  startAt(topic: string, partition: number, sequence: number): void {
    this.#queue(topic, partition).startAt(sequence)
  }

  /** Whether the next keyless record opens a new batch, which is the time to change the partition. */
  isBetweenBatches(topic: string, partition: number): boolean {
    return this.#queues.get(topic)?.[partition]?.open === undefined
  }

  /** A promise while too much waits, undefined when there is room. */
  blocked(): Promise<void> | undefined {
    return this.#outstanding.hasRoom || this.#fatal !== undefined ? undefined : this.#outstanding.room()
  }

  /** Sends all that was appended before the call; rejects when some of it, or something since the last flush, was lost. */
  async flush(): Promise<void> {
    for (const queue of this.#allQueues()) {
      const open = queue.open
      if (open !== undefined) open.sealed = true
    }
    const settled = this.#outstanding.allOfNow()
    this.#pump()
    await settled
    const failure = this.#outstanding.takeFailure()
    if (this.#fatal !== undefined) throw this.#fatal
    if (failure !== undefined) throw failure
  }

  /** Gives up what was not sent, and waits until what was sent is answered. True when a batch was lost on the way. */
  async abandon(): Promise<boolean> {
    const error = new MillraceError({
      code: 'MR_TRANSACTION_ABORTED',
      message: 'the transaction of this record was aborted.',
    })
    let lost = this.#outstanding.failure !== undefined
    while (this.#outstanding.count > 0) {
      for (const queue of this.#allQueues()) {
        for (const batch of queue.clear()) {
          lost ||= batch.sequence >= 0
          this.#outstanding.finish(batch, {
            partition: queue.partition,
            error,
            baseOffset: -1,
            expected: true,
          })
        }
      }
      if (this.#outstanding.count > 0) await new Promise<void>((resolve) => this.#answered.push(resolve))
    }
    // One that ended later would add its partitions to the next transaction.
    await Promise.all(this.#additions)
    this.#outstanding.takeFailure()
    return lost
  }

  /** What follows goes out under another identity; call it with nothing under way. */
  adopt(identity: ProducerIdentity): void {
    const same =
      identity.producerId === this.#identity.producerId &&
      identity.producerEpoch === this.#identity.producerEpoch
    this.#identity = identity
    for (const queue of this.#allQueues()) {
      queue.inTransaction = false
      if (!same) queue.adopt(identity)
    }
  }

  /** Fails everything, now and later. */
  fail(error: Error): void {
    if (this.#fatal !== undefined) return
    this.#fatal = error
    this.#wakeUp?.timer.cancel()
    for (const queue of this.#allQueues()) {
      for (const batch of queue.clear()) this.#lose(queue, batch, error)
      for (const batch of queue.inFlight) this.#lose(queue, batch, error)
    }
    this.#outstanding.releaseWaiters()
    for (const resolve of this.#answered.splice(0)) resolve()
  }

  #queue(topic: string, partition: number): PartitionQueue {
    let queues = this.#queues.get(topic)
    if (queues === undefined) {
      queues = []
      this.#queues.set(topic, queues)
    }
    return (queues[partition] ??= new PartitionQueue({ topic, partition, identity: this.#identity }))
  }

  *#allQueues(): Iterable<PartitionQueue> {
    for (const queues of this.#queues.values())
      for (const queue of queues) if (queue !== undefined) yield queue
  }

  #queuePump(): void {
    if (this.#pumpQueued) return
    this.#pumpQueued = true
    this.#client.world.clock.defer(() => {
      this.#pumpQueued = false
      this.#pump()
    })
  }

  #wakeAt(atMs: number): void {
    if (this.#wakeUp !== undefined && this.#wakeUp.atMs <= atMs) return
    this.#wakeUp?.timer.cancel()
    const { clock } = this.#client.world
    const delayMs = Math.max(0, atMs - clock.monotonicMs())
    if (delayMs === 0) {
      this.#wakeUp = undefined
      return this.#queuePump()
    }
    const timer = clock.schedule(delayMs, () => {
      this.#wakeUp = undefined
      this.#pump()
    })
    this.#wakeUp = { timer, atMs }
  }

  /** Sends whatever is due to brokers that can take another request. */
  #pump(): void {
    while (this.#fatal === undefined && this.#sendDue());
  }

  /** Sends at most one request to each broker; false when there was nothing to send. */
  #sendDue(): boolean {
    const nowMs = this.#client.world.clock.monotonicMs()
    const requests = new Map<number, InRequest[]>()
    const sizes = new Map<number, number>()
    const toAdd: PartitionQueue[] = []
    let nextMs = Infinity
    for (const queue of this.#allQueues()) {
      const dueMs = queue.dueAtMs(this.#lingerMs)
      if (dueMs > nowMs) {
        nextMs = Math.min(nextMs, dueMs)
        continue
      }
      const leader = this.#client.knownTopic(queue.topic)?.partitions[queue.partition]?.leader ?? -1
      if (leader < 0) {
        this.#postpone(queue, nowMs)
        continue
      }
      if ((this.#requests.get(leader) ?? 0) >= MAX_REQUESTS_PER_BROKER) continue
      const size = (sizes.get(leader) ?? 0) + queue.waiting[0]!.sizeBytes
      if (size > MAX_REQUEST_BYTES && sizes.has(leader)) continue
      if (this.#hooks.transaction?.addsByItself === false && !queue.inTransaction) {
        toAdd.push(queue)
        continue
      }
      sizes.set(leader, size)
      const request = requests.get(leader)
      const one = { queue, batch: queue.take() }
      if (request === undefined) requests.set(leader, [one])
      else request.push(one)
    }
    for (const [leader, batches] of requests) void this.#send(leader, batches)
    if (toAdd.length > 0) {
      const adding = this.#add(toAdd).finally(() => this.#additions.delete(adding))
      this.#additions.add(adding)
    }
    if (nextMs < Infinity) this.#wakeAt(nextMs)
    return requests.size > 0
  }

  /** The leader is not known: asks, and looks again soon. */
  #postpone(queue: PartitionQueue, nowMs: number): void {
    const batch = queue.waiting[0]!
    if (nowMs - batch.openedAtMs > this.#deliveryTimeoutMs) {
      const error = this.#tooLate(queue, 'no leader was found for the partition')
      const lost = queue.clear()
      for (const one of lost) this.#lose(queue, one, error)
      if (lost.some(({ sequence }) => sequence >= 0)) this.#startAnew(queue, error)
      return
    }
    batch.notBeforeMs = nowMs + backoffMs(this.#client.world.random, batch.attempts++)
    this.#wakeAt(batch.notBeforeMs)
    this.#refresh()
  }

  async #add(queues: readonly PartitionQueue[]): Promise<void> {
    for (const queue of queues) queue.resetting = true
    try {
      await this.#hooks.transaction!.addPartitions(queues)
      for (const queue of queues) queue.inTransaction = true
    } catch (error) {
      this.#refuse(queues, error as Error)
    }
    for (const queue of queues) queue.resetting = false
    this.#pump()
  }

  #refuse(queues: readonly PartitionQueue[], error: Error): void {
    if (error instanceof KafkaError && FENCED.has(error.errorCode)) return this.fail(error)
    for (const queue of queues) {
      for (const batch of queue.clear()) this.#lose(queue, batch, error)
    }
  }

  async #send(leader: number, batches: readonly InRequest[]): Promise<void> {
    this.#requests.set(leader, (this.#requests.get(leader) ?? 0) + 1)
    const transaction = this.#hooks.transaction
    let broken = false
    try {
      const answer = await this.#client.request(
        produceApi,
        {
          transactionalId: transaction?.transactionalId ?? null,
          acks: -1,
          timeoutMs: this.#client.requestTimeoutMs,
          topicData: [...Map.groupBy(batches, ({ queue }) => queue.topic)].map(([name, group]) => ({
            name,
            partitionData: group.map(({ queue, batch }) => ({
              index: queue.partition,
              records: batch.bytes({
                ...queue.identity,
                transactional: transaction !== undefined,
                compression: this.#compression,
              }),
            })),
          })),
        },
        {
          node: leader,
          channel: 'produce',
          maxVersion: transaction?.addsByItself === false ? PRODUCE_WITHOUT_ADDING : PRODUCE_BY_NAME,
        },
      )
      this.#onAnswer(batches, answer)
    } catch (error) {
      for (const one of batches) this.#onError(one, error as Error)
      broken = true
    }
    this.#requests.set(leader, this.#requests.get(leader)! - 1)
    for (const resolve of this.#answered.splice(0)) resolve()
    // What was under way on the same connection fails in this same turn, and has to be back in its place before
    // anything is sent: a later batch must not overtake it.
    if (broken) this.#queuePump()
    else this.#pump()
  }

  #onAnswer(batches: readonly InRequest[], answer: ProduceResponse): void {
    for (const one of batches) {
      const { queue, batch } = one
      const place = { topic: queue.topic, partition: queue.partition }
      const result = answer.responses
        .find((topic) => topic.name === queue.topic)
        ?.partitionResponses.find((partition) => partition.index === queue.partition)
      const errorCode = result?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR
      if (errorCode === ErrorCode.NONE || errorCode === ErrorCode.DUPLICATE_SEQUENCE_NUMBER) {
        queue.arrived(batch)
        const baseOffset = errorCode === ErrorCode.NONE ? result!.baseOffset : -1
        this.#outstanding.finish(batch, { partition: queue.partition, error: undefined, baseOffset })
        continue
      }
      this.#onError(
        one,
        new KafkaError(errorCode, {
          doing: 'writing records',
          detail: result?.errorMessage ?? null,
          ...place,
          needs: { topic: `Write on the topic ${queue.topic}` },
        }),
      )
    }
  }

  #onError({ queue, batch }: InRequest, error: Error): void {
    if (this.#fatal !== undefined) return
    const errorCode = error instanceof KafkaError ? error.errorCode : undefined
    if (errorCode !== undefined && FENCED.has(errorCode) && this.#hooks.transaction !== undefined)
      return this.fail(error)
    const overtaken =
      errorCode === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER && (queue.resetting || queue.hasOlder(batch))
    const { clock } = this.#client.world
    if (!overtaken) batch.mayBeStored ||= mayBeStored(error)
    let failure = error
    if (overtaken || isWorthRetrying(error)) {
      if (clock.monotonicMs() - batch.openedAtMs <= this.#deliveryTimeoutMs) {
        if (errorCode === undefined || (!overtaken && isRetriable(errorCode))) this.#refresh()
        queue.putBack(batch, clock.monotonicMs() + backoffMs(this.#client.world.random, batch.attempts))
        return
      }
      failure = this.#tooLate(queue, error.message)
    } else if (batch.mayBeStored && this.#hooks.newIdentity !== undefined)
      failure = outcomeUnknown(queue, error)
    queue.drop(batch)
    this.#lose(queue, batch, failure)
    this.#startAnew(queue, error)
  }

  /** A batch is missing from the sequence: the ones behind it need a new one, or fail where they may be stored already. */
  #startAnew(queue: PartitionQueue, why: Error): void {
    const { newIdentity } = this.#hooks
    if (newIdentity === undefined || queue.resetting) return
    queue.resetting = true
    const begin = async (): Promise<void> => {
      while (queue.inFlight.size > 0) await new Promise<void>((resolve) => this.#answered.push(resolve))
      for (const batch of queue.takeUncertain()) this.#lose(queue, batch, outcomeUnknown(queue, why))
      queue.adopt(await newIdentity())
      this.#pump()
    }
    begin().catch((error: unknown) => this.fail(error as Error))
  }

  #lose(queue: PartitionQueue, batch: PendingBatch, error: Error): void {
    this.#outstanding.finish(batch, { partition: queue.partition, error, baseOffset: -1 })
  }

  #tooLate(queue: PartitionQueue, why: string): MillraceError {
    return new MillraceError({
      code: 'MR_DELIVERY_TIMEOUT',
      message: `records were not stored within ${this.#deliveryTimeoutMs} ms: ${why}`,
      fix: 'Check the broker; the records may or may not be there.',
      topic: queue.topic,
      partition: queue.partition,
    })
  }

  #refresh(): void {
    if (this.#refreshing) return
    this.#refreshing = true
    this.#client
      .metadata([...this.#queues.keys()])
      .catch(() => undefined)
      .finally(() => {
        this.#refreshing = false
      })
  }
}
