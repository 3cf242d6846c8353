/**
 * A log that is told to stop while clients of every bad kind hang on it ends in order, and nothing keeps its process alive:
 * long polls without an end, members that wait for others, producers, connections in the middle of a request, of a TLS
 * handshake, of SASL, readers that take nothing, and all of them coming and going at that very moment.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { AttackedLog } from '../fuzz/attacked-log.ts'
import { createTopics } from '../src/log/client/admin.ts'
import { connectClient } from '../src/log/client/client.ts'
import { batchOf, requestFrame } from '../src/log/broker/wire-client.test-kit.ts'
import { consumerGroupHeartbeatApi } from '../src/log/protocol/apis/consumer-group-heartbeat.ts'
import { createTopicsApi } from '../src/log/protocol/apis/create-topics.ts'
import { fetchApi } from '../src/log/protocol/apis/fetch.ts'
import { initProducerIdApi } from '../src/log/protocol/apis/init-producer-id.ts'
import { joinGroupApi } from '../src/log/protocol/apis/join-group.ts'
import { produceApi } from '../src/log/protocol/apis/produce.ts'
import { saslHandshakeApi } from '../src/log/protocol/apis/sasl-handshake.ts'
import { CertificateAuthority, lacksOpenssl } from '../src/world/certificates.test-kit.ts'
import { nodeWorld } from '../src/world/node.ts'
import { SeededRandom } from '../src/world/simulated/seeded-random.ts'

/** `STOPS` overrides it; each takes some two seconds, the patience of a log that closes. */
const STOPS = Number(process.env['STOPS'] ?? 3)
const CLIENTS = 60
const EVER_MS = 2 ** 31 - 1
const SECRET = 'a secret of the test'

/** Requests that wait, write, or change something. */
const REQUESTS: readonly Buffer[] = [
  requestFrame(fetchApi, 12, {
    maxWaitMs: EVER_MS,
    minBytes: EVER_MS,
    maxBytes: 1 << 20,
    topics: [{ topic: 't', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }] }],
  }),
  requestFrame(fetchApi, 12, {
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: 50 << 20,
    topics: [{ topic: 't', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 50 << 20 }] }],
  }),
  requestFrame(joinGroupApi, 3, {
    groupId: 'classic',
    sessionTimeoutMs: 1_800_000,
    rebalanceTimeoutMs: EVER_MS,
    memberId: '',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.alloc(6) }],
  }),
  requestFrame(consumerGroupHeartbeatApi, 1, {
    groupId: 'new',
    memberId: 'member',
    memberEpoch: 0,
    rebalanceTimeoutMs: EVER_MS,
    subscribedTopicNames: ['t'],
    topicPartitions: [],
  }),
  requestFrame(produceApi, 9, {
    transactionalId: null,
    acks: -1,
    timeoutMs: EVER_MS,
    topicData: [{ name: 't', partitionData: [{ index: 0, records: batchOf(['x'.repeat(100_000)]) }] }],
  }),
  requestFrame(initProducerIdApi, 4, {
    transactionalId: 'transaction',
    transactionTimeoutMs: 900_000,
    producerId: -1,
    producerEpoch: -1,
  }),
  requestFrame(createTopicsApi, 7, {
    topics: [{ name: 'more', numPartitions: 20, replicationFactor: 1, assignments: [], configs: [] }],
    timeoutMs: EVER_MS,
    validateOnly: false,
  }),
]

const SASL_BEGUN = requestFrame(saslHandshakeApi, 1, { mechanism: 'PLAIN' })
const TLS_BEGUN = Buffer.from('160301020001', 'hex')

class Crowd implements Disposable {
  readonly #log: AttackedLog
  readonly #random: SeededRandom
  readonly #sockets: Socket[] = []

  constructor(log: AttackedLog, random: SeededRandom) {
    this.#log = log
    this.#random = random
  }

  /** One client does something and hangs on, or is gone at once. */
  async join(): Promise<void> {
    const random = this.#random
    const [plain, tls, sasl] = this.#log.ports as [number, number, number]
    const kind = random.below(10)
    if (kind < 5) this.#ask(await this.#connect(plain))
    else if (kind < 7) this.#ask(await this.#handshake(tls))
    else if (kind === 7) (await this.#connect(tls)).write(TLS_BEGUN)
    else if (kind === 8) (await this.#connect(sasl)).write(SASL_BEGUN)
    else await this.#connect(random.pick([plain, tls, sasl]))
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  #ask(socket: Socket): void {
    const random = this.#random
    if (random.chance(0.3)) socket.pause()
    for (let count = random.below(12); count > 0; count--) socket.write(random.pick(REQUESTS))
    if (random.chance(0.2)) socket.write(random.pick(REQUESTS).subarray(0, 20))
    const leaves = random.below(10)
    if (leaves === 0) socket.end()
    else if (leaves === 1) socket.destroy()
  }

  #connect(port: number): Promise<Socket> {
    return this.#opened(connect({ host: this.#log.host, port }), 'connect')
  }

  #handshake(port: number): Promise<Socket> {
    const socket = connectTls({ host: this.#log.host, port, rejectUnauthorized: false })
    return this.#opened(socket, 'secureConnect')
  }

  /** Or refused, or broken off: the log may stop meanwhile. */
  #opened(socket: Socket, event: string): Promise<Socket> {
    this.#sockets.push(socket)
    socket.resume()
    return new Promise((resolve) => {
      for (const each of [event, 'error', 'close']) socket.once(each, () => resolve(socket))
      socket.on('error', () => undefined)
    })
  }
}

if (lacksOpenssl === false) {
  const authority = new CertificateAuthority()
  const { certificatePath: certificate, keyPath: key } = authority.issue('/CN=localhost')
  after(() => authority[Symbol.dispose]())

  test(`${STOPS} stops under a crowd of stuck clients`, async (t) => {
    const seed = Number(process.env['STOP_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
    t.diagnostic(`STOP_SEED=${seed}`)
    const random = new SeededRandom(seed)
    const folder = mkdtempSync(join(tmpdir(), 'millrace-stop-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const at = { host: '127.0.0.1', port: 0 }
    const options = {
      dataPath: join(folder, 'data'),
      listeners: [
        { name: 'PLAIN', ...at },
        { name: 'TLS', ...at, tls: { certificate, key } },
        { name: 'SASL', ...at, sasl: { mechanisms: ['PLAIN' as const], users: { user: SECRET } } },
      ],
    }
    for (let stop = 0; stop < STOPS; stop++) {
      await using log = await AttackedLog.start(options)
      const client = await connectClient({ world: nodeWorld(), bootstrap: `${log.host}:${log.port}` })
      await createTopics(client, [{ name: 't' }], { ifNotExists: true })
      await client.close()
      using crowd = new Crowd(log, random)
      const joined = Array.from({ length: CLIENTS }, async () => {
        await sleep(random.below(300))
        await crowd.join()
      })
      await sleep(random.below(400))
      // Throws what keeps it, when something does.
      await log.stop()
      await Promise.all(joined)
      const errors = [...log.reports.values()].filter((report) => report.startsWith('error'))
      assert.deepEqual(errors, [], `stop ${stop}`)
    }
  })
}
