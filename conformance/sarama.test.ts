import { test } from 'node:test'
import { paths } from './tools/paths.ts'
import { runScenarios } from './tools/scenarios.ts'
import { hasWitness, startTarget } from './tools/target.ts'

test('sarama', async (t) => {
  if (!hasWitness(t, 'sarama')) return
  await using target = await startTarget()
  await runScenarios(t, {
    program: { command: paths.sarama, args: [target.address, target.prefix] },
    expected: ['admin', 'group-rebalance', 'old-versions', 'produce-consume', 'transactions'],
  })
})
