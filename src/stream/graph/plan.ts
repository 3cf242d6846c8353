/**
 * A job as data: nodes that name the nodes they read from. The builder makes it, every home runs it, `explain` prints
 * it. Nodes are in topological order: an input's id is smaller than the id of who reads it.
 */
import type { Sink } from '../connector/sink.ts'
import type { Source } from '../connector/source.ts'
import type { StatelessOperation } from '../operators/fuse.ts'
import type { StepDescription } from '../operators/logical-step.ts'
import type { Key } from '../operators/operator.ts'

/* eslint-disable @typescript-eslint/no-explicit-any -- the builder has checked the types. */
export type PlanNode =
  | { readonly kind: 'source'; readonly id: number; readonly name: string; readonly source: Source<any> }
  | {
      readonly kind: 'stateless'
      readonly id: number
      readonly name: string
      readonly input: number
      readonly operation: StatelessOperation
    }
  | {
      readonly kind: 'event-time'
      readonly id: number
      readonly name: string
      readonly input: number
      readonly options: EventTimeOptions<any>
    }
  | {
      readonly kind: 'key-by'
      readonly id: number
      readonly name: string
      readonly input: number
      readonly key: (event: any) => Key
    }
  | {
      readonly kind: 'step'
      readonly id: number
      readonly name: string
      readonly input: number
      readonly step: StepDescription
    }
  | { readonly kind: 'union'; readonly id: number; readonly name: string; readonly inputs: readonly number[] }
  | {
      readonly kind: 'side-output'
      readonly id: number
      readonly name: string
      readonly input: number
      readonly output: string
    }
  | {
      readonly kind: 'sink'
      readonly id: number
      readonly name: string
      readonly input: number
      readonly sink: Sink<any>
    }

export interface EventTimeOptions<T> {
  /** When the event happened, in ms since the epoch. */
  readonly at: (event: T) => number
  /** How much later than a younger event of the same split an event may come and still be on time. Default: 0. */
  readonly outOfOrdernessMs?: number
  /**
   * Moves the watermark in steps of this much event time, each exactly behind the event that reaches it, instead of once
   * a batch. What is late then depends on the order of the events alone, not on how reading cut them into batches: with
   * one split, every run of a job over the same input gives the same results. Costs a cut of the batch a step.
   */
  readonly everyMs?: number
  /** A split without events for this long no longer holds the watermark back. Default: never. */
  readonly idleAfterMs?: number
}

/** What `job()` gives and `runJob` takes. */
export interface Job {
  readonly kind: 'millrace-job'
  readonly name: string
  readonly nodes: readonly PlanNode[]
}

/** The side output of a source that holds the records its error policy sends to a dead-letter topic. */
export const REJECTED_OUTPUT = 'rejected'

export function inputsOf(node: PlanNode): readonly number[] {
  switch (node.kind) {
    case 'source':
      return []
    case 'union':
      return node.inputs
    default:
      return [node.input]
  }
}

/** Whether a name is one that a job or step may have: it becomes part of file names, group names and metrics. */
export function isValidName(name: unknown): name is string {
  return typeof name === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name)
}

export function isJob(value: unknown): value is Job {
  return typeof value === 'object' && value !== null && (value as Partial<Job>).kind === 'millrace-job'
}
