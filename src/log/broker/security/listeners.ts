/**
 * The addresses that a broker listens on, each with its own rules: what is spoken there (TLS, SASL), who a client is, and
 * where it is told to connect. Their credentials are read anew from time to time, and when somebody asks for it: new
 * connections get the new ones, and when those cannot be used the old ones stay.
 */
import { X509Certificate } from 'node:crypto'
import { messageOf } from '../../../base/millrace-error.ts'
import type { Report } from '../../../base/report.ts'
import type { Connection, Listener, World } from '../../../world/world.ts'
import { LimitedReport } from '../limited-report.ts'
import { subjectOf } from './distinguished-name.ts'
import type { HostAndPort, ListenerTlsOptions } from './listener-options.ts'
import type { ListenerSettings } from './listener-settings.ts'
import { isLoopback } from './listener-settings.ts'
import { readCredentials } from './pem-source.ts'
import { ANONYMOUS, type Principal, user } from './principal.ts'
import { principalRules } from './principal-rules.ts'
import { saslMechanisms } from './sasl-mechanisms.ts'
import type { SaslMechanism } from './sasl-exchange.ts'
import type { ScramUsers } from './scram-users.ts'

export interface ListenersOptions {
  readonly world: World
  readonly settings: readonly ListenerSettings[]
  readonly scramUsers: ScramUsers
  readonly report: Report
  readonly onConnection: (accepted: Accepted) => void
}

/** A connection with what its listener says of it. */
export interface Accepted {
  readonly connection: Connection
  readonly listener: string
  readonly advertised: HostAndPort
  /** From its certificate, or `ANONYMOUS`; SASL may find out more. */
  readonly principal: Principal
  /** By name; undefined where there is no SASL. */
  readonly mechanisms: ReadonlyMap<string, SaslMechanism> | undefined
}

/** A listener as it came to be. */
export interface RunningListener extends HostAndPort {
  readonly name: string
  readonly advertised: HostAndPort
}

/** What came of reading a listener's certificate anew. */
export interface CertificateReload {
  readonly listener: string
  readonly result: 'new' | 'unchanged' | 'failed'
  /** Why it failed; the old one stays then. */
  readonly reason?: string
}

const HANDSHAKE_TIMEOUT_MS = 10_000
const HANDSHAKES_MAX = 1000
const RELOAD_INTERVAL_MS = 10_000
const EXPIRES_SOON_MS = 30 * 24 * 3_600_000

export class Listeners {
  readonly #options: ListenersOptions
  readonly #audit: LimitedReport
  readonly #open: OpenListener[] = []

  /** Opens all, in their order, or none. Throws `MR_ADDRESS_IN_USE`, `MR_LISTEN_FAILED`, `MR_TLS_INVALID`. */
  static async open(options: ListenersOptions): Promise<Listeners> {
    const listeners = new Listeners(options)
    try {
      for (const settings of options.settings) await listeners.#listen(settings)
      return listeners
    } catch (error) {
      await listeners.close()
      throw error
    }
  }

  private constructor(options: ListenersOptions) {
    this.#options = options
    this.#audit = new LimitedReport({ report: options.report, clock: options.world.clock })
  }

  get running(): readonly RunningListener[] {
    return this.#open.map(({ running }) => running)
  }

  /** How often certificates have to be looked at; undefined for never. */
  get reloadIntervalMs(): number | undefined {
    const intervals = this.#open
      .map(({ tls }) => (tls === undefined ? 0 : (tls.reloadIntervalMs ?? RELOAD_INTERVAL_MS)))
      .filter((intervalMs) => intervalMs > 0)
    return intervals.length === 0 ? undefined : Math.min(...intervals)
  }

  /** Reads all certificates anew. */
  reloadCertificates(): readonly CertificateReload[] {
    return this.#open.flatMap((open) => {
      const { tls, running } = open
      return tls === undefined ? [] : [{ listener: running.name, ...this.#reload(open, tls) }]
    })
  }

