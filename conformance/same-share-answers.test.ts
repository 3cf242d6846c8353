/** The same requests about share groups to Millrace's log and to a real Kafka: the answers are the same. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WireClient } from '../src/log/broker/wire-client.test-kit.ts'
import { nodeWorld } from '../src/world/node.ts'
import { SHARE_QUESTIONS } from './tools/share-questions.ts'
import { ShareServer } from './tools/share-server.ts'
import { startKafka } from './tools/start-kafka.ts'
import { lacking, startTarget } from './tools/target.ts'

test('share groups answer as a real Kafka does', { skip: lacking('kafka') }, async (t) => {
  await using kafka = await startKafka()
  await using target = await startTarget()
  const [ours, theirs] = await Promise.all(
    [target, kafka].map(async ({ address }) => {
      const [host = '', port = ''] = address.split(':')
      const client = await WireClient.connect(nodeWorld().network, { host, port: Number(port) })
      const server = new ShareServer(client, target.prefix)
      await server.ready()
      return server
    }),
  )
  for (const [name, ask] of SHARE_QUESTIONS) {
    await t.test(name, async () => {
      const [given, expected] = await Promise.all([ask(ours!), ask(theirs!)])
      assert.deepEqual(given, expected)
    })
  }
  ours!.client.close()
  theirs!.client.close()
})
