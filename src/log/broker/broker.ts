import { join } from 'node:path/posix'
import { messageOf, MillraceError } from '../../base/millrace-error.ts'
import type { Report } from '../../base/report.ts'
import type { Timer, World } from '../../world/world.ts'
import { LogDirectory } from '../storage/log-directory.ts'
import { brokerConfig, type BrokerConfig } from './broker-config.ts'
import { BrokerCounters, type BrokerMetrics } from './broker-metrics.ts'
import { brokerRoutes } from './broker-routes.ts'
import { type ConnectionSurroundings, ServerConnection } from './client-connection.ts'
import { ClientFigures } from './client-figures.ts'
import { startCoordinators } from './coordinator-driver.ts'
import { GroupSettings } from './coordinators/group-settings.ts'
import type { CoordinatorEnvironment } from './coordinator-services.ts'
import { FetchSessions } from './fetch-sessions.ts'
import { BufferPool } from './buffer-pool.ts'
import { logFigures } from './log-figures.ts'
import { LimitedReport } from './limited-report.ts'
import { ConnectionLimits } from './limits/connection-limits.ts'
import { PartitionWaiters } from './partition-waiters.ts'
import { ClientQuotas } from './quotas/client-quotas.ts'
import { QuotaRules } from './quotas/quota-rules.ts'
import { RequestMemory } from './request-memory.ts'
import { Router } from './router.ts'
import { type Admitted, Entrance, type InternalAccess } from './security/entrance.ts'
import { type HostAndPort, INTERNAL_LISTENER, type ListenerOptions } from './security/listener-options.ts'
import { type ListenerSettings, listenerSettings } from './security/listener-settings.ts'
import type { CertificateReload, RunningListener } from './security/listeners.ts'
import { openAuthorizer } from './security/open-authorizer.ts'
import { ScramUsers } from './security/scram-users.ts'
import { logConfigOf } from './storage-config.ts'
import { ClientTelemetry } from './telemetry/client-telemetry.ts'
import { TopicCatalog } from './topic-catalog.ts'

export interface BrokerOptions {
  readonly world: World
  /** Where the data lies; created when it does not exist. */
  readonly dataPath: string
  /** The short form of a single listener that asks nothing. Port 0 takes a free one. */
  readonly listen?: HostAndPort
  /** Where its clients are told to connect; by default where the broker listens. */
  readonly advertised?: HostAndPort
  /** Instead of `listen`: each has rules of its own. */
  readonly listeners?: readonly ListenerOptions[]
  /** Lets listeners that ask nobody who they are be reached from other machines. Default false. */
  readonly allowAnonymousBeyondLoopback?: boolean
  /** Kafka's broker settings by name; see `BROKER_SETTINGS`. */
  readonly config?: Partial<BrokerConfig>
  readonly report: Report
}

/** A running broker. */
export interface Broker {
  /** The first listener's. */
  readonly host: string
  readonly port: number
  readonly listeners: readonly RunningListener[]
  /** How clients of this process come in. */
  readonly internal: InternalAccess
  readonly clusterId: string
  /** Reads the listeners' certificates anew; connections that are made from now on are shown the new ones. */
  reloadCertificates(): readonly CertificateReload[]
  metrics(): BrokerMetrics
  /** Answers what is in work, closes all connections, and leaves the data as after a clean shutdown. */
  close(): Promise<void>
}

/**
 * Opens the data, brings the coordinators' state back, and listens. Throws `MR_CONFIG_INVALID`, `MR_OPEN_LISTENER`,
 * `MR_TLS_INVALID`, `MR_DATA_DIR_IN_USE`, `MR_ADDRESS_IN_USE` and the storage's errors; nothing is left open then.
 */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const { world, dataPath, report } = options
  const config = brokerConfig(options.config)
  const listeners = listenersOf(options)
  const logDirectory = await LogDirectory.open({ world, path: dataPath, config: logConfigOf(config), report })
  try {
    return await RunningBroker.start({ ...options, config, listeners, logDirectory })
  } catch (error) {
    await logDirectory.close()
    throw error
  }
}

/** How long closing waits for requests in work before it cuts their connections. */
const CLOSE_GRACE_MS = 2000
const MAX_SWEEP_INTERVAL_MS = 10_000

interface StartOptions extends Omit<BrokerOptions, 'config' | 'listeners'> {
  readonly config: BrokerConfig
  readonly listeners: readonly ListenerSettings[]
  readonly logDirectory: LogDirectory
}

class RunningBroker implements Broker {
  readonly #options: StartOptions
  readonly #counters: BrokerCounters
  readonly #clients = new ClientFigures()
  readonly #waiters: PartitionWaiters
  readonly #pool = new BufferPool()
  readonly #memory: RequestMemory
  readonly #connections = new Set<ServerConnection>()
  readonly #timers = new Set<Timer>()
  /** Lines about connections that end, and about those that are not let in. */
  readonly #departures: LimitedReport
  readonly #refusals: LimitedReport
  #limits: ConnectionLimits | undefined
  #coordinators: Awaited<ReturnType<typeof startCoordinators>> | undefined
  #router: Router | undefined
  #telemetry: ClientTelemetry | undefined
  /** What is written in full when it changes; closing waits for it. */
  readonly #documents: { idle(): Promise<void> }[] = []
  #entrance: Entrance | undefined
  #surroundings: ConnectionSurroundings | undefined
  #nextConnectionId = 1
  #closed: Promise<void> | undefined

