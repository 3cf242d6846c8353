/**
 * How clients come into the broker: its listeners, what each asks of them, and the lines that say who came in and who did
 * not. This process's own clients (REST, jobs) have a listener to themselves where the others would ask them for
 * passwords or access rules would keep them out: on a free port of the loopback interface, with a password that is drawn at
 * each start and never leaves the process.
 */
import type { Report } from '../../../base/report.ts'
import type { Connection, World } from '../../../world/world.ts'
import type { BrokerConfig } from '../broker-config.ts'
import type { BrokerCounters } from '../broker-metrics.ts'
import type { ServerConnection, ServerConnectionOptions } from '../client-connection.ts'
import { LimitedReport } from '../limited-report.ts'
import { type HostAndPort, INTERNAL_LISTENER, type ListenerOptions } from './listener-options.ts'
import { isLoopback, isOpen, type ListenerSettings } from './listener-settings.ts'
import { type Accepted, type CertificateReload, Listeners, type RunningListener } from './listeners.ts'
import { INTERNAL, principalText, user } from './principal.ts'
import type { SaslAudit } from './sasl-session.ts'
import type { ScramUsers } from './scram-users.ts'

/** Where this process's own clients come in, and what they log in with (SASL PLAIN) where that is asked for. */
export interface InternalAccess extends HostAndPort {
  readonly login?: { readonly username: string; readonly password: string }
}

export interface EntranceOptions {
  readonly world: World
  readonly config: BrokerConfig
  readonly settings: readonly ListenerSettings[]
  readonly scramUsers: ScramUsers
  readonly metrics: BrokerCounters
  readonly report: Report
  readonly onConnection: (admitted: Admitted) => void
}

/** A connection and what `ServerConnection` has to know of where it came in. */
export interface Admitted extends Pick<
  ServerConnectionOptions,
  'listener' | 'advertised' | 'principal' | 'sasl'
> {
  readonly connection: Connection
}

const INTERNAL_USER = 'internal'
const PASSWORD_BYTES = 32

export class Entrance {
  readonly #options: EntranceOptions
  readonly #audit: SaslAudit
  #listeners: Listeners | undefined
  #internal: InternalAccess | undefined

  /** Opens all listeners, or none. */
  static async open(options: EntranceOptions): Promise<Entrance> {
    const entrance = new Entrance(options)
    await entrance.#open()
    return entrance
  }

  private constructor(options: EntranceOptions) {
    this.#options = options
    this.#audit = auditOf(options)
  }

  /** Without the internal one. */
  get listeners(): readonly RunningListener[] {
    return this.#listeners!.running.slice(0, this.#options.settings.length)
  }

  get internal(): InternalAccess {
    return this.#internal!
  }

  get reloadIntervalMs(): number | undefined {
    return this.#listeners!.reloadIntervalMs
  }

  reloadCertificates(): readonly CertificateReload[] {
    return this.#listeners!.reloadCertificates()
  }

  /** Stops accepting; connections stay. */
  close(): Promise<void> {
    return this.#listeners!.close()
  }

  async #open(): Promise<void> {
    const { world, settings, config, scramUsers, report } = this.#options
    const password = Buffer.from(world.random.bytes(PASSWORD_BYTES)).toString('base64url')
    const forAll = config['authorizer.class.name'] === '' ? settings.findIndex(letsAnyoneIn) : -1
    const own = forAll < 0 ? [internalListener(password)] : []
    this.#listeners = await Listeners.open({
      world,
      settings: [...settings, ...own],
      scramUsers,
      report,
      onConnection: (accepted) => this.#admit(accepted),
    })
    const { host, port } = this.#listeners.running.at(forAll)!
    const login = { username: INTERNAL_USER, password }
    this.#internal = { host, port, ...(forAll < 0 && { login }) }
    for (const listener of settings) {
      if (!isOpen(listener)) continue
      const { name, host, port } = listener
      report('warn', 'other machines can come in without saying who they are', { listener: name, host, port })
    }
  }

  #admit({ mechanisms, ...accepted }: Accepted): void {
    const { world, config, onConnection } = this.#options
    const isInternal = accepted.listener === INTERNAL_LISTENER
    onConnection({
      ...accepted,
      ...(mechanisms !== undefined && {
        sasl: {
          clock: world.clock,
          mechanisms,
          principalOf: isInternal ? () => INTERNAL : user,
          sessionLifetimeMs: isInternal ? 0 : config['connections.max.reauth.ms'],
          failureDelayMs: config['connection.failed.authentication.delay.ms'],
          timeoutMs: config['sasl.authentication.timeout.ms'],
          requestBytesMax: config['sasl.server.max.receive.size'],
          audit: this.#audit,
        },
      }),
    })
  }
}

/** Whether this process's own clients may come over this listener, where there are no access rules. */
function letsAnyoneIn({ tls, sasl, host, advertised }: ListenerOptions): boolean {
  return tls === undefined && sasl === undefined && advertised === undefined && isLoopback(host)
}

function internalListener(password: string): ListenerSettings {
  const sasl = { mechanisms: ['PLAIN' as const], users: { [INTERNAL_USER]: password } }
  return { name: INTERNAL_LISTENER, host: '127.0.0.1', port: 0, sasl }
}

function auditOf({ report, metrics, world }: EntranceOptions): SaslAudit {
  const limited = new LimitedReport({ report, clock: world.clock })
  return {
    succeeded: (client, { mechanism, again }) => {
      const { listener, peer, principal } = client as ServerConnection
      metrics.authenticationsSucceeded += 1
      const level = listener === INTERNAL_LISTENER ? 'debug' : 'info'
      report(level, again ? 'client authenticated again' : 'client authenticated', {
        listener,
        peer,
        mechanism,
        principal: principalText(principal),
      })
    },
    failed: (client, { mechanism, user: claimed, reason }) => {
      const { listener, peer, clientHost } = client as ServerConnection
      metrics.authenticationsFailed += 1
      limited.say('warn', 'authentication failed', {
        cause: clientHost,
        fields: () => ({ listener, peer, mechanism, user: claimed, reason }),
      })
    },
  }
}
