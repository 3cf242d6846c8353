import type { JobMetrics, StepTotals } from '../stream/runtime/job-metrics.ts'
import { WATERMARK_END } from '../stream/operators/operator.ts'
import type { ServedJob } from './job-registry.ts'

/** A job as the REST API shows it. */
export interface JobView {
  readonly name: string
  readonly status: string
  readonly parallelism: number
  readonly restarts: number
  readonly error: string | null
  readonly lastCheckpoint: {
    readonly id: number
    readonly sizeBytes: number
    readonly durationMs: number
    readonly completedMs: number
  } | null
  /** In one sentence each: why there may be no output yet. */
  readonly explanation: readonly string[]
  readonly steps: readonly StepView[]
}

export interface StepView {
  readonly name: string
  readonly kind: string
  readonly eventsIn: number
  readonly eventsOut: number
  readonly late: number
  readonly rejected: number
  readonly filtered: number
  /** How far behind its input a source is, in the source's units; null where that is not known. */
  readonly lag: number | null
  readonly watermarkMs: number | null
  /** Whether all of its input has come: the watermark is past every time then. */
  readonly ended: boolean
}

export async function viewJob(job: ServedJob): Promise<JobView> {
  const metrics = await job.metrics()
  const last = metrics.checkpoints.last
  return {
    name: job.name,
    status: metrics.status,
    parallelism: metrics.parallelism,
    restarts: metrics.restarts,
    error: metrics.lastError ?? null,
    lastCheckpoint:
      last === undefined
        ? null
        : {
            id: last.checkpointId,
            sizeBytes: last.sizeBytes,
            durationMs: last.durationMs,
            completedMs: last.completedMs,
          },
    explanation: explain(metrics),
    steps: metrics.steps.map(viewStep),
  }
}

function viewStep(step: StepTotals): StepView {
  const lags = step.splits.map((split) => split.lag).filter((lag) => lag !== undefined)
  return {
    name: step.name,
    kind: step.kind,
    eventsIn: step.eventsIn,
    eventsOut: step.eventsOut,
    late: step.counters['late'] ?? 0,
    rejected: step.counters['rejected'] ?? 0,
    filtered: step.counters['filtered'] ?? 0,
    lag: lags.length === 0 ? null : lags.reduce((sum, lag) => sum + lag, 0),
    watermarkMs: hasEnded(step) ? null : (step.watermarkMs ?? null),
    ended: hasEnded(step),
  }
}

function hasEnded(step: StepTotals): boolean {
  return step.watermarkMs !== undefined && step.watermarkMs >= WATERMARK_END
}

/** Answers "why is there no output?": who holds the watermark back, what was late, rejected or filtered. */
function explain(metrics: JobMetrics): string[] {
  return metrics.steps.flatMap((step) => {
    const sentences: string[] = []
    const holding = step.splits.filter((split) => split.holdsBack && !split.idle)
    const ahead = step.splits.some(
      (split) => split.watermarkMs !== undefined && split.watermarkMs !== step.watermarkMs,
    )
    if (holding.length > 0 && ahead) {
      const names = holding.map((split) => split.split).join(', ')
      const at =
        step.watermarkMs === undefined ? 'before its first event' : new Date(step.watermarkMs).toISOString()
      sentences.push(`${step.name}: the watermark stands at ${at}; it waits for ${names}.`)
    }
    const { late = 0, rejected = 0 } = step.counters
    const whose = late === 1 ? 'its' : 'their'
    if (late > 0) sentences.push(`${step.name}: ${counted(late, 'event')} came after ${whose} time was over.`)
    if (rejected > 0) sentences.push(`${step.name}: ${counted(rejected, 'record')} could not be decoded.`)
    return sentences
  })
}

function counted(count: number, what: string): string {
  return `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`
}
