import type { FastifyInstance } from 'fastify'
import { MillraceError } from '../base/millrace-error.ts'
import type { JobRegistry, ServedJob } from './job-registry.ts'
import { viewJob } from './job-view.ts'

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
  app.get('/api/v1/jobs', () => Promise.all(jobs.all().map(viewJob)))
  app.get<ByJob>('/api/v1/jobs/:job', ({ params }) => viewJob(find(params.job)))
  app.get<ByJob>('/api/v1/jobs/:job/metrics', ({ params }) => find(params.job).metrics())
  app.get<ByJob>(
    '/api/v1/jobs/:job/checkpoints',
    async ({ params }) => (await find(params.job).metrics()).checkpoints,
  )
  app.post<ByJob & { Body: { path?: string } | null }>(
    '/api/v1/jobs/:job/savepoints',
    {
      schema: { body: { type: ['object', 'null'], properties: { path: { type: 'string', minLength: 1 } } } },
    },
    async ({ params, body }) => ({ path: await find(params.job).savepoint(body?.path) }),
  )
  app.post<ByJob & { Body: { savepoint?: string | boolean } | null }>(
    '/api/v1/jobs/:job/stop',
    {
      schema: {
        body: {
          type: ['object', 'null'],
          properties: { savepoint: { anyOf: [{ type: 'string', minLength: 1 }, { type: 'boolean' }] } },
        },
      },
    },
    async ({ params, body }) => {
      const savepoint = body?.savepoint
      const path = await find(params.job).stop(savepoint === undefined ? {} : { savepoint })
      return { savepoint: path ?? null }
    },
  )
}
