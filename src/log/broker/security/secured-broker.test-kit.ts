/** A broker in the simulated world whose listeners ask who comes, and clients that say so by hand. */
import assert from 'node:assert/strict'
import { createHmac, createHash, pbkdf2Sync } from 'node:crypto'
import type { SimulatedMachine } from '../../../world/simulated/simulation.ts'
import { Simulation } from '../../../world/simulated/simulation.ts'
import { saslAuthenticateApi, type SaslAuthenticateResponse } from '../../protocol/apis/sasl-authenticate.ts'
import { saslHandshakeApi } from '../../protocol/apis/sasl-handshake.ts'
import { type Broker, type BrokerOptions, startBroker } from '../broker.ts'
import { WireClient } from '../wire-client.test-kit.ts'
import type { HostAndPort } from './listener-options.ts'

export interface SecuredScene {
  readonly machine: SimulatedMachine
  broker: Broker
  readonly reports: { readonly level: string; readonly event: string; readonly [field: string]: unknown }[]
  connect(listener?: number | HostAndPort): Promise<WireClient>
  /** Closes the broker in good order, or pulls the plug, and starts another on the same data. */
  restart(how: 'close' | 'power cut'): Promise<void>
}

export const SASL_LISTENER = {
  host: '127.0.0.1',
  port: 9092,
  sasl: { mechanisms: ['PLAIN', 'SCRAM-SHA-256'], users: { admin: 'secret', ada: 'engine' } },
} as const

export function withSecuredBroker(
  body: (scene: SecuredScene) => Promise<void>,
  options: Partial<BrokerOptions> = {},
): Promise<void> {
  const simulation = new Simulation({ seed: 5, network: { latencyMs: [0, 0] } })
  const machine = simulation.machine('server')
  const client = simulation.machine('client')
  return simulation.run(async () => {
    const reports: { level: string; event: string }[] = []
    const start = (): Promise<Broker> =>
      startBroker({
        world: machine.world,
        dataPath: '/data',
        listeners: [SASL_LISTENER],
        report: (level, event, fields) => reports.push({ level, event, ...fields }),
        ...options,
      })
    const scene: SecuredScene = {
      machine,
      broker: await start(),
      reports,
      connect: (listener = 0) =>
        WireClient.connect(
          client.world.network,
          typeof listener === 'number' ? scene.broker.listeners[listener]! : listener,
        ),
      async restart(how) {
        if (how === 'close') await scene.broker.close()
        else machine.losePower()
        scene.broker = await start()
      },
    }
    await body(scene)
    await scene.broker.close()
  })
}

/** SaslHandshake and PLAIN. */
export async function logIn(
  client: WireClient,
  user: string,
  password: string,
): Promise<SaslAuthenticateResponse> {
  const { errorCode } = await client.call(saslHandshakeApi, 1, { mechanism: 'PLAIN' })
  assert.equal(errorCode, 0)
  return client.call(saslAuthenticateApi, 2, { authBytes: Buffer.from(`\0${user}\0${password}`) })
}

/** SaslHandshake and SCRAM-SHA-256. */
export async function logInByScram(
  client: WireClient,
  user: string,
  password: string,
): Promise<SaslAuthenticateResponse> {
  const { errorCode } = await client.call(saslHandshakeApi, 1, { mechanism: 'SCRAM-SHA-256' })
  assert.equal(errorCode, 0)
  const bare = `n=${user},r=nonce`
  const first = await client.call(saslAuthenticateApi, 2, { authBytes: Buffer.from(`n,,${bare}`) })
  assert.equal(first.errorCode, 0)
  const answer = first.authBytes.toString()
  return client.call(saslAuthenticateApi, 2, {
    authBytes: Buffer.from(scramProof({ bare, answer, password })),
  })
}

/** The client's last message of SCRAM-SHA-256, written from RFC 5802 on its own. */
export function scramProof(from: {
  readonly bare: string
  readonly answer: string
  readonly password: string
}): string {
  const { bare, answer, password } = from
  const [, nonce, salt, iterations] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(answer)!
  const salted = saltedPassword(password, Buffer.from(salt!, 'base64'), Number(iterations))
  const mac = (key: Uint8Array, text: string): Buffer => createHmac('sha256', key).update(text).digest()
  const clientKey = mac(salted, 'Client Key')
  const last = `c=biws,r=${nonce}`
  const signature = mac(createHash('sha256').update(clientKey).digest(), `${bare},${answer},${last}`)
  const proof = Buffer.from(clientKey.map((byte, index) => byte ^ signature[index]!)).toString('base64')
  return `${last},p=${proof}`
}

export function saltedPassword(password: string, salt: Buffer, iterations: number): Buffer {
  return pbkdf2Sync(password, salt, iterations, 32, 'sha256')
}
