/**
 * Drives the transaction coordinators: one pure `TransactionCoordinator` for each partition of `__transaction_state`.
 * `transaction-coordinator.ts` says what has to be durable before what; this is where it happens:
 *
 *   EndTxn ─▶ Prepare… appended ─▶ fsync (shared) ─┬▶ answer
 *                                                  └▶ markers appended ─▶ fsync of all partitions, side by side
 *                                                        └▶ Complete… appended ─▶ fsync in the background
 *
 * So a commit is answered after one fsync and seen by readers after two. A request that meets a transaction which is
 * being completed waits for it instead of being sent away with CONCURRENT_TRANSACTIONS: completing takes milliseconds,
 * a client's retry a hundred of them, and some clients do not retry at all.
 */
import { MillraceError, messageOf } from '../../../base/millrace-error.ts'
import { sleep, type Timer } from '../../../world/world.ts'
import { coordinatorPartition } from '../../coordinator/coordinator-record.ts'
import { TransactionCoordinator } from '../../coordinator/transaction/transaction-coordinator.ts'
import type {
  ProducerIdentity,
  TopicPartition,
  TransactionAnswer,
  TransactionDecision,
} from '../../coordinator/transaction/transaction-decision.ts'
import {
  decodeTransactionRecord,
  encodeTransactionRecord,
  type TransactionRecord,
  type TransactionValue,
} from '../../coordinator/transaction/transaction-record.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import type { CoordinatorEnvironment, VerifyPartitions } from '../coordinator-services.ts'
import { CoordinatorLog } from './coordinator-log.ts'
import type { GroupDriver } from './group-driver.ts'
import { CONSUMER_OFFSETS, TRANSACTION_STATE, internalTopic } from './internal-topics.ts'
import { MarkerWriter } from './marker-writer.ts'
import { TransactionCompletions, type TransactionShard } from './transaction-completions.ts'
import { findOpenTransactions, syncTransactionData, type FoundTransaction } from './transaction-data.ts'

/** How long the start waits for decided transactions to be completed; longer only when the disk refuses. */
const START_WAIT_MS = 10_000
/** How long a request waits for a transaction that is being completed before it is sent away. */
const LONGEST_WAIT_MS = 5_000
const EXPIRY_BATCH_RECORDS = 1_000

export class TransactionDriver {
  readonly markers: MarkerWriter
  readonly #environment: CoordinatorEnvironment
  readonly #groups: GroupDriver
  #shards: readonly TransactionShard[] = []
  readonly #completions: TransactionCompletions
  readonly #closing = new AbortController()
  readonly #timers = new Set<Timer>()

