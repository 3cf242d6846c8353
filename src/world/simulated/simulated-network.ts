/** A network in memory that delays, cuts up and cuts off. It outlives the processes; `as` gives one its view. */
import { assert } from '../../base/assert.ts'
import { MillraceError } from '../../base/millrace-error.ts'
import type { Connection, Listener, ListenOptions, Network } from '../world.ts'
import type { Life, Scheduler } from './scheduler.ts'
import type { SeededRandom } from './seeded-random.ts'
import { connectionPair } from './simulated-connection.ts'
import type { SimulatedConnection } from './simulated-connection.ts'

/** How the network behaves; change it at any time. Chances are per write or per connect, from 0 to 1. */
export interface NetworkConditions {
  /** One way, from–to, in virtual ms. */
  latencyMs: readonly [from: number, to: number]
  /** A write arrives in several pieces, some of them a single byte long. */
  fragmentChance: number
  /** A write cuts its connection: both sides see a reset, and any part of what was under way is lost. */
  cutChance: number
  /** Nothing moves on the connection for a while (`stallMs`), then goes on. */
  stallChance: number
  stallMs: readonly [from: number, to: number]
  connectFailureChance: number
  /** How long a peer of a machine that lost its power sees nothing at all, before its connection is reset. */
  halfOpenMs: readonly [from: number, to: number]
}

const FIRST_FREE_PORT = 49_152
const WILDCARDS: readonly string[] = ['0.0.0.0', '::']

interface OpenListener {
  readonly host: string
  readonly port: number
  readonly life: Life
  readonly onConnection: (connection: Connection) => void
}

export class SimulatedNetwork {
  readonly conditions: NetworkConditions
  readonly #scheduler: Scheduler
  readonly #random: SeededRandom
  readonly #listeners = new Set<OpenListener>()
  readonly #connections = new Set<SimulatedConnection>()
  #nextPort = FIRST_FREE_PORT

  constructor(scheduler: Scheduler, random: SeededRandom, conditions: Partial<NetworkConditions> = {}) {
    this.#scheduler = scheduler
    this.#random = random
    this.conditions = {
      latencyMs: [0.05, 0.3],
      fragmentChance: 0.05,
      cutChance: 0,
      stallChance: 0,
      stallMs: [10, 2000],
      connectFailureChance: 0,
      halfOpenMs: [0, 5000],
      ...conditions,
    }
  }

  /** Connections that are open now, each side counted. */
  get openConnections(): number {
    return this.#connections.size
  }

  /** Resets a random open connection; false when there is none. */
  cutOne(): boolean {
    if (this.#connections.size === 0) return false
    this.#random.pick([...this.#connections]).cut()
    return true
  }

  cutAll(): void {
    for (const connection of [...this.#connections]) connection.cut()
  }

  /** Lets nothing through on any open connection for this long. */
  stallAll(durationMs: number): void {
    for (const connection of [...this.#connections]) connection.stall(durationMs)
  }

  as(life: Life): Network {
    return {
      listen: (options) => this.#listen(life, options),
      connect: (options) => {
        assert(options.tls === undefined, 'the simulated network has no TLS')
        return this.#connect(life, options)
      },
      http: (request) =>
        Promise.reject(
          new MillraceError({
            code: 'MR_HTTP_FAILED',
            message: `no answer over HTTP: the simulated network has none (${request.method}).`,
          }),
        ),
    }
  }

  #listen(life: Life, options: ListenOptions): Promise<Listener> {
    const host = options.host === 'localhost' ? '127.0.0.1' : options.host
    const port = options.port === 0 ? this.#nextPort++ : options.port
    if (options.tls !== undefined) {
      return Promise.reject(
        new MillraceError({
          code: 'MR_LISTEN_FAILED',
          message: 'the simulated network has no TLS.',
          fix: 'Test TLS on the real network.',
          peer: `${host}:${port}`,
        }),
      )
    }
    if (this.#find(host, port) !== undefined) {
      return Promise.reject(
        new MillraceError({
          code: 'MR_ADDRESS_IN_USE',
          message: 'another program listens on this address.',
          fix: 'Stop it, or choose another port.',
          peer: `${host}:${port}`,
        }),
      )
    }
    const open: OpenListener = { host, port, life, onConnection: options.onConnection }
    this.#listeners.add(open)
    const close = (): void => void this.#listeners.delete(open)
    life.atEnd(close)
    return new Promise((resolve) => {
      this.#scheduler.schedule(life, 0, () =>
        resolve({
          host,
          port,
          close: () => {
            close()
            return Promise.resolve()
          },
        }),
      )
    })
  }

  #connect(
    life: Life,
    options: { readonly host: string; readonly port: number; readonly timeoutMs: number },
  ): Promise<Connection> {
    const host = options.host === 'localhost' ? '127.0.0.1' : options.host
    const { port } = options
    return new Promise((resolve, reject) => {
      const fail = (reason: string): void => {
        reject(
          new MillraceError({
            code: 'MR_CONNECT_FAILED',
            message: `no connection: ${reason}.`,
            fix: 'Check the address, and that the server runs.',
            peer: `${host}:${port}`,
          }),
        )
      }
      if (this.#random.chance(this.conditions.connectFailureChance)) {
        this.#scheduler.schedule(life, options.timeoutMs, () =>
          fail(`no answer within ${options.timeoutMs} ms`),
        )
        return
      }
      this.#scheduler.schedule(life, this.#latencyMs(), () => {
        const listener = this.#find(host, port)
        if (listener === undefined) {
          this.#scheduler.schedule(life, this.#latencyMs(), () => fail('connect ECONNREFUSED'))
          return
        }
        const { near, far } = connectionPair({
          scheduler: this.#scheduler,
          random: this.#random,
          conditions: this.conditions,
          open: this.#connections,
          near: { life, peer: `${host}:${port}` },
          far: { life: listener.life, peer: `127.0.0.1:${this.#nextPort++}` },
        })
        this.#scheduler.schedule(listener.life, 0, () => listener.onConnection(far))
        this.#scheduler.schedule(life, this.#latencyMs(), () => resolve(near))
      })
    })
  }

  #find(host: string, port: number): OpenListener | undefined {
    for (const open of this.#listeners) {
      const matches = open.host === host || WILDCARDS.includes(open.host) || WILDCARDS.includes(host)
      if (open.port === port && open.life.alive && matches) return open
    }
    return undefined
  }

  #latencyMs(): number {
    const [from, to] = this.conditions.latencyMs
    return this.#random.between(from, to)
  }
}
