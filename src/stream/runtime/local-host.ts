import { MillraceError } from '../../base/millrace-error.ts'
import type { Split } from '../connector/source.ts'
import { summarize } from '../graph/explain.ts'
import type { Job } from '../graph/plan.ts'
import { countExchanges } from './build-nodes.ts'
import { createExchangeMemory, ExchangePort, LocalBells } from './exchange-port.ts'
import type { JobDescription, JobHost, JobHostOptions, KnownSplits } from './job-host.ts'
import { Task } from './task.ts'
import type { TaskContext } from './task-context.ts'
import type { TaskCommand, TaskEvent, TaskMetrics, TaskStart } from './task-protocol.ts'

/** Runs all subtasks in the calling thread; with several they take turns. */
export class LocalHost implements JobHost {
  readonly #job: Job
  readonly #options: JobHostOptions
  readonly #ended = Promise.withResolvers<void>()
  readonly #abort = new AbortController()
  #tasks: readonly Task[] = []
  #running: Promise<unknown> = Promise.resolve()
  readonly ended: Promise<void> = this.#ended.promise

  constructor(job: Job, options: JobHostOptions) {
    this.#job = job
    this.#options = options
    // Whoever awaits `ended` gets the failure; that nobody does is not one of its own.
    this.ended.catch(() => {})
  }

  describe(): Promise<JobDescription> {
    return Promise.resolve(describeJob(this.#job))
  }

  discoverSplits(known: KnownSplits): Promise<Readonly<Record<string, readonly Split[]>>> {
    return discoverSplits(this.#job, { ...this.#options, signal: this.#abort.signal }, known)
  }

  async start(starts: readonly TaskStart[], onEvent: (event: TaskEvent) => void): Promise<void> {
    const { parallelism, ringBytes } = this.#options
    const bells = new LocalBells()
    const memory =
      parallelism === 1
        ? undefined
        : createExchangeMemory({
            exchanges: countExchanges(this.#job),
            parallelism,
            ...(ringBytes === undefined ? {} : { ringBytes }),
          })
    this.#tasks = starts.map(
      (_, subtask) =>
        new Task({
          job: this.#job,
          context: this.#context(subtask),
          port: memory === undefined ? undefined : new ExchangePort(memory, subtask, bells.of(subtask)),
          emit: onEvent,
        }),
    )
    const opened = await Promise.allSettled(this.#tasks.map((task, subtask) => task.open(starts[subtask]!)))
    const failure = opened.find((result) => result.status === 'rejected')
    if (failure !== undefined) this.command({ kind: 'finish' })
    const runs = this.#tasks.map((task) => task.run())
    this.#running = Promise.allSettled(runs)
    Promise.all(runs).then(
      () => this.#ended.resolve(),
      (error: unknown) => this.#ended.reject(error),
    )
    if (failure === undefined) return
    await this.close()
    throw failure.reason
  }

  command(command: TaskCommand): void {
    for (const task of this.#tasks) task.command(command)
  }

  metrics(): readonly TaskMetrics[] {
    return this.#tasks.map((task) => task.metrics())
  }

  /** For tests. */
  get tasks(): readonly Task[] {
    return this.#tasks
  }

  async close(): Promise<void> {
    this.#abort.abort()
    for (const task of this.#tasks) task.command({ kind: 'finish' })
    await this.#running
  }

  #context(subtask: number): Omit<TaskContext, 'enqueue' | 'fail' | 'signal'> {
    const { world, report, parallelism, maxParallelism, bootstrap, commits, output } = this.#options
    return {
      world,
      report,
      job: this.#job.name,
      subtask,
      parallelism,
      maxParallelism,
      bootstrap,
      output: (step) => {
        const queue = output(step)
        return {
          commits,
          push: (values) => queue.push(values),
          stage: (checkpointId, values) => queue.stage(checkpointId, values),
          // The job's run commits the queue itself.
          committed: () => {},
          blocked: () => queue.blocked(),
        }
      },
    }
  }
}

export function describeJob(job: Job): JobDescription {
  const outputs = job.nodes.flatMap((node) =>
    node.kind === 'sink' && node.sink.kind === 'collect' ? [node.name] : [],
  )
  return { name: job.name, steps: summarize(job), outputs }
}

/** Asks every source for its splits. */
export async function discoverSplits(
  job: Job,
  options: Pick<JobHostOptions, 'world' | 'parallelism' | 'bootstrap'> & { readonly signal: AbortSignal },
  known: KnownSplits,
): Promise<Readonly<Record<string, readonly Split[]>>> {
  const { world, parallelism, bootstrap, signal } = options
  const found = job.nodes.flatMap((node) => {
    if (node.kind !== 'source') return []
    const { name, source } = node
    const context = { world, job: job.name, step: name, subtask: 0, parallelism, bootstrap, signal }
    const discovery = { ...context, knownSplits: known[name] }
    return [
      source.discoverSplits(discovery).then((splits) => [name, checked(job.name, name, splits)] as const),
    ]
  })
  return Object.fromEntries(await Promise.all(found))
}

function checked(job: string, step: string, splits: readonly Split[]): readonly Split[] {
  if (new Set(splits.map((split) => split.id)).size === splits.length) return splits
  throw new MillraceError({
    code: 'MR_JOB_INVALID',
    job,
    step,
    message: 'the source has two splits of the same id.',
    fix: 'Give each split an id of its own; ids are part of checkpoints.',
  })
}
