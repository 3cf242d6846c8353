/** What the job manager and its subtasks tell each other; structured clones, so subtasks may live in other threads. */
import type { CheckpointMode } from '../checkpoint/coordinator.ts'
import type { SplitTime, StateReference, SubtaskSnapshot, TableFormat } from '../checkpoint/snapshot.ts'
import type { Committable } from '../connector/sink.ts'
import type { Split } from '../connector/source.ts'
import type { JsonValue } from '../operators/operator.ts'
import type { StepMetricsSnapshot } from './step-metrics.ts'

/** How a subtask begins: afresh, or where a checkpoint was. */
export interface TaskStart {
  readonly splits: Readonly<Record<string, readonly Split[]>>
  readonly restore: TaskRestore | undefined
}

export interface TaskRestore {
  readonly checkpointId: number
  /** By step name, what this subtask gets. */
  readonly steps: Readonly<Record<string, StepRestore>>
  /** The keyed state of all subtasks, in an order in which it may be applied; each takes its own key groups. */
  readonly state: readonly StateReference[]
  /** Steps of the checkpoint that the job no longer has are forgotten instead of being an error. */
  readonly allowDroppedState: boolean
}

export interface StepRestore {
  readonly operatorParts: readonly JsonValue[]
  readonly watermarkMs: number | undefined
  readonly splitTimes: readonly SplitTime[]
  readonly committables: readonly Committable[]
  readonly tables: readonly TableFormat[]
  readonly isSource: boolean
}

export type TaskCommand =
  | {
      readonly kind: 'checkpoint'
      readonly checkpointId: number
      readonly mode: CheckpointMode
      readonly stop: boolean
      readonly directory: string | undefined
    }
  | { readonly kind: 'commit'; readonly checkpointId: number }
  | { readonly kind: 'aborted'; readonly checkpointId: number }
  /** All is committed: close. */
  | { readonly kind: 'finish' }
  /** Stop with an error, as if a step had failed; for tests. */
  | { readonly kind: 'fail'; readonly error: Error }

export type TaskEvent =
  | { readonly kind: 'snapshot'; readonly checkpointId: number; readonly snapshot: SubtaskSnapshot }
  | {
      readonly kind: 'declined'
      readonly subtask: number
      readonly checkpointId: number
      readonly cause: string
    }
  | { readonly kind: 'committed'; readonly subtask: number; readonly checkpointId: number }
  /** All sources of the subtask have ended and everything has reached the sinks. */
  | { readonly kind: 'drained'; readonly subtask: number }

export interface TaskMetrics {
  readonly subtask: number
  /** Time spent working, and held up by outputs, since the subtask began, in ms. */
  readonly busyMs: number
  readonly blockedMs: number
  readonly steps: readonly StepMetricsSnapshot[]
}
