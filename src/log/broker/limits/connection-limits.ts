/**
 * How many connections there may be, and how quickly they may come: overall, and from one address. Who is beyond is
 * closed at once, before anything is read: a client that connects in a loop costs little more than the accepting.
 */
import { MillraceError } from '../../../base/millrace-error.ts'
import type { BrokerConfig } from '../broker-config.ts'
import type { ClientQuotas } from '../quotas/client-quotas.ts'
import { TokenBucket } from '../quotas/token-bucket.ts'
import { canonicalHost } from '../security/canonical-host.ts'

export interface ConnectionLimitsOptions {
  readonly config: BrokerConfig
  /** Quotas of addresses (KIP-612). */
  readonly quotas: ClientQuotas
  readonly nowMs: number
}

export class ConnectionLimits {
  readonly #quotas: ClientQuotas
  readonly #max: number
  readonly #maxPerIp: number
  readonly #overrides: ReadonlyMap<string, number>
  readonly #rate: TokenBucket | undefined
  readonly #byIp = new Map<string, number>()
  #open = 0

  /** Throws `MR_CONFIG_INVALID` for overrides that are none. */
  constructor({ config, quotas, nowMs }: ConnectionLimitsOptions) {
    this.#quotas = quotas
    this.#max = config['max.connections']
    this.#maxPerIp = config['max.connections.per.ip']
    this.#overrides = parseOverrides(config['max.connections.per.ip.overrides'])
    const perSecond = config['max.connection.creation.rate']
    this.#rate = perSecond === 0 ? undefined : new TokenBucket({ perSecond, windowSeconds: 1 }, nowMs)
  }

  /**
   * Counts a connection from an address in, or says why it has to go. One that was let in is told to `left` when it is
   * closed.
   */
  enter(host: string, nowMs: number): string | undefined {
    const ip = canonicalHost(host)
    const open = this.#byIp.get(ip) ?? 0
    const max = this.#overrides.get(ip) ?? this.#maxPerIp
    if (this.#open >= this.#max) return `more connections than max.connections (${this.#max})`
    if (open >= max) return `more connections from this address than max.connections.per.ip (${max})`
    if (this.#rate?.takeWhole(1, nowMs) === false)
      return 'connections come more quickly than max.connection.creation.rate'
    if (this.#quotas.active && !this.#quotas.mayConnect(ip, nowMs))
      return 'connections from this address come more quickly than its quota, connection_creation_rate'
    this.#open += 1
    this.#byIp.set(ip, open + 1)
    return undefined
  }

  left(host: string): void {
    const ip = canonicalHost(host)
    const open = (this.#byIp.get(ip) ?? 0) - 1
    this.#open -= 1
    if (open > 0) this.#byIp.set(ip, open)
    else this.#byIp.delete(ip)
  }
}

function parseOverrides(text: string): ReadonlyMap<string, number> {
  const overrides = new Map<string, number>()
  for (const entry of text.split(',').map((word) => word.trim())) {
    if (entry === '') continue
    const match = /^(.+):(\d+)$/.exec(entry)
    if (match === null) {
      throw new MillraceError({
        code: 'MR_CONFIG_INVALID',
        message: `max.connections.per.ip.overrides: ${entry} is not an address and a number.`,
        fix: 'Write it as in 10.0.0.1:200,10.0.0.2:500.',
      })
    }
    overrides.set(canonicalHost(match[1]!), Number(match[2]))
  }
  return overrides
}
