import type { JobMetrics, JobStatus } from '../stream/runtime/job-metrics.ts'

/** A job that the server shows: what of a job's run it needs. */
export interface ServedJob {
  readonly name: string
  readonly status: JobStatus
  metrics(): Promise<JobMetrics> | JobMetrics
  /** Writes a savepoint and resolves with its directory. */
  savepoint(path?: string): Promise<string>
  /** Stops after a last checkpoint; with `savepoint` also writes one, and resolves with its directory. */
  stop(options?: { readonly savepoint?: string | boolean }): Promise<string | undefined | void>
}

/** The jobs of this process, by name. */
export class JobRegistry {
  readonly #jobs = new Map<string, ServedJob>()

  add(job: ServedJob): void {
    this.#jobs.set(job.name, job)
  }

  get(name: string): ServedJob | undefined {
    return this.#jobs.get(name)
  }

  all(): readonly ServedJob[] {
    return [...this.#jobs.values()]
  }
}
