import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Clock, Connection, ConnectionHandler } from '../../world/world.ts'
import { BrokerCounters } from './broker-metrics.ts'
import { ServerConnection } from './client-connection.ts'
import { BufferPool } from './buffer-pool.ts'
import { RequestMemory } from './request-memory.ts'
import type { Outcome, Router } from './router.ts'
import { CloseConnection, NO_RESPONSE } from './services.ts'

/** The client's end of a connection, in memory: what the broker wrote, and whether it reads. */
class FakeConnection implements Connection {
  readonly peer = '10.0.0.7:5123'
  readonly writes: Buffer[] = []
  handler!: ConnectionHandler
  reading = true
  taken = true
  state: 'open' | 'ended' | 'destroyed' = 'open'

  handle(handler: ConnectionHandler): void {
    this.handler = handler
  }
  write(chunks: readonly Uint8Array[]): boolean {
    this.writes.push(Buffer.concat(chunks))
    return this.taken
  }
  bufferedBytes(): number {
    return this.taken ? 0 : this.writes.reduce((sum, chunk) => sum + chunk.length, 0)
  }
  pause(): void {
    this.reading = false
  }
  resume(): void {
    this.reading = true
  }
  end(): void {
    this.state = 'ended'
    this.handler.onClose()
  }
  destroy(): void {
    this.state = 'destroyed'
    this.handler.onClose()
  }
  get received(): string {
    return Buffer.concat(this.writes).toString()
  }
}

const clock: Clock = {
  nowMs: () => 0,
  monotonicMs: () => 0,
  schedule: () => ({ cancel: () => undefined }),
  defer: (callback) => void setImmediate(callback),
}

/** A request is its name padded to a header's size. */
function request(name: string): Buffer {
  const body = Buffer.alloc(8, ' ')
  body.write(name)
  const frame = Buffer.alloc(12)
  frame.writeInt32BE(8)
  body.copy(frame, 4)
  return frame
}

interface Served {
  readonly connection: FakeConnection
  readonly server: ServerConnection
  readonly started: string[]
  readonly reports: Record<string, unknown>[]
  readonly pool: BufferPool
  answer(name: string, outcome?: Outcome): Promise<void>
}

/** Names in lower case are answered at once with themselves, others when the test says so. */
function serve(options: { readonly maxRequests?: number } = {}): Served {
  const connection = new FakeConnection()
  const pool = new BufferPool()
  const started: string[] = []
  const reports: Record<string, unknown>[] = []
  const waiting = new Map<string, (outcome: Outcome) => void>()
  const router = {
    dispatch(frame: Buffer): Outcome | Promise<Outcome> {
      const name = frame.toString().trim()
      started.push(name)
      if (name === 'silent') return NO_RESPONSE
      if (name === 'bad') return new CloseConnection('a bad request')
      if (name === name.toLowerCase()) return [Buffer.from(name)]
      return new Promise((resolve) => waiting.set(name, resolve))
    },
  }
  const server = new ServerConnection({
    listener: 'PLAINTEXT',
    advertised: { host: 'here', port: 9092 },
    id: 1,
    connection,
    surroundings: {
      router: router as unknown as Router,
      pool,
      memory: new RequestMemory({ limitBytes: 1 << 30, clock }),
      clock,
      report: (_connection, _level, event, fields) => reports.push({ event, ...fields }),
      metrics: new BrokerCounters({ nowMonotonicMs: 0 }),
      maxRequestBytes: 1000,
      maxRequests: options.maxRequests ?? 100,
      onClosed: () => undefined,
    },
  })
  server.start()
  return {
    connection,
    server,
    started,
    reports,
    pool,
    answer: async (name, outcome = [Buffer.from(name)]) => {
      waiting.get(name)!(outcome)
      await new Promise(setImmediate)
    },
  }
}

