/**
 * A server with access rules and two listeners: over the one everybody is ANONYMOUS and a super user, over the other
 * (SASL PLAIN) there are alice and bob, with passwords that are their names, who may do what rules allow.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { PatternType, ResourceType } from '../../src/log/broker/security/access-codes.ts'
import { WireClient } from '../../src/log/broker/wire-client.test-kit.ts'
import { apis } from '../../src/log/protocol/apis.ts'
import { nodeWorld } from '../../src/world/node.ts'
import { freePort } from './free-port.ts'
import { type RunningServer, startKafka } from './start-kafka.ts'
import { startMillrace } from './start-millrace.ts'

const USERS = ['alice', 'bob'] as const
const SUPER_USERS = 'User:ANONYMOUS;User:admin'
const { network } = nodeWorld()

export interface AccessTarget extends AsyncDisposable {
  readonly server: RunningServer
  /** host:port where one logs in. */
  readonly secured: string
}

export async function startMillraceWithRules(): Promise<AccessTarget> {
  const port = await freePort()
  const securedPort = await freePort()
  const passwords = Object.fromEntries(USERS.map((name) => [name, name]))
  const server = await startMillrace({
    port,
    log: {
      config: { 'authorizer.class.name': 'acl', 'super.users': SUPER_USERS },
      listeners: [
        { host: '127.0.0.1', port },
        { host: '127.0.0.1', port: securedPort, sasl: { mechanisms: ['PLAIN'], users: passwords } },
      ],
    },
  })
  return targetOf(server, securedPort)
}

export async function startKafkaWithRules(): Promise<AccessTarget> {
  const securedPort = await freePort()
  const passwords = USERS.map((name) => `user_${name}="${name}"`).join(' ')
  const plain = 'org.apache.kafka.common.security.plain.PlainLoginModule'
  const server = await startKafka({
    listeners: [{ name: 'SECURED', protocol: 'SASL_PLAINTEXT', port: securedPort }],
    settings: {
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': SUPER_USERS,
      'sasl.enabled.mechanisms': 'PLAIN',
      'listener.name.secured.plain.sasl.jaas.config': `${plain} required ${passwords};`,
    },
  })
  return targetOf(server, securedPort)
}

function targetOf(server: RunningServer, securedPort: number): AccessTarget {
  return {
    server,
    secured: `127.0.0.1:${securedPort}`,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

export async function wireClient(address: string, user?: string): Promise<WireClient> {
  const [host = '', port = ''] = address.split(':')
  const client = await WireClient.connect(network, { host, port: Number(port) })
  if (user === undefined) return client
  const hello = await client.call(apis.saslHandshake, 1, { mechanism: 'PLAIN' })
  if (hello.errorCode !== 0) throw new Error(`SaslHandshake: error ${hello.errorCode}`)
  const authBytes = Buffer.from(`\0${user}\0${user}`)
  const { errorCode } = await client.call(apis.saslAuthenticate, 2, { authBytes })
  if (errorCode !== 0) throw new Error(`SaslAuthenticate: error ${errorCode}`)
  return client
}

const ALL_RULES = {
  resourceTypeFilter: ResourceType.ANY,
  resourceNameFilter: null,
  patternTypeFilter: PatternType.ANY,
  principalFilter: null,
  hostFilter: null,
  operation: 1,
  permissionType: 1,
}

/** Waits until the server shows so many rules: Kafka's brokers hear of them a little after they were created. */
export async function awaitRules(admin: WireClient, count: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const { resources } = await admin.call(apis.describeAcls, 3, ALL_RULES)
    if (resources.reduce((total, { acls }) => total + acls.length, 0) === count) return
    await sleep(20)
  }
  throw new Error(`the server does not come to ${count} rules`)
}

export async function forgetRules(admin: WireClient): Promise<void> {
  await admin.call(apis.deleteAcls, 3, { filters: [ALL_RULES] })
  await awaitRules(admin, 0)
}
