import { MillraceError } from '../../base/millrace-error.ts'
import { reportNothing, type Report } from '../../base/report.ts'
import { nodeWorld } from '../../world/node.ts'
import type { WorkerHandle, World } from '../../world/world.ts'
import type { BrokerConfig } from './broker-config.ts'
import type { BrokerMetrics } from './broker-metrics.ts'
import type { FromLogWorker, LogWorkerData, ToLogWorker } from './log-worker.ts'

export interface LogOptions {
  /** Default: the real one. */
  readonly world?: World
  /** Where the data lies; created when it does not exist. */
  readonly dataPath: string
  /** Default 127.0.0.1:9092; port 0 takes a free one. */
  readonly listen?: { readonly host: string; readonly port: number }
  /** Where clients are told to connect; by default where the log listens. */
  readonly advertised?: { readonly host: string; readonly port: number }
  /** Kafka's broker settings by name; see `BROKER_SETTINGS`. */
  readonly config?: Partial<BrokerConfig>
  /** Hears what happens in the log; default: nobody. */
  readonly report?: Report
  /** Closes the log when it aborts. */
  readonly signal?: AbortSignal
}

/** A log that runs in a thread of its own. `await using log = await startLog(…)` closes it at the end of the scope. */
export interface RunningLog extends AsyncDisposable {
  readonly host: string
  readonly port: number
  /** `host:port`, as clients want it. */
  readonly bootstrap: string
  readonly clusterId: string
  /** Resolves when the log has ended, with the error when it was not closed on purpose. */
  readonly ended: Promise<Error | undefined>
  metrics(): Promise<BrokerMetrics>
  /** Answers what is in work, closes all connections, and leaves the data as after a clean shutdown. */
  close(): Promise<void>
}

const DEFAULT_LISTEN = { host: '127.0.0.1', port: 9092 }

/**
 * Starts the log and resolves once clients can connect. Throws what `startBroker` throws (`MR_ADDRESS_IN_USE`,
 * `MR_DATA_DIR_IN_USE`, `MR_CONFIG_INVALID` …), and `MR_LOG_ENDED` when it ends while starting.
 */
export async function startLog(options: LogOptions): Promise<RunningLog> {
  const {
    world = nodeWorld(),
    dataPath,
    listen = DEFAULT_LISTEN,
    advertised,
    config,
    report = reportNothing,
    signal,
  } = options
  signal?.throwIfAborted()
  const data: LogWorkerData = {
    dataPath,
    listen,
    ...(advertised && { advertised }),
    ...(config && { config }),
  }
  const worker = world.workers.spawn({
    entry: new URL('./log-worker.ts', import.meta.url),
    name: 'millrace-log',
    data,
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
  host = ''
  port = 0
  clusterId = ''
  #ended = false

  static async started(worker: WorkerHandle, report: Report): Promise<LogThread> {
    const log = new LogThread(worker)
    const started = new Promise<void>((resolve) => {
      worker.onMessage((message) => {
        const from = message as FromLogWorker
        if (from.kind === 'report') report(from.level, from.event, from.fields)
        else if (from.kind === 'metrics') log.#metricsWanted.shift()?.(from.metrics)
        else {
          log.host = from.host
          log.port = from.port
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
    })
  }

  get bootstrap(): string {
    return `${this.host.includes(':') ? `[${this.host}]` : this.host}:${this.port}`
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

function ended(): MillraceError {
  return new MillraceError({
    code: 'MR_LOG_ENDED',
    message: 'the log has ended.',
    fix: 'Start it again; its report says why it ended.',
  })
}
