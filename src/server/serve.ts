/**
 * One Millrace process: the embedded log (or a client of another cluster), the REST server, and the jobs that are
 * started in it. The command and `npm start` are built on this; an application may as well use its parts alone.
 */
import { messageOf, MillraceError } from '../base/millrace-error.ts'
import { type Report, reportNothing } from '../base/report.ts'
import type { BrokerConfig } from '../log/broker/broker-config.ts'
import type { ListenerOptions } from '../log/broker/security/listener-options.ts'
import { isLoopback } from '../log/broker/security/listener-settings.ts'
import type { CertificateReload, RunningListener } from '../log/broker/security/listeners.ts'
import { startLog, type RunningLog } from '../log/broker/start-log.ts'
import type { LogClient } from '../log/client/client.ts'
import type { ClientSecurity } from '../log/client/security.ts'
import type { Mirror, MirrorCluster, MirrorOptions } from '../mirror/mirror-options.ts'
import type { Job } from '../stream/graph/plan.ts'
import type { RunJobOptions } from '../stream/runtime/job-options.ts'
import type { RunningJob } from '../stream/runtime/run-job.ts'
import { nodeWorld } from '../world/node.ts'
import type { World } from '../world/world.ts'
import { JobNames } from './job-names.ts'
import { JobRegistry } from './job-registry.ts'
import { type MirrorView, viewMirror, type WatchedMirror } from './mirror-view.ts'
import { lazyRegistry, type OpenableRegistry, startRegistry } from './start-registry.ts'
import type { RunningServer } from './start-server.ts'

export interface ServeOptions {
  /** Default: the real one. */
  readonly world?: World
  /** Directory of the log, checkpoints and savepoints. */
  readonly data: string
  /** Where the embedded log listens; without it there is none, and `kafka` names the cluster to use. */
  readonly listen?: { readonly host: string; readonly port: number }
  /** Instead of `listen`: several listeners, or some with TLS or SASL. */
  readonly listeners?: readonly ListenerOptions[]
  /** Lets listeners that ask nobody who they are, and HTTP without a token, be reached from other machines. Default false. */
  readonly allowAnonymousBeyondLoopback?: boolean
  readonly kafka?: string
  /** What it takes to get into that cluster. Default: nothing. */
  readonly security?: ClientSecurity
  /** Kafka's settings of the embedded log's broker, by name. */
  readonly broker?: Partial<BrokerConfig>
  /** Where REST and the status page listen; `false` for nowhere. */
  readonly http: { readonly host: string; readonly port: number } | false
  /** Where the schema registry has an address of its own; below `/registry` of `http` it is in any case. */
  readonly schemaRegistry?: { readonly host: string; readonly port: number }
  /** What requests over HTTP have to show. Default: nothing. */
  readonly httpToken?: string
  /** Topics that are copied all the time. Default: none. */
  readonly mirrors?: readonly ServedMirror[]
  /** Hears what happens; default: nobody. */
  readonly report?: Report
}

/** A mirror between the process's log, where a side is left out, and another cluster. */
export interface ServedMirror extends Omit<MirrorOptions, 'from' | 'to' | 'once' | 'world' | 'report'> {
  readonly from?: MirrorCluster
  readonly to?: MirrorCluster
}

export interface Served extends AsyncDisposable {
  /** `host:port` of the log; of its first listener. */
  readonly bootstrap: string
  /** Of the embedded log; none without one. */
  readonly listeners: readonly RunningListener[]
  /** Of the status page; undefined without HTTP. */
  readonly url: string | undefined
  /** Of the schema registry, as clients want it; undefined without HTTP. */
  readonly registryUrl: string | undefined
  readonly client: LogClient
  /** In the order of the options. One that has ended by itself is reported, and ends nothing else. */
  readonly mirrors: readonly Mirror[]
  /** Rejects when the embedded log ends by itself. */
  readonly logEnded: Promise<never>
  /** Takes new certificates of the embedded log's listeners from their files at once. */
  reloadCertificates(): Promise<readonly CertificateReload[]>
  run(job: Job | URL, options: Omit<RunJobOptions, 'log' | 'world' | 'report'>): Promise<RunningJob>
  /** Stops the jobs with a last checkpoint, then everything else. */
  close(): Promise<void>
}

/**
 * The log comes first: what else the process needs is loaded once Kafka clients can connect, what only jobs need with the
 * first job (CPU time from the start of the process to the first byte served: 380 → 250 ms).
 *
 * Throws what `startLog`, `connectClient` and `startServer` throw, and `MR_OPEN_LISTENER` where other machines could reach
 * HTTP and nobody would be asked; nothing is left running then.
 */
