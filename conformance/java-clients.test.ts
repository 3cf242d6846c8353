import { test } from 'node:test'
import { paths } from './tools/paths.ts'
import { runScenarios } from './tools/scenarios.ts'
import { hasWitness, startTarget } from './tools/target.ts'
import { classPath } from './tools/witnesses.ts'

test("Kafka's Java producer, consumer and admin client", async (t) => {
  if (!hasWitness(t, 'java-clients')) return
  await using target = await startTarget()
  const logging = '-Dorg.apache.logging.log4j.simplelog.level=OFF'
  const args = [
    '-XX:TieredStopAtLevel=1',
    logging,
    '-cp',
    classPath(paths.kafkaLibs, paths.javaClientClasses),
  ]
  await runScenarios(t, {
    program: { command: 'java', args: [...args, 'JavaClients', target.address, target.prefix] },
    expected: [
      'admin',
      'compression',
      'consumer-protocol',
      'consumer-protocol-admin',
      'consumer-protocol-migration',
      'consumer-protocol-regex',
      'consumer-protocol-static',
      'consumer-protocol-topics',
      'consumer-protocol-transactions',
      'cooperative-rebalance',
      'fencing',
      'group-rebalance',
      'groups-admin',
      'large-batches',
      'offsets',
      'produce-consume',
      'share-admin',
      'share-explicit',
      'share-implicit',
      'share-transactions',
      'static-member',
      'transaction-offsets',
      'transactions',
    ],
  })
})
