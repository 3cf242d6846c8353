/**
 * A job's life: load, restore, run, take checkpoints, and after a failure go back to the last complete one.
 *
 *   starting ─▶ running ─▶ finished          all sources ended; a last checkpoint committed everything
 *                 │  ▲   └▶ stopped          asked to; likewise
 *                 ▼  │
 *             restarting ─▶ failed           too many failures without a checkpoint between them
 *
 * The coordinator decides (`checkpoint/coordinator.ts`), the store does the I/O, the host runs the subtasks; this only
 * carries messages between them. A checkpoint whose manifest is durable counts, even if the job failed before it could
 * commit: the restart hands its committables to the sinks.
 */
import { MillraceError, messageOf } from '../../base/millrace-error.ts'
import { sleep } from '../../world/world.ts'
import type { Manifest } from '../checkpoint/snapshot.ts'
import type { CheckpointStore } from '../checkpoint/store.ts'
import { dealOut, knownSplits } from './deal-out.ts'
import { Attempt, type AttemptOptions, type Outcome } from './job-attempt.ts'
import type { JobDescription, JobHost } from './job-host.ts'
import type { CompletedCheckpoint, JobStatus } from './job-metrics.ts'

const RECENT_MAX = 20

export interface JobRunOptions extends AttemptOptions {
  readonly restart: { readonly limit: number; readonly backoffMs: number; readonly backoffMsMax: number }
  readonly allowDroppedState: boolean
  readonly store: (job: string) => CheckpointStore
  /** What to begin from instead of the store's newest checkpoint. */
  readonly from: Manifest | undefined
  readonly createHost: () => JobHost
  readonly onDescribed: (description: JobDescription) => void
  readonly onRestored: (checkpointId: number) => void
  readonly onCommitted: (checkpointId: number) => void
}

interface SavepointRequest {
  readonly path: string | undefined
  readonly done: PromiseWithResolvers<void>
}

export class JobRun {
  readonly #options: JobRunOptions
  #stopping = new AbortController()
  readonly #savepoints: SavepointRequest[] = []
  #stopRequest: SavepointRequest | undefined
  #host: JobHost | undefined
  #store: CheckpointStore | undefined
  #description: JobDescription | undefined
  #latest: Manifest | undefined
  #storing: Promise<void> = Promise.resolve()
  #attempt: Attempt | undefined
  #failuresInRow = 0
  status: JobStatus = 'starting'
  restarts = 0
  lastError: unknown
  completed = 0
  failedCheckpoints = 0
  recent: readonly CompletedCheckpoint[] = []

  constructor(options: JobRunOptions) {
    this.#options = options
    this.#latest = options.from
  }

  get host(): JobHost | undefined {
    return this.#host
  }

  get description(): JobDescription | undefined {
    return this.#description
  }

  /** Until the job has finished or was stopped; throws the error with which it failed. `onStarted` at the first start. */
  async live(onStarted: () => void): Promise<void> {
    for (;;) {
      try {
        const outcome = await this.#try(onStarted)
        this.#end(outcome, undefined)
        return
      } catch (error) {
        this.lastError = error
        await this.#storing
        if (await this.#givesUp(error)) {
          this.#end('failed', error)
          throw error
        }
        if (this.#stopRequest !== undefined && this.#stopRequest.path === undefined) {
          this.#end('stopped', undefined)
          return
        }
      }
    }
  }