export async function serve(options: ServeOptions): Promise<Served> {
  const { world = nodeWorld(), data, report = reportNothing } = options
  refuseOpenHttp(options)
  tellOpenHttp(options, report)
  await using started = new AsyncDisposableStack()
  const { listen, listeners, allowAnonymousBeyondLoopback } = options
  const log =
    listen === undefined && listeners === undefined
      ? undefined
      : started.use(
          await startLog({
            world,
            dataPath: `${data}/log`,
            ...(listen && { listen }),
            ...(listeners && { listeners }),
            ...(allowAnonymousBeyondLoopback !== undefined && { allowAnonymousBeyondLoopback }),
            ...(options.broker && { config: options.broker }),
            report,
          }),
        )
  const bootstrap = log?.bootstrap ?? options.kafka ?? ''
  const { httpToken } = options
  const { connectClient } = await import('../log/client/client.ts')
  // The embedded log lets its own process in; what is told is for another cluster.
  const access = log?.internal ?? { bootstrap, ...(options.security && { security: options.security }) }
  const client = await connectClient({ world, clientId: 'millrace-admin', ...access })
  started.defer(() => client.close())
  const mirrors = await Promise.all(
    (options.mirrors ?? []).map(async (mirror): Promise<WatchedMirror> => {
      const { from, to } = mirror
      const given = { from: access, to: access, ...mirror, world, report }
      return { mirror: started.use(await startServedMirror(given)), from, to }
    }),
  )
  const jobs = new JobRegistry()
  const registry = started.use(lazyRegistry(client, report))
  const server =
    options.http === false
      ? undefined
      : started.use(
          await serveHttp({
            ...{ http: options.http, httpToken, world, jobs, client, bootstrap, log, registry },
            mirrors: () => mirrors.map((one) => viewMirror(one, bootstrap)),
          }),
        )
  const registryServer =
    options.schemaRegistry === undefined
      ? undefined
      : started.use(await startRegistry(options.schemaRegistry, { registry: registry.open, httpToken }))
  const running = new Set<RunningJob>()
  const names = new JobNames()
  started.defer(async () => {
    await Promise.all([...running].map((job) => job[Symbol.asyncDispose]()))
  })
  const parts = started.move()
  return {
    bootstrap,
    listeners: log?.listeners ?? [],
    url: server?.url,
    registryUrl: registryServer?.url ?? (server && `${server.url}/registry`),
    client,
    mirrors: mirrors.map(({ mirror }) => mirror),
    logEnded: log === undefined ? new Promise(() => {}) : endedByItself(log),
    reloadCertificates: async () => (await log?.reloadCertificates()) ?? [],
    async run(job, jobOptions) {
      const checkpoint =
        jobOptions.checkpoint === false ? false : { path: `${data}/checkpoints`, ...jobOptions.checkpoint }
      const { runJob } = await import('../stream/runtime/run-job.ts')
      const { security } = access
      const used = security === undefined ? access.bootstrap : { bootstrap: access.bootstrap, security }
      const claim = names.claim()
      const onNamed = (name: string): void => {
        claim.take(name)
        jobOptions.onNamed?.(name)
      }
      try {
        const run = await runJob(job, { ...jobOptions, onNamed, checkpoint, log: used, world, report })
        void run.ended.catch(() => {}).then(claim.release)
        running.add(run)
        jobs.add(servedJob(run, { data, world }))
        return run
      } catch (error) {
        claim.release()
        throw error
      }
    },
    close: () => parts.disposeAsync(),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

async function serveHttp(parts: {
  readonly http: { readonly host: string; readonly port: number }
  readonly httpToken: string | undefined
  readonly world: World
  readonly jobs: JobRegistry
  readonly client: LogClient
  readonly bootstrap: string
  readonly log: RunningLog | undefined
  readonly registry: OpenableRegistry
  readonly mirrors: () => readonly MirrorView[]
}): Promise<RunningServer> {
  const { http, httpToken, world, jobs, client, bootstrap, log, registry, mirrors } = parts
  const { startServer } = await import('./start-server.ts')
  return startServer({
    listen: http,
    clock: world.clock,
    jobs,
    client,
    bootstrap,
    registry: registry.open,
    mirrors,
    ...(httpToken !== undefined && { token: httpToken }),
    ...(log && { logMetrics: () => log.metrics(), reloadCertificates: () => log.reloadCertificates() }),
  })
}

/** Over HTTP everything may be done: from other machines only by those who show a token, unless that is said. */
export function refuseOpenHttp(
  options: Pick<ServeOptions, 'http' | 'schemaRegistry' | 'httpToken' | 'allowAnonymousBeyondLoopback'>,
): void {
  const { http, schemaRegistry, httpToken, allowAnonymousBeyondLoopback = false } = options
  if (httpToken === '') {
    throw new MillraceError({
      code: 'MR_CONFIG_INVALID',
      message: 'httpToken is an empty text, which anybody can show.',
      fix: 'Give it a long random text, or leave it out.',
    })
  }
  if (httpToken !== undefined || allowAnonymousBeyondLoopback) return
  for (const address of [http, schemaRegistry]) {
    if (address === undefined || address === false || isLoopback(address.host)) continue
    throw new MillraceError({
      code: 'MR_OPEN_LISTENER',
      message: 'HTTP could be reached from other machines, and asks nobody for anything.',
      fix: 'Listen on 127.0.0.1, set httpToken, or, where everybody who reaches it may do everything, allowAnonymousBeyondLoopback.',
      peer: `${address.host}:${address.port}`,
    })
  }
}

/** What HTTP lets anybody do who reaches it, where the listeners would not let everybody do it. */
function tellOpenHttp(
  { http, schemaRegistry, httpToken, listeners = [], broker }: ServeOptions,
  report: Report,
): void {
  if (httpToken !== undefined) return
  const addresses = [http, schemaRegistry].filter((address) => address !== undefined && address !== false)
  const beyond = addresses.filter(({ host }) => !isLoopback(host))
  for (const { host, port } of beyond)
    report('warn', 'other machines can do everything over HTTP: there is no httpToken', { host, port })
  const guarded =
    (broker?.['authorizer.class.name'] ?? '') !== '' ||
    (listeners.length > 0 &&
      listeners.every(({ tls, sasl }) => sasl !== undefined || tls?.clientAuth === 'required'))
  const [first] = addresses
  if (guarded && first !== undefined && beyond.length === 0)
    report('warn', 'whoever is on this machine can do everything over HTTP: there is no httpToken', {
      ...first,
    })
}

async function startServedMirror(options: MirrorOptions): Promise<Mirror> {
  const { startMirror } = await import('../mirror/start-mirror.ts')
  const mirror = await startMirror(options)
  mirror.ended.catch((error: unknown) =>
    options.report?.('error', 'mirror: ended', { name: mirror.name, reason: messageOf(error) }),
  )
  return mirror
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
