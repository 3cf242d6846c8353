import { MillraceError, messageOf } from '../../base/millrace-error.ts'
import { reportNothing } from '../../base/report.ts'
import { nodeWorld } from '../../world/node.ts'
import type { World } from '../../world/world.ts'
import { MemoryCheckpointStore } from '../checkpoint/memory-store.ts'
import type { Manifest } from '../checkpoint/snapshot.ts'
import type { LogAddress } from '../connector/connector-context.ts'
import { DiskCheckpointStore, readSavepoint } from '../checkpoint/store.ts'
import { isJob, type Job } from '../graph/plan.ts'
import type { StepSummary } from '../graph/explain.ts'
import { DEFAULT_KEY_GROUPS } from '../state/keyed-state-backend.ts'
import type { JobHost, JobHostOptions } from './job-host.ts'
import { totalSteps, type JobMetrics, type JobStatus } from './job-metrics.ts'
import type { RunJobOptions } from './job-options.ts'
import { JobRun } from './job-run.ts'
import { LocalHost } from './local-host.ts'
import { OutputQueue } from './output-queue.ts'
import { WorkerHost } from './worker-host.ts'

/** A job that was started. */
export interface RunningJob extends AsyncDisposable {
  readonly name: string
  readonly status: JobStatus
  readonly parallelism: number
  /** The steps as they run, for people and the dashboard. */
  readonly steps: readonly StepSummary[]
  /** Resolves when the job has finished or was stopped; rejects with the error with which it failed. */
  readonly ended: Promise<void>
  /**
   * Takes a last checkpoint, commits it and ends the job; with `savepoint` it is written to that directory too. When
   * that fails, so does this call, and the job goes on.
   */
  stop(options?: { readonly savepoint?: string }): Promise<void>
  /** Writes a self-contained copy of the job's state to a directory; the job goes on. */
  savepoint(path: string): Promise<void>
  metrics(): JobMetrics
  /** The events that reach the `collect()` sink of this name; ends with the job. For one reader. */
  output<T = unknown>(sink: string): AsyncIterable<T>
  /** Stops it, if it still runs. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Runs a job: one given as an object in the calling thread, one given by its module's URL in a worker thread for each
 * subtask. Resolves once it runs; throws when it cannot be started (`MR_JOB_MODULE`, `MR_SAVEPOINT_MISFIT`, …). After a
 * failure it restarts by itself from its last complete checkpoint.
 */
export async function runJob(job: Job | URL | string, options: RunJobOptions = {}): Promise<RunningJob> {
  const running = new StartedJob(job, options)
  await running.started
  return running
}

class StartedJob implements RunningJob {
  readonly started: Promise<void>
  readonly ended: Promise<void>
  readonly #run: JobRun
  readonly #outputs = new Map<string, OutputQueue>()
  readonly #capacity: number
  readonly #parallelism: number

  constructor(job: Job | URL | string, options: RunJobOptions) {
    const world = options.world ?? nodeWorld()
    const report = options.report ?? reportNothing
    const parallelism = positive('parallelism', options.parallelism ?? 1)
    const maxParallelism = positive('maxParallelism', options.maxParallelism ?? DEFAULT_KEY_GROUPS)
    if (parallelism > maxParallelism)
      throw invalid(`parallelism is ${parallelism}, more than maxParallelism, which is ${maxParallelism}.`)
    this.#parallelism = parallelism
    this.#capacity = positive('outputCapacity', options.outputCapacity ?? 10_000)
    const checkpoint = options.checkpoint === false ? { intervalMs: Infinity } : (options.checkpoint ?? {})
    const intervalMs = checkpoint.intervalMs ?? 1000
    if (!(intervalMs > 0)) throw invalid(`the checkpoint interval is ${intervalMs} ms.`)
    const { limit = 10, backoffMs = 100, backoffMsMax = 30_000 } = options.restart ?? {}
    const hostOptions: JobHostOptions = {
      world,
      report,
      parallelism,
      maxParallelism,
      bootstrap: bootstrapOf(options.log),
      commits: intervalMs !== Infinity,
      ringBytes: options.ringBytes,
      outputCapacity: this.#capacity,
      output: (step) => this.#queue(step),
    }
    const {
      path,
      retained = 2,
      minPauseMs = Math.min(500, intervalMs / 2),
      timeoutMs = 600_000,
      failuresMax = 10,
    } = checkpoint
    this.#run = new JobRun({
      world,
      report,
      parallelism,
      maxParallelism,
      checkpoint: { intervalMs, minPauseMs, timeoutMs, failuresMax },
      restart: { limit, backoffMs, backoffMsMax },
      allowDroppedState: options.allowDroppedState ?? false,
      store: (name) =>
        path === undefined
          ? new MemoryCheckpointStore(world.disk)
          : new DiskCheckpointStore({ disk: world.disk, path, job: name, retained, report }),
      from: savepointOf(world, options.from),
      createHost: hostFactory(job, hostOptions),
      onDescribed: ({ name, outputs }) => {
        options.onNamed?.(name)
        for (const name of outputs) this.#queue(name)
      },
      onRestored: (checkpointId) => {
        for (const queue of this.#outputs.values()) queue.restored(checkpointId)
      },
      onCommitted: (checkpointId) => {
        for (const queue of this.#outputs.values()) queue.commit(checkpointId)
      },
    })
    const started = Promise.withResolvers<void>()
    this.started = started.promise
    this.ended = this.#live(started, options.signal)
    this.ended.catch(() => {})
  }

