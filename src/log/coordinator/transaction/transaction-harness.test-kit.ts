import assert from 'node:assert/strict'
import { ErrorCode } from '../../protocol/error-code.ts'
import { TransactionCoordinator } from './transaction-coordinator.ts'
import type { TransactionAnswer, TransactionDecision } from './transaction-decision.ts'
import {
  decodeTransactionRecord,
  encodeTransactionRecord,
  type TransactionRecord,
  type TransactionValue,
} from './transaction-record.ts'

export const CONFIG = { maxTimeoutMs: 60_000, idExpirationMs: 1_000_000 }
export const ID = 'tx'
const { NONE } = ErrorCode

/** Carries decisions out as the broker does, without a broker; markers are written when `complete` is called. */
export class Harness {
  coordinator = new TransactionCoordinator(CONFIG)
  nowMs = 1_000
  readonly log: TransactionRecord[] = []
  readonly markers: { kind: string; producerId: number; producerEpoch: number; partitions: string[] }[] = []
  #nextProducerId = 100
  /** Hands out the next ids of a coordinator that has seen many. */
  allocate = (): number => this.#nextProducerId++

  init(
    current?: { producerId: number; producerEpoch: number },
    timeoutMs = 10_000,
  ): TransactionAnswer | 'wait' {
    return this.carryOut(() =>
      this.coordinator.initProducerId({ transactionalId: ID, timeoutMs, current }, this.allocate, this.nowMs),
    )
  }

  add(
    producer: { producerId: number; producerEpoch: number },
    ...partitions: readonly number[]
  ): ErrorCode | 'wait' {
    const answer = this.carryOut(() =>
      this.coordinator.addPartitions(
        {
          transactionalId: ID,
          ...producer,
          partitions: partitions.map((partition) => ({ topic: 't', partition })),
          clientVersion: 1,
        },
        this.nowMs,
      ),
    )
    return answer === 'wait' ? answer : answer.errorCode
  }

  end(
    producer: { producerId: number; producerEpoch: number },
    how: 'commit' | 'abort',
    version: 1 | 2 = 1,
  ): TransactionAnswer | 'wait' {
    return this.carryOut(() =>
      this.coordinator.endTransaction(
        { transactionalId: ID, ...producer, commit: how === 'commit', bumpsEpoch: version === 2 },
        this.allocate,
        this.nowMs,
      ),
    )
  }

  /** Asks again by itself when the decision says so; 'wait' when it waits for `complete`. */
  carryOut(decide: () => TransactionDecision): TransactionAnswer | 'wait' {
    const decision = decide()
    if (decision.kind === 'wait') return 'wait'
    if (decision.kind !== 'answer') this.append(decision.record)
    if (decision.answer !== undefined) return decision.answer
    this.complete()
    return this.carryOut(decide)
  }

  complete(): void {
    const plan = this.coordinator.markers(ID)
    if (plan === undefined) return
    const partitions = [...plan.partitions].flatMap(([topic, indexes]) =>
      [...indexes].map((index) => `${topic}-${index}`),
    )
    this.markers.push({
      kind: plan.kind,
      producerId: plan.producerId,
      producerEpoch: plan.producerEpoch,
      partitions,
    })
    this.append(this.coordinator.complete(ID, this.nowMs)!)
  }

  append(record: TransactionRecord): void {
    const written = decodeTransactionRecord(encodeTransactionRecord(record))!
    this.log.push(written)
    this.coordinator.apply(written)
  }

  restart(): void {
    this.coordinator = new TransactionCoordinator(CONFIG)
    for (const record of this.log) this.coordinator.apply(record)
  }

  state(): TransactionValue {
    return this.coordinator.get(ID)!
  }
}

/** An answer that is an identity; fails when it is an error. */
export function identity(answer: TransactionAnswer | 'wait'): { producerId: number; producerEpoch: number } {
  assert.ok(answer !== 'wait' && answer.errorCode === NONE, JSON.stringify(answer))
  return { producerId: answer.producerId, producerEpoch: answer.producerEpoch }
}

export function errorOf(answer: TransactionAnswer | 'wait'): ErrorCode | 'wait' {
  return answer === 'wait' ? answer : answer.errorCode
}
