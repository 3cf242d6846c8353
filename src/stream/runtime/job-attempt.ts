import { MillraceError, messageOf } from '../../base/millrace-error.ts'
import type { Report } from '../../base/report.ts'
import type { Timer, World } from '../../world/world.ts'
import { CheckpointCoordinator, type CoordinatorEffect } from '../checkpoint/coordinator.ts'
import type { Manifest, SubtaskSnapshot } from '../checkpoint/snapshot.ts'
import type { CheckpointStore } from '../checkpoint/store.ts'
import type { JobHost } from './job-host.ts'
import type { CompletedCheckpoint } from './job-metrics.ts'
import type { TaskEvent } from './task-protocol.ts'

/** Checkpoints that only hold changes, at most, before one holds everything again. */
const INCREMENTS_MAX = 50

/** How an attempt ends when it does not fail. */
export type Outcome = 'finished' | 'stopped'

export interface AttemptOptions {
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
}

export interface AttemptHooks {
  readonly onStore: (storing: Promise<void>) => void
  readonly onComplete: (manifest: Manifest, metrics: CompletedCheckpoint, reason: string) => Promise<void>
  readonly onAborted: (reason: string, cause: string) => void
  /** Goes into every manifest. */
  readonly origin: string | undefined
}

/** One start of the job, with the checkpoints that are taken until it ends or fails. */
export class Attempt {
  readonly #options: AttemptOptions
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
    options: AttemptOptions,
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
      ...(this.#hooks.origin === undefined ? {} : { origin: this.#hooks.origin }),
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
