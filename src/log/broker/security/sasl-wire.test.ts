/** SASL over the wire, in the simulated world: what a client may do before it has proved who it is, and afterwards. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sleep } from '../../../world/world.ts'
import { alterUserScramCredentialsApi } from '../../protocol/apis/alter-user-scram-credentials.ts'
import { apiVersionsApi } from '../../protocol/apis/api-versions.ts'
import { createTopicsApi } from '../../protocol/apis/create-topics.ts'
import { describeUserScramCredentialsApi } from '../../protocol/apis/describe-user-scram-credentials.ts'
import { metadataApi } from '../../protocol/apis/metadata.ts'
import { saslAuthenticateApi } from '../../protocol/apis/sasl-authenticate.ts'
import { saslHandshakeApi } from '../../protocol/apis/sasl-handshake.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { requestFrame, type WireClient } from '../wire-client.test-kit.ts'
import {
  logIn,
  logInByScram,
  saltedPassword,
  SASL_LISTENER,
  scramProof,
  withSecuredBroker,
} from './secured-broker.test-kit.ts'

const ALL_TOPICS = { topics: [] }
const CLIENT = { clientSoftwareName: 'test', clientSoftwareVersion: '1' }

describe('SASL', () => {
  test('a client that has authenticated is who it is, and is named in the log', () =>
    withSecuredBroker(async ({ connect, reports, broker }) => {
      const client = await connect()
      await client.call(apiVersionsApi, 3, CLIENT)
      const answer = await logIn(client, 'ada', 'engine')
      assert.deepEqual(
        [answer.errorCode, answer.authBytes.length, answer.sessionLifetimeMs],
        [ErrorCode.NONE, 0, 0],
      )
      assert.equal((await client.call(metadataApi, 1, ALL_TOPICS)).brokers.length, 1)
      const line = reports.find(({ event }) => event === 'client authenticated')!
      assert.equal(line['principal'], 'User:ada')
      assert.equal(line['listener'], 'SASL_PLAINTEXT')
      assert.equal(line['mechanism'], 'PLAIN')
      assert.equal(broker.metrics().authenticationsSucceeded, 1)
      assert.ok(!JSON.stringify(reports).includes('engine'), 'no secret is in the log')
    }))

  test('a wrong password, and nobody, are told so alike and late, and are let go', () =>
    withSecuredBroker(async ({ connect, reports, machine, broker }) => {
      for (const [user, password] of [
        ['ada', 'machine'],
        ['nobody', 'engine'],
      ] as const) {
        const client = await connect()
        const beforeMs = machine.world.clock.monotonicMs()
        const answer = await logIn(client, user, password)
        assert.equal(answer.errorCode, ErrorCode.SASL_AUTHENTICATION_FAILED)
        assert.equal(answer.errorMessage, 'Authentication failed: Invalid username or password')
        assert.ok(machine.world.clock.monotonicMs() - beforeMs >= 100)
        await client.closed
      }
      const lines = reports.filter(({ event }) => event === 'authentication failed')
      assert.deepEqual(
        lines.map(({ level, user, reason }) => [level, user, reason]),
        [
          ['warn', 'ada', 'wrong password'],
          ['warn', 'nobody', 'no such user'],
        ],
      )
      assert.equal(broker.metrics().authenticationsFailed, 2)
      assert.ok(!JSON.stringify(reports).includes('machine'))
    }))

  test('guesses do not come side by side, with headers or without: each costs a connection and its wait', () =>
    withSecuredBroker(async ({ connect, broker, reports }) => {
      const guesses = ['a', 'b', 'c', 'engine'].map((password) => `\0ada\0${password}`)
      const bare = await connect()
      const [first, ...others] = guesses.map(frameOf)
      bare.write(
        Buffer.concat([requestFrame(saslHandshakeApi, 0, { mechanism: 'PLAIN' }), first!, ...others]),
      )
      await bare.closed
      const framed = await connect()
      await framed.call(saslHandshakeApi, 1, { mechanism: 'PLAIN' })
      const frames = guesses.map((text) =>
        requestFrame(saslAuthenticateApi, 1, { authBytes: Buffer.from(text) }),
      )
      framed.write(Buffer.concat(frames))
      await framed.closed
      assert.equal(broker.metrics().authenticationsFailed, 2)
      assert.equal(broker.metrics().authenticationsSucceeded, 0)
      assert.ok(!reports.some(({ event }) => event === 'client authenticated'))
    }))

  test('what somebody unknown calls itself does not fill the log, however long it is', () =>
    withSecuredBroker(async ({ connect, reports }) => {
      const named = await connect()
      await logIn(named, 'x'.repeat(400_000), 'y')
      const asking = await connect()
      await asking.call(saslHandshakeApi, 1, { mechanism: 'z'.repeat(30_000) })
      await Promise.all([named.closed, asking.closed])
      const lines = reports.filter(({ event }) => event === 'authentication failed')
      assert.equal(lines.length, 2)
      assert.match(String(lines[0]!['user']), /^x{500}… \(400000 characters\)$/)
      for (const line of lines) assert.ok(JSON.stringify(line).length < 1000)
    }))

  test('keys of tokens that come over the network as they are make a warning', () =>
    withSecuredBroker(
      ({ reports }) => {
        const warned = reports.filter(({ event }) => event.includes('jwks without TLS'))
        assert.deepEqual(
          warned.map(({ listener }) => listener),
          ['a'],
        )
        return Promise.resolve()
      },
      {
        listeners: ['http://keys.example/jwks', 'https://keys.example/jwks', 'http://localhost:1/jwks'].map(
          (jwks, index) => ({
            name: 'abc'[index]!,
            host: '127.0.0.1',
            port: 9092 + index,
            sasl: { mechanisms: ['OAUTHBEARER'], oauthBearer: { jwks } },
          }),
        ),
      },
    ))

  test('before it has authenticated, a client may ask for versions and choose a mechanism, and that is all', () =>
    withSecuredBroker(async ({ connect, reports }) => {
      const tries: readonly ((client: WireClient) => Promise<unknown>)[] = [
        (client) => client.call(metadataApi, 1, ALL_TOPICS),
        (client) => client.call(saslAuthenticateApi, 1, { authBytes: Buffer.alloc(3) }),
        async (client) => {
          await client.call(saslHandshakeApi, 1, { mechanism: 'PLAIN' })
          await client.call(metadataApi, 1, ALL_TOPICS)
        },
        async (client) => {
          client.write(Buffer.from([0, 0x10, 0, 0]))
          await client.answer()
        },
      ]
      for (const attempt of tries) {
        const client = await connect()
        await assert.rejects(attempt(client), /the broker closed the connection/)
      }
      const reasons = reports.filter(({ event }) => event === 'connection closed by the broker')
      assert.match(String(reasons[0]!['reason']), /Metadata before it has authenticated/)
      assert.match(String(reasons[2]!['reason']), /Metadata in the middle of authenticating/)
      assert.match(
        String(reasons[3]!['reason']),
        /a request of 1048576 bytes, more than sasl.server.max.receive.size/,
      )
    }))

  test('a mechanism that is not offered is answered with those that are', () =>
    withSecuredBroker(async ({ connect }) => {
      const client = await connect()
      const answer = await client.call(saslHandshakeApi, 1, { mechanism: 'GSSAPI' })
      assert.deepEqual(answer, {
        errorCode: ErrorCode.UNSUPPORTED_SASL_MECHANISM,
        mechanisms: ['PLAIN', 'SCRAM-SHA-256'],
      })
      await client.closed
    }))

  test('after SaslHandshake 0 messages come bare', () =>
    withSecuredBroker(async ({ connect }) => {
      const bare = async (message: string): Promise<WireClient> => {
        const client = await connect()
        await client.call(saslHandshakeApi, 0, { mechanism: 'SCRAM-SHA-256' })
        client.write(frameOf(message))
        return client
      }
      const client = await bare('n,,n=ada,r=nonce')
      const answer = (await client.answer()).toString()
      assert.match(answer, /^r=nonce/)
      client.write(frameOf(scramProof({ bare: 'n=ada,r=nonce', answer, password: 'engine' })))
      assert.match((await client.answer()).toString(), /^v=/)
      assert.equal((await client.call(metadataApi, 1, ALL_TOPICS)).brokers.length, 1)
      const wrong = await bare('n,,n=ada')
      await assert.rejects(wrong.answer(), /the broker closed the connection/)
    }))

  test('who says nothing is let go', () =>
    withSecuredBroker(
      async ({ connect, reports, machine }) => {
        const client = await connect()
        await client.closed
        assert.match(String(reports.at(-1)!['reason']), /did not authenticate within 500 ms/)
        const other = await connect()
        await logIn(other, 'ada', 'engine')
        await sleep(machine.world.clock, 1000)
        await other.call(metadataApi, 1, ALL_TOPICS)
      },
      { config: { 'sasl.authentication.timeout.ms': 500 } },
    ))

  test('a session ends where the client does not authenticate again, as the same and in the same way', () =>
    withSecuredBroker(
      async ({ connect, machine }) => {
        const { clock } = machine.world
        const client = await connect()
        assert.equal((await logIn(client, 'ada', 'engine')).sessionLifetimeMs, 1000)
        await sleep(clock, 900)
        assert.equal((await logIn(client, 'ada', 'engine')).errorCode, ErrorCode.NONE)
        await sleep(clock, 900)
        await client.call(metadataApi, 1, ALL_TOPICS)
        await sleep(clock, 200)
        await assert.rejects(client.call(metadataApi, 1, ALL_TOPICS), /closed/)

        const changed = await connect()
        await logIn(changed, 'ada', 'engine')
        const answer = await logIn(changed, 'admin', 'secret')
        assert.equal(answer.errorCode, ErrorCode.SASL_AUTHENTICATION_FAILED)
        assert.match(answer.errorMessage!, /Cannot change principals during re-authentication/)
        await changed.closed

        const other = await connect()
        await logIn(other, 'ada', 'engine')
        const { errorCode } = await other.call(saslHandshakeApi, 1, { mechanism: 'SCRAM-SHA-256' })
        assert.equal(errorCode, ErrorCode.UNSUPPORTED_SASL_MECHANISM)
      },
      { config: { 'connections.max.reauth.ms': 1000 } },
    ))

  test('where sessions do not end, nobody authenticates twice', () =>
    withSecuredBroker(async ({ connect }) => {
      const client = await connect()
      await logIn(client, 'ada', 'engine')
      const handshake = await client.call(saslHandshakeApi, 1, { mechanism: 'PLAIN' })
      assert.equal(handshake.errorCode, ErrorCode.ILLEGAL_SASL_STATE)
      const again = await client.call(saslAuthenticateApi, 1, { authBytes: Buffer.alloc(0) })
      assert.equal(again.errorCode, ErrorCode.ILLEGAL_SASL_STATE)
      await client.call(metadataApi, 1, ALL_TOPICS)
    }))
})

describe('users with SCRAM passwords', () => {
  const SHA_256 = 1
  const upsertion = (name: string, password: string, iterations = 4096) => {
    const salt = Buffer.from(`salt of ${name}`)
    return {
      name,
      mechanism: SHA_256,
      iterations,
      salt,
      saltedPassword: saltedPassword(password, salt, iterations),
    }
  }

  test('are made, changed and deleted by administration, and outlive power cuts', () =>
    withSecuredBroker(async (scene) => {
      const admin = await scene.connect()
      assert.equal(
        (await logInByScram(admin, 'admin', 'secret')).errorCode,
        ErrorCode.NONE,
        'by configuration',
      )
      const { results } = await admin.call(alterUserScramCredentialsApi, 0, {
        deletions: [],
        upsertions: [upsertion('eve', 'apple'), upsertion('ada', 'renewed', 8192)],
      })
      assert.deepEqual(
        results.map(({ user, errorCode }) => [user, errorCode]),
        [
          ['eve', ErrorCode.NONE],
          ['ada', ErrorCode.NONE],
        ],
      )
      await scene.restart('power cut')
      const comesIn = async (user: string, password: string): Promise<boolean> => {
        const client = await scene.connect()
        return (await logInByScram(client, user, password)).errorCode === ErrorCode.NONE
      }
      assert.equal(await comesIn('eve', 'apple'), true)
      assert.equal(await comesIn('ada', 'renewed'), true)
      assert.equal(await comesIn('ada', 'engine'), false, 'the password of the configuration holds no more')

      const again = await scene.connect()
      await logInByScram(again, 'admin', 'secret')
      const described = await again.call(describeUserScramCredentialsApi, 0, { users: null })
      assert.deepEqual(described.results.map(({ user, credentialInfos }) => [user, credentialInfos]).sort(), [
        ['ada', [{ mechanism: SHA_256, iterations: 8192 }]],
        ['eve', [{ mechanism: SHA_256, iterations: 4096 }]],
      ])
      await again.call(alterUserScramCredentialsApi, 0, {
        deletions: [{ name: 'eve', mechanism: SHA_256 }],
        upsertions: [],
      })
      await scene.restart('close')
      assert.equal(await comesIn('eve', 'apple'), false)
      assert.deepEqual(
        scene.reports
          .filter(({ event }) => event.startsWith('password'))
          .map(({ event, by, user }) => [event, by, user]),
        [
          ['password set', 'User:admin', 'eve'],
          ['password set', 'User:admin', 'ada'],
          ['password deleted', 'User:admin', 'eve'],
        ],
      )
    }))

  test('the salt that a client is told does not say whether there is such a user, also after a restart', () =>
    withSecuredBroker(async (scene) => {
      const saltOf = async (user: string): Promise<string> => {
        const client = await scene.connect()
        await client.call(saslHandshakeApi, 1, { mechanism: 'SCRAM-SHA-256' })
        const authBytes = Buffer.from(`n,,n=${user},r=nonce`)
        const answer = await client.call(saslAuthenticateApi, 2, { authBytes })
        client.close()
        return /,s=.*$/.exec(answer.authBytes.toString())![0]
      }
      const admin = await scene.connect()
      await logIn(admin, 'admin', 'secret')
      await admin.call(alterUserScramCredentialsApi, 0, {
        deletions: [],
        upsertions: [upsertion('eve', 'apple')],
      })
      const before = [await saltOf('ada'), await saltOf('nobody')]
      assert.notEqual(before[0], before[1])
      await scene.restart('close')
      assert.deepEqual([await saltOf('ada'), await saltOf('nobody')], before)
    }))

  test('what cannot be is refused, user by user', () =>
    withSecuredBroker(async ({ connect }) => {
      const admin = await connect()
      await logIn(admin, 'admin', 'secret')
      const { results } = await admin.call(alterUserScramCredentialsApi, 0, {
        deletions: [{ name: 'nobody', mechanism: SHA_256 }],
        upsertions: [
          upsertion('', 'x'),
          upsertion('few', 'x', 4095),
          upsertion('many', 'x', 16_385),
          { ...upsertion('odd', 'x'), mechanism: 7 },
          upsertion('twice', 'x'),
          upsertion('twice', 'y'),
          upsertion('good', 'x'),
        ],
      })
      assert.deepEqual(
        results.map(({ user, errorCode }) => [user, errorCode]),
        [
          ['nobody', ErrorCode.RESOURCE_NOT_FOUND],
          ['', ErrorCode.UNACCEPTABLE_CREDENTIAL],
          ['few', ErrorCode.UNACCEPTABLE_CREDENTIAL],
          ['many', ErrorCode.UNACCEPTABLE_CREDENTIAL],
          ['odd', ErrorCode.UNSUPPORTED_SASL_MECHANISM],
          ['twice', ErrorCode.DUPLICATE_RESOURCE],
          ['good', ErrorCode.NONE],
        ],
      )
      const { results: described } = await admin.call(describeUserScramCredentialsApi, 0, {
        users: [{ name: 'good' }, { name: 'twice' }, { name: 'good' }],
      })
      assert.deepEqual(
        described.map(({ user, errorCode }) => [user, errorCode]),
        [
          ['good', ErrorCode.DUPLICATE_RESOURCE],
          ['twice', ErrorCode.RESOURCE_NOT_FOUND],
        ],
      )
    }))
})

describe('listeners', () => {
  test('tell their own clients their own addresses', () =>
    withSecuredBroker(
      async ({ connect }) => {
        const inside = await connect(0)
        const outside = await connect(1)
        await logIn(outside, 'ada', 'engine')
        const address = async (client: WireClient): Promise<unknown> => {
          const { brokers } = await client.call(metadataApi, 1, ALL_TOPICS)
          return brokers.map(({ host, port }) => `${host}:${port}`)
        }
        assert.deepEqual(await address(inside), ['127.0.0.1:9092'])
        assert.deepEqual(await address(outside), ['kafka.example:19092'])
      },
      {
        listeners: [
          { host: '127.0.0.1', port: 9092 },
          {
            ...SASL_LISTENER,
            port: 9093,
            host: '0.0.0.0',
            advertised: { host: 'kafka.example', port: 19_092 },
          },
        ],
      },
    ))

  test('let the process’s own clients in by a way that nobody else has', () =>
    withSecuredBroker(
      async ({ connect, broker, reports }) => {
        const { login, ...address } = broker.internal
        assert.equal(address.host, '127.0.0.1')
        const own = await connect(address)
        assert.equal((await logIn(own, login!.username, login!.password)).errorCode, ErrorCode.NONE)
        const topic = { name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
        const { topics } = await own.call(createTopicsApi, 5, { topics: [topic], timeoutMs: 1000 })
        assert.equal(topics[0]!.errorCode, ErrorCode.NONE)
        const { brokers } = await own.call(metadataApi, 1, ALL_TOPICS)
        assert.equal(brokers[0]!.port, address.port)
        const stranger = await connect(address)
        assert.equal((await logIn(stranger, 'ada', 'engine')).errorCode, ErrorCode.SASL_AUTHENTICATION_FAILED)
        assert.ok(!JSON.stringify(reports).includes(login!.password))
        const ada = await connect()
        await logIn(ada, 'ada', 'engine')
        const refused = await ada.call(createTopicsApi, 5, {
          topics: [{ ...topic, name: 'u' }],
          timeoutMs: 1000,
        })
        assert.equal(refused.topics[0]!.errorCode, ErrorCode.TOPIC_AUTHORIZATION_FAILED)
      },
      { config: { 'authorizer.class.name': 'acl' } },
    ))

  test('are refused where other machines could come in unasked, unless that is said, and then it is told', async () => {
    const open = { listeners: [{ host: '0.0.0.0', port: 9092 }] }
    await assert.rejects(
      withSecuredBroker(async () => undefined, open),
      { code: 'MR_OPEN_LISTENER' },
    )
    const claims = { mechanisms: ['OAUTHBEARER'], oauthBearer: { allowUnsecured: true } } as const
    await assert.rejects(
      withSecuredBroker(async () => undefined, {
        listeners: [{ host: '0.0.0.0', port: 9092, sasl: claims }],
      }),
      { code: 'MR_OPEN_LISTENER' },
    )
    await withSecuredBroker(
      ({ reports }) => {
        const warning = 'other machines can come in without saying who they are'
        assert.ok(reports.some(({ level, event }) => level === 'warn' && event === warning))
        return Promise.resolve()
      },
      { ...open, allowAnonymousBeyondLoopback: true },
    )
  })

  test('are refused for what cannot be meant', async () => {
    const sasl = { mechanisms: ['PLAIN'] } as const
    for (const listeners of [
      [],
      [SASL_LISTENER, { ...SASL_LISTENER, port: 1 }],
      [{ ...SASL_LISTENER, name: 'internal' }],
      [{ ...SASL_LISTENER, sasl: { mechanisms: [] } }],
      [{ ...SASL_LISTENER, sasl: { mechanisms: ['OAUTHBEARER' as const] } }],
      [{ ...SASL_LISTENER, sasl: { ...sasl, users: { ada: '' } } }],
      [{ ...SASL_LISTENER, tls: { certificate: 'x', key: 'x', clientAuth: 'required' as const } }],
    ])
      await assert.rejects(
        withSecuredBroker(async () => undefined, { listeners }),
        { code: 'MR_CONFIG_INVALID' },
      )
  })
})

function frameOf(message: string): Buffer {
  const size = Buffer.alloc(4)
  size.writeInt32BE(message.length)
  return Buffer.concat([size, Buffer.from(message)])
}