  /** Takes a last checkpoint and ends the job; with `path` it becomes a savepoint. */
  stop(path: string | undefined): Promise<void> {
    if (this.#hasEnded()) return path === undefined ? Promise.resolve() : Promise.reject(this.#notRunning())
    this.#stopRequest ??= { path, done: Promise.withResolvers() }
    this.#stopRequest.done.promise.catch(() => {})
    this.#attempt?.request('stop')
    this.#stopping.abort()
    return this.#stopRequest.done.promise
  }

  savepoint(path: string): Promise<void> {
    if (this.#hasEnded()) return Promise.reject(this.#notRunning())
    const request: SavepointRequest = { path, done: Promise.withResolvers() }
    this.#savepoints.push(request)
    this.#attempt?.request('savepoint')
    return request.done.promise
  }

  async #try(onStarted: () => void): Promise<Outcome> {
    const options = this.#options
    const host = options.createHost()
    this.#host = host
    try {
      const description = await host.describe()
      this.#description = description
      options.onDescribed(description)
      this.#store ??= options.store(description.name)
      const stored = this.#store.latest()
      const manifest = this.#chooseManifest(stored.manifest)
      this.#latest = manifest
      this.#checkMaxParallelism(manifest)
      options.onRestored(manifest?.checkpointId ?? 0)
      const splits = await host.discoverSplits(knownSplits(manifest))
      const { allowDroppedState, parallelism, report } = options
      const { starts, lostSplits } = dealOut({ splits, manifest, parallelism, allowDroppedState })
      if (lostSplits.length > 0)
        report('warn', 'splits of the checkpoint no longer exist', {
          job: description.name,
          splits: lostSplits,
        })
      const firstCheckpointId = Math.max(stored.nextCheckpointId, (manifest?.checkpointId ?? 0) + 1)
      const attempt = new Attempt(options, host, this.#store, description.name, firstCheckpointId, {
        onStore: (storing) => {
          this.#storing = storing.catch(() => {})
        },
        onComplete: (manifest, metrics, reason) => this.#completed(manifest, metrics, reason),
        onAborted: (reason, cause) => this.#aborted(reason, cause),
        origin: options.from === undefined ? manifest?.origin : originOf(options.from),
      })
      this.#attempt = attempt
      await host.start(starts, (event) => attempt.onEvent(event))
      this.status = 'running'
      report('info', 'the job runs', {
        job: description.name,
        parallelism,
        fromCheckpoint: manifest?.checkpointId,
      })
      onStarted()
      attempt.begin()
      for (const _ of this.#savepoints) attempt.request('savepoint')
      if (this.#stopRequest !== undefined) attempt.request('stop')
      return await attempt.outcome()
    } finally {
      this.#attempt?.end()
      this.#attempt = undefined
      await host.close()
    }
  }

  /**
   * What to begin from: the newest complete checkpoint. A savepoint that was asked for comes before it, unless it was
   * the job's beginning already: started again with the same options, the job goes on rather than back.
   */
  #chooseManifest(stored: Manifest | undefined): Manifest | undefined {
    const { from, report } = this.#options
    if (this.#latest !== undefined && this.#latest !== from) return this.#latest
    if (from === undefined || stored?.origin !== originOf(from)) return from ?? stored
    report('warn', 'the job has begun from this savepoint before and goes on', {
      job: stored.job,
      fromCheckpoint: stored.checkpointId,
    })
    return stored
  }

  /** False after a pause, when the job shall be started again. */
  async #givesUp(error: unknown): Promise<boolean> {
    const { restart, report, world } = this.#options
    const job = this.#description?.name
    const reason = messageOf(error)
    if (this.#isFinal(error) || this.#failuresInRow >= restart.limit) {
      report('error', 'the job failed', { job, reason })
      return true
    }
    this.status = 'restarting'
    const pauseMs = Math.min(restart.backoffMs * 2 ** this.#failuresInRow, restart.backoffMsMax)
    this.#failuresInRow++
    this.restarts++
    report('warn', 'the job restarts', { job, reason, pauseMs, fromCheckpoint: this.#latest?.checkpointId })
    await sleep(world.clock, pauseMs, this.#stopping.signal)
    return false
  }

  /** Errors that come again however often the job is started. */
  #isFinal(error: unknown): boolean {
    if (this.status === 'starting') return true
    const code = error instanceof MillraceError ? error.code : ''
    return (
      code === 'MR_SAVEPOINT_MISFIT' || code === 'MR_CHECKPOINT_CORRUPT' || code === 'MR_CHECKPOINTS_FAIL'
    )
  }

  #end(status: JobStatus, error: unknown): void {
    this.status = status
    for (const request of this.#savepoints.splice(0)) request.done.reject(error ?? this.#notRunning())
    const request = this.#stopRequest
    // Its savepoint is not there when the job has finished by itself first.
    if (error === undefined && (request?.path === undefined || status === 'stopped')) request?.done.resolve()
    else request?.done.reject(error ?? this.#notRunning())
  }

  #hasEnded(): boolean {
    return this.status === 'finished' || this.status === 'stopped' || this.status === 'failed'
  }

  async #completed(manifest: Manifest, metrics: CompletedCheckpoint, reason: string): Promise<void> {
    this.#latest = manifest
    this.completed++
    this.#failuresInRow = 0
    this.recent = [...this.recent, metrics].slice(-RECENT_MAX)
    this.#options.onCommitted(manifest.checkpointId)
    if (reason === 'stop') return this.#exportLast(manifest)
    if (reason !== 'savepoint') return
    const request = this.#savepoints.shift()
    if (request?.path === undefined) return
    try {
      await this.#store!.exportTo(manifest, request.path)
      request.done.resolve()
    } catch (error) {
      request.done.reject(error)
    }
  }

  /** A job that cannot be stopped with a savepoint goes on: its sources have stopped, so it starts again. */
  async #exportLast(manifest: Manifest): Promise<void> {
    const request = this.#stopRequest
    if (request?.path === undefined) return
    try {
      await this.#store!.exportTo(manifest, request.path)
    } catch (error) {
      this.#stopRequest = undefined
      this.#stopping = new AbortController()
      request.done.reject(error)
      throw error
    }
  }

  #aborted(reason: string, cause: string): void {
    this.failedCheckpoints++
    if (reason !== 'savepoint') return
    this.#savepoints.shift()?.done.reject(
      new MillraceError({
        code: 'MR_SAVEPOINT_FAILED',
        job: this.#description?.name ?? '',
        message: `the savepoint could not be taken: ${cause}.`,
        fix: 'Remove the cause and ask for it again; the job goes on.',
      }),
    )
  }

  #checkMaxParallelism(manifest: Manifest | undefined): void {
    const { maxParallelism } = this.#options
    if (manifest === undefined || manifest.maxParallelism === maxParallelism) return
    throw new MillraceError({
      code: 'MR_SAVEPOINT_MISFIT',
      job: manifest.job,
      message: `the state to restore has ${manifest.maxParallelism} key groups, the job is run with ${maxParallelism}.`,
      fix: `Run it with maxParallelism ${manifest.maxParallelism}.`,
    })
  }

  #notRunning(): MillraceError {
    return new MillraceError({
      code: 'MR_JOB_NOT_RUNNING',
      job: this.#description?.name ?? '',
      message: `the job has ${this.status === 'failed' ? 'failed' : 'ended'}, so no savepoint can be taken.`,
      fix: 'Take savepoints while the job runs, or stop it with one.',
    })
  }
}

/** Tells one savepoint from another, wherever it lies. */
function originOf(savepoint: Manifest): string {
  return `${savepoint.job}/${savepoint.checkpointId}/${savepoint.takenMs}`
}
