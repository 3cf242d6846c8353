/** Builds the nodes of one subtask from the job's plan, from the sinks backwards, and cuts them into segments. */
import { assert } from '../../base/assert.ts'
import type { Job } from '../graph/plan.ts'
import { createCombiner, type Combiner } from '../operators/windows/create-combiner.ts'
import { EventTimeNode, type SplitOrigin } from './event-time-node.ts'
import type { ExchangePort } from './exchange-port.ts'
import { ExchangeWriter } from './exchange-writer.ts'
import { Gate } from './gate.ts'
import { physicalPlan, type PhysicalNode } from './physical-plan.ts'
import { fanOut, Merge, type Receiver } from './receiver.ts'
import { Segment, type CheckpointInProgress } from './segment.ts'
import { SinkNode } from './sink-node.ts'
import { SourceNode } from './source-node.ts'
import { StepNode } from './step-node.ts'
import type { TaskContext } from './task-context.ts'

export interface TaskNodes {
  readonly segments: readonly Segment[]
  /** Each in topological order. */
  readonly sources: readonly SourceNode[]
  readonly eventTimes: readonly EventTimeNode[]
  readonly steps: readonly StepNode[]
  readonly sinks: readonly SinkNode[]
  /** The steps that may have processing-time timers. */
  readonly timed: readonly StepNode[]
}

export interface BuildOptions {
  readonly job: Job
  readonly context: TaskContext
  readonly port: ExchangePort | undefined
  readonly wake: () => void
  readonly fail: (error: unknown) => void
  readonly onSnapshot: (checkpoint: CheckpointInProgress) => void
}

/** How many exchanges a job has when it runs in parallel. */
export function countExchanges(job: Job): number {
  return physicalPlan(job, { exchanges: true }).filter((node) => node.kind === 'exchange').length
}

export function buildNodes(options: BuildOptions): TaskNodes {
  const plan = physicalPlan(options.job, { exchanges: options.port !== undefined })
  return new NodeBuilder(options, plan).build()
}

class NodeBuilder {
  readonly #options: BuildOptions
  readonly #plan: readonly PhysicalNode[]
  readonly #segments: Segment[] = []
  /** By node: the segment in which its output is. */
  readonly #segmentOf: Segment[] = []
  /** By `node` or `node:side`: who reads it. */
  readonly #readers = new Map<string, Receiver[]>()
  readonly #sources = new Map<number, SourceNode>()

  constructor(options: BuildOptions, plan: readonly PhysicalNode[]) {
    this.#options = options
    this.#plan = plan
  }

  build(): TaskNodes {
    this.#assignSegments()
    for (const node of this.#plan) {
      if (node.kind !== 'source') continue
      const segment = this.#segmentOf[node.id]!
      const { clock } = this.#options.context.world
      const openMs = (): number => clock.monotonicMs() - segment.blockedMs()
      const source = new SourceNode({
        task: this.#options.context,
        name: node.name,
        source: node.source,
        openMs,
      })
      this.#sources.set(node.id, source)
    }
    let exchange = this.#plan.filter((node) => node.kind === 'exchange').length
    for (const node of this.#plan.toReversed()) this.#add(node, node.kind === 'exchange' ? --exchange : -1)
    for (const segment of this.#segments) {
      segment.sources.reverse()
      segment.eventTimes.reverse()
      segment.steps.reverse()
      segment.sinks.reverse()
    }
    const steps = this.#segments.flatMap((segment) => segment.steps)
    return {
      segments: this.#segments,
      sources: this.#segments.flatMap((segment) => segment.sources),
      eventTimes: this.#segments.flatMap((segment) => segment.eventTimes),
      steps,
      sinks: this.#segments.flatMap((segment) => segment.sinks),
      timed: steps.filter((step) => step.kind === 'process' || step.kind === 'window'),
    }
  }

  /** Nodes that are joined, but for exchanges, are in one segment. */
  #assignSegments(): void {
    const group = this.#plan.map((node) => node.id)
    const root = (id: number): number => (group[id] === id ? id : root(group[id]!))
    for (const node of this.#plan) {
      if (node.kind === 'exchange') continue
      for (const { from } of node.inputs) group[root(node.id)] = root(from)
    }
    const segments = new Map<number, Segment>()
    const { context, wake, fail, onSnapshot } = this.#options
    for (const node of this.#plan) {
      const key = root(node.id)
      let segment = segments.get(key)
      if (segment === undefined) {
        segment = new Segment({ clock: context.world.clock, wake, fail, onSnapshot })
        segments.set(key, segment)
        this.#segments.push(segment)
      }
      this.#segmentOf[node.id] = segment
    }
  }