  /** Stops accepting; connections stay. */
  async close(): Promise<void> {
    await Promise.all(this.#open.map(({ listener }) => listener.close()))
  }

  async #listen(settings: ListenerSettings): Promise<void> {
    const { world, scramUsers, report, onConnection } = this.#options
    const { name, host, port, tls, sasl } = settings
    const credentials = tls && readCredentials(world.disk, tls)
    const mechanisms = sasl && (await saslMechanisms({ world, report, sasl, scramUsers }))
    const nameOf = principalRules(tls?.principalRules)
    let advertised: HostAndPort = { host: '', port: 0 }
    const listener = await world.network.listen({
      host,
      port,
      ...(tls !== undefined &&
        credentials !== undefined && {
          tls: {
            credentials,
            clientCertificate: CLIENT_CERTIFICATE[tls.clientAuth ?? 'none'],
            handshakeTimeoutMs: tls.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS,
            handshakesMax: tls.handshakesMax ?? HANDSHAKES_MAX,
            onRefused: ({ peer, reason }) => this.#refused(name, peer, reason),
          },
        }),
      onConnection: (connection) => {
        const principal = principalOf(connection, nameOf)
        if (principal === undefined) {
          this.#refused(name, connection.peer, 'no principal rule fits the name in its certificate')
          connection.destroy()
          return
        }
        if (principal !== ANONYMOUS && mechanisms === undefined) {
          report('info', 'client authenticated', {
            listener: name,
            peer: connection.peer,
            mechanism: 'TLS',
            principal: `User:${principal.name}`,
          })
        }
        onConnection({ connection, listener: name, advertised, principal, mechanisms })
      },
    })
    advertised = settings.advertised ?? { host: reachableHost(host), port: listener.port }
    const running = { name, host: listener.host, port: listener.port, advertised }
    this.#open.push({
      listener,
      running,
      tls,
      shown: JSON.stringify(credentials),
      failed: undefined,
    })
    if (credentials !== undefined) this.#lookAtExpiry(name, credentials.certificate)
    if (sasl?.mechanisms.includes('PLAIN') === true && tls === undefined && !isLoopback(host)) {
      report('warn', 'passwords cross the network readable: PLAIN without TLS', { listener: name })
    }
    const { jwks = '' } = sasl?.oauthBearer ?? {}
    if (/^http:/i.test(jwks) && !isLoopback(new URL(jwks).hostname))
      report('warn', 'whoever is on the way may exchange the keys that sign tokens: jwks without TLS', {
        listener: name,
        jwks,
      })
  }

  #reload(open: OpenListener, tls: ListenerTlsOptions): Omit<CertificateReload, 'listener'> {
    const { report } = this.#options
    const { name } = open.running
    let shown: string | undefined
    try {
      const credentials = readCredentials(this.#options.world.disk, tls)
      shown = JSON.stringify(credentials)
      if (shown === open.shown) {
        open.failed = undefined
        return { result: 'unchanged' }
      }
      open.listener.setCredentials!(credentials)
      open.shown = shown
      open.failed = undefined
      report('info', 'new certificate in use', { listener: name, ...described(credentials.certificate) })
      this.#lookAtExpiry(name, credentials.certificate)
      return { result: 'new' }
    } catch (error) {
      const reason = messageOf(error)
      // The same broken file is looked at again and again; it is told of once.
      const failed = `${shown} ${reason}`
      if (open.failed !== failed)
        report('error', 'new certificate cannot be used, the old one stays', { listener: name, reason })
      open.failed = failed
      return { result: 'failed', reason }
    }
  }

  #lookAtExpiry(listener: string, certificate: string): void {
    const { expires } = described(certificate)
    const leftMs = Date.parse(expires) - this.#options.world.clock.nowMs()
    if (leftMs < 0) this.#options.report('error', 'certificate has expired', { listener, expires })
    else if (leftMs < EXPIRES_SOON_MS)
      this.#options.report('warn', 'certificate expires soon', { listener, expires })
  }

  #refused(listener: string, peer: string, reason: string): void {
    this.#audit.say('warn', 'TLS connection refused', {
      cause: peer.slice(0, peer.lastIndexOf(':')),
      fields: () => ({ listener, peer, reason }),
    })
  }
}

interface OpenListener {
  readonly listener: Listener
  readonly running: RunningListener
  readonly tls: ListenerTlsOptions | undefined
  /** The credentials in use, as one text. */
  shown: string | undefined
  /** The last ones that could not be used, and why. */
  failed: string | undefined
}

const CLIENT_CERTIFICATE = { none: 'none', requested: 'optional', required: 'required' } as const

function principalOf(
  { tls }: Connection,
  nameOf: (distinguishedName: string) => string | undefined,
): Principal | undefined {
  if (tls?.peerCertificate === undefined) return ANONYMOUS
  const subject = subjectOf(tls.peerCertificate)
  const name = subject === undefined || subject === '' ? undefined : nameOf(subject)
  return name === undefined || name === '' ? undefined : user(name)
}

function described(certificate: string): { readonly subject: string; readonly expires: string } {
  const { subject, validTo } = new X509Certificate(certificate)
  return { subject: subject.replaceAll('\n', ', '), expires: new Date(validTo).toISOString() }
}

/** An address that stands for all of a machine's is no address to connect to. */
function reachableHost(listenHost: string): string {
  return listenHost === '0.0.0.0' || listenHost === '::' ? 'localhost' : listenHost
}
