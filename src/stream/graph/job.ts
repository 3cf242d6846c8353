/** Builds plans. The public types are in `stream.ts`; here every stream is a node id in one list. */
import { MillraceError } from '../../base/millrace-error.ts'
import type { Sink } from '../connector/sink.ts'
import type { Source } from '../connector/source.ts'
import type { StatelessOperation } from '../operators/fuse.ts'
import type { KeyedProcess } from '../operators/keyed-process.ts'
import type { StepDescription } from '../operators/logical-step.ts'
import type { AsyncFunction, AsyncMapOptions } from '../operators/map-async.ts'
import type { WindowAssigner, WindowLogic, WindowOptions } from '../operators/windows/window-spec.ts'
import { reducing, type ReducingDescriptor } from '../state/handles.ts'
import { isValidName, REJECTED_OUTPUT, type EventTimeOptions, type Job, type PlanNode } from './plan.ts'
import type {
  Flow,
  KeyedStream,
  ProcessDescription,
  Stream,
  TypeMarker,
  WindowedStream,
  WindowResults,
} from './stream.ts'

/**
 * Describes a job: sources, steps and sinks. `build` is called once, at once; a job module exports the result as its
 * default. Throws `MR_JOB_INVALID`, naming the step, for what cannot be.
 */
export function job(name: string, build: (flow: Flow) => void): Job {
  const plan = new PlanBuilder(name)
  build({ source: (step, source) => plan.source(step, source) })
  return plan.finish()
}

/** Names a type where TypeScript cannot see it: `emits: type<Alert>()`. */
export function type<T>(): TypeMarker<T> {
  return {}
}

/* eslint-disable @typescript-eslint/no-explicit-any -- the interfaces in `stream.ts` carry the types. */
class PlanBuilder {
  readonly #job: string
  readonly #nodes: PlanNode[] = []
  readonly #names = new Set<string>()
  #finished = false

  constructor(name: string) {
    this.#job = name
    if (!isValidName(name))
      throw this.#invalid(undefined, `the job's name is ${JSON.stringify(name)}.`, NAME_RULE)
  }