  constructor(environment: CoordinatorEnvironment, groups: GroupDriver) {
    this.#environment = environment
    this.#groups = groups
    this.markers = new MarkerWriter(environment, groups)
    this.#completions = new TransactionCompletions({
      clock: environment.clock,
      markers: this.markers,
      append: (shard, record) => this.#append(shard, [record]),
      signal: this.#closing.signal,
    })
  }

  /** Replays what is on disk, finds open transactions that a crash took from it, and completes what was decided. */
  async open(): Promise<void> {
    const { config, logDirectory } = this.#environment
    if (logDirectory.topic(TRANSACTION_STATE) !== undefined) {
      this.#openShards()
      for (const { coordinator, log } of this.#shards) {
        log.replay({
          record: (stored) => {
            const record = decodeTransactionRecord(stored)
            if (record !== undefined) coordinator.apply(record)
          },
          marker: () => {},
        })
      }
    }
    await this.#adoptOpenTransactions()
    // What was replayed may not have reached the device before the crash, and the markers must not overtake it.
    await Promise.all(this.#shards.map(({ log }) => log.durable()))
    const completions = this.#shards.flatMap((shard) =>
      shard.coordinator
        .prepared()
        .map(({ transactionalId }) => this.#completions.begin(shard, transactionalId)),
    )
    await this.#atMost(START_WAIT_MS, Promise.all(completions))
    this.#every(config['transaction.abort.timed.out.transaction.cleanup.interval.ms'], () =>
      this.#abortTimedOut(),
    )
    this.#every(config['transaction.remove.expired.transaction.cleanup.interval.ms'], () =>
      this.#removeExpired(),
    )
  }

  async initProducerId(request: {
    readonly transactionalId: string | null
    readonly timeoutMs: number
    readonly current: { readonly producerId: number; readonly producerEpoch: number } | undefined
  }): Promise<TransactionAnswer> {
    const { transactionalId } = request
    if (transactionalId === null) {
      const decision = this.#decide(() => {
        const producerId = this.#allocateProducerId()
        return { kind: 'answer', answer: { errorCode: ErrorCode.NONE, producerId, producerEpoch: 0 } }
      })
      return decision.kind === 'answer' ? decision.answer : refusal(ErrorCode.COORDINATOR_NOT_AVAILABLE)
    }
    return await this.#run(transactionalId, (coordinator, nowMs) =>
      coordinator.initProducerId({ ...request, transactionalId }, this.#allocateProducerId, nowMs),
    )
  }

  /** Adds partitions (all of which must exist) to the producer's transaction. */
  async addPartitions(
    request: ProducerIdentity & {
      readonly partitions: readonly TopicPartition[]
      readonly clientVersion: number
    },
  ): Promise<ErrorCode> {
    const answer = await this.#run(request.transactionalId, (coordinator, nowMs) =>
      coordinator.addPartitions(request, nowMs),
    )
    if (answer.errorCode !== ErrorCode.NONE) return answer.errorCode
    return await this.#completions.settled(request.transactionalId)
  }

  /**
   * Whether Produce may write to these partitions, as it tells its clients: one error code a partition, in order. At
   * once, and without a promise, when nothing has to be written or waited for.
   */
  verifyPartitions(request: VerifyPartitions): readonly ErrorCode[] | Promise<readonly ErrorCode[]> {
    const told = (error: ErrorCode): ErrorCode => produceError(error, request.addImplicitly)
    const known = this.#verify(request)
    const mustWait = known === 'wait' || !this.#completions.isSettled(request.transactionalId)
    if (mustWait || (request.addImplicitly && known.includes(ErrorCode.TRANSACTION_ABORTABLE))) {
      return this.#addOrVerifyAgain(request).then((errors) => errors.map(told))
    }
    return known.map(told)
  }

  async #addOrVerifyAgain(request: VerifyPartitions): Promise<readonly ErrorCode[]> {
    if (!request.addImplicitly) return await this.isInTransaction(request)
    const error = await this.addPartitions({ ...request, clientVersion: 2 })
    return request.partitions.map(() => error)
  }

  /** Whether each partition is in the producer's open transaction: TRANSACTION_ABORTABLE when it is not. */
  async isInTransaction(
    request: ProducerIdentity & { readonly partitions: readonly TopicPartition[] },
  ): Promise<readonly ErrorCode[]> {
    let known = this.#verify(request)
    if (known === 'wait') {
      await this.#awaitCompletion(request.transactionalId)
      known = this.#verify(request)
    }
    if (known === 'wait') return request.partitions.map(() => ErrorCode.CONCURRENT_TRANSACTIONS)
    const error = await this.#completions.settled(request.transactionalId)
    return error === ErrorCode.NONE ? known : request.partitions.map(() => error)
  }

  #verify(
    request: ProducerIdentity & { readonly partitions: readonly TopicPartition[] },
  ): readonly ErrorCode[] | 'wait' {
    const shard = this.#existingShardOf(request.transactionalId)
    return (
      shard?.coordinator.verifyPartitions(request) ??
      request.partitions.map(() => ErrorCode.INVALID_PRODUCER_ID_MAPPING)
    )
  }

  async endTransaction(
    request: ProducerIdentity & { readonly commit: boolean; readonly bumpsEpoch: boolean },
  ): Promise<TransactionAnswer> {
    if (request.commit && !(await this.#dataDurable(request)))
      return refusal(ErrorCode.COORDINATOR_NOT_AVAILABLE)
    return await this.#run(request.transactionalId, (coordinator, nowMs) =>
      coordinator.endTransaction(request, this.#allocateProducerId, nowMs),
    )
  }

  /**
   * What a transaction wrote is on the device before its commit is decided: a power cut must not take a part of it.
   * It is already when the producer used acks=all.
   */
  async #dataDurable({ transactionalId, producerId }: ProducerIdentity): Promise<boolean> {
    const known = this.#existingShardOf(transactionalId)?.coordinator.get(transactionalId)
    if (known?.status !== 'Ongoing' || known.producerId !== producerId) return true
    try {
      await syncTransactionData(this.#environment.logDirectory, known)
      return true
    } catch (error) {
      this.#environment.report('error', 'a transaction’s records could not be made durable', {
        transactionalId,
        reason: messageOf(error),
      })
      return false
    }
  }

  /** The partition of `__consumer_offsets` whose place in a transaction a group's offsets take. */
  groupPartition(groupId: string): TopicPartition | undefined {
    const partition = this.#groups.partitionOf(groupId)
    return partition === undefined ? undefined : { topic: CONSUMER_OFFSETS, partition }
  }

  describe(transactionalId: string): TransactionValue | undefined {
    return this.#existingShardOf(transactionalId)?.coordinator.get(transactionalId)
  }

  list(): [transactionalId: string, value: TransactionValue][] {
    return this.#shards.flatMap(({ coordinator }) => [...coordinator.entries()])
  }

  /** Creates `__transaction_state` on first use; false when that failed. */
  available(): boolean {
    return this.#openShards()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    for (const timer of this.#timers) timer.cancel()
    await this.#completions.idle()
    await Promise.all(this.#shards.map(({ log }) => log.close()))
  }

  readonly #allocateProducerId = (): number => this.#environment.logDirectory.nextProducerId()

  /** Decides, and carries the decision out; decides again after waits. */
  async #run(
    transactionalId: string,
    decide: (coordinator: TransactionCoordinator, nowMs: number) => TransactionDecision,
  ): Promise<TransactionAnswer> {
    if (transactionalId === '') return refusal(ErrorCode.INVALID_REQUEST)
    if (!this.#openShards()) return refusal(ErrorCode.COORDINATOR_NOT_AVAILABLE)
    const shard = this.#existingShardOf(transactionalId)!
    const { clock } = this.#environment
    const deadlineMs = clock.monotonicMs() + LONGEST_WAIT_MS
    for (;;) {
      const decision = this.#decide(() => decide(shard.coordinator, clock.nowMs()))
      switch (decision.kind) {
        case 'answer':
          // What it tells may have been decided a moment ago by a request that is not durable yet.
          return await this.#onceDurable(shard, decision.answer)
        case 'write': {
          const error = this.#append(shard, [decision.record])
          if (error !== ErrorCode.NONE) return refusal(error)
          return decision.durable ? await this.#onceDurable(shard, decision.answer) : decision.answer
        }
        case 'prepare': {
          const error = this.#append(shard, [decision.record])
          if (error !== ErrorCode.NONE) return refusal(error)
          void this.#completions.begin(shard, transactionalId)
          if (decision.answer !== undefined) return await this.#onceDurable(shard, decision.answer)
          break
        }
        case 'wait':
          if (clock.monotonicMs() >= deadlineMs || this.#closing.signal.aborted)
            return refusal(ErrorCode.CONCURRENT_TRANSACTIONS)
          await this.#awaitCompletion(transactionalId)
          break
      }
    }
  }

  #decide(decide: () => TransactionDecision): TransactionDecision {
    try {
      return decide()
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== 'MR_PRODUCER_ID_UNAVAILABLE') throw error
      return { kind: 'answer', answer: refusal(ErrorCode.COORDINATOR_NOT_AVAILABLE) }
    }
  }

  async #onceDurable(shard: TransactionShard, answer: TransactionAnswer): Promise<TransactionAnswer> {
    if (answer.errorCode !== ErrorCode.NONE) return answer
    const error = await shard.log.durable()
    return error === ErrorCode.NONE ? answer : refusal(error)
  }

  async #awaitCompletion(transactionalId: string): Promise<void> {
    const completion = this.#completions.of(transactionalId)
    if (completion !== undefined) await this.#atMost(LONGEST_WAIT_MS, completion)
  }

  async #atMost(timeoutMs: number, work: Promise<unknown>): Promise<void> {
    const done = new AbortController()
    const signal = AbortSignal.any([done.signal, this.#closing.signal])
    await Promise.race([work, sleep(this.#environment.clock, timeoutMs, signal)])
    done.abort()
  }

  #append(shard: TransactionShard, records: readonly TransactionRecord[]): ErrorCode {
    const result = shard.log.append(records.map(encodeTransactionRecord))
    if (result.kind === 'refused') return result.errorCode
    for (const record of records) shard.coordinator.apply(record)
    if (shard.log.wantsSnapshot(() => shard.coordinator.sizeRecords)) {
      void shard.log.compact({
        pieces: shard.coordinator.snapshot(),
        encode: encodeTransactionRecord,
        apply: (record) => shard.coordinator.apply(record),
      })
    }
    return ErrorCode.NONE
  }

  /** See rule 5 in `transaction-coordinator.ts`. */
  async #adoptOpenTransactions(): Promise<void> {
    const nowMs = this.#environment.clock.nowMs()
    const aborts: Promise<unknown>[] = []
    for (const found of findOpenTransactions(this.#environment.logDirectory)) {
      if (this.#adopt(found, nowMs)) continue
      this.#environment.report('warn', 'an open transaction belongs to no transactional id and is aborted', {
        ...found,
      })
      aborts.push(this.markers.write([found], { ...found, kind: 'abort' }, this.#closing.signal))
    }
    await this.#atMost(START_WAIT_MS, Promise.all(aborts))
  }

  #adopt(found: FoundTransaction, nowMs: number): boolean {
    for (const shard of this.#shards) {
      const adoption = shard.coordinator.adopt(found, nowMs)
      if (adoption === 'orphan') continue
      // On a full disk it is not written down: the next start would find it again.
      if (adoption !== 'known' && this.#append(shard, [adoption]) !== ErrorCode.NONE)
        shard.coordinator.apply(adoption)
      return true
    }
    return false
  }

  #abortTimedOut(): void {
    const nowMs = this.#environment.clock.nowMs()
    for (const shard of this.#shards) {
      for (const transactionalId of shard.coordinator.timedOut(nowMs)) {
        const decision = shard.coordinator.abortTimedOut(transactionalId, nowMs)
        if (decision.kind !== 'prepare' || this.#append(shard, [decision.record]) !== ErrorCode.NONE) continue
        this.#environment.report(
          'warn',
          'a transaction was aborted: it was open for longer than its timeout',
          { transactionalId },
        )
        void this.#completions.begin(shard, transactionalId)
      }
    }
  }

  #removeExpired(): void {
    for (const shard of this.#shards) {
      const records = shard.coordinator.expired(this.#environment.clock.nowMs())
      for (let index = 0; index < records.length; index += EXPIRY_BATCH_RECORDS) {
        if (this.#append(shard, records.slice(index, index + EXPIRY_BATCH_RECORDS)) !== ErrorCode.NONE) return
      }
    }
  }

  #every(intervalMs: number, work: () => void): void {
    if (this.#closing.signal.aborted) return
    const timer = this.#environment.clock.schedule(intervalMs, () => {
      this.#timers.delete(timer)
      work()
      this.#every(intervalMs, work)
    })
    this.#timers.add(timer)
  }

  #openShards(): boolean {
    if (this.#shards.length > 0) return true
    const topic = this.#closing.signal.aborted
      ? undefined
      : internalTopic(this.#environment, TRANSACTION_STATE)
    if (topic === undefined) return false
    const { config } = this.#environment
    const settings = {
      maxTimeoutMs: config['transaction.max.timeout.ms'],
      idExpirationMs: config['transactional.id.expiration.ms'],
    }
    this.#shards = topic.partitions.map((log) => ({
      coordinator: new TransactionCoordinator(settings),
      log: new CoordinatorLog(log, this.#environment),
    }))
    return true
  }

  #existingShardOf(transactionalId: string): TransactionShard | undefined {
    return this.#shards[coordinatorPartition(transactionalId, this.#shards.length)]
  }
}

/** What Produce answers, in words that producers of its version understand. */
function produceError(error: ErrorCode, addsImplicitly: boolean): ErrorCode {
  switch (error) {
    case ErrorCode.PRODUCER_FENCED:
      return ErrorCode.INVALID_PRODUCER_EPOCH
    case ErrorCode.TRANSACTION_ABORTABLE:
      return addsImplicitly ? error : ErrorCode.INVALID_TXN_STATE
    case ErrorCode.CONCURRENT_TRANSACTIONS:
      return addsImplicitly ? error : ErrorCode.NOT_ENOUGH_REPLICAS
    case ErrorCode.COORDINATOR_NOT_AVAILABLE:
      return ErrorCode.NOT_ENOUGH_REPLICAS
    default:
      return error
  }
}

function refusal(errorCode: ErrorCode): TransactionAnswer {
  return { errorCode, producerId: -1, producerEpoch: -1 }
}
