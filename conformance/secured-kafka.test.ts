/** Our own client against a real Kafka's secured listeners: who it lets in, and what it says where it does not get in. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { readKafkaConfig } from '../src/cli/kafka-config.ts'
import { createTopics } from '../src/log/client/admin.ts'
import { connectClient, type LogClient } from '../src/log/client/client.ts'
import { decodeRecords, Fetcher } from '../src/log/client/fetcher.ts'
import { createProducer } from '../src/log/client/producer.ts'
import type { ClientSecurity } from '../src/log/client/security.ts'
import { setPassword } from '../src/log/client/user-admin.ts'
import { CertificateAuthority, lacksOpenssl } from '../src/world/certificates.test-kit.ts'
import { nodeWorld } from '../src/world/node.ts'
import { freePort } from './tools/free-port.ts'
import { type RunningServer, startKafka } from './tools/start-kafka.ts'
import { lacking } from './tools/target.ts'

const world = nodeWorld()

describe('a secured Kafka', { skip: lacking('kafka') || lacksOpenssl }, () => {
  let authority: CertificateAuthority
  let stranger: CertificateAuthority
  let kafka: RunningServer
  const ports = { SASL: 0, CERTIFIED: 0, OPEN: 0 }

  before(async () => {
    authority = new CertificateAuthority()
    stranger = new CertificateAuthority('/CN=Somebody else')
    const own = authority.issue('/CN=kafka')
    const store = join(authority.directory, 'kafka-store.pem')
    writeFileSync(store, own.key + own.certificate)
    for (const name of ['SASL', 'CERTIFIED', 'OPEN'] as const) ports[name] = await freePort()
    const tls = (listener: string): Record<string, string> => ({
      [`listener.name.${listener}.ssl.keystore.type`]: 'PEM',
      [`listener.name.${listener}.ssl.keystore.location`]: store,
      [`listener.name.${listener}.ssl.truststore.type`]: 'PEM',
      [`listener.name.${listener}.ssl.truststore.location`]: authority.root.certificatePath,
    })
    const plain = 'org.apache.kafka.common.security.plain.PlainLoginModule'
    const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule'
    const bearer = 'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule'
    kafka = await startKafka({
      listeners: [
        { name: 'SASL', protocol: 'SASL_SSL', port: ports.SASL },
        { name: 'CERTIFIED', protocol: 'SSL', port: ports.CERTIFIED },
        { name: 'OPEN', protocol: 'SASL_PLAINTEXT', port: ports.OPEN },
      ],
      settings: {
        ...tls('sasl'),
        ...tls('certified'),
        'listener.name.certified.ssl.client.auth': 'required',
        'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
        'listener.name.open.sasl.enabled.mechanisms': 'SCRAM-SHA-512',
        'listener.name.open.scram-sha-512.sasl.jaas.config': `${scram} required;`,
        'listener.name.sasl.plain.sasl.jaas.config': `${plain} required user_ada="ada-secret";`,
        'listener.name.sasl.scram-sha-256.sasl.jaas.config': `${scram} required;`,
        'listener.name.sasl.scram-sha-512.sasl.jaas.config': `${scram} required;`,
        'listener.name.sasl.oauthbearer.sasl.jaas.config': `${bearer} required unsecuredLoginStringClaim_sub="kafka";`,
        // Within a second of the last time, Kafka takes no authentication.
        'connections.max.reauth.ms': '4000',
      },
    })
    const admin = await connectClient({ world, bootstrap: kafka.address })
    const mechanisms = ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const
    await setPassword(admin, { user: 'grace, =', password: 'pass wörd', mechanisms })
    await createTopics(admin, [{ name: 'secret' }])
    await admin.close()
  })

  after(async () => {
    await kafka[Symbol.asyncDispose]()
    authority[Symbol.dispose]()
    stranger[Symbol.dispose]()
  })

  function connect(port: number, security: ClientSecurity): Promise<LogClient> {
    return connectClient({ world, bootstrap: `127.0.0.1:${port}`, security, requestTimeoutMs: 10_000 })
  }

  const trusting = (): { readonly ca: string } => ({ ca: authority.root.certificate })

  async function worksWith(port: number, security: ClientSecurity): Promise<void> {
    const client = await connect(port, security)
    try {
      const producer = await createProducer(client)
      const stored = Promise.withResolvers<number>()
      producer.send({ topic: 'secret', partition: 0, value: 'x'.repeat(300_000) }, (error, { offset }) =>
        error === undefined ? stored.resolve(offset) : stored.reject(error),
      )
      await producer.close()
      const fetcher = new Fetcher(client)
      fetcher.assign([{ topic: 'secret', partition: 0, offset: await stored.promise }])
      assert.equal(decodeRecords((await fetcher.poll())!).values[0]?.length, 300_000)
      fetcher.close()
    } finally {
      await client.close()
    }
  }

  /** A token that Kafka's own development handler takes: signed by nobody. */
  function token(): string {
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
    const nowS = Math.floor(Date.now() / 1000)
    return `${part({ alg: 'none' })}.${part({ sub: 'lin', iat: nowS, exp: nowS + 3600 })}.`
  }

  test('PLAIN over TLS', () =>
    worksWith(ports.SASL, {
      tls: trusting(),
      sasl: { mechanism: 'PLAIN', username: 'ada', password: 'ada-secret' },
    }))

  test('what the configuration of a Java client says', () => {
    const path = join(authority.directory, 'client.properties')
    const login = 'org.apache.kafka.common.security.scram.ScramLoginModule'
    writeFileSync(
      path,
      `security.protocol=SASL_SSL
sasl.mechanism=SCRAM-SHA-512
sasl.jaas.config=${login} required username="grace, =" password="pass w\\u00f6rd";
ssl.truststore.type=PEM
ssl.truststore.location=${authority.root.certificatePath}
`,
    )
    return worksWith(ports.SASL, readKafkaConfig(path))
  })

  for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
    test(`${mechanism} over TLS`, () =>
      worksWith(ports.SASL, {
        tls: trusting(),
        sasl: { mechanism, username: 'grace, =', password: 'pass wörd' },
      }))
  }

  test('SCRAM without TLS', () =>
    worksWith(ports.OPEN, {
      sasl: { mechanism: 'SCRAM-SHA-512', username: 'grace, =', password: 'pass wörd' },
    }))

  test('OAUTHBEARER with a token of the program', () =>
    worksWith(ports.SASL, { tls: trusting(), sasl: { mechanism: 'OAUTHBEARER', token } }))

  test('OAUTHBEARER with a token of an endpoint', async () => {
    const asked: string[] = []
    const server = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => (body += chunk.toString()))
      request.on('end', () => {
        asked.push(`${request.headers.authorization ?? ''} ${body}`)
        response.statusCode = body.includes('scope=kafka') ? 200 : 401
        response.end(JSON.stringify({ access_token: token(), token_type: 'bearer', expires_in: 60 }))
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`
    const credentials = { endpoint, clientId: 'me', clientSecret: 'mine' }
    const security = (token: typeof credentials & { scope?: string }): ClientSecurity => ({
      tls: trusting(),
      sasl: { mechanism: 'OAUTHBEARER', token },
    })
    try {
      await worksWith(ports.SASL, security({ ...credentials, scope: 'kafka' }))
      assert.equal(
        asked[0],
        `Basic ${Buffer.from('me:mine').toString('base64')} grant_type=client_credentials&scope=kafka`,
      )
      await assert.rejects(connect(ports.SASL, security(credentials)), { code: 'MR_AUTHENTICATION_FAILED' })
    } finally {
      server.close()
    }
    await assert.rejects(connect(ports.SASL, security(credentials)), { code: 'MR_TOKEN_UNAVAILABLE' })
  })

  test('a certificate of its own', async () => {
    const { certificate, key } = authority.issue('/CN=client')
    await worksWith(ports.CERTIFIED, { tls: { ...trusting(), certificate, key } })
    const locked = authority.issue('/CN=client', { passphrase: 'open sesame' })
    const tls = { ...trusting(), certificate: locked.certificate, key: locked.key }
    await worksWith(ports.CERTIFIED, { tls: { ...tls, passphrase: 'open sesame' } })
    await assert.rejects(connect(ports.CERTIFIED, { tls: { ...tls, passphrase: 'wrong' } }), {
      code: 'MR_TLS_INVALID',
    })
    await assert.rejects(connect(ports.CERTIFIED, { tls: trusting() }), { code: 'MR_TLS_FAILED' })
  })

  test('requests go on while the authentication is repeated, on the same connection', async () => {
    const client = await connectClient({
      // The earliest that may be drawn: this machine may be slow.
      world: { ...world, random: { uint32: () => 0, bytes: (length) => world.random.bytes(length) } },
      bootstrap: `127.0.0.1:${ports.SASL}`,
      security: {
        tls: trusting(),
        sasl: { mechanism: 'SCRAM-SHA-256', username: 'grace, =', password: 'pass wörd' },
      },
    })
    // A broker closes a connection whose time is up: a request would fail.
    const endMs = Date.now() + 8_500
    const work = async (): Promise<void> => {
      while (Date.now() < endMs) {
        await client.metadata(['secret'])
        await sleep(5)
      }
    }
    try {
      await Promise.all([work(), work(), work()])
    } finally {
      await client.close()
    }
  })

  describe('what is refused', () => {
    const grace = { mechanism: 'SCRAM-SHA-512', username: 'grace, =', password: 'wrong' } as const
    const cases: readonly (readonly [
      string,
      keyof typeof ports | 'PLAINTEXT',
      () => ClientSecurity,
      string,
    ])[] = [
      [
        'a wrong password, SCRAM',
        'SASL',
        () => ({ tls: trusting(), sasl: grace }),
        'MR_AUTHENTICATION_FAILED',
      ],
      [
        'a wrong password, PLAIN',
        'SASL',
        () => ({ tls: trusting(), sasl: { mechanism: 'PLAIN', username: 'ada', password: 'x' } }),
        'MR_AUTHENTICATION_FAILED',
      ],
      [
        'a bad token',
        'SASL',
        () => ({ tls: trusting(), sasl: { mechanism: 'OAUTHBEARER', token: () => 'rubbish' } }),
        'MR_AUTHENTICATION_FAILED',
      ],
      [
        'a mechanism that is not there',
        'OPEN',
        () => ({ sasl: { ...grace, mechanism: 'SCRAM-SHA-256' } }),
        'MR_SASL_MECHANISM',
      ],
      ['SASL where there is none', 'PLAINTEXT', () => ({ sasl: grace }), 'MR_SASL_MECHANISM'],
      ['nobody where SASL is asked for', 'OPEN', () => ({}), 'MR_CONNECTION_LOST'],
      [
        'a certificate of a stranger',
        'SASL',
        () => ({ tls: { ca: stranger.root.certificate } }),
        'MR_TLS_UNTRUSTED',
      ],
      [
        'a private certificate, when public ones are trusted',
        'SASL',
        () => ({ tls: true }),
        'MR_TLS_UNTRUSTED',
      ],
      [
        'another name',
        'SASL',
        () => ({ tls: { ...trusting(), serverName: 'elsewhere.example' } }),
        'MR_TLS_UNTRUSTED',
      ],
      ['plaintext to a TLS port', 'SASL', () => ({}), 'MR_TLS_EXPECTED'],
      ['TLS to a plaintext port', 'PLAINTEXT', () => ({ tls: trusting() }), 'MR_CONNECT_FAILED'],
      ['PEM that is none', 'SASL', () => ({ tls: { ca: 'rubbish' } }), 'MR_TLS_INVALID'],
    ]
    for (const [what, listener, security, code] of cases) {
      test(what, async () => {
        const port = listener === 'PLAINTEXT' ? Number(kafka.address.split(':')[1]) : ports[listener]
        await assert.rejects(connect(port, security()), (error: Error & { code?: string }) => {
          assert.equal(error.code, code, error.message)
          assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${port}`))
          assert.doesNotMatch(error.message, /wrong|rubbish\b.*token/)
          return true
        })
      })
    }

    test('another name is taken where names are not looked at', async () => {
      const tls = { ...trusting(), serverName: 'elsewhere.example', verifyHostname: false }
      const client = await connect(ports.SASL, {
        tls,
        sasl: { mechanism: 'PLAIN', username: 'ada', password: 'ada-secret' },
      })
      await client.close()
    })
  })
})
