import type { BrokerServices } from './services.ts'
import type { GroupDriver } from './coordinators/group-driver.ts'
import type { TransactionDriver } from './coordinators/transaction-driver.ts'
import type { ShareDriver } from './share/share-driver.ts'

/** What the coordinators may use: everything that the broker has but the coordinators themselves. */
export type CoordinatorEnvironment = Omit<BrokerServices, 'groups' | 'shares' | 'transactions'>

/** The consumer groups as handlers see them; the broker itself needs `topicDeleted` and `close` alone. */
export type GroupService = Omit<GroupDriver, 'open' | 'applyMarker'>

/** What share groups have done with partitions, as handlers see it. */
export type ShareService = Omit<ShareDriver, 'open'>

/** The transaction coordinator as handlers see it; Produce needs `verifyPartitions` alone. */
export type TransactionService = Omit<TransactionDriver, 'open'>

/**
 * Says whether a transactional producer may write to these partitions (KIP-890). With `addImplicitly` (Produce v12
 * and later) partitions that are not in the transaction yet are added to it first; without, they must be in it.
 */
export interface VerifyPartitions {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
  readonly partitions: readonly { readonly topic: string; readonly partition: number }[]
  readonly addImplicitly: boolean
}
