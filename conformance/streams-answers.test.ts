/** Streams groups (KIP-1071), request by request: Millrace and a real Kafka are asked the same and answer the same. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WireClient } from '../src/log/broker/wire-client.test-kit.ts'
import { nodeWorld } from '../src/world/node.ts'
import { startKafka } from './tools/start-kafka.ts'
import { startMillrace } from './tools/start-millrace.ts'
import { STREAMS_QUESTIONS } from './tools/streams-questions.ts'
import { StreamsServer } from './tools/streams-server.ts'
import { lacking } from './tools/target.ts'

/** Nobody waits for more members, and Kafka assigns when it is asked to. */
const SETTINGS = ['group.streams.initial.rebalance.delay.ms', 'group.streams.assignment.interval.ms'] as const

test('Millrace answers members of streams groups as Kafka does', { skip: lacking('kafka') }, async (t) => {
  await using target = await startMillrace({
    log: { config: Object.fromEntries(SETTINGS.map((name) => [name, 0])) },
  })
  await using kafka = await startKafka({
    settings: {
      ...Object.fromEntries(SETTINGS.map((name) => [name, '0'])),
      'group.streams.assignor.offload.enable': 'false',
    },
  })
  const ours = await connect(target.address)
  const theirs = await connect(kafka.address)
  for (const [name, ask] of STREAMS_QUESTIONS) {
    await t.test(name, async () => {
      const [given, expected] = await Promise.all([ask(ours), ask(theirs)])
      assert.deepEqual(given, expected)
    })
  }
  ours.client.close()
  theirs.client.close()
})

async function connect(address: string): Promise<StreamsServer> {
  const [host = '', port = ''] = address.split(':')
  const client = await WireClient.connect(nodeWorld().network, { host, port: Number(port) })
  return new StreamsServer(client, 'c-')
}
