/** Limits of connections, over the wire. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { metadataApi } from '../../protocol/apis/metadata.ts'
import { Simulation } from '../../../world/simulated/simulation.ts'
import { startBroker } from '../broker.ts'
import { WireClient } from '../wire-client.test-kit.ts'

const LISTEN = { host: '127.0.0.1', port: 9092 }

test('45: connections beyond the limit are refused with a line, a few of them, and counted', async () => {
  const simulation = new Simulation({ seed: 3, network: { fragmentChance: 0, latencyMs: [0, 0] } })
  const { world } = simulation.machine('server')
  await simulation.run(async () => {
    const reports: { readonly event: string; readonly reason?: unknown }[] = []
    const broker = await startBroker({
      world,
      dataPath: '/data',
      listen: LISTEN,
      config: { 'max.connections.per.ip': 2 },
      report: (_level, event, fields) => reports.push({ event, ...fields }),
    })
    const connect = (): Promise<WireClient> => WireClient.connect(world.network, LISTEN)
    const first = await connect()
    const second = await connect()
    for (let times = 0; times < 30; times++) await (await connect()).closed
    const lines = reports.filter(({ event }) => event === 'connection refused')
    assert.ok(lines.length >= 10 && lines.length < 15, String(lines.length))
    assert.match(String(lines[0]!.reason), /max\.connections\.per\.ip/)
    assert.equal(broker.metrics().connectionsRefused, 30)
    assert.equal(broker.metrics().connections, 2)
    first.close()
    await first.closed
    const third = await connect()
    for (const client of [second, third]) {
      await client.call(metadataApi, 12, { topics: [] })
      client.close()
    }
    await broker.close()
  })
})
