import { MillraceError } from '../../base/millrace-error.ts'
import { reportNothing, type Report } from '../../base/report.ts'
import { nodeWorld } from '../../world/node.ts'
import type { WorkerHandle, World } from '../../world/world.ts'
import type { BrokerConfig } from './broker-config.ts'
import type { BrokerMetrics } from './broker-metrics.ts'
import type { InternalAccess } from './security/entrance.ts'
import type { HostAndPort, ListenerOptions } from './security/listener-options.ts'
import type { CertificateReload, RunningListener } from './security/listeners.ts'
import type { FromLogWorker, LogWorkerData, ToLogWorker } from './log-worker.ts'

export interface LogOptions {
  /** Default: the real one. */
  readonly world?: World
  /** Where the data lies; created when it does not exist. */
  readonly dataPath: string
  /** A single listener that asks nothing of its clients. Default 127.0.0.1:9092; port 0 takes a free one. */
  readonly listen?: HostAndPort
  /** Where its clients are told to connect; by default where the log listens. */
  readonly advertised?: HostAndPort
  /** Instead of `listen`: several listeners, or some with TLS or SASL. */
  readonly listeners?: readonly ListenerOptions[]
  /** Lets listeners that ask nobody who they are be reached from other machines. Default false. */
  readonly allowAnonymousBeyondLoopback?: boolean
  /** Kafka's broker settings by name; see `BROKER_SETTINGS`. */
  readonly config?: Partial<BrokerConfig>
  /** Hears what happens in the log; default: nobody. */
  readonly report?: Report
  /** Closes the log when it aborts. */
  readonly signal?: AbortSignal
}

/** A log that runs in a thread of its own. `await using log = await startLog(…)` closes it at the end of the scope. */
export interface RunningLog extends AsyncDisposable {
  /** The first listener's. */
  readonly host: string
  readonly port: number
  /** `host:port` of the first listener, as clients want it. */
  readonly bootstrap: string
  readonly listeners: readonly RunningListener[]
  /**
   * How clients of this same process come in, whatever the listeners ask of others: what `connectClient` and a job's `log`
   * take. They may do everything. Its password is good until the log ends; give it to nobody else.
   */
  readonly internal: LogAccess
  readonly clusterId: string
  /** Resolves when the log has ended, with the error when it was not closed on purpose. */
  readonly ended: Promise<Error | undefined>
  metrics(): Promise<BrokerMetrics>
  /**
   * Reads the listeners' certificates anew, as happens by itself every ten seconds; connections that are made from now on
   * are shown the new ones. Where one cannot be used the old one stays.
   */
  reloadCertificates(): Promise<readonly CertificateReload[]>
  /** Answers what is in work, closes all connections, and leaves the data as after a clean shutdown. */
  close(): Promise<void>
}

/** An address, and what to log in with where that is asked for. */
export interface LogAccess {
  /** `host:port`. */
  readonly bootstrap: string
  readonly security?: {
    readonly sasl: {
      readonly mechanism: 'PLAIN'
      readonly username: string
      readonly password: string
    }
  }
}

/**
 * What is plenty for a log, where the platform would take what it can get: under 1,000 producers, 500 groups and 5,000
 * partitions, of which 60 MiB are in use, the process grew to 375 MiB without limits and to 204–221 with 24 and 1,024 MiB,
 * for 7 % of its CPU more in the collector; 12 for the young are 10 MiB less again. A heap that may become 2 GiB or more
 * grows fourfold before V8 looks for garbage, one that may become 1 GiB by 60 %. Producing large batches costs the same
 * either way (229 and 231 ns a record). A partition takes 4 KB, a connection 5; `NODE_OPTIONS=--max-old-space-size` gives
 * more.
 */
const HEAP = { youngMiB: 12, oldMiB: 1024 } as const

const DEFAULT_LISTEN = { host: '127.0.0.1', port: 9092 }

/**
 * Starts the log and resolves once clients can connect. Throws what `startBroker` throws (`MR_ADDRESS_IN_USE`,
 * `MR_DATA_DIR_IN_USE`, `MR_CONFIG_INVALID`, `MR_OPEN_LISTENER`, `MR_TLS_INVALID` …), and `MR_LOG_ENDED` when it ends while starting.
 */
