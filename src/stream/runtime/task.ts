/**
 * The driver of one subtask of every step, in one thread. Its loop does, in turn, what is ready: work that was
 * enqueued, timers, frames of exchanges, batches of sources; it sleeps when nothing is, and gives the event loop a turn
 * after each slice of work, so that sockets, timers and commands are never kept waiting longer than that.
 *
 * Everything the loop runs is synchronous, so between two of its turns every node is between two calls: that is where
 * checkpoints are taken. What waits (reads, writes, commits) does so outside and comes back through `enqueue`.
 */
import { MillraceError, messageOf } from '../../base/millrace-error.ts'
import type { Timer } from '../../world/world.ts'
import { writeStateFile } from '../checkpoint/store.ts'
import { StateFileBuilder } from '../checkpoint/state-file.ts'
import type { StateReference } from '../checkpoint/snapshot.ts'
import type { Split } from '../connector/source.ts'
import type { Job } from '../graph/plan.ts'
import { buildNodes, type TaskNodes } from './build-nodes.ts'
import type { ExchangePort } from './exchange-port.ts'
import { restoreNodes, restoreWatermarks } from './restore-nodes.ts'
import type { CheckpointInProgress } from './segment.ts'
import type { TaskContext } from './task-context.ts'
import type { TaskCommand, TaskEvent, TaskMetrics, TaskStart } from './task-protocol.ts'

/** Longest stretch of work before other things in this thread get their turn, in ms. */
const SLICE_MS = 1

export interface TaskOptions {
  readonly job: Job
  readonly context: Omit<TaskContext, 'enqueue' | 'fail' | 'signal'>
  /** Channels to the other subtasks, when there are others. */
  readonly port: ExchangePort | undefined
  readonly emit: (event: TaskEvent) => void
}

export class Task {
  readonly #options: TaskOptions
  readonly #context: TaskContext
  readonly #nodes: TaskNodes
  readonly #abort = new AbortController()
  readonly #mailbox: (() => void)[] = []
  #checkpoint: CheckpointInProgress | undefined
  readonly #positions = new Map<number, ReadonlyMap<string, readonly Split[]>>()
  #failure: { readonly error: unknown } | undefined
  #finished = false
  #closed: Promise<void> | undefined
  /** Commits, one after the other: the next may be due before the last is through. */
  #commits: Promise<void> = Promise.resolve()
  #drained = false
  #asleep: (() => void) | undefined
  #alarm: Timer | undefined
  #busyMs = 0

