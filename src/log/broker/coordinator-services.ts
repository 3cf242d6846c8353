import type { ErrorCode } from '../protocol/error-code.ts'
import type { BrokerServices } from './services.ts'

/** What the coordinators may use: everything that the broker has but the coordinators themselves. */
export type CoordinatorEnvironment = Omit<BrokerServices, 'groups' | 'transactions'>

/** The consumer groups as the rest of the broker sees them. */
export interface GroupService {
  /** Forgets the offsets that groups committed for a topic that no longer exists. */
  topicDeleted(topic: string): void
  close(): Promise<void>
}

/** The transaction coordinator as the rest of the broker sees it. */
export interface TransactionService {
  /**
   * Says whether a transactional producer may write to these partitions (KIP-890). With `addImplicitly` (Produce v12
   * and later) partitions that are not in the transaction yet are added to it first; without, they must be in it.
   * Answers one error code a partition, in order; at once when nothing has to be written for it.
   */
  verifyPartitions(request: VerifyPartitions): readonly ErrorCode[] | Promise<readonly ErrorCode[]>
  close(): Promise<void>
}

export interface VerifyPartitions {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
  readonly partitions: readonly { readonly topic: string; readonly partition: number }[]
  readonly addImplicitly: boolean
}
