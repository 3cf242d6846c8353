/** SASL and the administration of users: the same requests to Millrace's log and to a real Kafka, the same answers. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startLog } from '../src/log/broker/start-log.ts'
import { WireClient } from '../src/log/broker/wire-client.test-kit.ts'
import { alterUserScramCredentialsApi } from '../src/log/protocol/apis/alter-user-scram-credentials.ts'
import { apiVersionsApi } from '../src/log/protocol/apis/api-versions.ts'
import { describeUserScramCredentialsApi } from '../src/log/protocol/apis/describe-user-scram-credentials.ts'
import { metadataApi } from '../src/log/protocol/apis/metadata.ts'
import { saslAuthenticateApi } from '../src/log/protocol/apis/sasl-authenticate.ts'
import { saslHandshakeApi } from '../src/log/protocol/apis/sasl-handshake.ts'
import { nodeWorld } from '../src/world/node.ts'
import { freePort } from './tools/free-port.ts'
import { startKafka } from './tools/start-kafka.ts'
import { lacking } from './tools/target.ts'

const { network } = nodeWorld()
const CLIENT = { clientSoftwareName: 'test', clientSoftwareVersion: '1' }
const SHA_256 = 1

type Connect = () => Promise<WireClient>

/** What is asked over connections of its own, and what is to be the same. */
const QUESTIONS: Readonly<Record<string, (connect: Connect) => Promise<unknown>>> = {
  'a mechanism that is not there': async (connect) => {
    const client = await connect()
    const { errorCode, mechanisms } = await client.call(saslHandshakeApi, 1, { mechanism: 'GSSAPI' })
    return [errorCode, mechanisms.toSorted(), await thenCloses(client)]
  },
  'a wrong password, PLAIN': (connect) => plain(connect, '\0ada\0wrong'),
  'nobody, PLAIN': (connect) => plain(connect, '\0nobody\0engine'),
  'another name to act for, PLAIN': (connect) => plain(connect, 'root\0ada\0engine'),
  'no name, PLAIN': (connect) => plain(connect, '\0\0engine'),
  'no password, PLAIN': (connect) => plain(connect, '\0ada\0'),
  'the right password, PLAIN': (connect) => plain(connect, '\0ada\0engine'),
  'a wrong password, SCRAM': (connect) => scram(connect, 'eve'),
  'nobody, SCRAM': (connect) => scram(connect, 'nobody'),
  'metadata before authentication': async (connect) => {
    const client = await connect()
    return outcome(client.call(metadataApi, 1, { topics: [] }))
  },
  'versions before authentication': async (connect) => {
    const client = await connect()
    return (await client.call(apiVersionsApi, 3, CLIENT)).errorCode
  },
  'SASL after authentication': async (connect) => {
    const client = await loggedIn(connect)
    const handshake = await client.call(saslHandshakeApi, 1, { mechanism: 'PLAIN' })
    const more = await client.call(saslAuthenticateApi, 2, { authBytes: Buffer.alloc(0) })
    return [handshake, { ...more, authBytes: more.authBytes.length }]
  },
  'users that are made wrongly': async (connect) => {
    const client = await loggedIn(connect)
    const user = (name: string, mechanism: number, iterations: number) => {
      return { name, mechanism, iterations, salt: Buffer.from('salt'), saltedPassword: Buffer.alloc(32, 1) }
    }
    const { results } = await client.call(alterUserScramCredentialsApi, 0, {
      deletions: [
        { name: 'nobody', mechanism: SHA_256 },
        { name: 'nobody-2', mechanism: 9 },
      ],
      upsertions: [
        user('', SHA_256, 4096),
        user('few', SHA_256, 4095),
        user('many', SHA_256, 16_385),
        user('odd', 9, 4096),
        user('twice', SHA_256, 4096),
        user('twice', SHA_256, 8192),
        { ...user('no-salt', SHA_256, 4096), salt: Buffer.alloc(0) },
        user('both', SHA_256, 4096),
        user('both', SHA_256 + 1, 4096),
      ],
    })
    return results.toSorted((a, b) => (a.user < b.user ? -1 : 1))
  },
  'users that are described': async (connect) => {
    const client = await loggedIn(connect)
    const ask = async (users: readonly { name: string }[] | null): Promise<unknown> => {
      const { results, ...rest } = await client.call(describeUserScramCredentialsApi, 0, { users })
      return [rest, results.toSorted((a, b) => (a.user < b.user ? -1 : 1))]
    }
    return [
      await ask(null),
      await ask([]),
      await ask([{ name: 'eve' }, { name: 'nobody' }]),
      await ask([{ name: 'eve' }, { name: 'eve' }]),
      await ask([{ name: '' }]),
    ]
  },
  'a user that is changed and deleted': async (connect) => {
    const client = await loggedIn(connect)
    const deletions = [{ name: 'eve', mechanism: SHA_256 }]
    const first = await client.call(alterUserScramCredentialsApi, 0, { deletions, upsertions: [] })
    const again = await client.call(alterUserScramCredentialsApi, 0, { deletions, upsertions: [] })
    return [first.results, again.results]
  },
}

