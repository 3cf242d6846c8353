import { join } from 'node:path'
import { test } from 'node:test'
import { paths } from './tools/paths.ts'
import { runScenarios } from './tools/scenarios.ts'
import { hasWitness, startTarget } from './tools/target.ts'

test('kafka-python', async (t) => {
  if (!hasWitness(t, 'python-clients')) return
  await using target = await startTarget()
  const program = join(import.meta.dirname, 'clients', 'python', 'kafka_python_clients.py')
  await runScenarios(t, {
    program: { command: paths.pythonClients, args: [program, target.address, target.prefix] },
    expected: ['admin', 'group-rebalance', 'produce-consume', 'transactions'],
  })
})
