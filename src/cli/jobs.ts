import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { JobView } from '../server/job-view.ts'
import type { Address } from './address.ts'
import { printRows, terminal } from './output.ts'
import { withHttp } from './process-options.ts'
import { askProcess } from './rest-client.ts'

interface HttpOptions {
  readonly http: Address
  readonly json: boolean
}

export function addList(program: Command): void {
  withHttp(
    program
      .command('list')
      .summary('list the jobs of a process')
      .description(
        'Lists the jobs of a Millrace process and how far they are. Counted since the start of the process or the last restart of the job: events read and written, late events, and records that could not be decoded (rejected).',
      ),
  ).action(async ({ http, json }: HttpOptions) => {
    const jobs = await askProcess<JobView[]>(http, '/jobs')
    const rows = jobs.map((job) => ({
      job: job.name,
      status: job.status,
      parallelism: job.parallelism,
      read: sum(job, 'source'),
      written: sum(job, 'sink'),
      late: job.steps.reduce((total, step) => total + step.late, 0),
      rejected: job.steps.reduce((total, step) => total + step.rejected, 0),
      restarts: job.restarts,
      checkpoint: job.lastCheckpoint?.id ?? '–',
    }))
    printRows(rows, {
      columns: [
        'job',
        'status',
        'parallelism',
        'read',
        'written',
        'late',
        'rejected',
        'restarts',
        'checkpoint',
      ],
      json,
      none: 'this process runs no job',
    })
  })
}

export function addSavepoint(program: Command): void {
  withHttp(
    program
      .command('savepoint')
      .argument('<JOB>', 'name of the job')
      .summary('write a savepoint of a running job')
      .description(
        'Writes a self-contained copy of the state of a running job, and prints its directory. Start from it with ' +
          '`millrace run JOB.ts --from DIRECTORY`, also with another parallelism or a changed job.',
      ),
  )
    .option('--path <DIR>', 'where to write it; default: under the data directory of the process')
    .option('--stop', 'stop the job with it', false)
    .action(
      async (job: string, options: HttpOptions & { readonly path?: string; readonly stop: boolean }) => {
        const { http, stop, json } = options
        const route = `/jobs/${encodeURIComponent(job)}`
        // The process may work in another directory.
        const path = options.path === undefined ? undefined : resolve(options.path)
        const asked = stop
          ? askProcess<{ savepoint: string }>(http, `${route}/stop`, { savepoint: path ?? true })
          : askProcess<{ path: string }>(http, `${route}/savepoints`, { ...(path !== undefined && { path }) })
        const answer = await asked
        const directory = 'savepoint' in answer ? answer.savepoint : answer.path
        terminal.out(json ? JSON.stringify({ path: directory }) : directory)
      },
    )
}

function sum(job: JobView, kind: string): number {
  return job.steps.filter((step) => step.kind === kind).reduce((total, step) => total + step.eventsIn, 0)
}
