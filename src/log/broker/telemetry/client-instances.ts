/**
 * The clients that ask what they are to push (KIP-714), as long as they stay: what each was told, when it may come again.
 * At most as many as Kafka keeps; beyond that whoever was silent for longest is forgotten, and begins anew.
 *
 * A client pushes once after it has asked, whenever that is (it waits for a random part of its first interval), and then
 * once in an interval; it may ask again after an interval, or at once where it was told that what it knows is outdated.
 */
import { crc32c } from '../../../base/crc32c.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import type { ClientConnection } from '../services.ts'
import type { ClientAttributes, TelemetrySubscriptions, WantedMetrics } from './telemetry-subscriptions.ts'

const INSTANCES_MAX = 16_384
/** A client is forgotten when it was silent for so many intervals, and for so long. */
const SILENT_INTERVALS = 3
const SILENT_MIN_MS = 60_000

export interface ClientInstance {
  readonly id: string
  readonly wanted: WantedMetrics
  readonly subscriptionId: number
  /** Of the subscriptions that `wanted` was made of. */
  readonly version: unknown
  askedMs: number
  pushedMs: number
  /** When it is forgotten, unless it comes again before. */
  keptUntilMs: number
  /** Whether it said in its last push that there will be no other. */
  terminating: boolean
  lastError: ErrorCode
  /** Takes back that it is forgotten with its connection. */
  readonly withdraw: () => void
}

export class ClientInstances {
  readonly #subscriptions: TelemetrySubscriptions
  /** In the order of their last request. */
  readonly #instances = new Map<string, ClientInstance>()

  constructor(subscriptions: TelemetrySubscriptions) {
    this.#subscriptions = subscriptions
  }

  has(id: string): boolean {
    return this.#instances.has(id)
  }

  count(nowMs: number): number {
    for (const [id, { keptUntilMs }] of this.#instances) if (keptUntilMs < nowMs) this.#forget(id)
    return this.#instances.size
  }

  /** The client that a request is of; one that is not known, or whose subscriptions have changed, begins anew. */
  of(id: string, connection: ClientConnection, nowMs: number): ClientInstance {
    const known = this.#instances.get(id)
    const goesOn =
      known !== undefined && known.version === this.#subscriptions.version && known.keptUntilMs >= nowMs
    if (!goesOn) this.#forget(id)
    const instance = goesOn ? known : this.#begin(id, connection)
    instance.keptUntilMs = nowMs + Math.max(SILENT_MIN_MS, SILENT_INTERVALS * instance.wanted.intervalMs)
    this.#instances.delete(id)
    if (this.#instances.size >= INSTANCES_MAX) this.#forget(this.#instances.keys().next().value!)
    this.#instances.set(id, instance)
    return instance
  }

  #begin(id: string, connection: ClientConnection): ClientInstance {
    const wanted = this.#subscriptions.wantedOf(attributesOf(id, connection))
    return {
      id,
      wanted,
      subscriptionId: crc32c(Buffer.from(JSON.stringify([id, wanted]))) | 0,
      version: this.#subscriptions.version,
      askedMs: -Infinity,
      pushedMs: -Infinity,
      keptUntilMs: 0,
      terminating: false,
      lastError: ErrorCode.NONE,
      withdraw: connection.onClose(() => this.#instances.delete(id)),
    }
  }

  #forget(id: string): void {
    this.#instances.get(id)?.withdraw()
    this.#instances.delete(id)
  }
}

/** Whether a client may ask now what it is to push; notes that it did. */
export function mayAsk(instance: ClientInstance, nowMs: number): boolean {
  const { askedMs, pushedMs, wanted, lastError } = instance
  if (nowMs - Math.max(askedMs, pushedMs) >= wanted.intervalMs) {
    instance.askedMs = nowMs
    return true
  }
  return (
    lastError === ErrorCode.UNKNOWN_SUBSCRIPTION_ID || lastError === ErrorCode.UNSUPPORTED_COMPRESSION_TYPE
  )
}

/** Whether a client may push now; notes that it did. */
export function mayPush(instance: ClientInstance, nowMs: number): boolean {
  const { askedMs, pushedMs, wanted } = instance
  if (askedMs <= pushedMs && nowMs - pushedMs < wanted.intervalMs) return false
  instance.pushedMs = nowMs
  return true
}

function attributesOf(id: string, connection: ClientConnection): ClientAttributes {
  const { clientId, softwareName, softwareVersion, clientHost, peer } = connection
  return {
    client_instance_id: id,
    client_id: clientId,
    client_software_name: softwareName,
    client_software_version: softwareVersion,
    client_source_address: clientHost.slice(1),
    client_source_port: peer.slice(peer.lastIndexOf(':') + 1),
  }
}
