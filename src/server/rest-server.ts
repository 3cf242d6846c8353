/**
 * REST, metrics for Prometheus, health checks and the status page of one process.
 *
 *   GET    /                                the status page
 *   GET    /healthz, /readyz, /metrics
 *   GET    /api/v1/overview                 all that the status page shows
 *   GET    /api/v1/jobs[/:job]              jobs with their steps
 *   GET    /api/v1/jobs/:job/metrics        everything a job counts, with samples of late events
 *   GET    /api/v1/jobs/:job/checkpoints
 *   POST   /api/v1/jobs/:job/savepoints     { path? } → { path }
 *   POST   /api/v1/jobs/:job/stop           { savepoint? } → { savepoint }
 *   …      /api/v1/topics, configs          `topic-routes.ts`
 *   …      /api/v1/groups                   `group-routes.ts`
 *   …      /api/v1/acls, users, quotas, certificates   `security-routes.ts`
 *   …      /api/v1/transactions             `transaction-routes.ts`
 *   GET    /api/v1/mirrors                  the process's mirrors, with their partitions
 *   GET    /api/v1/clients[/:client]        metrics that clients push (`client-routes.ts`)
 *   GET    /openapi.json                    all of them, described
 *   …      /registry/…                      the schema registry (`registry-routes.ts`)
 *
 * Errors are `{ code, message, place? }` with a fitting status. A page of another origin can change nothing: on a loopback
 * address only loopback names are answered to, and changes from a foreign origin are refused.
 */
import { fastify, type FastifyInstance } from 'fastify'
import { MillraceError, messageOf } from '../base/millrace-error.ts'
import type { LogClient } from '../log/client/log-client.ts'
import type { CertificateReload } from '../log/broker/security/listeners.ts'
import type { BrokerMetrics } from '../log/broker/broker-metrics.ts'
import type { Clock } from '../world/world.ts'
import { requireToken } from './access-token.ts'
import { clientRoutes } from './client-routes.ts'
import { invalidRequest } from './invalid-request.ts'
import { jobRoutes } from './job-routes.ts'
import type { JobRegistry } from './job-registry.ts'
import { viewJob } from './job-view.ts'
import { groupRoutes } from './group-routes.ts'
import { type GroupView, viewGroups } from './group-view.ts'
import { type TopicView, viewTopics } from './log-view.ts'
import type { MirrorView } from './mirror-view.ts'
import { arrayOf, describeApi, holding, operation } from './openapi.ts'
import { prometheusPage } from './prometheus.ts'
import type { LazyRegistry } from './registry-request.ts'
import { registryRoutes } from './registry-routes.ts'
import { refuseForeignOrigins } from './same-origin.ts'
import { securityRoutes } from './security-routes.ts'
import { STATUS_PAGE } from './status-page.ts'
import { STATUS_PAGE_SCRIPT } from './status-page-script.ts'
import { topicRoutes } from './topic-routes.ts'
import { transactionRoutes } from './transaction-routes.ts'

export interface ServerOptions {
  /** Port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number }
  readonly jobs: JobRegistry
  readonly clock: Pick<Clock, 'nowMs'>
  /** The log that topics and groups are asked of; without one, those routes answer 404. */
  readonly client?: LogClient
  /** Where clients find the log, for the status page. */
  readonly bootstrap?: string
  /** The embedded log's own figures. */
  readonly logMetrics?: () => Promise<BrokerMetrics>
  /** Served below `/registry`. */
  readonly registry?: LazyRegistry
  /** What requests have to show; default: nothing. */
  readonly token?: string
  readonly reloadCertificates?: () => Promise<readonly CertificateReload[]>
  /** The mirrors of the process. Default: none. */
  readonly mirrors?: () => readonly MirrorView[]
}

/** The server without an address: whoever listens passes it the connections. */
export async function restServer(options: ServerOptions): Promise<FastifyInstance> {
  const app = fastify({
    logger: false,
    forceCloseConnections: true,
    bodyLimit: 1024 * 1024,
    // Topics have up to 249 characters, subjects are made of their names and others; some clients end a path with a slash.
    routerOptions: { maxParamLength: 2_000, ignoreTrailingSlash: true },
    ajv: {
      customOptions: {
        // A body may be left out, or be null; a number is no name.
        allowUnionTypes: true,
        coerceTypes: false,
        // A misspelt field that is dropped changes what is asked for: `dryrun` would do it.
        removeAdditional: false,
        // Errors are told with the names that would be right.
        verbose: true,
      },
    },
    schemaErrorFormatter: invalidRequest,
  })
  refuseForeignOrigins(app, options.listen.host)
  if (options.token !== undefined) requireToken(app, options.token)
  app.setErrorHandler((error, _request, reply) => {
    const millrace = error instanceof MillraceError
    const status = millrace ? statusOf(error) : ((error as { statusCode?: number }).statusCode ?? 500)
    return reply.code(status).send({
      code: millrace ? error.code : 'MR_REST',
      message: status === 415 ? 'a body has to be JSON: content-type: application/json.' : messageOf(error),
      ...(millrace && { place: error.place }),
    })
  })
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send({ code: 'MR_REST', message: `there is no ${request.method} ${request.url}.` }),
  )
  await describeApi(app)
  statusRoutes(app, options)
  jobRoutes(app, options.jobs)
  const { client, logMetrics, registry, reloadCertificates } = options
  if (client !== undefined) {
    topicRoutes(app, client)
    groupRoutes(app, client)
    transactionRoutes(app, client)
    securityRoutes(app, { client, ...(reloadCertificates && { reloadCertificates }) })
  }
  if (logMetrics !== undefined) clientRoutes(app, logMetrics)
  if (registry !== undefined) {
    app.register(async (scope) => registryRoutes(scope, registry), { prefix: '/registry' })
  }
  await app.ready()
  return app
}

