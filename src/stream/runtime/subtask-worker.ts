/** The entry of a worker thread: one subtask of every step of a job whose module it imports. */
import { assert } from '../../base/assert.ts'
import { MillraceError, messageOf } from '../../base/millrace-error.ts'
import { sleep, type MessagePipe, type Timer, type World } from '../../world/world.ts'
import type { JobOutput } from '../connector/sink.ts'
import type { Job } from '../graph/plan.ts'
import { countExchanges } from './build-nodes.ts'
import { ExchangePort, SharedBell, type Bell, type ExchangeMemory } from './exchange-port.ts'
import { importJob } from './import-job.ts'
import { describeJob, discoverSplits } from './local-host.ts'
import { Task } from './task.ts'
import type { TaskStart } from './task-protocol.ts'
import type { Failure, FromWorker, SubtaskWorkerData, ToWorker } from './worker-protocol.ts'

const METRICS_EVERY_MS = 250

/** Runs until the subtask has finished; a failure is told to the job's main thread and ends the worker in order. */
export async function main(context: {
  readonly world: World
  readonly pipe: MessagePipe
  readonly data: unknown
}): Promise<void> {
  const worker = new SubtaskWorker(context.world, context.pipe, context.data as SubtaskWorkerData)
  await worker.live()
}

class SubtaskWorker {
  readonly #world: World
  readonly #pipe: MessagePipe
  readonly #data: SubtaskWorkerData
  readonly #outputs = new Map<string, RemoteOutput>()
  readonly #abort = new AbortController()
  readonly #ended = Promise.withResolvers<void>()
  #job!: Job
  #task: Task | undefined
  /** Resolves once the subtask has been opened and waits to be run. */
  #opened: Promise<void> | undefined
  #running = false
  #alarm: Timer | undefined
  #onBell: () => void = () => {}

  constructor(world: World, pipe: MessagePipe, data: SubtaskWorkerData) {
    this.#world = world
    this.#pipe = pipe
    this.#data = data
  }

  async live(): Promise<void> {
    try {
      this.#job = await importJob(this.#data.job)
      this.#pipe.onMessage((message) => {
        this.#receive(message as ToWorker).catch((error: unknown) => this.#fail(error))
      })
      this.#post({
        kind: 'described',
        description: describeJob(this.#job),
        exchanges: countExchanges(this.#job),
      })
    } catch (error) {
      this.#fail(error)
    }
    await this.#ended.promise
    this.#alarm?.cancel()
    this.#abort.abort()
    // What was posted last is on its way: a thread that ends at once may take it along.
    await sleep(this.#world.clock, 0)
  }

  async #receive(message: ToWorker): Promise<void> {
    switch (message.kind) {
      case 'discover': {
        const options = { ...this.#data, world: this.#world, signal: this.#abort.signal }
        const splits = await discoverSplits(this.#job, options, message.known)
        return this.#post({ kind: 'splits', splits })
      }
      case 'open':
        this.#opened = this.#open(message.start, message.memory)
        return this.#opened
      case 'run':
        return this.#run()
      case 'command':
        if (this.#task === undefined) return this.#ended.resolve()
        this.#task.command(message.command)
        // It will not be run any more: others could not be opened.
        if (message.command.kind === 'finish' && !this.#running) await this.#opened?.then(() => this.#run())
        return
      case 'consumed':
        return this.#outputs.get(message.step)?.consumed(message.count)
      case 'bell':
        return this.#onBell()
    }
  }

  async #open(start: TaskStart, memory: ExchangeMemory | undefined): Promise<void> {
    const { subtask, parallelism, maxParallelism, bootstrap } = this.#data
    const port = memory === undefined ? undefined : new ExchangePort(memory, subtask, this.#bell(memory))
    this.#task = new Task({
      job: this.#job,
      context: {
        world: this.#world,
        report: (level, event, fields) => this.#post({ kind: 'report', level, event, fields }),
        job: this.#job.name,
        subtask,
        parallelism,
        maxParallelism,
        bootstrap,
        output: (step) => this.#output(step),
      },
      port,
      emit: (event) => this.#post({ kind: 'event', event }),
    })
    await this.#task.open(start)
    this.#post({ kind: 'opened' })
  }

  async #run(): Promise<void> {
    const task = this.#task
    assert(task !== undefined, 'a subtask is opened before it runs')
    this.#running = true
    this.#postMetrics()
    await task.run()
    this.#post({ kind: 'metrics', metrics: task.metrics() })
    this.#ended.resolve()
  }

  #postMetrics(): void {
    if (this.#task !== undefined) this.#post({ kind: 'metrics', metrics: this.#task.metrics() })
    this.#alarm = this.#world.clock.schedule(METRICS_EVERY_MS, () => this.#postMetrics())
  }

  #output(step: string): JobOutput {
    let output = this.#outputs.get(step)
    if (output === undefined) {
      const { commits, outputCapacity } = this.#data
      output = new RemoteOutput(commits, outputCapacity, (checkpointId, values) =>
        this.#post({ kind: 'output', step, checkpointId, values }),
      )
      this.#outputs.set(step, output)
    }
    return output
  }

  /** Threads wait on shared memory; where worker and main thread are one, waiting would stop both. */
  #bell(memory: ExchangeMemory): Bell {
    if (this.#world.workers.sharedMemoryWait) return new SharedBell(memory, this.#data.subtask)
    return {
      ring: (subtask) => this.#post({ kind: 'bell', subtask }),
      wait: (wake) => {
        this.#onBell = wake
      },
    }
  }

  #fail(error: unknown): void {
    this.#post({ kind: 'failed', failure: describeFailure(error) })
    this.#ended.resolve()
  }

  #post(message: FromWorker): void {
    this.#pipe.post(message)
  }
}

/** An output whose queue is in the main thread: what is visible there and unread counts against the capacity. */
class RemoteOutput implements JobOutput {
  readonly commits: boolean
  readonly #capacity: number
  readonly #post: (checkpointId: number | undefined, values: readonly unknown[]) => void
  /** May be below zero: the reader can be faster than the word that a checkpoint is complete. */
  #unread = 0
  #staged: { readonly checkpointId: number; readonly count: number }[] = []
  #room: PromiseWithResolvers<void> | undefined

  constructor(
    commits: boolean,
    capacity: number,
    post: (checkpointId: number | undefined, values: readonly unknown[]) => void,
  ) {
    this.commits = commits
    this.#capacity = capacity
    this.#post = post
  }

  push(values: readonly unknown[]): void {
    this.#unread += values.length
    this.#post(undefined, values)
  }

  stage(checkpointId: number, values: readonly unknown[]): void {
    this.#staged.push({ checkpointId, count: values.length })
    this.#post(checkpointId, values)
  }

  committed(checkpointId: number): void {
    for (const part of this.#staged) if (part.checkpointId <= checkpointId) this.#unread += part.count
    this.#staged = this.#staged.filter((part) => part.checkpointId > checkpointId)
  }

  blocked(): Promise<void> | undefined {
    if (this.#unread < this.#capacity) return undefined
    this.#room ??= Promise.withResolvers()
    return this.#room.promise
  }

  consumed(count: number): void {
    this.#unread -= count
    if (this.#unread >= this.#capacity) return
    this.#room?.resolve()
    this.#room = undefined
  }
}

function describeFailure(error: unknown): Failure {
  const millrace = error instanceof MillraceError ? error : undefined
  return {
    message: messageOf(error),
    stack: error instanceof Error ? error.stack : undefined,
    code: millrace?.code,
    place: millrace === undefined ? undefined : { ...millrace.place },
  }
}