  get name(): string {
    return this.#run.description?.name ?? ''
  }

  get status(): JobStatus {
    return this.#run.status
  }

  get parallelism(): number {
    return this.#parallelism
  }

  get steps(): readonly StepSummary[] {
    return this.#run.description?.steps ?? []
  }

  async stop(options: { readonly savepoint?: string } = {}): Promise<void> {
    await this.#run.stop(options.savepoint)
    await this.ended
  }

  savepoint(path: string): Promise<void> {
    return this.#run.savepoint(path)
  }

  metrics(): JobMetrics {
    const run = this.#run
    const tasks = run.host?.metrics() ?? []
    return {
      status: run.status,
      parallelism: this.#parallelism,
      restarts: run.restarts,
      lastError: run.lastError instanceof Error ? run.lastError.message : undefined,
      checkpoints: {
        completed: run.completed,
        failed: run.failedCheckpoints,
        last: run.recent.at(-1),
        recent: run.recent,
      },
      steps: totalSteps(tasks),
      subtasks: tasks.map(({ subtask, busyMs, blockedMs }) => ({ subtask, busyMs, blockedMs })),
    }
  }

  output<T>(sink: string): AsyncIterable<T> {
    const queue = this.#outputs.get(sink)
    if (queue === undefined) {
      throw new MillraceError({
        code: 'MR_OUTPUT_UNKNOWN',
        job: this.name,
        step: sink,
        message: 'the job has no collect() sink of this name.',
        fix: `Its outputs are: ${[...this.#outputs.keys()].join(', ') || 'none'}.`,
      })
    }
    return queue as AsyncIterable<T>
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.status === 'finished' || this.status === 'stopped' || this.status === 'failed') return
    await this.#run.stop(undefined)
    await this.ended
  }

  async #live(started: PromiseWithResolvers<void>, signal: AbortSignal | undefined): Promise<void> {
    const stop = (): void => void this.#run.stop(undefined)
    if (signal?.aborted === true) stop()
    signal?.addEventListener('abort', stop)
    try {
      await this.#run.live(() => started.resolve())
      for (const queue of this.#outputs.values()) queue.end()
    } catch (error) {
      started.reject(error)
      for (const queue of this.#outputs.values())
        queue.end(error instanceof Error ? error : new Error(messageOf(error)))
      throw error
    } finally {
      started.resolve()
      signal?.removeEventListener('abort', stop)
    }
  }

  #queue(step: string): OutputQueue {
    let queue = this.#outputs.get(step)
    if (queue === undefined) {
      queue = new OutputQueue(this.#capacity)
      this.#outputs.set(step, queue)
    }
    return queue
  }
}

function hostFactory(job: Job | URL | string, options: JobHostOptions): () => JobHost {
  if (isJob(job)) return () => new LocalHost(job, options)
  const url = typeof job === 'string' ? new URL(job) : job
  return () => new WorkerHost(url, options)
}

function savepointOf(world: World, path: string | undefined): Manifest | undefined {
  return path === undefined ? undefined : readSavepoint(world.disk, path)
}

function bootstrapOf(log: RunJobOptions['log']): LogAddress | undefined {
  if (typeof log !== 'object' || 'security' in log) return log
  if ('internal' in log && log.internal !== undefined) {
    const { bootstrap, security } = log.internal
    return security === undefined ? bootstrap : { bootstrap, security }
  }
  return `${log.host}:${log.port}`
}

function positive(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value
  throw invalid(`${name} must be a whole number of at least 1; it is ${value}.`)
}

function invalid(message: string): MillraceError {
  return new MillraceError({ code: 'MR_CONFIG_INVALID', message, fix: 'See the options of runJob.' })
}
