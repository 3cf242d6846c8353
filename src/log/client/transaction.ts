/**
 * Transactions of Kafka (KIP-98), in both protocols: with `transaction.version` 2 (KIP-890) writing to a partition or
 * committing an offset adds it to the transaction, and EndTxn gives the epoch of the next transaction; before that,
 * AddPartitionsToTxn and AddOffsetsToTxn do, and the epoch stays.
 *
 * A transaction can be ended by whoever knows its identity, also after a crash: a two-phase commit keeps
 * `{ transactionalId, producerId, producerEpoch }` in its checkpoint and calls `endTransaction` with it. Ending it the
 * same way again is no error, so this may be repeated until it is known to have worked.
 */
import { assert } from '../../base/assert.ts'
import { MillraceError } from '../../base/millrace-error.ts'
import { addOffsetsToTxnApi } from '../protocol/apis/add-offsets-to-txn.ts'
import { addPartitionsToTxnApi } from '../protocol/apis/add-partitions-to-txn.ts'
import { endTxnApi, type EndTxnResponse } from '../protocol/apis/end-txn.ts'
import { txnOffsetCommitApi } from '../protocol/apis/txn-offset-commit.ts'
import { ErrorCode, isRetriable } from '../protocol/error-code.ts'
import { BatchSender } from './batch-sender.ts'
import type { GroupOffset } from './group-admin.ts'
import { KafkaError, producerClosed, throwIfError } from './kafka-error.ts'
import type { LogClient } from './log-client.ts'
import type { PartitionQueue } from './partition-queue.ts'
import type { Delivered, ProducerIdentity } from './pending-batch.ts'
import type { SenderOptions } from './sender-options.ts'
import { type ProducerRecord, TopicRouter } from './topic-router.ts'
import {
  ADD_PARTITIONS_OF_CLIENTS,
  coordinated,
  endTxnLimit,
  speaksVersion2,
  takeOver,
} from './transaction-coordination.ts'

export interface TransactionIdentity extends ProducerIdentity {
  readonly transactionalId: string
}

export type TransactionOutcome = 'commit' | 'abort'

/**
 * `ended`: the transaction has ended as asked, now or before. `not-open`: the cluster knows no such open transaction:
 * nothing was written in it, or it has ended the other way (its timeout aborts it). `fenced`: another producer has
 * taken over the transactional id, and ended the transaction by that. `unknown-id`: the cluster has forgotten the id.
 */
export type EndResult = 'ended' | 'not-open' | 'fenced' | 'unknown-id'

/** Highest versions of the older protocol, and of naming topics by name. */
const TXN_OFFSET_COMMIT_V1 = 4
const TXN_OFFSET_COMMIT_BY_NAME = 5

export interface TransactionalOptions extends SenderOptions {
  readonly transactionalId: string
  /** The coordinator aborts a transaction that is open for longer, ms; default 60,000. */
  readonly transactionTimeoutMs?: number
}

export interface TransactionOffsets {
  readonly groupId: string
  readonly offsets: readonly GroupOffset[]
  /** Of the member that consumes; default: none (generation -1). */
  readonly generationId?: number
  readonly memberId?: string
  readonly groupInstanceId?: string
}

/** Takes over the transactional id: fences whoever had it and aborts what that one left open. */
export async function createTransactionalProducer(
  client: LogClient,
  options: TransactionalOptions,
): Promise<TransactionalProducer> {
  const version2 = await speaksVersion2(client)
  const producer = new TransactionalProducer(client, options, {
    version2,
    identity: await takeOver(client, options),
  })
  return producer
}

/** Ends a transaction by its identity; repeats until the coordinator has answered for good. */
export async function endTransaction(
  client: LogClient,
  identity: TransactionIdentity,
  outcome: TransactionOutcome,
): Promise<EndResult> {
  const { errorCode } = await askEnd(client, identity, { outcome, version2: await speaksVersion2(client) })
  switch (errorCode) {
    case ErrorCode.NONE:
      return 'ended'
    case ErrorCode.INVALID_TXN_STATE:
      return 'not-open'
    case ErrorCode.INVALID_PRODUCER_EPOCH:
    case ErrorCode.PRODUCER_FENCED:
      return 'fenced'
    case ErrorCode.INVALID_PRODUCER_ID_MAPPING:
    case ErrorCode.TRANSACTIONAL_ID_NOT_FOUND:
      return 'unknown-id'
    default:
      throw new KafkaError(errorCode, { doing: `${outcome} of the transaction ${identity.transactionalId}` })
  }
}