  source(name: string, source: Source<any>): Stream<any> {
    if (typeof source?.createReader !== 'function') {
      throw this.#invalid(
        name,
        'what was given as its source is not one.',
        'Give what kafka(…), generator(…) and the like return.',
      )
    }
    const id = this.#add(name, (id) => ({ kind: 'source', id, name, source }))
    if (source.deadLetter !== undefined) {
      new NodeStream(this, this.sideOutput(id, name, REJECTED_OUTPUT)).sink(
        `${name}.dead-letter`,
        source.deadLetter,
      )
    }
    return new NodeStream(this, id)
  }

  stateless(input: number, operation: (step: string) => StatelessOperation, kind: string): number {
    const name = this.#automaticName(kind)
    return this.#add(name, (id) => ({ kind: 'stateless', id, name, input, operation: operation(name) }))
  }

  eventTime(input: number, options: EventTimeOptions<any>): number {
    const name = this.#eventTimeName(input)
    if (typeof options?.at !== 'function')
      throw this.#invalid(name, '`at` is not a function.', 'Give eventTime({ at: (event) => … }).')
    for (const field of ['outOfOrdernessMs', 'idleAfterMs'] as const) {
      const value = options[field]
      if (value === undefined || (value >= 0 && Number.isFinite(value))) continue
      throw this.#invalid(name, `${field} is ${value}.`, 'Give milliseconds, 0 or more.')
    }
    if (options.everyMs !== undefined && !(options.everyMs >= 1 && Number.isFinite(options.everyMs))) {
      throw this.#invalid(name, `everyMs is ${options.everyMs}.`, 'Give milliseconds, 1 or more.')
    }
    return this.#add(name, (id) => ({ kind: 'event-time', id, name, input, options }))
  }

  keyBy(input: number, key: (event: any) => any): number {
    const name = this.#automaticName('key-by')
    return this.#add(name, (id) => ({ kind: 'key-by', id, name, input, key }))
  }

  step(name: string, input: number, step: StepDescription): number {
    return this.#add(name, (id) => ({ kind: 'step', id, name, input, step }))
  }

  union(inputs: readonly number[]): number {
    const name = this.#automaticName('union')
    return this.#add(name, (id) => ({ kind: 'union', id, name, inputs }))
  }

  sideOutput(input: number, step: string, output: string): number {
    const existing = this.#nodes.find(
      (node) => node.kind === 'side-output' && node.input === input && node.output === output,
    )
    if (existing !== undefined) return existing.id
    const name = `${step}.${output}`
    return this.#add(name, (id) => ({ kind: 'side-output', id, name, input, output }))
  }

  sink(name: string, input: number, sink: Sink<any>): void {
    if (typeof sink?.createWriter !== 'function') {
      throw this.#invalid(
        name,
        'what was given as its sink is not one.',
        'Give what kafka(…), collect() and the like return.',
      )
    }
    this.#add(name, (id) => ({ kind: 'sink', id, name, input, sink }))
  }

  idOf(stream: unknown, step: string): number {
    if (stream instanceof NodeStream || stream instanceof NodeKeyedStream) {
      if (stream.plan === this) return stream.id
      throw this.#invalid(
        step,
        'it reads a stream of another job.',
        'Streams can be joined within one job only.',
      )
    }
    throw this.#invalid(step, 'it was given something that is not a stream.', 'Give streams of this job.')
  }

  nameOf(id: number): string {
    return this.#nodes[id]!.name
  }

  finish(): Job {
    this.#finished = true
    if (!this.#nodes.some((node) => node.kind === 'source'))
      throw this.#invalid(undefined, 'it has no source.', 'Begin with flow.source(…).')
    if (!this.#nodes.some((node) => node.kind === 'sink'))
      throw this.#invalid(
        undefined,
        'it has no sink, so nothing would come of it.',
        'End a stream with .sink(…).',
      )
    return { kind: 'millrace-job', name: this.#job, nodes: this.#nodes }
  }

  #add(name: string, node: (id: number) => PlanNode): number {
    if (this.#finished)
      throw this.#invalid(
        name,
        'it was added after the job had been built.',
        'Build the whole job inside the function given to job().',
      )
    if (!isValidName(name)) throw this.#invalid(String(name), 'its name cannot be used.', NAME_RULE)
    if (this.#names.has(name)) {
      throw this.#invalid(
        name,
        'another step of the job has the same name.',
        'Names identify state in checkpoints: give each step its own.',
      )
    }
    this.#names.add(name)
    const id = this.#nodes.length
    this.#nodes.push(node(id))
    return id
  }

  /** What event time knows of each split is part of checkpoints, so its name must not depend on where it stands. */
  #eventTimeName(input: number): string {
    let node = this.#nodes[input]!
    while (node.kind === 'stateless' || node.kind === 'event-time') node = this.#nodes[node.input]!
    const name = `${node.name}.event-time`
    return this.#names.has(name) ? this.#automaticName('event-time') : name
  }

  /** Steps without state need no name of the user's; these are for metrics and errors. */
  #automaticName(kind: string): string {
    return `${kind}-${this.#nodes.length}`
  }

  #invalid(step: string | undefined, message: string, fix: string): MillraceError {
    return new MillraceError({
      code: 'MR_JOB_INVALID',
      job: this.#job,
      ...(step === undefined ? {} : { step }),
      message:
        step === undefined ? `The job cannot be built: ${message}` : `The step cannot be built: ${message}`,
      fix,
    })
  }
}

const NAME_RULE =
  'Use 1 to 100 letters, digits, dots, dashes and underscores, beginning with a letter or digit.'

class NodeStream implements Stream<any>, WindowResults<any, any> {
  readonly plan: PlanBuilder
  readonly id: number