function statusRoutes(app: FastifyInstance, options: ServerOptions): void {
  const { mirrors = () => [] } = options
  const metrics = prometheusPage({
    jobs: options.jobs,
    ...(options.logMetrics && { logMetrics: options.logMetrics }),
    mirrors,
  })
  app.get(
    '/api/v1/mirrors',
    {
      schema: operation({
        tag: 'mirrors',
        summary: 'The mirrors of this process: how far each partition is, and what keeps it from copying.',
        answer: arrayOf(
          holding(
            ...['name', 'from', 'to', 'state', 'problem', 'failures', 'lastFailure'],
            ...['records', 'bytes', 'lag', 'partitions'],
          ),
        ),
      }),
    },
    mirrors,
  )
  app.get('/', (_request, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .header(
        'content-security-policy',
        "default-src 'self'; style-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
      )
      .send(STATUS_PAGE),
  )
  app.get('/status-page.js', (_request, reply) =>
    reply.type('text/javascript; charset=utf-8').send(STATUS_PAGE_SCRIPT),
  )
  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.render()))
  // Alive is who answers; ready is whose log answers and whose jobs have not failed.
  app.get('/healthz', () => ({ status: 'ok' }))
  app.get('/readyz', async (_request, reply) => {
    const failed = options.jobs
      .all()
      .filter((job) => job.status === 'failed')
      .map((job) => job.name)
    const log = await options.client?.metadata([]).then(() => 'ok', messageOf)
    const ready = failed.length === 0 && (log === undefined || log === 'ok')
    const status = ready ? 'ok' : 'not ready'
    // Where there is a token, this is answered without it: nobody is told more than whether.
    const told = options.token === undefined ? { status, log: log ?? 'none', failedJobs: failed } : { status }
    return reply.code(ready ? 200 : 503).send(told)
  })
  app.get('/api/v1/overview', async () => {
    const { client, jobs } = options
    // The jobs are worth seeing most when the cluster they use does not answer.
    const nothing: LogOverview = {}
    const [log, views] = await Promise.all([
      client === undefined ? nothing : overviewOfLog(client),
      Promise.all(jobs.all().map(viewJob)),
    ])
    return {
      nowMs: options.clock.nowMs(),
      log: options.bootstrap ?? null,
      logError: log.logError ?? null,
      jobs: views,
      topics: log.topics ?? [],
      groups: log.groups ?? [],
    }
  })
}

interface LogOverview {
  readonly topics?: readonly TopicView[]
  readonly groups?: readonly GroupView[]
  readonly logError?: string
}

async function overviewOfLog(client: LogClient): Promise<LogOverview> {
  try {
    const [topics, groups] = await Promise.all([viewTopics(client, { internal: false }), viewGroups(client)])
    return { topics, groups }
  } catch (error) {
    return { logError: messageOf(error) }
  }
}

function statusOf(error: MillraceError): number {
  switch (error.code) {
    case 'MR_TOPIC_NOT_FOUND':
    case 'MR_JOB_NOT_FOUND':
    case 'MR_GROUP_NOT_FOUND':
    case 'MR_USER_NOT_FOUND':
    case 'MR_CLIENT_NOT_FOUND':
    case 'MR_TRANSACTION_NOT_FOUND':
      return 404
    case 'MR_TOPIC_EXISTS':
    case 'MR_JOB_NOT_RUNNING':
    case 'MR_JOB_RUNS':
      return 409
    case 'MR_NOT_AUTHORIZED':
      return 403
    case 'MR_KAFKA_REFUSED':
    case 'MR_BAD_REQUEST':
    case 'MR_CONFIG_INVALID':
      return 400
    case 'MR_CONNECT_FAILED':
    case 'MR_CONNECTION_LOST':
    case 'MR_REQUEST_TIMEOUT':
      return 503
    default:
      return 500
  }
}
