import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { reportNothing } from '../../base/report.ts'
import { nodeWorld } from '../../world/node.ts'
import { type Broker, startBroker } from '../broker/broker.ts'
import { createTopics } from './admin.ts'
import { connectClient, type LogClient } from './client.ts'
import { CuttingProxy } from './cutting-proxy.test-kit.ts'
import { decodeRecords, Fetcher } from './fetcher.ts'
import { createProducer } from './producer.ts'
import { createTransactionalProducer } from './transaction.ts'

const world = nodeWorld()
const proxy = await CuttingProxy.listen()
proxy.answersShare = 1 / 4
let directory: string
let broker: Broker
let client: LogClient

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-cut-'))
  const { port } = proxy
  broker = await startBroker({
    world,
    dataPath: directory,
    listen: { host: '127.0.0.1', port: 0 },
    advertised: { host: '127.0.0.1', port },
    report: reportNothing,
  })
  proxy.connectTo(broker.port)
  client = await connectClient({ world, bootstrap: `127.0.0.1:${port}` })
})

after(async () => {
  await client.close()
  proxy[Symbol.dispose]()
  await broker.close()
  await rm(directory, { recursive: true })
})

async function readAll(topic: string, count: number): Promise<number[]> {
  const fetcher = new Fetcher(client, { maxWaitMs: 50, partitionMaxBytes: 2_000 })
  fetcher.assign([{ topic, partition: 0, offset: 0 }])
  const values: number[] = []
  for (;;) {
    const records = await fetcher.poll()
    values.push(...decodeRecords(records!).values.map(Number))
    if (values.length >= count && records!.caughtUp) break
  }
  fetcher.close()
  return values
}

const expected = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

test('connections that are cut lose no record, double none and keep the order', async () => {
  await createTopics(client, [{ name: 'cut' }])
  const producer = await createProducer(client, { batchSizeBytes: 300, lingerMs: 0 })
  proxy.budgetBytes = 4_000
  for (let value = 0; value < 1_000; value++)
    producer.send({ topic: 'cut', partition: 0, value: String(value) })
  await producer.flush()
  const before = proxy.cuts
  assert.ok(before >= 3, `${before} cuts`)
  proxy.budgetBytes = 9_000
  assert.deepEqual(await readAll('cut', 1_000), expected(1_000))
  assert.ok(proxy.cuts > before)
  proxy.budgetBytes = Infinity
  await producer.close()
})

test('transactions get through cut connections, whole', async () => {
  await createTopics(client, [{ name: 'cut-txn' }])
  const producer = await createTransactionalProducer(client, {
    transactionalId: 'cut',
    batchSizeBytes: 300,
    lingerMs: 0,
  })
  proxy.budgetBytes = 3_000
  const before = proxy.cuts
  for (let round = 0; round < 10; round++) {
    producer.begin()
    for (let index = 0; index < 50; index++) {
      producer.send({ topic: 'cut-txn', partition: 0, value: String(round * 50 + index) })
    }
    await producer.commit()
  }
  assert.ok(proxy.cuts - before >= 3, `${proxy.cuts - before} cuts`)
  proxy.budgetBytes = Infinity
  producer.close()
  assert.deepEqual(await readAll('cut-txn', 500), expected(500))
})
