/**
 * One Millrace process: the embedded log (or a client of another cluster), the REST server, and the jobs that are
 * started in it. The command and `npm start` are built on this; an application may as well use its parts alone.
 */
import { type Report, reportNothing } from '../base/report.ts'
import type { BrokerConfig } from '../log/broker/broker-config.ts'
import { startLog, type RunningLog } from '../log/broker/start-log.ts'
import type { LogClient } from '../log/client/client.ts'
import type { ClientSecurity } from '../log/client/security.ts'
import type { Job } from '../stream/graph/plan.ts'
import type { RunJobOptions } from '../stream/runtime/job-options.ts'
import type { RunningJob } from '../stream/runtime/run-job.ts'
import { nodeWorld } from '../world/node.ts'
import type { World } from '../world/world.ts'
import { JobRegistry } from './job-registry.ts'
import type { RunningServer } from './start-server.ts'

export interface ServeOptions {
  /** Default: the real one. */
  readonly world?: World
  /** Directory of the log, checkpoints and savepoints. */
  readonly data: string
  /** Where the embedded log listens; without it there is none, and `kafka` names the cluster to use. */
  readonly listen?: { readonly host: string; readonly port: number }
  readonly kafka?: string
  /** What it takes to get into that cluster. Default: nothing. */
  readonly security?: ClientSecurity
  /** Kafka's settings of the embedded log's broker, by name. */
  readonly broker?: Partial<BrokerConfig>
  /** Where REST and the status page listen; `false` for nowhere. */
  readonly http: { readonly host: string; readonly port: number } | false
  /** Hears what happens; default: nobody. */
  readonly report?: Report
}

export interface Served extends AsyncDisposable {
  /** `host:port` of the log. */
  readonly bootstrap: string
  /** Of the status page; undefined without HTTP. */
  readonly url: string | undefined
  readonly client: LogClient
  /** Rejects when the embedded log ends by itself. */
  readonly logEnded: Promise<never>
  run(job: Job | URL, options: Omit<RunJobOptions, 'log' | 'world' | 'report'>): Promise<RunningJob>
  /** Stops the jobs with a last checkpoint, then everything else. */
  close(): Promise<void>
}

/**
 * The log comes first: what else the process needs is loaded once Kafka clients can connect, what only jobs need with the
 * first job (CPU time from the start of the process to the first byte served: 380 → 250 ms).
 *
 * Throws what `startLog`, `connectClient` and `startServer` throw; nothing is left running then.
 */
export async function serve(options: ServeOptions): Promise<Served> {
  const { world = nodeWorld(), data, report = reportNothing } = options
  await using started = new AsyncDisposableStack()
  const log =
    options.listen === undefined
      ? undefined
      : started.use(
          await startLog({
            world,
            dataPath: `${data}/log`,
            listen: options.listen,
            ...(options.broker && { config: options.broker }),
            report,
          }),
        )
  const bootstrap = log?.bootstrap ?? options.kafka ?? ''
  const { connectClient } = await import('../log/client/client.ts')
  // The embedded log lets its own process in; what is told is for another cluster.
  const secured = log === undefined && options.security !== undefined && { security: options.security }
  const client = await connectClient({ world, bootstrap, clientId: 'millrace-admin', ...secured })
  started.defer(() => client.close())
  const jobs = new JobRegistry()
  const server =
    options.http === false
      ? undefined
      : started.use(await serveHttp({ http: options.http, world, jobs, client, bootstrap, log }))
  const running = new Set<RunningJob>()
  started.defer(async () => {
    await Promise.all([...running].map((job) => job[Symbol.asyncDispose]()))
  })
  const parts = started.move()
  return {
    bootstrap,
    url: server?.url,
    client,
    logEnded: log === undefined ? new Promise(() => {}) : endedByItself(log),
    async run(job, jobOptions) {
      const checkpoint =
        jobOptions.checkpoint === false ? false : { path: `${data}/checkpoints`, ...jobOptions.checkpoint }
      const { runJob } = await import('../stream/runtime/run-job.ts')
      const used = secured === false ? bootstrap : { bootstrap, ...secured }
      const run = await runJob(job, { ...jobOptions, checkpoint, log: used, world, report })
      running.add(run)
      jobs.add(servedJob(run, { data, world }))
      return run
    },
    close: () => parts.disposeAsync(),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

async function serveHttp(parts: {
  readonly http: { readonly host: string; readonly port: number }
  readonly world: World
  readonly jobs: JobRegistry
  readonly client: LogClient
  readonly bootstrap: string
  readonly log: RunningLog | undefined
}): Promise<RunningServer> {
  const { http, world, jobs, client, bootstrap, log } = parts
  const { startServer } = await import('./start-server.ts')
  return startServer({
    listen: http,
    clock: world.clock,
    jobs,
    client,
    bootstrap,
    ...(log && { logMetrics: () => log.metrics() }),
  })
}

async function endedByItself(log: RunningLog): Promise<never> {
  const error = await log.ended
  if (error !== undefined) throw error
  return new Promise(() => {})
}

/** A job under the REST API: savepoints without a path get one under the data directory. */
function servedJob(
  run: RunningJob,
  { data, world }: { readonly data: string; readonly world: World },
): Parameters<JobRegistry['add']>[0] {
  const savepointPath = (): string =>
    `${data}/savepoints/${run.name}-${new Date(world.clock.nowMs()).toISOString().replaceAll(/[-:.]/g, '')}`
  return {
    name: run.name,
    get status() {
      return run.status
    },
    metrics: () => run.metrics(),
    async savepoint(path = savepointPath()) {
      await run.savepoint(path)
      return path
    },
    async stop({ savepoint } = {}) {
      const path = savepoint === true ? savepointPath() : savepoint === false ? undefined : savepoint
      await run.stop(path === undefined ? {} : { savepoint: path })
      return path
    },
  }
}
