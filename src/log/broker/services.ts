import type { Report } from '../../base/report.ts'
import type { Clock, Random } from '../../world/world.ts'
import type { LogDirectory } from '../storage/log-directory.ts'
import type { BrokerConfig } from './broker-config.ts'
import type { BufferPool } from './buffer-pool.ts'
import type { BrokerCounters } from './broker-metrics.ts'
import type { GroupSettings } from './coordinators/group-settings.ts'
import type { GroupService, ShareService, TransactionService } from './coordinator-services.ts'
import type { FetchSessions } from './fetch-sessions.ts'
import type { PartitionWaiters } from './partition-waiters.ts'
import type { ClientQuotas } from './quotas/client-quotas.ts'
import type { Authorizer } from './security/authorizer.ts'
import type { HostAndPort } from './security/listener-options.ts'
import type { Principal } from './security/principal.ts'
import type { SaslSession } from './security/sasl-session.ts'
import type { ScramUsers } from './security/scram-users.ts'
import type { ClientTelemetry } from './telemetry/client-telemetry.ts'
import type { TopicCatalog } from './topic-catalog.ts'

/** What every handler may use. One per broker; nothing here is global. */
export interface BrokerServices {
  readonly clock: Clock
  readonly random: Random
  readonly config: BrokerConfig
  readonly report: Report
  readonly metrics: BrokerCounters
  readonly logDirectory: LogDirectory
  readonly dataPath: string
  /** What is left on the device that holds the data. */
  readonly freeBytes: () => number
  /** Says who may do what; handlers ask it through `security/access.ts`. */
  readonly authorizer: Authorizer
  /** Holds clients to their quotas. */
  readonly quotas: ClientQuotas
  /** Creates topics (validated, with the broker's defaults) and names their errors. */
  readonly topics: TopicCatalog
  /** Wakes fetches that wait for a partition to grow. */
  readonly waiters: PartitionWaiters
  readonly fetchSessions: FetchSessions
  /** Memory for what is read to be sent; the connection gives it back. */
  readonly buffers: BufferPool
  /** Users with SCRAM passwords. */
  readonly scramUsers: ScramUsers
  /** What groups have set for themselves. */
  readonly groupSettings: GroupSettings
  /** What clients tell of themselves, and what they are asked for. */
  readonly telemetry: ClientTelemetry
  readonly groups: GroupService
  readonly shares: ShareService
  readonly transactions: TransactionService
}

/** One request's surroundings. */
export interface RequestContext {
  readonly apiVersion: number
  readonly clientId: string | null
  readonly connection: ClientConnection
  readonly services: BrokerServices
}

/** The connection that a request came over, as handlers see it. */
export interface ClientConnection {
  /** Unique in this broker's life. */
  readonly id: number
  /** `host:port` of the client. */
  readonly peer: string
  /** The client's address alone, as DescribeGroups shows it: `/127.0.0.1`. */
  readonly clientHost: string
  /** What the client calls itself in its last request. */
  clientId: string | null
  /** The name of the listener that it came over. */
  readonly listener: string
  /** Where its client is told to connect to: each listener has an address of its own. */
  readonly advertised: HostAndPort
  /** Its authentication; undefined where its listener has no SASL. */
  readonly sasl: SaslSession | undefined
  /** Who it is; `ANONYMOUS` until it has authenticated, and for good where its listener authenticates nobody. */
  principal: Principal
  /** From ApiVersions v3 and later, otherwise 'unknown'. */
  softwareName: string
  softwareVersion: string
  /** False once the client is gone: what was waiting for it may be dropped. */
  readonly isOpen: boolean
  /** Starts no further requests of the client for so long (KIP-219); what is in work is answered. */
  mute(durationMs: number): void
  /** Runs `callback` once when the connection closes (soon, when it already has); returns what withdraws it. */
  onClose(callback: () => void): () => void
}

/** What a handler returns when the client expects no answer (Produce with acks=0). */
export const NO_RESPONSE = Symbol('no response')

/** What a handler returns when the connection has to be closed instead of an answer. */
export class CloseConnection {
  readonly reason: string
  constructor(reason: string) {
    this.reason = reason
  }
}

export type HandlerResult<Response> = Response | typeof NO_RESPONSE | CloseConnection

/**
 * Answers one request. Handlers of one connection start in request order and may overlap; answers are sent in request
 * order. A handler never throws for what a client did wrong: that is an error code in its response. Of a Produce
 * request the byte fields are lent, until the handler returns (its promise, when it is not done by then).
 */
export type Handler<Request, Response> = (
  request: Request,
  context: RequestContext,
) => HandlerResult<Response> | Promise<HandlerResult<Response>>
