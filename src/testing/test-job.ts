/**
 * A whole job under virtual time, in the test's own thread: its sources are replaced by scripts and its sinks by
 * recorders, by step name; everything between them is the job as it runs.
 *
 *   const test = await testJob(overheating)
 *   await test.send('readings', [{ sensor: 'a', celsius: 90, at: 1_000 }])
 *   await test.advanceWatermark('readings', 60_000)
 *   assert.deepEqual(test.output('alerts'), […])
 *   await test.checkpoint(); await test.crash(); await test.restore({ parallelism: 3 })
 *
 * Every method returns once the job has come to rest: nothing is left to do but to wait for time or events.
 */
import { MillraceError } from '../base/millrace-error.ts'
import { reportNothing } from '../base/report.ts'
import { SeededRandom } from '../world/simulated/seeded-random.ts'
import { nodeWorld } from '../world/node.ts'
import type { World } from '../world/world.ts'
import type { Manifest, SubtaskSnapshot } from '../stream/checkpoint/snapshot.ts'
import type { Job, PlanNode } from '../stream/graph/plan.ts'
import { NO_TIMESTAMP } from '../stream/operators/operator.ts'
import { decodeRecords } from '../stream/state/key-group-entries.ts'
import { DEFAULT_KEY_GROUPS } from '../stream/state/keyed-state-backend.ts'
import { dealOut, knownSplits } from '../stream/runtime/deal-out.ts'
import { totalSteps, type StepTotals } from '../stream/runtime/job-metrics.ts'
import { LocalHost } from '../stream/runtime/local-host.ts'
import { OutputQueue } from '../stream/runtime/output-queue.ts'
import type { TaskEvent } from '../stream/runtime/task-protocol.ts'
import { ManualClock } from './manual-clock.ts'
import { RecordingSink } from './recording-sink.ts'
import { ScriptedSource } from './scripted-source.ts'

export interface TestJobOptions {
  /** Default: 1. */
  readonly parallelism?: number
  /** Wall-clock time at the start, ms since the epoch. Default: 0. */
  readonly startMs?: number
  /** Splits of a scripted source, by step name. Default: 1. */
  readonly splits?: Readonly<Record<string, number>>
  /** Sources and sinks that are left as they are, by step name. */
  readonly keep?: readonly string[]
  /** Shared memory of one channel between subtasks, in bytes; a small one makes for back-pressure. */
  readonly ringBytes?: number
}

/** Turns of the event loop after which a job that never rests is given up. */
const TURNS_MAX = 50_000
/** So many quiet turns in a row are taken for rest: promises of the job's own may be on their way. */
const QUIET_TURNS = 4

/** Starts the job; it waits for events. Throws what starting it throws. */
export async function testJob(job: Job, options: TestJobOptions = {}): Promise<JobTest> {
  const test = new JobTest(job, options)
  await test.restore()
  return test
}

export class JobTest implements AsyncDisposable {
  readonly #job: Job
  readonly #options: TestJobOptions
  readonly #clock: ManualClock
  readonly #world: World
  readonly #sources = new Map<string, ScriptedSource>()
  readonly #sinks = new Map<string, RecordingSink>()
  #parallelism: number
  #host: LocalHost | undefined
  #failure: { readonly error: unknown } | undefined
  #nextCheckpointId = 1
  #complete: Manifest | undefined
  #chains: Manifest['subtasks'] = []
  #mustBeFull = true
  #snapshots = new Map<number, SubtaskSnapshot>()
  #drained = new Set<number>()

  /** Use `testJob`. */
  constructor(job: Job, options: TestJobOptions) {
    this.#options = options
    this.#parallelism = options.parallelism ?? 1
    this.#clock = new ManualClock(options.startMs ?? 0)
    this.#world = { ...nodeWorld(), clock: this.#clock, random: new SeededRandom(1) }
    this.#job = { ...job, nodes: job.nodes.map((node) => this.#replace(node)) }
  }

  /** Gives events to a scripted source. `timestampMs` is the source's own time of them, as a Kafka record has one. */
  async send(
    source: string,
    events: readonly unknown[],
    options: { readonly split?: number; readonly timestampMs?: number } = {},
  ): Promise<void> {
    this.#source(source).append(options.split ?? 0, events, options.timestampMs ?? NO_TIMESTAMP)
    await this.settle()
  }

