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
import type { Report } from '../../base/report.ts'
import { sleep, type Timer, type World } from '../../world/world.ts'
import { CheckpointCoordinator, type CoordinatorEffect } from '../checkpoint/coordinator.ts'
import type { Manifest, SubtaskSnapshot } from '../checkpoint/snapshot.ts'
import type { CheckpointStore } from '../checkpoint/store.ts'
import { dealOut } from './deal-out.ts'
import type { JobDescription, JobHost } from './job-host.ts'
import type { CompletedCheckpoint, JobStatus } from './job-metrics.ts'
import type { TaskEvent } from './task-protocol.ts'

/** Checkpoints that only hold changes, at most, before one holds everything again. */
const INCREMENTS_MAX = 50
const RECENT_MAX = 20

export interface JobRunOptions {
  readonly world: World
  readonly report: Report
  readonly parallelism: number
  readonly maxParallelism: number
  readonly checkpoint: {
    readonly intervalMs: number
    readonly minPauseMs: number
    readonly timeoutMs: number
    readonly failuresMax: number
  }
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

type Outcome = 'finished' | 'stopped'

export class JobRun {
  readonly #options: JobRunOptions
  readonly #stopping = new AbortController()
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
    this.#stopRequest ??= { path, done: Promise.withResolvers() }
    this.#stopRequest.done.promise.catch(() => {})
    this.#attempt?.request('stop')
    this.#stopping.abort()
    return this.#stopRequest.done.promise
  }

  savepoint(path: string): Promise<void> {
    if (this.status === 'finished' || this.status === 'stopped' || this.status === 'failed') {
      return Promise.reject(this.#notRunning())
    }
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
      this.#latest ??= stored.manifest
      const manifest = this.#latest
      this.#checkMaxParallelism(manifest)
      options.onRestored(manifest?.checkpointId ?? 0)
      const splits = await host.discoverSplits()
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
        latest: () => this.#latest,
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
    if (this.#stopRequest === undefined) return
    if (error === undefined) this.#stopRequest.done.resolve()
    else this.#stopRequest.done.reject(error)
  }

  async #completed(manifest: Manifest, metrics: CompletedCheckpoint, reason: string): Promise<void> {
    this.#latest = manifest
    this.completed++
    this.#failuresInRow = 0
    this.recent = [...this.recent, metrics].slice(-RECENT_MAX)
    this.#options.onCommitted(manifest.checkpointId)
    if (reason === 'stop' && this.#stopRequest?.path !== undefined)
      await this.#store!.exportTo(manifest, this.#stopRequest.path)
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

interface AttemptHooks {
  readonly onStore: (storing: Promise<void>) => void
  readonly onComplete: (manifest: Manifest, metrics: CompletedCheckpoint, reason: string) => Promise<void>
  readonly onAborted: (reason: string, cause: string) => void
  readonly latest: () => Manifest | undefined
}

/** One start of the job, with the checkpoints that are taken until it ends or fails. */
class Attempt {
  readonly #options: JobRunOptions
  readonly #host: JobHost
  readonly #store: CheckpointStore
  readonly #job: string
  readonly #hooks: AttemptHooks
  readonly #coordinator: CheckpointCoordinator<SubtaskSnapshot>
  readonly #outcome = Promise.withResolvers<Outcome>()
  readonly #drained = new Set<number>()
  readonly #committed = new Map<number, Set<number>>()
  /** The state files of each subtask since the last full checkpoint of this attempt. */
  #chains: Manifest['subtasks'] = []
  #alarm: Timer | undefined
  #ended = false
  #begun = false
  #last: { readonly checkpointId: number; readonly outcome: Outcome } | undefined

  constructor(
    options: JobRunOptions,
    host: JobHost,
    store: CheckpointStore,
    job: string,
    firstCheckpointId: number,
    hooks: AttemptHooks,
  ) {
    this.#options = options
    this.#host = host
    this.#store = store
    this.#job = job
    this.#hooks = hooks
    const { intervalMs, minPauseMs, timeoutMs } = options.checkpoint
    this.#coordinator = new CheckpointCoordinator({
      subtasks: options.parallelism,
      intervalMs,
      minPauseMs,
      timeoutMs,
      firstCheckpointId,
      incrementsMax: INCREMENTS_MAX,
      nowMs: this.#nowMs(),
    })
  }

  /** All subtasks run: checkpoints may be taken. */
  begin(): void {
    this.#begun = true
    this.#host.ended.then(
      () => this.#outcome.resolve('finished'),
      (error: unknown) => this.#outcome.reject(error),
    )
    this.#checkDrained()
    this.#tick()
  }

  outcome(): Promise<Outcome> {
    return this.#outcome.promise
  }

  request(reason: 'savepoint' | 'stop'): void {
    if (this.#begun && !this.#ended) this.#apply(this.#coordinator.request(reason, this.#nowMs()))
  }

  end(): void {
    this.#ended = true
    this.#alarm?.cancel()
  }

  onEvent(event: TaskEvent): void {
    if (this.#ended) return
    switch (event.kind) {
      case 'snapshot':
        return this.#apply(
          this.#coordinator.acknowledge(event.snapshot.subtask, event.checkpointId, event.snapshot),
        )
      case 'declined':
        return this.#apply(this.#coordinator.decline(event.subtask, event.checkpointId, event.cause))
      case 'committed':
        return this.#onCommitted(event.subtask, event.checkpointId)
      case 'drained':
        this.#drained.add(event.subtask)
        return this.#checkDrained()
    }
  }

  #checkDrained(): void {
    if (!this.#begun || this.#drained.size < this.#options.parallelism) return
    this.#apply(this.#coordinator.request('final', this.#nowMs()))
  }

  #apply(effects: readonly CoordinatorEffect<SubtaskSnapshot>[]): void {
    const { report } = this.#options
    for (const effect of effects) {
      const { checkpointId } = effect
      switch (effect.kind) {
        case 'trigger':
          this.#watch(this.#trigger(checkpointId, effect.mode, effect.reason === 'stop'))
          break
        case 'store': {
          const storing = this.#complete(effect)
          this.#hooks.onStore(storing)
          this.#watch(storing)
          break
        }
        case 'commit':
          if (effect.reason === 'final' || effect.reason === 'stop') {
            this.#last = { checkpointId, outcome: effect.reason === 'stop' ? 'stopped' : 'finished' }
          }
          this.#committed.set(checkpointId, new Set())
          this.#host.command({ kind: 'commit', checkpointId })
          break
        case 'aborted':
          report('warn', 'a checkpoint failed', { job: this.#job, checkpointId, reason: effect.cause })
          this.#hooks.onAborted(effect.reason, effect.cause)
          this.#host.command({ kind: 'aborted', checkpointId })
          this.#discard(checkpointId)
          this.#afterAbort(effect.reason, effect.failures, effect.cause)
          break
        case 'overdue':
          report('warn', 'a checkpoint takes long', {
            job: this.#job,
            checkpointId,
            missingSubtasks: effect.missing,
          })
          break
      }
    }
    this.#schedule()
  }

  async #trigger(checkpointId: number, mode: 'full' | 'changes', stop: boolean): Promise<void> {
    try {
      await this.#store.begin(checkpointId)
    } catch (error) {
      for (let subtask = 0; subtask < this.#options.parallelism; subtask++) {
        this.#apply(this.#coordinator.decline(subtask, checkpointId, messageOf(error)))
      }
      return
    }
    if (this.#ended) return
    const directory = this.#store.stateDirectory(checkpointId)
    this.#host.command({ kind: 'checkpoint', checkpointId, mode, stop, directory })
  }

  async #complete(effect: CoordinatorEffect<SubtaskSnapshot> & { readonly kind: 'store' }): Promise<void> {
    const { checkpointId, acks, mode, reason } = effect
    const { world, parallelism, maxParallelism } = this.#options
    const subtasks = acks.map(({ steps, state }, subtask) => {
      const before = mode === 'full' ? [] : (this.#chains[subtask]?.chain ?? [])
      return { steps, chain: state === undefined ? before : [...before, state] }
    })
    const takenMs = world.clock.nowMs()
    const manifest: Manifest = {
      format: 1,
      job: this.#job,
      checkpointId,
      takenMs,
      parallelism,
      maxParallelism,
      subtasks,
    }
    try {
      await this.#store.complete(manifest)
    } catch (error) {
      this.#apply(this.#coordinator.storeFailed(checkpointId, messageOf(error), this.#nowMs()))
      return
    }
    this.#chains = subtasks
    const sizeBytes = acks.reduce((total, ack) => total + ack.sizeBytes, 0)
    const effects = this.#coordinator.stored(checkpointId, sizeBytes, this.#nowMs())
    const commit = effects.find((next) => next.kind === 'commit')
    await this.#hooks.onComplete(
      manifest,
      {
        checkpointId,
        mode,
        completedMs: takenMs,
        durationMs: commit?.durationMs ?? 0,
        sizeBytes,
        pauseMs: Math.max(...acks.map((ack) => ack.pauseMs)),
        alignmentMs: Math.max(...acks.map((ack) => ack.alignmentMs)),
      },
      reason,
    )
    if (!this.#ended) this.#apply(effects)
  }

  #discard(checkpointId: number): void {
    try {
      this.#store.discard(checkpointId)
    } catch (error) {
      this.#options.report('warn', 'a failed checkpoint could not be removed', {
        job: this.#job,
        checkpointId,
        reason: messageOf(error),
      })
    }
  }

