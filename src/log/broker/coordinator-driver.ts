import type { CoordinatorEnvironment } from './coordinator-services.ts'
import { GroupDriver } from './coordinators/group-driver.ts'
import { TransactionDriver } from './coordinators/transaction-driver.ts'

/**
 * Starts the group and transaction coordinators on what is on disk. When this resolves, every transaction that was
 * decided before a crash is completed: an offset that a group fetches is never one that a commit has replaced already.
 */
export async function startCoordinators(
  environment: CoordinatorEnvironment,
): Promise<{ readonly groups: GroupDriver; readonly transactions: TransactionDriver }> {
  const groups = new GroupDriver(environment)
  await groups.open()
  const transactions = new TransactionDriver(environment, groups)
  await transactions.open()
  return { groups, transactions }
}