  static async start(options: StartOptions): Promise<RunningBroker> {
    const broker = new RunningBroker(options)
    try {
      await broker.#start()
      return broker
    } catch (error) {
      broker.#stopTimers()
      for (const connection of broker.#connections) connection.destroy()
      await broker.#closeCoordinators()
      throw error
    }
  }

  private constructor(options: StartOptions) {
    this.#options = options
    this.#counters = new BrokerCounters({ nowMonotonicMs: options.world.clock.monotonicMs() })
    this.#memory = new RequestMemory({
      limitBytes: options.config['queued.max.request.bytes'],
      clock: options.world.clock,
    })
    this.#waiters = new PartitionWaiters(options.world.clock)
    this.#departures = new LimitedReport({ report: options.report, clock: options.world.clock })
    this.#refusals = new LimitedReport({ report: options.report, clock: options.world.clock })
  }

  get host(): string {
    return this.listeners[0]!.host
  }

  get port(): number {
    return this.listeners[0]!.port
  }

  get listeners(): readonly RunningListener[] {
    return this.#entrance!.listeners
  }

  get internal(): InternalAccess {
    return this.#entrance!.internal
  }

  get clusterId(): string {
    return this.#options.logDirectory.clusterId
  }

  reloadCertificates(): readonly CertificateReload[] {
    return this.#entrance!.reloadCertificates()
  }

  metrics(): BrokerMetrics {
    const { world, logDirectory } = this.#options
    const nowMs = world.clock.monotonicMs()
    const byListener = Map.groupBy(this.#connections, ({ listener }) => listener)
    return {
      ...this.#counters.snapshot(nowMs),
      listeners: this.listeners.map(({ name }) => ({
        listener: name,
        connections: byListener.get(name)?.length ?? 0,
      })),
      clients: this.#clients.snapshot(this.#connections),
      telemetry: this.#telemetry!.figures(),
      ...logFigures(logDirectory, this.#coordinators!.groups),
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #start(): Promise<void> {
    const { world, config, logDirectory, dataPath, report, listeners } = this.#options
    const { clock, random, disk } = world
    const scramUsers = ScramUsers.open({ disk, dataPath, random })
    const groupSettings = GroupSettings.open({ disk, dataPath, config })
    const quotas = new ClientQuotas(QuotaRules.open(disk, join(dataPath, 'millrace-quotas.json')), config)
    const authorizer = openAuthorizer({ world, dataPath, config, report, metrics: this.#counters })
    const telemetry = await ClientTelemetry.open({
      ...world,
      dataPath,
      maxBytes: config['telemetry.max.bytes'],
    })
    this.#telemetry = telemetry
    this.#documents.push(scramUsers, groupSettings, quotas.rules, telemetry.subscriptions)
    if (authorizer.rules !== undefined) this.#documents.push(authorizer.rules)
    this.#limits = new ConnectionLimits({ config, quotas, nowMs: clock.monotonicMs() })
    const environment: CoordinatorEnvironment = {
      clock,
      random,
      config,
      report,
      metrics: this.#counters,
      logDirectory,
      dataPath,
      freeBytes: () => disk.freeBytes(dataPath),
      authorizer,
      quotas,
      topics: new TopicCatalog({
        logDirectory,
        config,
        report,
        waiters: this.#waiters,
        metrics: this.#counters,
      }),
      waiters: this.#waiters,
      fetchSessions: new FetchSessions({
        slots: config['max.incremental.fetch.session.cache.slots'],
        clock,
        random,
      }),
      buffers: this.#pool,
      scramUsers,
      groupSettings,
      telemetry,
    }
    this.#coordinators = await startCoordinators(environment)
    this.#router = new Router({ routes: brokerRoutes(), services: { ...environment, ...this.#coordinators } })
    this.#entrance = await Entrance.open({
      world,
      config,
      settings: listeners,
      scramUsers,
      metrics: this.#counters,
      report,
      onConnection: (admitted) => this.#accept(admitted),
    })
    this.#every(config['log.retention.check.interval.ms'], () => logDirectory.applyRetention(clock.nowMs()))
    if (config['log.cleaner.enable'])
      this.#every(config['log.cleaner.backoff.ms'], () => logDirectory.compact(clock.nowMs()))
    const idleMs = config['connections.max.idle.ms']
    if (idleMs >= 0)
      this.#every(Math.min(MAX_SWEEP_INTERVAL_MS, Math.max(1, idleMs / 2)), () => this.#closeIdle(idleMs))
    const { reloadIntervalMs } = this.#entrance
    if (reloadIntervalMs !== undefined)
      this.#every(reloadIntervalMs, () => void this.#entrance!.reloadCertificates())
    for (const { name, host, port } of this.listeners)
      report('info', 'broker listens', { listener: name, host, port, clusterId: this.clusterId })
  }

  #accept(admitted: Admitted): void {
    const { world } = this.#options
    const host = hostOf(admitted.connection.peer)
    const internal = admitted.listener === INTERNAL_LISTENER
    const refusal = internal ? undefined : this.#limits!.enter(host, world.clock.monotonicMs())
    if (refusal !== undefined) {
      this.#refuse(admitted, refusal)
      return
    }
    this.#counters.connectionsAccepted += 1
    const surroundings = (this.#surroundings ??= this.#makeSurroundings())
    const client = new ServerConnection({ id: this.#nextConnectionId++, surroundings, ...admitted })
    this.#connections.add(client)
    client.start()
    if (this.#closed !== undefined) client.destroy()
  }

  #makeSurroundings(): ConnectionSurroundings {
    const { config, world, report } = this.#options
    return {
      router: this.#router!,
      pool: this.#pool,
      memory: this.#memory,
      clock: world.clock,
      // Clients that come and go in a loop are not to fill the disk with lines.
      report: ({ peer }, level, event, fields) => {
        if (level === 'error') report(level, event, fields)
        else this.#departures.say(level, event, { cause: hostOf(peer), fields: () => fields })
      },
      metrics: this.#counters,
      maxRequestBytes: config['socket.request.max.bytes'],
      maxRequests: config['max.connection.requests'],
      onClosed: (closed) => {
        this.#connections.delete(closed)
        this.#counters.connectionsClosed += 1
        if (closed.listener !== INTERNAL_LISTENER) this.#limits!.left(hostOf(closed.peer))
        this.#clients.connectionClosed(closed)
      },
    }
  }

  #refuse({ connection, listener }: Admitted, reason: string): void {
    this.#counters.connectionsRefused += 1
    const { peer } = connection
    this.#refusals.say('warn', 'connection refused', {
      cause: hostOf(peer),
      fields: () => ({ peer, listener, reason }),
    })
    connection.destroy()
  }

  #closeIdle(idleMs: number): void {
    const now = this.#options.world.clock.monotonicMs()
    for (const connection of this.#connections) {
      if (connection.idle && now - connection.lastActiveMs > idleMs) {
        const { peer, lastActiveMs } = connection
        this.#departures.say('info', 'idle connection closed', {
          cause: hostOf(peer),
          fields: () => ({ peer, idleMs: Math.round(now - lastActiveMs) }),
        })
        connection.destroy()
      }
    }
    // Buffers for large requests are worth keeping only while requests come.
    if (this.#connections.size === 0) this.#pool.clear()
  }

  #every(intervalMs: number, action: () => void | Promise<void>): void {
    const { clock } = this.#options.world
    const failed = (error: unknown): void =>
      this.#options.report('error', 'housekeeping failed', { reason: messageOf(error) })
    const arm = (): void => {
      const timer = clock.schedule(intervalMs, () => {
        this.#timers.delete(timer)
        void (async () => action())().catch(failed)
        if (this.#closed === undefined) arm()
      })
      this.#timers.add(timer)
    }
    arm()
  }

  #stopTimers(): void {
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
  }

  async #closeCoordinators(): Promise<void> {
    // Transactions first: completing one may still write to the groups' log.
    await this.#coordinators?.transactions.close()
    await this.#coordinators?.groups.close()
    await this.#coordinators?.shares.close()
  }

  async #close(): Promise<void> {
    this.#stopTimers()
    await this.#entrance!.close()
    this.#waiters.close()
    this.#coordinators!.groups.release()
    await this.#closeConnections()
    await this.#closeCoordinators()
    await Promise.all(this.#documents.map((document) => document.idle()))
    await this.#options.logDirectory.close()
    this.#options.report('info', 'broker closed', {})
  }

  /** Lets each connection answer what it has in work, for a while. */
  #closeConnections(): Promise<void> {
    const closing = [...this.#connections]
    return new Promise((resolve) => {
      let open = closing.length
      if (open === 0) return resolve()
      const grace = this.#options.world.clock.schedule(CLOSE_GRACE_MS, () =>
        closing.forEach((connection) => connection.destroy()),
      )
      for (const connection of closing) {
        connection.onClose(() => {
          if (--open > 0) return
          grace.cancel()
          resolve()
        })
        connection.end()
      }
    })
  }
}

const PLAINTEXT = 'PLAINTEXT'

function hostOf(peer: string): string {
  return peer.slice(0, peer.lastIndexOf(':'))
}

function listenersOf(options: BrokerOptions): readonly ListenerSettings[] {
  const { listen, advertised, listeners, allowAnonymousBeyondLoopback = false } = options
  if ((listen === undefined) === (listeners === undefined)) {
    throw new MillraceError({
      code: 'MR_CONFIG_INVALID',
      message: 'the broker needs either listen or listeners.',
      fix: 'Give one of them: listen for a single listener without security, else listeners.',
    })
  }
  const single = listen && { ...listen, name: PLAINTEXT, ...(advertised && { advertised }) }
  return listenerSettings({ listeners: listeners ?? [single!], allowAnonymousBeyondLoopback })
}