  /** The last checkpoint of a job is asked for again; too many failures in a row fail the job. */
  #afterAbort(reason: string, failures: number, cause: string): void {
    if (failures > this.#options.checkpoint.failuresMax) {
      this.#outcome.reject(
        new MillraceError({
          code: 'MR_CHECKPOINTS_FAIL',
          job: this.#job,
          message: `${failures} checkpoints in a row failed, the last because of: ${cause}.`,
          fix: 'Make room on the disk or repair what the message names, then start the job again.',
        }),
      )
      return
    }
    if (reason !== 'final' && reason !== 'stop') return
    this.#options.world.clock.schedule(100, () => {
      if (!this.#ended) this.#apply(this.#coordinator.request(reason, this.#nowMs()))
    })
  }

  #onCommitted(subtask: number, checkpointId: number): void {
    const subtasks = this.#committed.get(checkpointId)
    subtasks?.add(subtask)
    if (subtasks?.size !== this.#options.parallelism) return
    this.#committed.delete(checkpointId)
    if (this.#last?.checkpointId !== checkpointId) return
    this.#outcome.resolve(this.#last.outcome)
    this.#host.command({ kind: 'finish' })
  }

  #watch(work: Promise<void>): void {
    work.catch((error: unknown) => this.#outcome.reject(error))
  }

  #tick(): void {
    if (!this.#ended) this.#apply(this.#coordinator.tick(this.#nowMs()))
  }

  #schedule(): void {
    this.#alarm?.cancel()
    this.#alarm = undefined
    const wakeMs = this.#coordinator.nextWakeMs()
    if (this.#ended || wakeMs === Infinity) return
    const delayMs = Math.max(0, Math.ceil(wakeMs - this.#nowMs()))
    this.#alarm = this.#options.world.clock.schedule(delayMs, () => this.#tick())
  }

  #nowMs(): number {
    return this.#options.world.clock.monotonicMs()
  }
}