describe('ServerConnection', () => {
  test('answers in request order while an early request waits', async () => {
    const { connection, answer, started } = serve()
    connection.handler.onData(Buffer.concat(['A', 'b', 'C', 'd'].map(request)))
    assert.deepEqual(started, ['A', 'b', 'C', 'd'])
    await answer('C')
    assert.equal(connection.received, '')
    await answer('A')
    assert.equal(connection.received, 'AbCd')
    assert.equal(connection.writes.length, 1)
  })

  test('takes requests byte by byte', () => {
    const { connection } = serve()
    for (const byte of Buffer.concat([request('one'), request('two')]))
      connection.handler.onData(Buffer.of(byte))
    assert.equal(connection.received, 'onetwo')
  })

  test('stops reading and starting requests while the client does not take its answers', () => {
    const { connection, started } = serve()
    connection.taken = false
    connection.handler.onData(Buffer.concat([request('a'), request('b')]))
    assert.equal(connection.reading, false)
    connection.handler.onData(request('c'))
    assert.deepEqual(started, ['a', 'b'])
    connection.taken = true
    connection.handler.onDrain()
    assert.equal(connection.reading, true)
    assert.equal(connection.received, 'abc')
  })

  test('keeps so many requests in work and not more', async () => {
    const { connection, started, answer } = serve({ maxRequests: 2 })
    connection.handler.onData(Buffer.concat(['A', 'B', 'C'].map(request)))
    assert.deepEqual(started, ['A', 'B'])
    assert.equal(connection.reading, false)
    await answer('A')
    assert.deepEqual(started, ['A', 'B', 'C'])
    await answer('B')
    assert.equal(connection.reading, true)
  })

  test('stops reading when answers pile up behind one that waits', async () => {
    const { connection, started, answer } = serve()
    connection.handler.onData(Buffer.concat(['A', 'B'].map(request)))
    await answer('B', [Buffer.alloc(2 << 20)])
    assert.equal(connection.reading, true)
    connection.handler.onData(request('c'))
    assert.deepEqual(started, ['A', 'B'])
    assert.equal(connection.reading, false)
    await answer('A')
    assert.deepEqual(started, ['A', 'B', 'c'])
    assert.equal(connection.reading, true)
  })

  test('a request without an answer keeps the order of the others', async () => {
    const { connection, answer } = serve()
    connection.handler.onData(Buffer.concat(['A', 'silent', 'b'].map(request)))
    await answer('A')
    assert.equal(connection.received, 'Ab')
  })

  test('closes on garbage with one line that names client and reason', () => {
    const { connection, reports } = serve()
    connection.handler.onData(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
    assert.equal(connection.state, 'destroyed')
    assert.equal(reports.length, 1)
    assert.equal(reports[0]!['peer'], '10.0.0.7:5123')
    assert.match(String(reports[0]!['reason']), /more than socket.request.max.bytes/)
  })

  test('closes on a refused request, after the answers before it', () => {
    const { connection, reports, started } = serve()
    connection.handler.onData(Buffer.concat(['a', 'bad', 'c'].map(request)))
    assert.equal(connection.received, 'a')
    assert.equal(connection.state, 'destroyed')
    assert.deepEqual(started, ['a', 'bad'])
    assert.deepEqual(
      reports.map(({ reason }) => reason),
      ['a bad request'],
    )
  })

  test('tells those who wait when the client goes away in the middle of a request', async () => {
    const { connection, server, reports, answer } = serve()
    let closed = 0
    server.onClose(() => closed++)
    connection.handler.onData(Buffer.concat([request('A'), request('x').subarray(0, 6)]))
    connection.handler.onClose()
    assert.equal(closed, 1)
    assert.equal(server.isOpen, false)
    assert.match(String(reports[0]!['reason']), /in the middle of a request/)
    await answer('A')
    assert.equal(connection.received, '')
  })

  test('ends after the answers in work', async () => {
    const { connection, server, answer, started } = serve()
    connection.handler.onData(request('A'))
    server.end()
    assert.equal(connection.state, 'open')
    connection.handler.onData(request('b'))
    await answer('A')
    assert.equal(connection.received, 'A')
    assert.equal(connection.state, 'ended')
    assert.deepEqual(started, ['A'])
  })

  test('answers that a client does not take leave less room for those of others', async () => {
    const { connection, answer, pool } = serve()
    const room = pool.roomBytes
    connection.handler.onData(Buffer.concat([request('FIRST'), request('SECOND')]))
    await answer('SECOND', [Buffer.alloc(5_000)])
    assert.equal(room - pool.roomBytes, 5_000)
    connection.taken = false
    await answer('FIRST', [Buffer.alloc(1_000)])
    assert.equal(room - pool.roomBytes, 6_000)
    connection.taken = true
    connection.handler.onDrain()
    assert.equal(pool.roomBytes, room)
    connection.handler.onData(request('THIRD'))
    connection.taken = false
    await answer('THIRD', [Buffer.alloc(2_000)])
    connection.destroy()
    assert.equal(pool.roomBytes, room)
  })
})