async function plain(connect: Connect, message: string): Promise<unknown> {
  const client = await connect()
  await client.call(saslHandshakeApi, 1, { mechanism: 'PLAIN' })
  const answer = await client.call(saslAuthenticateApi, 2, { authBytes: Buffer.from(message) })
  return [
    { ...answer, authBytes: answer.authBytes.toString() },
    answer.errorCode !== 0 && (await thenCloses(client)),
  ]
}

async function scram(connect: Connect, user: string): Promise<unknown> {
  const client = await connect()
  await client.call(saslHandshakeApi, 1, { mechanism: 'SCRAM-SHA-256' })
  const first = await client.call(saslAuthenticateApi, 2, { authBytes: Buffer.from(`n,,n=${user},r=nonce`) })
  // Kafka is done with a user that does not exist here already, which tells those who try names.
  if (first.errorCode !== 0)
    return [{ errorCode: first.errorCode, errorMessage: first.errorMessage }, await thenCloses(client)]
  const nonce = /^r=([^,]+),/.exec(first.authBytes.toString())![1]
  const authBytes = Buffer.from(`c=biws,r=${nonce},p=${Buffer.alloc(32).toString('base64')}`)
  const { errorCode, errorMessage } = await client.call(saslAuthenticateApi, 2, { authBytes })
  return [{ errorCode, errorMessage }, await thenCloses(client)]
}

async function loggedIn(connect: Connect): Promise<WireClient> {
  const client = await connect()
  await client.call(saslHandshakeApi, 1, { mechanism: 'PLAIN' })
  const answer = await client.call(saslAuthenticateApi, 2, { authBytes: Buffer.from('\0ada\0engine') })
  assert.equal(answer.errorCode, 0)
  return client
}

async function thenCloses(client: WireClient): Promise<string> {
  await client.closed
  return 'closes'
}

async function outcome(answer: Promise<unknown>): Promise<unknown> {
  return answer.catch((error: Error) => error.message)
}

describe('a secured Kafka and a secured log', { skip: lacking('kafka') }, () => {
  const stack = new AsyncDisposableStack()
  const ports: number[] = []

  before(async () => {
    const port = await freePort()
    const modules = 'org.apache.kafka.common.security'
    stack.use(
      await startKafka({
        listeners: [{ name: 'SASL', protocol: 'SASL_PLAINTEXT', port }],
        settings: {
          'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256',
          'listener.name.sasl.plain.sasl.jaas.config': `${modules}.plain.PlainLoginModule required user_ada="engine";`,
          'listener.name.sasl.scram-sha-256.sasl.jaas.config': `${modules}.scram.ScramLoginModule required;`,
        },
      }),
    )
    const folder = mkdtempSync(join(tmpdir(), 'millrace-secured-'))
    stack.defer(() => rmSync(folder, { recursive: true }))
    const sasl = { mechanisms: ['PLAIN', 'SCRAM-SHA-256'], users: { ada: 'engine' } } as const
    const log = stack.use(
      await startLog({ dataPath: folder, listeners: [{ host: '127.0.0.1', port: 0, sasl }] }),
    )
    ports.push(port, log.port)
    for (const each of ports) {
      const client = await loggedIn(() => WireClient.connect(network, { host: '127.0.0.1', port: each }))
      const saltedPassword = Buffer.alloc(32, 7)
      const upsertions = [
        { name: 'eve', mechanism: SHA_256, iterations: 8192, salt: Buffer.from('salt'), saltedPassword },
      ]
      const { results } = await client.call(alterUserScramCredentialsApi, 0, { deletions: [], upsertions })
      assert.equal(results[0]!.errorCode, 0)
      client.close()
    }
  })
  after(() => stack.disposeAsync())

  for (const [name, ask] of Object.entries(QUESTIONS)) {
    test(name, async () => {
      const answers = ports.map(async (port) => {
        const open: WireClient[] = []
        try {
          return await ask(async () => {
            const client = await WireClient.connect(network, { host: '127.0.0.1', port })
            open.push(client)
            return client
          })
        } finally {
          for (const client of open) client.close()
        }
      })
      const [kafkas, ours] = await Promise.all(answers)
      assert.deepEqual(ours, kafkas)
    })
  }
})
