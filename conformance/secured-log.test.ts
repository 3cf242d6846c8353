/** Unmodified clients that have to prove who they are: Millrace's log over TLS, with each mechanism and with certificates. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { Kafka, logLevel, type SASLOptions } from 'kafkajs'
import { type RunningLog, startLog } from '../src/log/broker/start-log.ts'
import {
  CertificateAuthority,
  lacksOpenssl,
  type MadeCertificate,
} from '../src/world/certificates.test-kit.ts'
import { expectSuccess, runCommand, type Finished } from './tools/command.ts'
import { kafkaTool, type KafkaTool } from './tools/kafka-tools.ts'
import { paths } from './tools/paths.ts'
import { hasWitness } from './tools/target.ts'

const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const
const PASSWORD = 'pass, wörd="x'

describe('a secured log', { skip: lacksOpenssl }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-secured-'))
  let authority: CertificateAuthority
  let carrier: MadeCertificate
  let log: RunningLog
  let token = ''
  const reports: { readonly event: string; readonly [field: string]: unknown }[] = []
  const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content)
    return join(folder, name)
  }

  before(async () => {
    authority = new CertificateAuthority()
    carrier = authority.issue('/C=DE/O=Mill/CN=carrier')
    const { certificatePath, keyPath } = authority.issue('/CN=localhost')
    const tls = { certificate: certificatePath, key: keyPath }
    const { publicKey, privateKey } = await generateKeyPair('RS256')
    const keys = [{ ...(await exportJWK(publicKey)), kid: '1', alg: 'RS256', use: 'sig' }]
    const oauthBearer = {
      jwks: file('keys.json', JSON.stringify({ keys })),
      issuer: 'https://issuer.test',
      audience: ['kafka'],
    }
    token = await new SignJWT({ scope: 'kafka' })
      .setProtectedHeader({ alg: 'RS256', kid: '1' })
      .setSubject('ada')
      .setIssuer('https://issuer.test')
      .setAudience('kafka')
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(privateKey)
    file('token.jwt', token)
    const users = { ada: PASSWORD, admin: 'secret' }
    log = await startLog({
      dataPath: join(folder, 'data'),
      config: { 'group.initial.rebalance.delay.ms': 0, 'connections.max.reauth.ms': 3000 },
      listeners: [
        {
          name: 'CLIENTS',
          host: '127.0.0.1',
          port: 0,
          tls,
          sasl: { mechanisms: MECHANISMS, users, oauthBearer },
        },
        {
          name: 'CERTIFIED',
          host: '127.0.0.1',
          port: 0,
          tls: {
            ...tls,
            clientAuth: 'required',
            clientCa: authority.root.certificatePath,
            principalRules: ['RULE:^CN=([^,]+),.*$/$1/', 'DEFAULT'],
          },
        },
      ],
      report: (_level, event, fields) => reports.push({ event, ...fields }),
    })
  })
  after(async () => {
    await log.close()
    authority[Symbol.dispose]()
    rmSync(folder, { recursive: true })
  })

  const address = (listener: 0 | 1): string => `127.0.0.1:${log.listeners[listener]!.port}`
  /** Whether the log says that this principal came in by this mechanism. */
  const cameIn = (mechanism: string, principal: string): boolean =>
    reports.some(
      (report) =>
        report.event === 'client authenticated' &&
        report['mechanism'] === mechanism &&
        report['principal'] === `User:${principal}`,
    )
  const failures = (): unknown[] =>
    reports.filter(({ event }) => event === 'authentication failed').map(({ reason }) => reason)

  describe("Kafka's command line tools", () => {
    const trust = (): string =>
      `ssl.truststore.type=PEM\nssl.truststore.location=${authority.root.certificatePath}\n`
    const jaas = (module: string, options: string): string =>
      `sasl.jaas.config=org.apache.kafka.common.security.${module} required ${options};\n`
    /** Within quotes, in a properties file, which is Latin-1. */
    const escaped = (text: string): string =>
      text
        .replaceAll('"', String.raw`\\"`)
        .replaceAll(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
    const sasl = (mechanism: string, user = 'ada', password = PASSWORD): string => {
      const login = `username="${user}" password="${escaped(password)}"`
      const how =
        mechanism === 'OAUTHBEARER'
          ? jaas('oauthbearer.OAuthBearerLoginModule', '') +
            `sasl.login.callback.handler.class=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler\nsasl.oauthbearer.token.endpoint.url=file://${folder}/token.jwt\n`
          : jaas(mechanism === 'PLAIN' ? 'plain.PlainLoginModule' : 'scram.ScramLoginModule', login)
      return `security.protocol=SASL_SSL\nsasl.mechanism=${mechanism}\n${how}${trust()}`
    }
    const run = async (
      tool: KafkaTool,
      listener: 0 | 1,
      settings: string,
      args: readonly string[],
      input = '',
    ): Promise<Finished> => {
      const properties = file('client.properties', settings)
      const flags = [
        '-Xmx256M',
        '-XX:TieredStopAtLevel=1',
        `-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=file://${folder}/token.jwt`,
        `-Dorg.apache.kafka.sasl.oauthbearer.allowed.files=${folder}/token.jwt`,
      ]
      const all = ['--bootstrap-server', address(listener), '--command-config', properties, ...args]
      return runCommand(kafkaTool(tool, all, flags), { input })
    }
    const roundTrip = async (listener: 0 | 1, settings: string, topic: string): Promise<void> => {
      const sent = await run('kafka-console-producer', listener, settings, ['--topic', topic], 'one\ntwo\n')
      assert.equal(sent.exitCode, 0, sent.stderr)
      const args = ['--topic', topic, '--from-beginning', '--max-messages', '2', '--timeout-ms', '20000']
      const read = await run('kafka-console-consumer', listener, settings, args)
      assert.equal(read.stdout, 'one\ntwo\n', read.stderr)
    }

    for (const mechanism of MECHANISMS) {
      test(`produce and consume with ${mechanism}`, async (t) => {
        if (!hasWitness(t, 'kafka-tools')) return
        await roundTrip(0, sasl(mechanism), `java-${mechanism}`)
        assert.ok(cameIn(mechanism, 'ada'))
      })
    }

    test('produce and consume with a certificate', async (t) => {
      if (!hasWitness(t, 'kafka-tools')) return
      const store = file('carrier.pem', carrier.key + carrier.certificate)
      const own = `ssl.keystore.type=PEM\nssl.keystore.location=${store}\n`
      await roundTrip(1, `security.protocol=SSL\n${own}${trust()}`, 'java-certified')
      assert.ok(cameIn('TLS', 'carrier'))
      const without = await run('kafka-topics', 1, `security.protocol=SSL\n${trust()}`, ['--list'])
      assert.notEqual(without.exitCode, 0)
      assert.match(
        without.stdout + without.stderr,
        /SSL handshake failed|certificate_required|bad_certificate/,
      )
    })

    test('a producer authenticates again, on the same connection, when its session ends', async (t) => {
      if (!hasWitness(t, 'kafka-tools')) return
      const amount = ['--num-records', '300', '--record-size', '10', '--throughput', '50']
      const ran = await run('kafka-producer-perf-test', 0, sasl('SCRAM-SHA-256'), [
        '--topic',
        'again',
        ...amount,
      ])
      assert.match(ran.stdout, /300 records sent/, ran.stderr)
      const again = reports.filter(({ event }) => event === 'client authenticated again')
      assert.ok(again.length > 0)
      const peer = again[0]!['peer']
      assert.ok(reports.some((report) => report.event === 'client authenticated' && report['peer'] === peer))
    })

    test('kafka-configs makes users, shows and deletes them', async (t) => {
      if (!hasWitness(t, 'kafka-tools')) return
      const admin = sasl('SCRAM-SHA-512', 'admin', 'secret')
      const user = ['--entity-type', 'users', '--entity-name', 'eve']
      const made = await run('kafka-configs', 0, admin, [
        ...['--alter', ...user, '--add-config', 'SCRAM-SHA-256=[iterations=8192,password=apple]'],
      ])
      assert.match(made.stdout, /Completed updating config for user eve/, made.stderr)
      const shown = await run('kafka-configs', 0, admin, ['--describe', ...user])
      assert.match(shown.stdout, /SCRAM-SHA-256=iterations=8192/)
      const listed = await run('kafka-topics', 0, sasl('SCRAM-SHA-256', 'eve', 'apple'), ['--list'])
      assert.equal(listed.exitCode, 0, listed.stderr)
      await run('kafka-configs', 0, admin, ['--alter', ...user, '--delete-config', 'SCRAM-SHA-256'])
      const gone = await run('kafka-topics', 0, sasl('SCRAM-SHA-256', 'eve', 'apple'), ['--list'])
      assert.match(
        gone.stdout + gone.stderr,
        /invalid credentials with SASL mechanism SCRAM-SHA-256/,
        'is told so',
      )
      assert.ok(failures().includes('no such user'))
    })
  })

  describe('kcat, over an old librdkafka', () => {
    const kcat = (settings: readonly string[], args: readonly string[], input = '') => {
      const all = ['ssl.ca.location=' + authority.root.certificatePath, ...settings]
      return runCommand(
        { command: 'kcat', args: [...all.flatMap((setting) => ['-X', setting]), ...args] },
        { input },
      )
    }
    const roundTrip = async (listener: 0 | 1, settings: readonly string[], topic: string) => {
      const at = ['-b', address(listener), '-t', topic]
      const sent = await kcat(settings, [...at, '-P'], 'one\ntwo\n')
      assert.equal(sent.exitCode, 0, sent.stderr)
      const read = await kcat(settings, [...at, '-C', '-o', 'beginning', '-e', '-q'])
      assert.equal(read.stdout, 'one\ntwo\n', read.stderr)
    }
    const login = (mechanism: string, password = PASSWORD): string[] => [
      ...['security.protocol=SASL_SSL', `sasl.mechanism=${mechanism}`],
      ...['sasl.username=ada', `sasl.password=${password}`],
    ]

    for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']) {
      test(mechanism, async (t) => {
        if (!hasWitness(t, 'kcat')) return
        await roundTrip(0, login(mechanism), `kcat-${mechanism}`)
      })
      test(`${mechanism} with a wrong password`, async (t) => {
        if (!hasWitness(t, 'kcat')) return
        const refused = await kcat(login(mechanism, 'wrong'), ['-b', address(0), '-L', '-m', '5'])
        assert.notEqual(refused.exitCode, 0)
        assert.match(refused.stderr, /Authentication failed/)
        assert.ok(failures().includes('wrong password'))
      })
    }

    test('a certificate', async (t) => {
      if (!hasWitness(t, 'kcat')) return
      const own = [
        `ssl.certificate.location=${carrier.certificatePath}`,
        `ssl.key.location=${carrier.keyPath}`,
      ]
      await roundTrip(1, ['security.protocol=ssl', ...own], 'kcat-certified')
    })
  })

  test('confluent-kafka for Python', async (t) => {
    if (!hasWitness(t, 'confluent-python')) return
    const program = join(import.meta.dirname, 'clients', 'python', 'confluent_clients.py')
    for (const mechanism of MECHANISMS) {
      await t.test(mechanism, async () => {
        const settings = {
          'security.protocol': 'SASL_SSL',
          'ssl.ca.location': authority.root.certificatePath,
          'sasl.mechanism': mechanism,
          ...(mechanism !== 'OAUTHBEARER' && { 'sasl.username': 'ada', 'sasl.password': PASSWORD }),
        }
        const env = {
          CLIENT_SETTINGS: JSON.stringify(settings),
          ...(mechanism === 'OAUTHBEARER' && { CLIENT_TOKEN: token }),
        }
        const args = [program, address(0), `python-${mechanism}-`, 'produce-consume']
        const { stdout } = await expectSuccess({ command: paths.python, args, env })
        assert.equal(stdout, 'ok produce-consume\n')
      })
    }
  })

  test('franz-go', async (t) => {
    if (!hasWitness(t, 'franz-go')) return
    const runs = [
      ...MECHANISMS.map((mechanism) => ({ name: mechanism, listener: 0 as const })),
      { name: 'a certificate', listener: 1 as const },
    ]
    for (const { name, listener } of runs) {
      await t.test(name, async () => {
        const env = {
          CLIENT_CA: authority.root.certificatePath,
          ...(listener === 0
            ? {
                CLIENT_SASL: name,
                CLIENT_USER: 'ada',
                CLIENT_SECRET: name === 'OAUTHBEARER' ? token : PASSWORD,
              }
            : { CLIENT_CERTIFICATE: carrier.certificatePath, CLIENT_KEY: carrier.keyPath }),
        }
        const args = [address(listener), `franz-${listener}-${name.replaceAll(' ', '-')}-`, 'produce-consume']
        const { stdout } = await expectSuccess({ command: paths.franzGo, args, env })
        assert.equal(stdout, 'ok produce-consume\n')
      })
    }
  })

  test('kafkajs', async (t) => {
    const connect = (sasl: SASLOptions): Kafka =>
      new Kafka({
        brokers: [address(0)],
        ssl: { ca: [authority.root.certificate] },
        sasl,
        logLevel: logLevel.NOTHING,
        retry: { retries: 0 },
      })
    const ways: readonly SASLOptions[] = [
      { mechanism: 'plain', username: 'ada', password: PASSWORD },
      { mechanism: 'scram-sha-256', username: 'ada', password: PASSWORD },
      { mechanism: 'scram-sha-512', username: 'ada', password: PASSWORD },
      { mechanism: 'oauthbearer', oauthBearerProvider: () => Promise.resolve({ value: token }) },
    ]
    for (const sasl of ways) {
      await t.test(sasl.mechanism, async () => {
        const producer = connect(sasl).producer()
        await producer.connect()
        const messages = [{ value: 'one' }]
        const [sent] = await producer.send({ topic: `kafkajs-${sasl.mechanism}`, messages })
        assert.equal(sent!.baseOffset, '0')
        await producer.disconnect()
      })
    }
    await t.test('a wrong password', async () => {
      const wrong = connect({ mechanism: 'scram-sha-256', username: 'ada', password: 'wrong' })
      await assert.rejects(
        wrong.admin().connect(),
        /SASL SCRAM SHA256 authentication failed|Authentication failed/,
      )
    })
  })

  test('no secret is in what the log says', () => {
    const said = JSON.stringify(reports)
    for (const secret of [PASSWORD, JSON.stringify(PASSWORD).slice(1, -1), token, 'wrong"', 'apple'])
      assert.ok(!said.includes(secret), secret)
    assert.ok(said.includes('"listener":"CLIENTS"'))
  })
})
