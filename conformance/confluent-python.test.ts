import { join } from 'node:path'
import { test } from 'node:test'
import { paths } from './tools/paths.ts'
import { runScenarios } from './tools/scenarios.ts'
import { hasWitness, startTarget } from './tools/target.ts'

test('confluent-kafka for Python, over librdkafka', async (t) => {
  if (!hasWitness(t, 'confluent-python')) return
  await using target = await startTarget()
  const program = join(import.meta.dirname, 'clients', 'python', 'confluent_clients.py')
  await runScenarios(t, {
    program: { command: paths.python, args: [program, target.address, target.prefix] },
    expected: [
      'admin',
      'auto-create',
      'compression',
      'consumer-protocol',
      'consumer-protocol-admin',
      'cooperative-rebalance',
      'fencing',
      'group-rebalance',
      'groups-admin',
      'idempotence',
      'produce-consume',
      'transaction-offsets',
      'transactions',
    ],
  })
})
