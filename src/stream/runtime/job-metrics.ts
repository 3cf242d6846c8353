/** A job's figures, over all its subtasks: what the REST API and the dashboard show. */
import type { JsonValue } from '../operators/operator.ts'
import type { SplitMetrics, StepMetricsSnapshot } from './step-metrics.ts'
import type { TaskMetrics } from './task-protocol.ts'

export type JobStatus = 'starting' | 'running' | 'restarting' | 'finished' | 'stopped' | 'failed'

export interface JobMetrics {
  readonly status: JobStatus
  readonly parallelism: number
  readonly restarts: number
  /** The error of the last failure, if there was one. */
  readonly lastError: string | undefined
  readonly checkpoints: CheckpointMetrics
  readonly steps: readonly StepTotals[]
  readonly subtasks: readonly {
    readonly subtask: number
    readonly busyMs: number
    readonly blockedMs: number
  }[]
}

export interface CheckpointMetrics {
  readonly completed: number
  readonly failed: number
  readonly last: CompletedCheckpoint | undefined
  /** The last few, newest last. */
  readonly recent: readonly CompletedCheckpoint[]
}

export interface CompletedCheckpoint {
  readonly checkpointId: number
  readonly mode: 'full' | 'changes'
  readonly completedMs: number
  readonly durationMs: number
  readonly sizeBytes: number
  /** Of the subtask for which each was longest, in ms. */
  readonly pauseMs: number
  readonly alignmentMs: number
}

export interface StepTotals {
  readonly name: string
  readonly kind: string
  readonly eventsIn: number
  readonly eventsOut: number
  readonly counters: Readonly<Record<string, number>>
  readonly gauges: Readonly<Record<string, number>>
  readonly samples: Readonly<Record<string, readonly JsonValue[]>>
  /** The smallest of the subtasks'; undefined while one has none. */
  readonly watermarkMs: number | undefined
  /** A source's or event time's splits, with who holds the watermark back. */
  readonly splits: readonly SplitMetrics[]
}

export function totalSteps(tasks: readonly TaskMetrics[]): readonly StepTotals[] {
  const byName = new Map<string, StepMetricsSnapshot[]>()
  for (const { steps } of tasks) {
    for (const step of steps) byName.set(step.name, [...(byName.get(step.name) ?? []), step])
  }
  return [...byName.values()].map(total)
}

function total(parts: readonly StepMetricsSnapshot[]): StepTotals {
  const { name, kind } = parts[0]!
  // A subtask without splits has ended and holds nobody back.
  const watermarks = parts.map((part) => part.watermarkMs)
  const known = watermarks.filter((watermark) => watermark !== undefined)
  return {
    name,
    kind,
    eventsIn: sum(parts.map((part) => part.eventsIn)),
    eventsOut: sum(parts.map((part) => part.eventsOut)),
    counters: addUp(parts.map((part) => part.counters)),
    gauges: addUp(parts.map((part) => part.gauges)),
    samples: Object.fromEntries(
      [...new Set(parts.flatMap((part) => Object.keys(part.samples)))].map((sample) => [
        sample,
        parts.flatMap((part) => part.samples[sample] ?? []),
      ]),
    ),
    watermarkMs: known.length < watermarks.length ? undefined : Math.min(...known),
    splits: parts.flatMap((part) => part.splits),
  }
}

function addUp(parts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const totals: Record<string, number> = {}
  for (const part of parts)
    for (const [name, value] of Object.entries(part)) totals[name] = (totals[name] ?? 0) + value
  return totals
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((left, right) => left + right, 0)
}
