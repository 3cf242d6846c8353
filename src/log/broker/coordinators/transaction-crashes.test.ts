import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runTransactionCrashes } from './transaction-crashes.test-kit.ts'

const SEEDS = 4

test('transactions are whole through crashes at every point', async () => {
  let committed = 0
  let crashes = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const run = await runTransactionCrashes(seed)
    committed += run.committed
    crashes += run.crashes
  }
  // Otherwise nothing was tried.
  assert.ok(committed > SEEDS && crashes > SEEDS, `${committed} commits, ${crashes} crashes`)
})