  /** Lets processing time pass. */
  async advance(ms: number): Promise<void> {
    await this.#clock.advance(ms, () => this.settle())
  }

  /** Says that event time of a source has come to `watermarkMs`, on all its splits, as younger events would. */
  async advanceWatermark(source: string, watermarkMs: number): Promise<void> {
    this.#source(source)
    for (const task of this.#running().tasks) {
      for (const node of task.nodes.sources) {
        if (node.name === source) task.enqueue(() => node.advanceWatermark(watermarkMs))
      }
    }
    await this.settle()
  }

  /** Ends a source, or all: windows close, and when all have ended the job drains. */
  async end(source?: string): Promise<void> {
    for (const [name, scripted] of this.#sources) if (source === undefined || source === name) scripted.end()
    await this.settle()
  }

  /** Whether all sources have ended and everything has reached the sinks. */
  get drained(): boolean {
    return this.#drained.size === this.#parallelism
  }

  /** Takes a checkpoint and commits it. Full and incremental ones in turn, as a job would. */
  async checkpoint(): Promise<void> {
    await this.#prepare()
    this.commit()
    await this.settle()
  }

  /** Takes a checkpoint and makes it complete, but does not tell the sinks: what a crash right after it finds. */
  async checkpointWithoutCommit(): Promise<void> {
    await this.#prepare()
  }

  /** Lets the sinks commit the last complete checkpoint. */
  commit(): void {
    const checkpointId = this.#complete?.checkpointId
    if (checkpointId !== undefined) this.#running().command({ kind: 'commit', checkpointId })
  }

  /** Ends the job at once, with all that it had not put into a complete checkpoint. */
  async crash(): Promise<void> {
    const host = this.#running()
    this.#host = undefined
    for (const sink of this.#sinks.values()) sink.crash()
    await host.close()
    this.#failure = undefined
  }

  /** Starts the job again from its last complete checkpoint, perhaps with another parallelism. */
  async restore(options: { readonly parallelism?: number } = {}): Promise<void> {
    if (this.#host !== undefined) await this.crash()
    this.#parallelism = options.parallelism ?? this.#parallelism
    this.#drained = new Set()
    this.#chains = []
    this.#mustBeFull = true
    const manifest = this.#complete
    for (const [name, sink] of this.#sinks) {
      const restored = manifest?.subtasks.flatMap(({ steps }) => steps[name]?.committables ?? []) ?? []
      sink.keepOnly(new Set(restored.map(({ data }) => data as string)))
    }
    const host = new LocalHost(this.#job, {
      world: this.#world,
      report: reportNothing,
      parallelism: this.#parallelism,
      maxParallelism: DEFAULT_KEY_GROUPS,
      bootstrap: undefined,
      commits: true,
      ringBytes: this.#options.ringBytes,
      outputCapacity: 1_000_000,
      output: () => new OutputQueue(1_000_000),
    })
    host.ended.catch((error: unknown) => {
      this.#failure = { error }
    })
    const splits = await host.discoverSplits(knownSplits(manifest))
    const { starts } = dealOut({ splits, manifest, parallelism: this.#parallelism, allowDroppedState: false })
    this.#host = host
    try {
      await host.start(starts, (event) => this.#onEvent(event))
    } catch (error) {
      this.#host = undefined
      throw error
    }
    await this.settle()
  }

  /** What a sink has been given so far, less what crashes took back: each event once. */
  output<T = unknown>(sink: string): readonly T[] {
    return this.#sink(sink).output as readonly T[]
  }

  /** The part of it that is committed. */
  committed<T = unknown>(sink: string): readonly T[] {
    return [...this.#sink(sink).committed] as readonly T[]
  }

  /** The figures of a step: events in and out, counters such as `late`, the watermark, splits. */
  metrics(step: string): StepTotals {
    const steps = totalSteps(this.#running().metrics())
    const found = steps.find(({ name }) => name === step)
    if (found !== undefined) return found
    throw new RangeError(`the job has no step ${step}; it has ${steps.map(({ name }) => name).join(', ')}`)
  }

  /** The watermark that a step has reached; undefined before there is one. */
  watermark(step: string): number | undefined {
    return this.metrics(step).watermarkMs
  }

  /** A named state of a step, by key, as the step's records hold it (a value's record is the value). */
  state(step: string, table: string): Map<string | number, unknown> {
    const entries = new Map<string | number, unknown>()
    this.#mustBeFull = true
    for (const task of this.#running().tasks) {
      for (const node of task.nodes.steps) {
        if (node.name !== step) continue
        node.backend.snapshot('full', (part) => {
          if (part.table !== table) return
          for (const record of decodeRecords(part.entries)) {
            if (!Array.isArray(record)) continue
            const [key, ...rest] = record as [string | number, ...unknown[]]
            entries.set(key, rest.length === 1 ? rest[0] : rest)
          }
        })
      }
    }
    return entries
  }

  /** Waits until the job rests. Throws the error with which it failed. */
  async settle(): Promise<void> {
    let quiet = 0
    for (let turn = 0; turn < TURNS_MAX; turn++) {
      await new Promise<void>((resolve) => this.#clock.defer(resolve))
      if (this.#failure !== undefined) throw this.#failure.error
      quiet = this.#host?.tasks.every((task) => task.isAsleep) !== false ? quiet + 1 : 0
      if (quiet === QUIET_TURNS) return
    }
    throw new MillraceError({
      code: 'MR_TEST_NEVER_RESTS',
      job: this.#job.name,
      message: 'the job under test did not come to rest.',
      fix: 'Replace sources that never end, such as a generator without a count.',
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#host !== undefined) await this.crash()
  }

  async #prepare(): Promise<void> {
    const checkpointId = this.#nextCheckpointId++
    const mode = this.#mustBeFull ? 'full' : 'changes'
    this.#mustBeFull = false
    this.#snapshots = new Map()
    this.#running().command({ kind: 'checkpoint', checkpointId, mode, stop: false, directory: undefined })
    await this.settle()
    if (this.#snapshots.size < this.#parallelism)
      throw new Error(`checkpoint ${checkpointId} was not completed`)
    const subtasks = Array.from({ length: this.#parallelism }, (_, subtask) => {
      const { steps, state } = this.#snapshots.get(subtask)!
      const before = mode === 'full' ? [] : (this.#chains[subtask]?.chain ?? [])
      return { steps, chain: state === undefined ? before : [...before, state] }
    })
    this.#chains = subtasks
    this.#complete = {
      format: 1,
      job: this.#job.name,
      checkpointId,
      takenMs: this.#clock.nowMs(),
      parallelism: this.#parallelism,
      maxParallelism: DEFAULT_KEY_GROUPS,
      // What is kept must not share memory with the running job.
      subtasks: structuredClone(subtasks),
    }
  }

  #onEvent(event: TaskEvent): void {
    if (event.kind === 'snapshot') this.#snapshots.set(event.snapshot.subtask, event.snapshot)
    else if (event.kind === 'drained') this.#drained.add(event.subtask)
  }

  #replace(node: PlanNode): PlanNode {
    if (this.#options.keep?.includes(node.name) === true) return node
    if (node.kind === 'source') {
      const source = new ScriptedSource(this.#options.splits?.[node.name] ?? 1)
      this.#sources.set(node.name, source)
      return { ...node, source }
    }
    if (node.kind !== 'sink') return node
    const sink = new RecordingSink()
    this.#sinks.set(node.name, sink)
    return { ...node, sink }
  }

  #running(): LocalHost {
    if (this.#host !== undefined) return this.#host
    throw new Error('the job has crashed; restore it first')
  }

  #source(name: string): ScriptedSource {
    const source = this.#sources.get(name)
    if (source !== undefined) return source
    throw new RangeError(
      `the job has no scripted source ${name}; it has ${[...this.#sources.keys()].join(', ')}`,
    )
  }

  #sink(name: string): RecordingSink {
    const sink = this.#sinks.get(name)
    if (sink !== undefined) return sink
    throw new RangeError(`the job has no recorded sink ${name}; it has ${[...this.#sinks.keys()].join(', ')}`)
  }
}
