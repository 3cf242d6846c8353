import type { FastifyInstance, FastifySchema } from 'fastify'
import { MillraceError } from '../base/millrace-error.ts'
import type { JobRegistry, ServedJob } from './job-registry.ts'
import { viewJob } from './job-view.ts'
import { arrayOf, holding, object, operation, TEXT } from './openapi.ts'

interface ByJob {
  Params: { job: string }
}

export function jobRoutes(app: FastifyInstance, jobs: JobRegistry): void {
  const find = (name: string): ServedJob => {
    const job = jobs.get(name)
    if (job !== undefined) return job
    const known = jobs
      .all()
      .map((one) => one.name)
      .join(', ')
    throw new MillraceError({
      code: 'MR_JOB_NOT_FOUND',
      job: name,
      message: known === '' ? 'this process runs no job.' : `this process runs ${known}.`,
      fix: 'List the jobs with `millrace list`.',
    })
  }
  const job = holding('name', 'status', 'parallelism', 'restarts', 'error', 'lastCheckpoint', 'steps')
  const described = (summary: string, answer: Parameters<typeof arrayOf>[0]): { schema: FastifySchema } => ({
    schema: operation({ tag: 'jobs', summary, answer }),
  })
  app.get('/api/v1/jobs', described('The jobs of this process, with their steps.', arrayOf(job)), () =>
    Promise.all(jobs.all().map(viewJob)),
  )
  app.get<ByJob>('/api/v1/jobs/:job', described('A job with its steps.', job), ({ params }) =>
    viewJob(find(params.job)),
  )
  app.get<ByJob>(
    '/api/v1/jobs/:job/metrics',
    described('Everything that a job counts, with samples of late events.', holding('steps', 'checkpoints')),
    ({ params }) => find(params.job).metrics(),
  )
  app.get<ByJob>(
    '/api/v1/jobs/:job/checkpoints',
    described('The last checkpoints of a job.', holding('completed', 'failed', 'last', 'recent')),
    async ({ params }) => (await find(params.job).metrics()).checkpoints,
  )
  app.post<ByJob & { Body: { path?: string } | null }>(
    '/api/v1/jobs/:job/savepoints',
    {
      schema: operation({
        tag: 'jobs',
        summary: 'Writes a savepoint, to `path` or under the data directory.',
        body: { ...object({ path: TEXT }), type: ['object', 'null'] },
        answer: holding('path'),
      }),
    },
    async ({ params, body }) => ({ path: await find(params.job).savepoint(body?.path) }),
  )
  app.post<ByJob & { Body: { savepoint?: string | boolean } | null }>(
    '/api/v1/jobs/:job/stop',
    {
      schema: operation({
        tag: 'jobs',
        summary: 'Stops a job with a last checkpoint; with `savepoint` (true, or a path) also writes one.',
        body: { ...object({ savepoint: { anyOf: [TEXT, { type: 'boolean' }] } }), type: ['object', 'null'] },
        answer: holding('savepoint'),
      }),
    },
    async ({ params, body }) => {
      const savepoint = body?.savepoint
      const path = await find(params.job).stop(savepoint === undefined ? {} : { savepoint })
      return { savepoint: path ?? null }
    },
  )
}