  /** Called in reverse order: all readers of the node are there. */
  #add(node: PhysicalNode, exchange: number): void {
    const { context } = this.#options
    const segment = this.#segmentOf[node.id]!
    switch (node.kind) {
      case 'sink': {
        const sink = new SinkNode(context, node.name, node.sink)
        segment.sinks.push(sink)
        return this.#read(node, [sink])
      }
      case 'union': {
        const merge = new Merge(node.inputs.length, this.#output(node))
        return this.#read(
          node,
          node.inputs.map((_, input) => merge.input(input)),
        )
      }
      case 'step': {
        const step = new StepNode(context, node.name, node.step)
        step.connect(this.#output(node), this.#sides(node))
        segment.steps.push(step)
        return this.#read(node, [step])
      }
      case 'event-time': {
        const origin =
          node.source === undefined ? wholeStream(context, segment) : this.#sources.get(node.source)!
        const eventTime = new EventTimeNode({
          name: node.name,
          eventTime: node.options,
          origin,
          out: this.#output(node),
        })
        segment.eventTimes.push(eventTime)
        return this.#read(node, [eventTime])
      }
      case 'exchange': {
        const { port } = this.#options
        assert(port !== undefined, 'a job with one subtask has no exchange')
        const gate = new Gate({ exchange, port, segment, out: this.#output(node) })
        segment.gates.push(gate)
        const { maxParallelism } = context
        const exactWatermarks = this.#plan.some(
          (one) => one.kind === 'event-time' && one.options.everyMs !== undefined,
        )
        const combine = this.#combinerBehind(node)
        const writer = new ExchangeWriter({
          exchange,
          port,
          gate,
          maxParallelism,
          exactWatermarks,
          ...(combine !== undefined && { combine }),
        })
        this.#segmentOf[node.inputs[0]!.from]!.exchanges.push(writer)
        return this.#read(node, [writer])
      }
      case 'source': {
        const source = this.#sources.get(node.id)!
        const followers = this.#plan.flatMap((other, id) =>
          other.kind === 'event-time' && other.source === node.id ? [id] : [],
        )
        const names = new Set(followers.map((id) => this.#plan[id]!.name))
        const eventTimes = this.#segments
          .flatMap((other) => other.eventTimes)
          .filter((other) => names.has(other.name))
        source.connect(this.#output(node), this.#sides(node), eventTimes)
        segment.sources.push(source)
        return
      }
    }
  }

  /** That of the step behind an exchange, when it is the only one there. */
  #combinerBehind(exchange: PhysicalNode): { step: string; combiner: Combiner } | undefined {
    const [reader, ...others] = this.#plan.filter((node) =>
      node.inputs.some(({ from }) => from === exchange.id),
    )
    if (reader?.kind !== 'step' || others.length > 0) return undefined
    const { name: step } = reader
    const combiner = createCombiner(reader.step, { job: this.#options.job.name, step })
    return combiner && { step, combiner }
  }

  #read(node: PhysicalNode, receivers: readonly Receiver[]): void {
    node.inputs.forEach(({ from, side }, input) => {
      const key = side === undefined ? `${from}` : `${from}:${side}`
      const readers = this.#readers.get(key) ?? []
      // In reverse order, so that what stands first in the job is reached first.
      this.#readers.set(key, [receivers[input]!, ...readers])
    })
  }

  #output(node: PhysicalNode): Receiver {
    return fanOut(this.#readers.get(`${node.id}`) ?? [])
  }

  #sides(node: PhysicalNode): ReadonlyMap<string, Receiver> {
    const sides = new Map<string, Receiver>()
    for (const [key, readers] of this.#readers) {
      if (key.startsWith(`${node.id}:`)) sides.set(key.slice(key.indexOf(':') + 1), fanOut(readers))
    }
    return sides
  }
}

/** Event time behind a step that has mixed the splits: all events of the subtask count as one. */
function wholeStream(context: TaskContext, segment: Segment): SplitOrigin {
  return {
    splitIds: [`subtask-${context.subtask}`],
    currentSplit: 0,
    hasMore: () => false,
    hasEnded: () => false,
    lagOf: () => undefined,
    openMs: () => context.world.clock.monotonicMs() - segment.blockedMs(),
  }
}