  constructor(plan: PlanBuilder, id: number) {
    this.plan = plan
    this.id = id
  }

  eventTime(options: EventTimeOptions<any>): Stream<any> {
    return new NodeStream(this.plan, this.plan.eventTime(this.id, options))
  }

  map(apply: (event: any) => any): Stream<any> {
    return this.#stateless('map', (step) => ({ kind: 'map', step, apply }))
  }

  filter(accept: (event: any) => boolean): Stream<any> {
    return this.#stateless('filter', (step) => ({ kind: 'filter', step, accept }))
  }

  flatMap(expand: (event: any) => Iterable<any>): Stream<any> {
    return this.#stateless('flat-map', (step) => ({ kind: 'flatMap', step, expand }))
  }

  mapAsync(name: string, apply: AsyncFunction<any, any>, options: AsyncMapOptions = {}): Stream<any> {
    return new NodeStream(this.plan, this.plan.step(name, this.id, { kind: 'map-async', apply, options }))
  }

  keyBy(key: (event: any) => any): KeyedStream<any, any> {
    return new NodeKeyedStream(this.plan, this.plan.keyBy(this.id, key))
  }

  union(...others: readonly Stream<any>[]): Stream<any> {
    const inputs = [this.id, ...others.map((other) => this.plan.idOf(other, 'union'))]
    return new NodeStream(this.plan, this.plan.union(inputs))
  }

  split(names: readonly string[], route: (event: any) => string): any {
    return Object.fromEntries(names.map((name) => [name, this.filter((event) => route(event) === name)]))
  }

  sink(name: string, sink: Sink<any>): void {
    this.plan.sink(name, this.id, sink)
  }

  sideOutput(name: string): Stream<any> {
    return new NodeStream(this.plan, this.plan.sideOutput(this.id, this.plan.nameOf(this.id), name))
  }

  get late(): Stream<any> {
    return this.sideOutput('late')
  }

  #stateless(kind: string, operation: (step: string) => StatelessOperation): Stream<any> {
    return new NodeStream(this.plan, this.plan.stateless(this.id, operation, kind))
  }
}

class NodeKeyedStream implements KeyedStream<any, any> {
  readonly plan: PlanBuilder
  readonly id: number

  constructor(plan: PlanBuilder, id: number) {
    this.plan = plan
    this.id = id
  }

  process(name: string, process: ProcessDescription<any, any, any, any, any, any>): any {
    return new NodeStream(this.plan, this.plan.step(name, this.id, { kind: 'process', process }))
  }

  reduce(name: string, reduce: (left: any, right: any) => any): any {
    const process: KeyedProcess<any, any, { readonly reduced: ReducingDescriptor<any> }> = {
      state: { reduced: reducing<any>(reduce) },
      onEvent(event, { state }) {
        state.reduced.add(event)
        return [state.reduced.get() as unknown]
      },
    }
    return new NodeStream(this.plan, this.plan.step(name, this.id, { kind: 'process', process }))
  }

  window(assigner: WindowAssigner, options: WindowOptions = {}): WindowedStream<any, any> {
    const step = (name: string, logic: WindowLogic): NodeStream =>
      new NodeStream(this.plan, this.plan.step(name, this.id, { kind: 'window', assigner, options, logic }))
    return {
      aggregate: (name, aggregators) => step(name, { kind: 'aggregate', aggregators }),
      reduce: (name, reduce) => step(name, { kind: 'reduce', reduce }),
      process: (
        name: string,
        process: (window: any, events: readonly any[]) => any,
        more?: { readonly initialState: () => unknown },
      ) => step(name, { kind: 'process', process, ...more }),
    }
  }

  union(other: KeyedStream<any, any>): KeyedStream<any, any> {
    return new NodeKeyedStream(this.plan, this.plan.union([this.id, this.plan.idOf(other, 'union')]))
  }
}
