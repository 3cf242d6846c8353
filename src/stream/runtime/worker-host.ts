import { MillraceError } from '../../base/millrace-error.ts'
import type { WorkerHandle } from '../../world/world.ts'
import type { Split } from '../connector/source.ts'
import { createExchangeMemory } from './exchange-port.ts'
import type { JobDescription, JobHost, JobHostOptions, KnownSplits } from './job-host.ts'
import type { TaskCommand, TaskEvent, TaskMetrics, TaskStart } from './task-protocol.ts'
import type { Failure, FromWorker, SubtaskWorkerData, ToWorker } from './worker-protocol.ts'

/** How long a worker may take to end by itself once it was told to, in ms. */
const CLOSE_TIMEOUT_MS = 5000

/** Runs each subtask in a worker thread, which imports the job's module itself: a job has its isolates for itself. */
export class WorkerHost implements JobHost {
  readonly #options: JobHostOptions
  readonly #workers: readonly WorkerHandle[]
  readonly #ended = Promise.withResolvers<void>()
  readonly #metrics: TaskMetrics[] = []
  readonly #described = Promise.withResolvers<{
    readonly description: JobDescription
    readonly exchanges: number
  }>()
  readonly #splits = Promise.withResolvers<Readonly<Record<string, readonly Split[]>>>()
  readonly #opened = Promise.withResolvers<void>()
  #openedCount = 0
  #endedCount = 0
  #closing = false
  /** All is committed, or the attempt is over: the workers may end. */
  #finishing = false
  #onEvent: (event: TaskEvent) => void = () => {}
  readonly ended: Promise<void> = this.#ended.promise

  constructor(job: URL, options: JobHostOptions) {
    this.#options = options
    for (const { promise } of [this.#ended, this.#described, this.#splits, this.#opened])
      promise.catch(() => {})
    const { world, parallelism, maxParallelism, bootstrap, commits, outputCapacity } = options
    const entry = new URL(
      import.meta.url.endsWith('.ts') ? './subtask-worker.ts' : './subtask-worker.js',
      import.meta.url,
    )
    this.#workers = Array.from({ length: parallelism }, (_, subtask) => {
      const data: SubtaskWorkerData = {
        job: job.href,
        subtask,
        parallelism,
        maxParallelism,
        bootstrap,
        commits,
        outputCapacity,
      }
      return world.workers.spawn({ entry, name: `${job.pathname.split('/').at(-1)}-${subtask}`, data })
    })
    for (const [subtask, worker] of this.#workers.entries()) {
      worker.onMessage((message) => this.#receive(subtask, message as FromWorker))
      void worker.ended.then((error) => this.#onWorkerEnded(subtask, error))
    }
  }

  async describe(): Promise<JobDescription> {
    return (await this.#described.promise).description
  }

  discoverSplits(known: KnownSplits): Promise<Readonly<Record<string, readonly Split[]>>> {
    this.#send(0, { kind: 'discover', known })
    return this.#splits.promise
  }

  async start(starts: readonly TaskStart[], onEvent: (event: TaskEvent) => void): Promise<void> {
    this.#onEvent = onEvent
    const { exchanges } = await this.#described.promise
    const { parallelism, ringBytes } = this.#options
    const memory =
      parallelism === 1
        ? undefined
        : createExchangeMemory({ exchanges, parallelism, ...(ringBytes === undefined ? {} : { ringBytes }) })
    for (const [subtask, start] of starts.entries()) this.#send(subtask, { kind: 'open', start, memory })
    await this.#opened.promise
    for (let subtask = 0; subtask < parallelism; subtask++) this.#send(subtask, { kind: 'run' })
  }

  command(command: TaskCommand): void {
    if (command.kind === 'finish') this.#finishing = true
    for (let subtask = 0; subtask < this.#workers.length; subtask++)
      this.#send(subtask, { kind: 'command', command })
  }

  metrics(): readonly TaskMetrics[] {
    return this.#metrics.filter((metrics) => metrics !== undefined)
  }

  async close(): Promise<void> {
    this.#closing = true
    this.command({ kind: 'finish' })
    const { clock } = this.#options.world
    const timeout = Promise.withResolvers<'late'>()
    const timer = clock.schedule(CLOSE_TIMEOUT_MS, () => timeout.resolve('late'))
    const all = Promise.all(this.#workers.map((worker) => worker.ended))
    if ((await Promise.race([all, timeout.promise])) === 'late') {
      await Promise.all(this.#workers.map((worker) => worker.terminate()))
    }
    timer.cancel()
  }

  #receive(subtask: number, message: FromWorker): void {
    const { output, report } = this.#options
    switch (message.kind) {
      case 'described':
        return this.#described.resolve(message)
      case 'splits':
        return this.#splits.resolve(message.splits)
      case 'opened':
        if (++this.#openedCount === this.#workers.length) this.#opened.resolve()
        return
      case 'event':
        return this.#onEvent(message.event)
      case 'output': {
        const { step, checkpointId, values } = message
        const queue = output(step)
        const consumed = (count: number): void => this.#send(subtask, { kind: 'consumed', step, count })
        if (checkpointId === undefined) queue.push(values, consumed)
        else queue.stage(checkpointId, values, consumed)
        return
      }
      case 'metrics':
        this.#metrics[subtask] = message.metrics
        return
      case 'report':
        return report(message.level, message.event, message.fields)
      case 'bell':
        return this.#send(message.subtask, { kind: 'bell' })
      case 'failed':
        return this.#fail(revive(message.failure))
    }
  }

  #onWorkerEnded(subtask: number, error: Error | undefined): void {
    this.#endedCount++
    if (error !== undefined || !this.#finishing) {
      this.#fail(
        new MillraceError({
          code: 'MR_WORKER_DIED',
          message: `the worker thread of subtask ${subtask} died: ${error?.message ?? 'it ended before the job did'}.`,
          fix: 'See the cause; the job restarts from its last checkpoint as far as its restart limit allows.',
          cause: error,
        }),
      )
    } else if (this.#endedCount === this.#workers.length) {
      this.#ended.resolve()
    }
  }

  #fail(error: Error): void {
    for (const waiting of [this.#ended, this.#described, this.#splits, this.#opened]) waiting.reject(error)
  }

  #send(subtask: number, message: ToWorker): void {
    if (this.#closing && message.kind !== 'command') return
    this.#workers[subtask]?.post(message)
  }
}

function revive(failure: Failure): Error {
  const { message, stack, code, place } = failure
  const error = new Error(message)
  if (code !== undefined) {
    Object.setPrototypeOf(error, MillraceError.prototype)
    Object.assign(error, { code, place: place ?? {}, name: 'MillraceError', fix: undefined })
  }
  if (stack !== undefined) error.stack = stack
  return error
}
