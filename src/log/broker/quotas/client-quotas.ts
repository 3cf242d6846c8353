/**
 * Holds clients to their quotas, with Kafka's names, precedence and formula (KIP-13, KIP-124, KIP-219, KIP-599).
 *
 * What a client used is charged when its request is answered. Who is over the quota is told in the answer for how long
 * (`throttleTimeMs`), and its connection is not read for that time. Nothing is charged, looked up or measured while there
 * is no quota at all; with quotas it is a few additions for a request, never for a record.
 *
 * Of the quotas that fit a client the most precise one counts: its user and client id, its user with any client id, its
 * user, any user with its client id, any user with any client id, any user, its client id, any client id. Clients that
 * share what a quota is for (a user's connections, when it is the user's) share its bucket.
 */
import type { BrokerConfig } from '../broker-config.ts'
import { entityKey, type QuotaKey } from './quota-entity.ts'
import type { QuotaRules } from './quota-rules.ts'
import { type Limit, TokenBucket } from './token-bucket.ts'

/** Whom a quota may be for. */
export interface QuotaClient {
  readonly user: string
  readonly clientId: string
}

/** Quotas of requests; those of addresses are asked for before there is a client. */
type ClientKey = Exclude<QuotaKey, 'connection_creation_rate'>

interface Found {
  readonly limit: Limit
  /** Names the bucket. */
  readonly key: string
}

/** Beyond so many, what is known of the clients that came first is forgotten. */
const CLIENTS_MAX = 10_000
const INT32_MAX = 2_147_483_647
/** A percentage of one thread's time, in milliseconds a second. */
const MS_OF_PERCENT = 10

export class ClientQuotas {
  readonly rules: QuotaRules
  readonly #windows: Readonly<Record<QuotaKey, number>>
  readonly #found = new Map<string, Found | undefined>()
  readonly #buckets = new Map<string, TokenBucket>()
  #version: unknown

