import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { MillraceError } from '../../base/millrace-error.ts'
import { nodeWorld } from '../../world/node.ts'
import { Simulation } from '../../world/simulated/simulation.ts'
import { metadataApi } from '../protocol/apis/metadata.ts'
import { startLog } from './start-log.ts'
import { WireClient } from './wire-client.test-kit.ts'

const world = nodeWorld()
const LISTEN = { host: '127.0.0.1', port: 0 }

async function inDirectory(use: (dataPath: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-log-'))
  try {
    await use(join(directory, 'data'))
  } finally {
    await rm(directory, { recursive: true })
  }
}

test('a log runs in its own thread, reports, counts, and closes at the end of its scope', () =>
  inDirectory(async (dataPath) => {
    const events: string[] = []
    let ended: Promise<Error | undefined>
    {
      await using log = await startLog({
        world,
        dataPath,
        listen: LISTEN,
        report: (_level, event) => events.push(event),
      })
      ended = log.ended
      assert.equal(log.bootstrap, `127.0.0.1:${log.port}`)
      const client = await WireClient.connect(world.network, log)
      await client.call(metadataApi, 1, { topics: [{ name: 'made' }] })
      client.close()
      assert.equal((await log.metrics()).connectionsAccepted, 1)
    }
    assert.equal(await ended, undefined)
    assert.ok(
      events.includes('broker listens') &&
        events.includes('topic created') &&
        events.includes('broker closed'),
    )
  }))

test('a signal closes it; what it cannot start with is thrown', () =>
  inDirectory(async (dataPath) => {
    const stop = new AbortController()
    const log = await startLog({ world, dataPath, listen: LISTEN, signal: stop.signal })
    const code = (expected: string) => (error: unknown) =>
      error instanceof MillraceError && error.code === expected
    const other = { world, dataPath: `${dataPath}-other` }
    await assert.rejects(startLog({ world, dataPath, listen: LISTEN }), code('MR_DATA_DIR_IN_USE'))
    await assert.rejects(
      startLog({ ...other, listen: { host: '127.0.0.1', port: log.port } }),
      code('MR_ADDRESS_IN_USE'),
    )
    await assert.rejects(
      startLog({ ...other, listen: LISTEN, config: { 'num.partitions': 0 } }),
      code('MR_CONFIG_INVALID'),
    )
    stop.abort()
    assert.equal(await log.ended, undefined)
    await assert.rejects(log.metrics(), code('MR_LOG_ENDED'))
  }))

test('runs in the simulated world too', async () => {
  const simulation = new Simulation({ seed: 3 })
  const server = simulation.machine('server')
  await simulation.run(async () => {
    const listen = { host: 'server', port: 9092 }
    const log = await startLog({
      world: server.world,
      dataPath: '/data',
      listen,
      allowAnonymousBeyondLoopback: true,
    })
    const client = await WireClient.connect(simulation.machine('laptop').world.network, listen)
    assert.equal((await client.call(metadataApi, 1, { topics: [] })).brokers[0]!.port, 9092)
    client.close()
    await log.close()
  })
})
