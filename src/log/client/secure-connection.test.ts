/** The client's side of TLS and SASL, against the embedded log. Conformance has the same against a real Kafka. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { reportNothing } from '../../base/report.ts'
import { CertificateAuthority, lacksOpenssl } from '../../world/certificates.test-kit.ts'
import { nodeWorld } from '../../world/node.ts'
import { type Broker, startBroker } from '../broker/broker.ts'
import { createTopics } from './admin.ts'
import { connectClient, type LogClient } from './client.ts'
import { decodeRecords, Fetcher } from './fetcher.ts'
import { createProducer } from './producer.ts'
import type { ClientSecurity } from './security.ts'
import { setPassword } from './user-admin.ts'

const world = nodeWorld()

describe('a secured log', { skip: lacksOpenssl }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-secured-'))
  let authority: CertificateAuthority
  let broker: Broker
  const ports = new Map<string, number>()

  before(async () => {
    authority = new CertificateAuthority()
    const { certificate, key } = authority.issue('/CN=log')
    const clientCa = authority.root.certificate
    const tls = { certificate, key }
    const at = { host: '127.0.0.1', port: 0 }
    broker = await startBroker({
      world,
      dataPath: directory,
      listeners: [
        { ...at, name: 'PLAINTEXT' },
        {
          ...at,
          name: 'SASL_SSL',
          tls,
          sasl: {
            mechanisms: ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'],
            users: { ada: 'engine' },
            oauthBearer: { allowUnsecured: true },
          },
        },
        { ...at, name: 'SSL', tls: { ...tls, clientAuth: 'required', clientCa } },
        { ...at, name: 'SASL_PLAINTEXT', sasl: { mechanisms: ['PLAIN'], users: { ada: 'engine' } } },
      ],
      config: { 'connections.max.reauth.ms': 1_000 },
      report: reportNothing,
    })
    for (const { name, port } of broker.listeners) ports.set(name, port)
    const admin = await connect('PLAINTEXT', {})
    await createTopics(admin, [{ name: 'secret' }])
    await setPassword(admin, { user: 'grace', password: 'wörld', mechanisms: ['SCRAM-SHA-512'] })
    await admin.close()
  })

  after(async () => {
    await broker.close()
    authority[Symbol.dispose]()
    rmSync(directory, { recursive: true, force: true })
  })

  function connect(listener: string, security: ClientSecurity): Promise<LogClient> {
    const bootstrap = `127.0.0.1:${ports.get(listener)!}`
    return connectClient({ world, bootstrap, security, requestTimeoutMs: 10_000 })
  }

  const trusting = (): { readonly ca: string } => ({ ca: authority.root.certificate })

  async function worksWith(listener: string, security: ClientSecurity): Promise<void> {
    const client = await connect(listener, security)
    try {
      const producer = await createProducer(client)
      const stored = Promise.withResolvers<number>()
      producer.send({ topic: 'secret', partition: 0, value: 'x'.repeat(400_000) }, (error, { offset }) =>
        error === undefined ? stored.resolve(offset) : stored.reject(error),
      )
      await producer.close()
      const fetcher = new Fetcher(client)
      fetcher.assign([{ topic: 'secret', partition: 0, offset: await stored.promise }])
      assert.equal(decodeRecords((await fetcher.poll())!).values[0]?.length, 400_000)
      fetcher.close()
    } finally {
      await client.close()
    }
  }

  function token(): string {
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
    const nowS = Math.floor(world.clock.nowMs() / 1000)
    return `${part({ alg: 'none' })}.${part({ sub: 'lin', iat: nowS, exp: nowS + 3_600 })}.`
  }

  test('lets in who proves to be somebody', async () => {
    const tls = trusting()
    await worksWith('SASL_SSL', { tls, sasl: { mechanism: 'PLAIN', username: 'ada', password: 'engine' } })
    for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const)
      await worksWith('SASL_SSL', { tls, sasl: { mechanism, username: 'ada', password: 'engine' } })
    await worksWith('SASL_SSL', {
      tls,
      sasl: { mechanism: 'SCRAM-SHA-512', username: 'grace', password: 'wörld' },
    })
    await worksWith('SASL_SSL', { tls, sasl: { mechanism: 'OAUTHBEARER', token } })
    await worksWith('SASL_PLAINTEXT', { sasl: { mechanism: 'PLAIN', username: 'ada', password: 'engine' } })
    const { certificate, key } = authority.issue('/CN=client')
    await worksWith('SSL', { tls: { ...tls, certificate, key } })
  })

  test('keeps a connection whose authentication is repeated', async () => {
    const client = await connectClient({
      // The earliest that may be drawn: this machine may be slow.
      world: { ...world, random: { uint32: () => 0, bytes: (length) => world.random.bytes(length) } },
      bootstrap: `127.0.0.1:${ports.get('SASL_SSL')!}`,
      security: {
        tls: trusting(),
        sasl: { mechanism: 'SCRAM-SHA-512', username: 'grace', password: 'wörld' },
      },
    })
    const before = broker.metrics().connectionsAccepted
    const untilMs = world.clock.monotonicMs() + 2_000
    while (world.clock.monotonicMs() < untilMs) {
      await Promise.all([client.metadata(['secret']), client.metadata([])])
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    assert.equal(broker.metrics().connectionsAccepted, before)
    await client.close()
  })

  for (const [what, listener, security, code] of [
    ['a wrong password', 'SASL_SSL', { username: 'ada', password: 'x' }, 'MR_AUTHENTICATION_FAILED'],
    ['nobody known', 'SASL_SSL', { username: 'eve', password: 'x' }, 'MR_AUTHENTICATION_FAILED'],
    [
      'a mechanism that is not there',
      'SASL_PLAINTEXT',
      { username: 'ada', password: 'engine' },
      'MR_SASL_MECHANISM',
    ],
    ['SASL where there is none', 'PLAINTEXT', { username: 'ada', password: 'engine' }, 'MR_SASL_MECHANISM'],
  ] as const) {
    test(`says what is wrong with ${what}`, async () => {
      const tls = listener === 'SASL_SSL' ? { tls: trusting() } : {}
      await assert.rejects(connect(listener, { ...tls, sasl: { mechanism: 'SCRAM-SHA-256', ...security } }), {
        code,
        message: new RegExp(`127\\.0\\.0\\.1:${ports.get(listener)!}`),
      })
    })
  }

  test('says what is wrong with TLS', async () => {
    await assert.rejects(connect('SASL_SSL', {}), {
      code: /^MR_(?:TLS_EXPECTED|NOT_KAFKA)$/,
      message: /--kafka-config/,
    })
    await assert.rejects(connect('SASL_SSL', { tls: true }), {
      code: 'MR_TLS_UNTRUSTED',
      message: /ssl\.truststore\.location/,
    })
    await assert.rejects(connect('SASL_SSL', { tls: { ...trusting(), serverName: 'elsewhere' } }), {
      code: 'MR_TLS_UNTRUSTED',
    })
    await assert.rejects(connect('SSL', { tls: trusting() }), { code: 'MR_TLS_FAILED' })
    await assert.rejects(connect('PLAINTEXT', { tls: trusting() }), {
      code: 'MR_CONNECT_FAILED',
      message: /speak without TLS\?/,
    })
    await assert.rejects(connect('SASL_PLAINTEXT', {}), {
      code: 'MR_CONNECTION_LOST',
      message: /--kafka-config FILE with security\.protocol=SASL_PLAINTEXT/,
    })
  })
})
