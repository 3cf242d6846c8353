import { test } from 'node:test'
import { paths } from './tools/paths.ts'
import { runScenarios } from './tools/scenarios.ts'
import { hasWitness, startTarget } from './tools/target.ts'

test('franz-go', async (t) => {
  if (!hasWitness(t, 'franz-go')) return
  await using target = await startTarget()
  await runScenarios(t, {
    program: { command: paths.franzGo, args: [target.address, target.prefix] },
    expected: [
      'admin',
      'compression',
      'consumer-protocol',
      'fencing',
      'group-rebalance',
      'groups-admin',
      'produce-consume',
      'topic-made-again',
      'transact-session',
      'transactions',
    ],
  })
})
