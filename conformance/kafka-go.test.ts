import { test } from 'node:test'
import { paths } from './tools/paths.ts'
import { runScenarios } from './tools/scenarios.ts'
import { hasWitness, startTarget } from './tools/target.ts'

test("Segment's kafka-go", async (t) => {
  if (!hasWitness(t, 'kafka-go')) return
  await using target = await startTarget()
  await runScenarios(t, {
    program: { command: paths.kafkaGo, args: [target.address, target.prefix] },
    expected: ['admin', 'group-rebalance', 'produce-consume'],
  })
})