  constructor(rules: QuotaRules, config: BrokerConfig) {
    this.rules = rules
    // Kafka measures a rate over all samples but the one that has just begun.
    const windowSeconds = (config['quota.window.num'] - 1 || 1) * config['quota.window.size.seconds']
    this.#windows = {
      producer_byte_rate: windowSeconds,
      consumer_byte_rate: windowSeconds,
      request_percentage: windowSeconds,
      controller_mutation_rate:
        config['controller.quota.window.num'] * config['controller.quota.window.size.seconds'],
      connection_creation_rate: windowSeconds,
    }
  }

  /** Whether there is anything to hold anybody to. */
  get active(): boolean {
    return !this.rules.isEmpty
  }

  /** Charges bytes; for how many milliseconds the client has to be quiet. */
  chargeBytes(
    key: 'producer_byte_rate' | 'consumer_byte_rate',
    client: QuotaClient,
    bytes: number,
    nowMs: number,
  ): number {
    return wholeMs(this.#bucket(key, client, nowMs)?.take(bytes, nowMs))
  }

  /** Charges time of the broker's thread; nobody is quiet for longer than the window because of it, as with Kafka. */
  chargeTime(client: QuotaClient, usedMs: number, nowMs: number): number {
    const throttleMs = this.#bucket('request_percentage', client, nowMs)?.take(usedMs, nowMs) ?? 0
    return wholeMs(Math.min(throttleMs, this.#windows.request_percentage * 1000))
  }

  /** What one fetch may hold at most, so that no single answer costs more than a window's wait. */
  fetchBytesMax(client: QuotaClient): number {
    const found = this.#find('consumer_byte_rate', client)
    return found === undefined ? Infinity : Math.max(1, found.limit.perSecond * found.limit.windowSeconds)
  }

  /** How many partitions the client may still create and delete. */
  mutations(
    client: QuotaClient,
    options: { readonly strict: boolean; readonly nowMs: number },
  ): MutationQuota {
    return new MutationQuota(this.#bucket('controller_mutation_rate', client, options.nowMs), options)
  }

  /** Whether one more connection from the address is within its rate. */
  mayConnect(ip: string, nowMs: number): boolean {
    const perSecond =
      this.rules.value(entityKey({ ip }), 'connection_creation_rate') ??
      this.rules.value(entityKey({ ip: null }), 'connection_creation_rate')
    if (perSecond === undefined) return true
    const limit = { perSecond, windowSeconds: this.#windows.connection_creation_rate }
    return this.#bucketOf(`ip ${ip}`, limit, nowMs).takeWhole(1, nowMs)
  }

  #bucket(key: ClientKey, client: QuotaClient, nowMs: number): TokenBucket | undefined {
    const found = this.#find(key, client)
    return found && this.#bucketOf(found.key, found.limit, nowMs)
  }

  #bucketOf(key: string, limit: Limit, nowMs: number): TokenBucket {
    let bucket = this.#buckets.get(key)
    if (bucket === undefined) {
      if (this.#buckets.size >= CLIENTS_MAX) this.#buckets.delete(this.#buckets.keys().next().value!)
      this.#buckets.set(key, (bucket = new TokenBucket(limit, nowMs)))
    } else bucket.setLimit(limit)
    return bucket
  }

  #find(key: ClientKey, client: QuotaClient): Found | undefined {
    if (this.#version !== this.rules.version) {
      this.#version = this.rules.version
      this.#found.clear()
    }
    const asked = JSON.stringify([key, client.user, client.clientId])
    if (this.#found.has(asked)) return this.#found.get(asked)
    const found = this.#search(key, client)
    if (this.#found.size >= CLIENTS_MAX) this.#found.delete(this.#found.keys().next().value!)
    this.#found.set(asked, found)
    return found
  }

  #search(key: ClientKey, { user, clientId }: QuotaClient): Found | undefined {
    const perSecondOf = (value: number): number =>
      key === 'request_percentage' ? value * MS_OF_PERCENT : value
    const levels: readonly (readonly [entity: Parameters<typeof entityKey>[0], shared: object])[] = [
      [
        { user, clientId },
        { user, clientId },
      ],
      [
        { user, clientId: null },
        { user, clientId },
      ],
      [{ user }, { user }],
      [
        { user: null, clientId },
        { user, clientId },
      ],
      [
        { user: null, clientId: null },
        { user, clientId },
      ],
      [{ user: null }, { user }],
      [{ clientId }, { clientId }],
      [{ clientId: null }, { clientId }],
    ]
    for (const [entity, shared] of levels) {
      const value = this.rules.value(entityKey(entity), key)
      if (value === undefined) continue
      const limit = { perSecond: perSecondOf(value), windowSeconds: this.#windows[key] }
      return { limit, key: `${key} ${entityKey(shared)}` }
    }
    return undefined
  }
}

/** Partitions that one request may create or delete. */
export class MutationQuota {
  readonly #bucket: TokenBucket | undefined
  readonly #nowMs: number
  readonly #strict: boolean

  constructor(
    bucket: TokenBucket | undefined,
    options: { readonly strict: boolean; readonly nowMs: number },
  ) {
    this.#bucket = bucket
    this.#nowMs = options.nowMs
    this.#strict = options.strict
  }

  /**
   * Charges so many partitions. False when the client was over its quota before: the change has to be refused. Older
   * clients do not know of that; they are made to wait afterwards.
   */
  take(partitions: number): boolean {
    if (this.#bucket === undefined) return true
    if (this.#strict) return this.#bucket.tryTake(partitions, this.#nowMs)
    this.#bucket.take(partitions, this.#nowMs)
    return true
  }

  /** For how long the client has to be quiet. */
  get throttleMs(): number {
    return wholeMs(this.#bucket?.debtMs(this.#nowMs))
  }
}

function wholeMs(delayMs: number | undefined): number {
  return delayMs === undefined ? 0 : Math.min(INT32_MAX, Math.ceil(delayMs))
}
