import type { CoordinatorEnvironment } from './coordinator-services.ts'
import { GroupDriver } from './coordinators/group-driver.ts'
import { TransactionDriver } from './coordinators/transaction-driver.ts'
import { ShareDriver } from './share/share-driver.ts'

/**
 * Starts the coordinators of groups, of share groups' partitions and of transactions on what is on disk. When this resolves, every transaction that was
 * decided before a crash is completed: an offset that a group fetches is never one that a commit has replaced already.
 */
export async function startCoordinators(environment: CoordinatorEnvironment): Promise<{
  readonly groups: GroupDriver
  readonly shares: ShareDriver
  readonly transactions: TransactionDriver
}> {
  const shares = new ShareDriver(environment)
  await shares.open()
  const groups = new GroupDriver(environment, shares)
  await groups.open()
  const transactions = new TransactionDriver(environment, groups)
  await transactions.open()
  return { groups, shares, transactions }
}
