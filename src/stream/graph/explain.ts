import { inputsOf, type Job, type PlanNode } from './plan.ts'

/** A step as people and other processes see it: no functions. */
export interface StepSummary {
  readonly id: number
  readonly name: string
  readonly kind: string
  /** One line about it, such as a window's size. */
  readonly detail: string
  readonly inputs: readonly number[]
  /** Whether it has a name that savepoints refer to. */
  readonly stateful: boolean
}

export function summarize(job: Job): readonly StepSummary[] {
  return job.nodes.map((node) => ({
    id: node.id,
    name: node.name,
    kind: kindOf(node),
    detail: detailOf(node),
    inputs: inputsOf(node),
    stateful: node.kind === 'step' || node.kind === 'source' || node.kind === 'sink',
  }))
}

/** The plan as text, a line a step: `4  window  per-minute  ← 3  tumbling, 60,000 ms`. */
export function explain(job: Job): string {
  const lines = summarize(job).map((step) => {
    const from = step.inputs.length === 0 ? '' : `← ${step.inputs.join(', ')}`
    return [`${step.id}`.padStart(3), step.kind.padEnd(12), step.name.padEnd(24), from.padEnd(8), step.detail]
      .join('  ')
      .trimEnd()
  })
  return [`job ${job.name}`, ...lines].join('\n')
}

function kindOf(node: PlanNode): string {
  if (node.kind === 'step') return node.step.kind
  return node.kind === 'stateless' ? node.operation.kind : node.kind
}

function detailOf(node: PlanNode): string {
  switch (node.kind) {
    case 'source':
      return node.source.replayable ? node.source.kind : `${node.source.kind}, cannot be replayed`
    case 'sink':
      return `${node.sink.kind}, ${node.sink.guarantee}`
    case 'event-time':
      return `${ms(node.options.outOfOrdernessMs ?? 0)} out of order${node.options.idleAfterMs === undefined ? '' : `, idle after ${ms(node.options.idleAfterMs)}`}`
    case 'side-output':
      return node.output
    case 'step': {
      if (node.step.kind !== 'window') return ''
      const { assigner, options } = node.step
      const size = assigner.kind === 'session' ? `gap ${ms(assigner.gapMs)}` : ms(assigner.sizeMs)
      const slide = assigner.kind === 'sliding' ? ` every ${ms(assigner.slideMs)}` : ''
      return `${assigner.kind}, ${size}${slide}, late by up to ${ms(options.allowedLatenessMs ?? 0)}`
    }
    case 'stateless':
    case 'key-by':
    case 'union':
      return ''
  }
}

function ms(duration: number): string {
  return `${duration.toLocaleString('en-US')} ms`
}
