/** Clients that push their metrics (KIP-714), to Millrace and to a real Kafka with a plugin that takes them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WireClient } from '../src/log/broker/wire-client.test-kit.ts'
import { nodeWorld } from '../src/world/node.ts'
import { paths } from './tools/paths.ts'
import { startKafka } from './tools/start-kafka.ts'
import { startMillrace } from './tools/start-millrace.ts'
import { lacking } from './tools/target.ts'
import { TELEMETRY_QUESTIONS, TelemetryServer } from './tools/telemetry-questions.ts'

async function connect(address: string): Promise<WireClient> {
  const [host = '', port = ''] = address.split(':')
  return WireClient.connect(nodeWorld().network, { host, port: Number(port) })
}

const skip = lacking('kafka') || lacking('java-clients')

test('Millrace takes metrics of clients as Kafka does', { skip }, async (t) => {
  await using millrace = await startMillrace()
  await using kafka = await startKafka({
    classes: paths.javaClientClasses,
    settings: { 'metric.reporters': 'MetricsReceiver' },
  })
  const clients = [await connect(millrace.address), await connect(kafka.address)] as const
  const [ours, theirs] = clients.map((client) => new TelemetryServer(client)) as [
    TelemetryServer,
    TelemetryServer,
  ]
  for (const [name, ask] of TELEMETRY_QUESTIONS) {
    await t.test(name, async () => {
      const [given, expected] = await Promise.all([ask(ours), ask(theirs)])
      assert.deepEqual(given, expected)
    })
  }
  for (const client of clients) client.close()
})
