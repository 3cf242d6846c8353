import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import * as net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { reportNothing } from '../../base/report.ts'
import { nodeWorld } from '../../world/node.ts'
import { type Broker, startBroker } from '../broker/broker.ts'
import { clientSuite } from './client-suite.ts'
import { connectClient } from './client.ts'
import { Fetcher } from './fetcher.ts'

const world = nodeWorld()
let directory: string
let broker: Broker

async function start(): Promise<string> {
  directory = await mkdtemp(join(tmpdir(), 'millrace-client-'))
  broker = await startBroker({
    world,
    dataPath: directory,
    listen: { host: '127.0.0.1', port: 0 },
    report: reportNothing,
  })
  return `${broker.host}:${broker.port}`
}

async function stop(): Promise<void> {
  await broker.close()
  await rm(directory, { recursive: true })
}

describe('against the embedded log', () => clientSuite({ start, stop }))

describe('what goes wrong', () => {
  before(start)
  after(stop)

  test('nobody there', async () => {
    const server = net.createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as net.AddressInfo
    await new Promise((resolve) => server.close(resolve))
    await assert.rejects(connectClient({ world, bootstrap: `127.0.0.1:${port}` }), {
      code: 'MR_CONNECT_FAILED',
    })
    await assert.rejects(connectClient({ world, bootstrap: 'nonsense' }), { code: 'MR_BAD_ADDRESS' })
  })

  for (const [who, behave] of [
    ['a web server', (socket: net.Socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['one that hangs up', (socket: net.Socket) => socket.end()],
    [
      'one that answers rubbish',
      (socket: net.Socket) => socket.write(Buffer.from('0000000800000000ffffffff', 'hex')),
    ],
  ] as const) {
    test(`${who} is not taken for Kafka`, async () => {
      const server = net.createServer((socket) => {
        socket.on('error', () => undefined)
        socket.on('data', () => behave(socket))
      })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const { port } = server.address() as net.AddressInfo
      await assert.rejects(connectClient({ world, bootstrap: `127.0.0.1:${port}` }), { code: 'MR_NOT_KAFKA' })
      server.close()
    })
  }

  test('one that never answers', async () => {
    const sockets: net.Socket[] = []
    const server = net.createServer((socket) => sockets.push(socket))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as net.AddressInfo
    await assert.rejects(connectClient({ world, bootstrap: `127.0.0.1:${port}`, requestTimeoutMs: 50 }), {
      code: 'MR_REQUEST_TIMEOUT',
    })
    for (const socket of sockets) socket.destroy()
    server.close()
  })

  test('a closed client rejects what is under way', async () => {
    const other = await connectClient({ world, bootstrap: `${broker.host}:${broker.port}` })
    await other.topic('waited-for', { autoCreate: true })
    const fetcher = new Fetcher(other)
    fetcher.assign([{ topic: 'waited-for', partition: 0, offset: 0 }])
    const polled = fetcher.poll()
    await other.close()
    await assert.rejects(other.metadata(), { code: 'MR_CLIENT_CLOSED' })
    await assert.rejects(async () => {
      if ((await polled) === undefined) throw new Error('closed')
    })
  })
})