export class TransactionalProducer {
  readonly transactionalId: string
  readonly #client: LogClient
  readonly #options: TransactionalOptions
  readonly #version2: boolean
  readonly #sender: BatchSender
  readonly #router: TopicRouter
  #identity: ProducerIdentity
  #state: 'ready' | 'open' | 'closed' = 'ready'
  /** Whether the coordinator may know of the open transaction. */
  #touched = false
  #failure: Error | undefined

  constructor(
    client: LogClient,
    options: TransactionalOptions,
    start: { readonly version2: boolean; readonly identity: ProducerIdentity },
  ) {
    this.transactionalId = options.transactionalId
    this.#client = client
    this.#options = options
    this.#version2 = start.version2
    this.#identity = start.identity
    this.#sender = new BatchSender(client, start.identity, {
      ...options,
      hooks: {
        transaction: {
          transactionalId: options.transactionalId,
          addsByItself: start.version2,
          addPartitions: (partitions) => this.#addPartitions(partitions),
        },
      },
    })
    this.#router = new TopicRouter(client, this.#sender, {
      maxHeldBytes: options.maxBufferedBytes ?? 32 * 1024 * 1024,
    })
  }

  /** What a checkpoint keeps to end the open transaction after a crash. */
  get identity(): TransactionIdentity {
    return { transactionalId: this.transactionalId, ...this.#identity }
  }

  /** Opens a transaction; nothing is sent yet. */
  begin(): void {
    assert(this.#state === 'ready', `a transaction can begin when none is open, not when ${this.#state}`)
    this.#state = 'open'
  }

  /** As `Producer.send`, inside the open transaction. */
  send(record: ProducerRecord, delivered?: Delivered): boolean {
    assert(this.#state === 'open', 'records are sent inside a transaction')
    this.#touched = true
    return this.#router.send(record, delivered)
  }

  /** As `BatchSender.appendBatch`, inside the open transaction. */
  sendBatch(topic: string, partition: number, batch: Buffer, delivered: Delivered): boolean {
    assert(this.#state === 'open', 'batches are sent inside a transaction')
    this.#touched = true
    return this.#sender.appendBatch(topic, partition, batch, delivered)
  }

  blocked(): Promise<unknown> | undefined {
    return this.#router.blocked()
  }

  get bufferedBytes(): number {
    return this.#sender.bufferedBytes
  }

  /** Waits until all that was sent is stored; rejects when some was lost: then only `abort` is left. */
  async flush(): Promise<void> {
    try {
      await this.#router.settled()
      await this.#sender.flush()
    } catch (error) {
      this.#failure ??= error as Error
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Commits offsets of a group as part of the open transaction. */
  async sendOffsets(request: TransactionOffsets): Promise<void> {
    assert(this.#state === 'open', 'offsets are sent inside a transaction')
    this.#touched = true
    try {
      if (!this.#version2) await this.#addOffsets(request.groupId)
      await this.#commitOffsets(request)
    } catch (error) {
      this.#failure ??= error as Error
      throw error
    }
  }

  /** Flushes and makes the transaction visible. When it rejects with `MR_TRANSACTION_FAILED`, call `abort`. */
  async commit(): Promise<void> {
    assert(this.#state === 'open', 'only an open transaction can be committed')
    try {
      await this.flush()
    } catch (cause) {
      throw new MillraceError({
        code: 'MR_TRANSACTION_FAILED',
        message: `a part of the transaction ${this.transactionalId} was not stored, so it cannot be committed: ${(cause as Error).message}`,
        fix: 'Abort it and write its records again.',
        cause,
      })
    }
    await this.#end('commit')
  }

  /** Takes back all that was written in the open transaction. */
  async abort(): Promise<void> {
    if (this.#state !== 'open') return
    await this.#router.settled()
    const broken = (await this.#sender.abandon()) || this.#failure !== undefined
    this.#failure = undefined
    await this.#end('abort')
    // The older protocol keeps the epoch, under which a lost batch would leave a gap in the sequence.
    if (broken && !this.#version2) this.#become(await takeOver(this.#client, this.#options))
  }

  /** Leaves the open transaction as it is, for `endTransaction` or the coordinator's timeout. */
  close(): void {
    this.#state = 'closed'
    this.#sender.fail(producerClosed())
  }

  async #end(outcome: TransactionOutcome): Promise<void> {
    if (this.#touched) {
      const version2 = this.#version2
      const answer = await askEnd(this.#client, this.identity, { outcome, version2 })
      // An abort of what the coordinator never heard of, or has aborted itself, is an abort.
      const gone = outcome === 'abort' && answer.errorCode === ErrorCode.INVALID_TXN_STATE
      if (!gone)
        throwIfError(answer.errorCode, { doing: `${outcome} of the transaction ${this.transactionalId}` })
      // Writes that were given up may still be on their way; under another epoch they are refused.
      if (version2 && gone) this.#become(await takeOver(this.#client, this.#options))
      else if (version2 && answer.producerId >= 0) this.#become(answer)
      else this.#become(this.#identity)
    }
    this.#touched = false
    this.#state = 'ready'
  }

  #become({ producerId, producerEpoch }: ProducerIdentity): void {
    this.#identity = { producerId, producerEpoch }
    this.#sender.adopt(this.#identity)
  }

  #addPartitions(partitions: readonly PartitionQueue[]): Promise<void> {
    return coordinated(this.#client, this.transactionalId, async () => {
      const answer = await this.#client.request(
        addPartitionsToTxnApi,
        {
          v3AndBelowTransactionalId: this.transactionalId,
          v3AndBelowProducerId: this.#identity.producerId,
          v3AndBelowProducerEpoch: this.#identity.producerEpoch,
          v3AndBelowTopics: [...Map.groupBy(partitions, (one) => one.topic)].map(([name, group]) => ({
            name,
            partitions: group.map((one) => one.partition),
          })),
        },
        { node: { transactionalId: this.transactionalId }, maxVersion: ADD_PARTITIONS_OF_CLIENTS },
      )
      for (const { name: topic, resultsByPartition } of answer.resultsByTopicV3AndBelow) {
        for (const { partitionIndex: partition, partitionErrorCode } of resultsByPartition) {
          throwIfError(partitionErrorCode, {
            doing: 'adding a partition to the transaction',
            topic,
            partition,
            needs: { ...this.#needs(), topic: `Write on the topic ${topic}` },
          })
        }
      }
    })
  }

  #needs(): { readonly transactionalId: string } {
    return { transactionalId: `Write on the transactional id ${this.transactionalId}` }
  }

  #addOffsets(groupId: string): Promise<void> {
    return coordinated(this.#client, this.transactionalId, async () => {
      const answer = await this.#client.request(
        addOffsetsToTxnApi,
        { transactionalId: this.transactionalId, ...this.#identity, groupId },
        { node: { transactionalId: this.transactionalId } },
      )
      throwIfError(answer.errorCode, {
        doing: `adding the group ${groupId} to the transaction`,
        needs: { ...this.#needs(), group: `Read on the group ${groupId}` },
      })
    })
  }

  async #commitOffsets(request: TransactionOffsets): Promise<void> {
    const { groupId, offsets } = request
    await this.#client.retry(async () => {
      try {
        const answer = await this.#client.request(
          txnOffsetCommitApi,
          {
            transactionalId: this.transactionalId,
            groupId,
            ...this.#identity,
            generationIdOrMemberEpoch: request.generationId ?? -1,
            memberId: request.memberId ?? '',
            groupInstanceId: request.groupInstanceId ?? null,
            topics: [...Map.groupBy(offsets, (one) => one.topic)].map(([name, group]) => ({
              name,
              partitions: group.map((one) => ({
                partitionIndex: one.partition,
                committedOffset: one.offset,
                committedMetadata: one.metadata ?? '',
              })),
            })),
          },
          {
            node: { group: groupId },
            maxVersion: this.#version2 ? TXN_OFFSET_COMMIT_BY_NAME : TXN_OFFSET_COMMIT_V1,
          },
        )
        for (const { name: topic, partitions } of answer.topics) {
          for (const { partitionIndex: partition, errorCode } of partitions) {
            throwIfError(errorCode, {
              doing: `committing an offset of the group ${groupId}`,
              topic,
              partition,
              needs: {
                ...this.#needs(),
                group: `Read on the group ${groupId}`,
                topic: `Read on the topic ${topic}`,
              },
            })
          }
        }
      } catch (error) {
        this.#client.forgetCoordinator({ group: groupId })
        throw error
      }
    })
  }
}

/** Asks until the answer is final; a refusal that is final is in its error code. */
function askEnd(
  client: LogClient,
  { transactionalId, producerId, producerEpoch }: TransactionIdentity,
  { outcome, version2 }: { readonly outcome: TransactionOutcome; readonly version2: boolean },
): Promise<EndTxnResponse> {
  return coordinated(client, transactionalId, async () => {
    const answer = await client.request(
      endTxnApi,
      { transactionalId, producerId, producerEpoch, committed: outcome === 'commit' },
      { node: { transactionalId }, ...endTxnLimit(version2) },
    )
    if (isRetriable(answer.errorCode)) {
      throw new KafkaError(answer.errorCode, { doing: `${outcome} of the transaction ${transactionalId}` })
    }
    return answer
  })
}