  constructor(options: TaskOptions) {
    this.#options = options
    this.#context = {
      ...options.context,
      signal: this.#abort.signal,
      enqueue: (task) => {
        this.#mailbox.push(task)
        this.#wake()
      },
      fail: (error) => this.#fail(error),
    }
    this.#nodes = buildNodes({
      job: options.job,
      context: this.#context,
      port: options.port,
      wake: () => this.#wake(),
      fail: (error) => this.#fail(error),
      onSnapshot: (checkpoint) => this.#segmentDone(checkpoint),
    })
  }

  /**
   * Opens all steps and gives them their state back. Throws `MR_SAVEPOINT_MISFIT` when it does not fit. When it throws,
   * everything is closed again.
   */
  async open(start: TaskStart): Promise<void> {
    try {
      await this.#open(start)
    } catch (error) {
      await this.#close()
      throw error
    }
  }

  async #open(start: TaskStart): Promise<void> {
    const { sources, eventTimes, steps, sinks } = this.#nodes
    for (const step of steps) step.open()
    restoreNodes(this.#nodes, start, this.#context)
    await Promise.all(
      sources.map((source) => source.open(start.splits[source.name] ?? [], () => this.#wake())),
    )
    await Promise.all(sinks.map((sink) => sink.open(start.restore?.steps[sink.name]?.committables ?? [])))
    for (const node of eventTimes) node.open()
    restoreWatermarks(this.#nodes, start)
  }

  /** Runs until the job is finished, or throws what failed. */
  async run(): Promise<void> {
    const { clock } = this.#context.world
    const { segments, sources } = this.#nodes
    try {
      if (this.#finished) return
      for (const source of sources) source.start()
      let sliceStartMs = clock.monotonicMs()
      for (;;) {
        if (this.#failure !== undefined) throw this.#failure.error
        if (this.#finished) return
        let worked = this.#runMailbox()
        if (this.#fireTimers(clock.nowMs())) worked = true
        for (const segment of segments) {
          for (const exchange of segment.exchanges) exchange.retry()
          if (segment.step()) worked = true
        }
        if (worked) {
          if (clock.monotonicMs() - sliceStartMs >= SLICE_MS) {
            this.#endSlice()
            this.#busyMs += clock.monotonicMs() - sliceStartMs
            await new Promise<void>((resolve) => clock.defer(resolve))
            sliceStartMs = clock.monotonicMs()
          } else {
            await Promise.resolve()
          }
          continue
        }
        if (this.#checkIdle()) continue
        for (const segment of segments) for (const exchange of segment.exchanges) exchange.flush()
        this.#checkDrained()
        this.#busyMs += clock.monotonicMs() - sliceStartMs
        await this.#sleep()
        sliceStartMs = clock.monotonicMs()
      }
    } finally {
      await this.#close()
    }
  }

  command(command: TaskCommand): void {
    switch (command.kind) {
      case 'checkpoint':
        return this.#context.enqueue(() => this.#beginCheckpoint(command))
      case 'commit':
        this.#commits = this.#commits.then(() => this.#commit(command.checkpointId))
        return
      case 'aborted':
        this.#positions.delete(command.checkpointId)
        return
      case 'finish':
        this.#finished = true
        return this.#wake()
      case 'fail':
        return this.#fail(command.error)
    }
  }

  metrics(): TaskMetrics {
    const { sources, eventTimes, steps, sinks, segments } = this.#nodes
    return {
      subtask: this.#context.subtask,
      busyMs: this.#busyMs,
      blockedMs: segments.reduce((total, segment) => total + segment.blockedMs(), 0),
      steps: [...sources, ...eventTimes, ...steps, ...sinks].map((node) => node.report()),
    }
  }

  /** For tests: the nodes as they are. */
  get nodes(): TaskNodes {
    return this.#nodes
  }

  /** For tests: whether it waits for something to happen. */
  get isAsleep(): boolean {
    return this.#asleep !== undefined || this.#finished
  }

  /** Runs `task` in the loop, between batches. */
  enqueue(task: () => void): void {
    this.#context.enqueue(task)
  }

  #beginCheckpoint(command: TaskCommand & { readonly kind: 'checkpoint' }): void {
    const checkpoint: CheckpointInProgress = {
      checkpointId: command.checkpointId,
      mode: command.mode,
      stop: command.stop,
      directory: command.directory,
      startedMs: this.#context.world.clock.monotonicMs(),
      file: new StateFileBuilder(),
      steps: {},
      pending: [],
      segmentsLeft: this.#nodes.segments.length,
      pauseMs: 0,
      alignmentMs: 0,
    }
    this.#checkpoint = checkpoint
    for (const segment of this.#nodes.segments) segment.begin(checkpoint)
  }

  #segmentDone(checkpoint: CheckpointInProgress): void {
    if (checkpoint.segmentsLeft > 0) return
    this.#checkpoint = undefined
    const splits = this.#nodes.sources.map(
      (source) => [source.name, checkpoint.steps[source.name]?.splits ?? []] as const,
    )
    this.#positions.set(checkpoint.checkpointId, new Map(splits))
    this.#persist(checkpoint).catch((error: unknown) => this.#fail(error))
  }

  /** A sink that cannot prepare fails the subtask; a disk that refuses only costs this checkpoint. */
  async #persist(checkpoint: CheckpointInProgress): Promise<void> {
    const { checkpointId, file, directory, steps, pauseMs, alignmentMs } = checkpoint
    const { subtask, world } = this.#context
    await Promise.all(checkpoint.pending)
    let state: StateReference | undefined
    try {
      const bytes = file.build()
      if (bytes !== undefined && directory !== undefined) {
        state = await writeStateFile(world.disk, `${directory}/state-${subtask}`, bytes)
      } else if (bytes !== undefined) {
        state = { kind: 'memory', bytes, sizeBytes: bytes.length }
      }
    } catch (error) {
      this.#options.emit({ kind: 'declined', subtask, checkpointId, cause: messageOf(error) })
      return
    }
    const sizeBytes = state?.sizeBytes ?? 0
    const snapshot = { subtask, steps, state, sizeBytes, pauseMs, alignmentMs }
    this.#options.emit({ kind: 'snapshot', checkpointId, snapshot })
  }

  async #commit(checkpointId: number): Promise<void> {
    try {
      const positions = this.#positions.get(checkpointId)
      for (const id of this.#positions.keys()) if (id <= checkpointId) this.#positions.delete(id)
      await Promise.all([
        ...this.#nodes.sinks.map((sink) => sink.commit(checkpointId)),
        ...this.#nodes.sources.map((source) => source.checkpointComplete(positions?.get(source.name) ?? [])),
      ])
      this.#options.emit({ kind: 'committed', subtask: this.#context.subtask, checkpointId })
    } catch (error) {
      this.#fail(error)
    }
  }

  #runMailbox(): boolean {
    if (this.#mailbox.length === 0) return false
    const tasks = this.#mailbox.splice(0)
    for (const task of tasks) task()
    return true
  }

  /** False when none was due. */
  #fireTimers(nowMs: number): boolean {
    let fired = false
    for (const step of this.#nodes.timed) {
      const dueMs = step.nextProcessingTimerMs()
      if (dueMs === undefined || dueMs > nowMs) continue
      step.fireProcessingTimers(nowMs)
      fired = true
    }
    return fired
  }

  #endSlice(): void {
    this.#checkIdle()
    for (const segment of this.#nodes.segments) for (const exchange of segment.exchanges) exchange.flushOld()
  }

  #checkIdle(): boolean {
    let changed = false
    for (const node of this.#nodes.eventTimes) if (node.checkIdle()) changed = true
    return changed
  }

  #checkDrained(): void {
    const { sources, steps, sinks } = this.#nodes
    if (this.#drained || this.#checkpoint !== undefined || this.#mailbox.length > 0) return
    if (![sources, steps, sinks].every((nodes) => nodes.every((node) => node.ended))) return
    this.#drained = true
    this.#options.emit({ kind: 'drained', subtask: this.#context.subtask })
  }

  /** Until something is enqueued or ready, or a timer is due. */
  async #sleep(): Promise<void> {
    if (this.#mailbox.length > 0 || this.#failure !== undefined || this.#finished) return
    const { clock } = this.#context.world
    const nowMs = clock.nowMs()
    let delayMs = Infinity
    for (const step of this.#nodes.timed)
      delayMs = Math.min(delayMs, (step.nextProcessingTimerMs() ?? Infinity) - nowMs)
    for (const node of this.#nodes.eventTimes) delayMs = Math.min(delayMs, node.nextIdleMs())
    const { port } = this.#options
    const hasInput = (): boolean =>
      this.#nodes.segments.some(
        (segment) => segment.hasGateInput() || segment.exchanges.some((exchange) => exchange.retry()),
      )
    await new Promise<void>((resolve) => {
      this.#asleep = resolve
      if (delayMs !== Infinity)
        this.#alarm = clock.schedule(Math.max(0, Math.ceil(delayMs)), () => this.#wake())
      port?.sleep(() => this.#wake(), hasInput)
    })
    port?.awake()
    this.#alarm?.cancel()
    this.#alarm = undefined
  }

  #wake(): void {
    this.#asleep?.()
    this.#asleep = undefined
  }

  #fail(error: unknown): void {
    this.#failure ??= {
      error:
        error instanceof MillraceError
          ? error
          : new MillraceError({
              code: 'MR_JOB_FAILED',
              job: this.#context.job,
              message: messageOf(error),
              fix: 'See the cause; the job restarts from its last checkpoint as far as its restart limit allows.',
              cause: error,
            }),
    }
    this.#wake()
  }

  #close(): Promise<void> {
    this.#closed ??= this.#closeNodes()
    return this.#closed
  }

  async #closeNodes(): Promise<void> {
    this.#abort.abort()
    this.#finished = true
    const { sources, steps, sinks } = this.#nodes
    const closing = [...steps, ...sources, ...sinks].map(async (node) => node.close())
    for (const result of await Promise.allSettled(closing)) {
      if (result.status === 'fulfilled') continue
      this.#context.report('warn', 'a step did not close in order', {
        job: this.#context.job,
        reason: messageOf(result.reason),
      })
    }
  }
}
