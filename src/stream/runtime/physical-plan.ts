/**
 * From the plan as the user wrote it to what a subtask runs: chains of stateless steps with one reader each become one
 * operator (`operators/fuse.ts`), and where the job runs in parallel, `keyBy` becomes an exchange.
 *
 * A chain is cut behind an event time that is followed by something that may drop events: watermarks are made from all
 * events, also from those that a later filter takes out.
 */
import type { Sink } from '../connector/sink.ts'
import type { Source } from '../connector/source.ts'
import type { EventTimeOptions, Job, PlanNode } from '../graph/plan.ts'
import { inputsOf } from '../graph/plan.ts'
import type { KeySelector, StatelessOperation } from '../operators/fuse.ts'
import type { StepDescription } from '../operators/logical-step.ts'

/** Where a node reads: another's main output, or a side output of it. */
export interface PhysicalEdge {
  readonly from: number
  readonly side: string | undefined
}

/* eslint-disable @typescript-eslint/no-explicit-any -- the builder has checked the types. */
export type PhysicalNode = {
  readonly id: number
  readonly name: string
  readonly inputs: readonly PhysicalEdge[]
} & (
  | { readonly kind: 'source'; readonly source: Source<any> }
  | { readonly kind: 'step'; readonly step: StepDescription }
  | {
      readonly kind: 'event-time'
      readonly options: EventTimeOptions<any>
      readonly source: number | undefined
    }
  | { readonly kind: 'exchange' }
  | { readonly kind: 'union' }
  | { readonly kind: 'sink'; readonly sink: Sink<any> }
)

/** Nodes in topological order; a node's id is its index. */
export function physicalPlan(job: Job, options: { readonly exchanges: boolean }): readonly PhysicalNode[] {
  const readers = new Map<number, number>()
  for (const node of job.nodes)
    for (const input of inputsOf(node)) readers.set(input, (readers.get(input) ?? 0) + 1)
  const compiler = new Compiler(options.exchanges)
  for (const node of job.nodes) compiler.add(node, readers.get(node.id) ?? 0)
  return compiler.nodes
}

interface Chain {
  readonly input: PhysicalEdge
  readonly names: string[]
  readonly operations: StatelessOperation[]
  eventTime: { readonly name: string; readonly options: EventTimeOptions<any> } | undefined
}

type Added = PhysicalNode extends infer Node ? (Node extends PhysicalNode ? Omit<Node, 'id'> : never) : never

class Compiler {
  readonly nodes: PhysicalNode[] = []
  readonly #exchanges: boolean
  /** By logical id: where its output is to be found. */
  readonly #outputs = new Map<number, PhysicalEdge>()
  /** By logical id: the chain that the node ends, as long as it may grow. */
  readonly #chains = new Map<number, Chain>()

  constructor(exchanges: boolean) {
    this.#exchanges = exchanges
  }

  add(node: PlanNode, readers: number): void {
    switch (node.kind) {
      case 'source':
        return this.#output(
          node.id,
          this.#node({ kind: 'source', name: node.name, inputs: [], source: node.source }),
        )
      case 'union':
        return this.#output(
          node.id,
          this.#node({ kind: 'union', name: node.name, inputs: node.inputs.map((id) => this.#edge(id)) }),
        )
      case 'step':
        return this.#output(
          node.id,
          this.#node({ kind: 'step', name: node.name, inputs: [this.#edge(node.input)], step: node.step }),
        )
      case 'sink':
        return void this.#node({
          kind: 'sink',
          name: node.name,
          inputs: [this.#edge(node.input)],
          sink: node.sink,
        })
      case 'side-output':
        this.#outputs.set(node.id, { from: this.#edge(node.input).from, side: node.output })
        return
      case 'stateless':
      case 'event-time':
        return this.#extend(node, readers)
      case 'key-by':
        return this.#key(node)
    }
  }

  #extend(node: PlanNode & { readonly kind: 'stateless' | 'event-time' }, readers: number): void {
    const drops = node.kind === 'stateless' && node.operation.kind !== 'map'
    const chain = this.#chainBefore(node.input, drops || node.kind === 'event-time')
    chain.names.push(node.name)
    if (node.kind === 'stateless') {
      chain.operations.push(node.operation)
    } else {
      chain.operations.push({ kind: 'event-time', step: node.name, at: node.options.at })
      chain.eventTime = { name: node.name, options: node.options }
    }
    if (readers === 1) this.#chains.set(node.id, chain)
    else this.#output(node.id, this.#close(chain, undefined))
  }

  #key(node: PlanNode & { readonly kind: 'key-by' }): void {
    const chain = this.#chainBefore(node.input, false)
    chain.names.push(node.name)
    const keyed = this.#close(chain, { step: node.name, key: node.key })
    this.#output(
      node.id,
      this.#exchanges ? this.#node({ kind: 'exchange', name: node.name, inputs: [keyed] }) : keyed,
    )
  }

  /** The chain that a node may join, or a new one. */
  #chainBefore(input: number, mustSeeWatermarks: boolean): Chain {
    const chain = this.#chains.get(input)
    if (chain !== undefined && !(mustSeeWatermarks && chain.eventTime !== undefined)) {
      this.#chains.delete(input)
      return chain
    }
    return { input: this.#edge(input), names: [], operations: [], eventTime: undefined }
  }

  #close(
    chain: Chain,
    keyBy: { readonly step: string; readonly key: KeySelector } | undefined,
  ): PhysicalEdge {
    const { input, names, operations, eventTime } = chain
    const step: StepDescription = { kind: 'stateless', operations, ...(keyBy === undefined ? {} : { keyBy }) }
    const fused = this.#node({ kind: 'step', name: names.join(' → '), inputs: [input], step })
    if (eventTime === undefined) return fused
    return this.#node({ kind: 'event-time', ...eventTime, inputs: [fused], source: this.#sourceOf(fused) })
  }

  /** The source whose splits can still be told apart at this edge. */
  #sourceOf(edge: PhysicalEdge): number | undefined {
    let node = this.nodes[edge.from]!
    let { side } = edge
    while (side === undefined) {
      if (node.kind === 'source') return node.id
      if (node.kind !== 'event-time' && !(node.kind === 'step' && node.step.kind === 'stateless'))
        return undefined
      side = node.inputs[0]!.side
      node = this.nodes[node.inputs[0]!.from]!
    }
    return undefined
  }

  #edge(logical: number): PhysicalEdge {
    const chain = this.#chains.get(logical)
    if (chain !== undefined) {
      this.#chains.delete(logical)
      this.#output(logical, this.#close(chain, undefined))
    }
    return this.#outputs.get(logical)!
  }

  #output(logical: number, edge: PhysicalEdge): void {
    this.#outputs.set(logical, edge)
  }

  #node(node: Added): PhysicalEdge {
    const id = this.nodes.length
    this.nodes.push({ ...node, id })
    return { from: id, side: undefined }
  }
}