export async function startLog(options: LogOptions): Promise<RunningLog> {
  const { world = nodeWorld(), report = reportNothing, signal, ...rest } = options
  signal?.throwIfAborted()
  const data: LogWorkerData = {
    ...rest,
    ...(rest.listen === undefined && rest.listeners === undefined && { listen: DEFAULT_LISTEN }),
  }
  const worker = world.workers.spawn({
    entry: new URL('./log-worker.ts', import.meta.url),
    name: 'millrace-log',
    data,
    heap: HEAP,
  })
  const log = await LogThread.started(worker, report)
  if (signal !== undefined) {
    const close = (): void => void log.close()
    if (signal.aborted) close()
    signal.addEventListener('abort', close, { once: true })
    void log.ended.then(() => signal.removeEventListener('abort', close))
  }
  return log
}

class LogThread implements RunningLog {
  readonly #worker: WorkerHandle
  readonly #metricsWanted: ((metrics: BrokerMetrics | undefined) => void)[] = []
  readonly #reloadsWanted: ((reloads: readonly CertificateReload[] | undefined) => void)[] = []
  listeners: readonly RunningListener[] = []
  clusterId = ''
  internal: LogAccess = { bootstrap: '' }
  #ended = false

  static async started(worker: WorkerHandle, report: Report): Promise<LogThread> {
    const log = new LogThread(worker)
    const started = new Promise<void>((resolve) => {
      worker.onMessage((message) => {
        const from = message as FromLogWorker
        if (from.kind === 'report') report(from.level, from.event, from.fields)
        else if (from.kind === 'metrics') log.#metricsWanted.shift()?.(from.metrics)
        else if (from.kind === 'certificates reloaded') log.#reloadsWanted.shift()?.(from.reloads)
        else {
          log.listeners = from.listeners
          log.internal = accessOf(from.internal)
          log.clusterId = from.clusterId
          resolve()
        }
      })
    })
    const early = await Promise.race([started, worker.ended.then((error) => error ?? ended())])
    if (early instanceof Error) throw early
    return log
  }

  private constructor(worker: WorkerHandle) {
    this.#worker = worker
    void worker.ended.then(() => {
      this.#ended = true
      for (const tell of this.#metricsWanted.splice(0)) tell(undefined)
      for (const tell of this.#reloadsWanted.splice(0)) tell(undefined)
    })
  }

  get host(): string {
    return this.listeners[0]!.host
  }

  get port(): number {
    return this.listeners[0]!.port
  }

  get bootstrap(): string {
    return addressText(this)
  }

  get ended(): Promise<Error | undefined> {
    return this.#worker.ended
  }

  async metrics(): Promise<BrokerMetrics> {
    if (this.#ended) throw ended()
    const metrics = await new Promise<BrokerMetrics | undefined>((resolve) => {
      this.#metricsWanted.push(resolve)
      this.#post({ kind: 'metrics' })
    })
    if (metrics === undefined) throw ended()
    return metrics
  }

  async reloadCertificates(): Promise<readonly CertificateReload[]> {
    if (this.#ended) throw ended()
    const reloads = await new Promise<readonly CertificateReload[] | undefined>((resolve) => {
      this.#reloadsWanted.push(resolve)
      this.#post({ kind: 'reload certificates' })
    })
    if (reloads === undefined) throw ended()
    return reloads
  }

  async close(): Promise<void> {
    if (!this.#ended) this.#post({ kind: 'close' })
    const error = await this.#worker.ended
    if (error !== undefined) throw error
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #post(message: ToLogWorker): void {
    this.#worker.post(message)
  }
}

function accessOf(internal: InternalAccess): LogAccess {
  const { login } = internal
  const bootstrap = addressText(internal)
  return login === undefined
    ? { bootstrap }
    : { bootstrap, security: { sasl: { mechanism: 'PLAIN', ...login } } }
}

function addressText({ host, port }: HostAndPort): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

function ended(): MillraceError {
  return new MillraceError({
    code: 'MR_LOG_ENDED',
    message: 'the log has ended.',
    fix: 'Start it again; its report says why it ended.',
  })
}
