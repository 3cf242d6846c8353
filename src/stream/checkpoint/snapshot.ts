/** What a checkpoint holds, as data: what a subtask acknowledges, and the manifest that makes it complete. */
import type { Split } from '../connector/source.ts'
import type { JsonValue } from '../operators/operator.ts'

/** A piece of keyed state that was written: a file beside the manifest, or bytes where checkpoints live in memory. */
export type StateReference =
  | { readonly kind: 'file'; readonly path: string; readonly sizeBytes: number; readonly crc32c: number }
  | { readonly kind: 'memory'; readonly bytes: Uint8Array; readonly sizeBytes: number }

/** One step of one subtask, but for its keyed state. */
export interface StepSnapshot {
  /** What `Operator.snapshot` gave. */
  readonly operator?: JsonValue
  readonly watermarkMs?: number
  /** The keyed tables the step had, with their formats. */
  readonly tables?: readonly TableFormat[]
  /** A source's positions. */
  readonly splits?: readonly Split[]
  /** What event time knows about each split. */
  readonly splitTimes?: readonly SplitTime[]
  /** What a sink prepared at this barrier and has not committed yet. */
  readonly committables?: readonly { readonly checkpointId: number; readonly data: JsonValue }[]
}

export interface TableFormat {
  readonly name: string
  readonly format: string
}

export interface SplitTime {
  readonly split: string
  /** The watermark that the split alone had reached. */
  readonly watermarkMs: number
}

/** A subtask's part of a checkpoint. */
export interface SubtaskSnapshot {
  readonly subtask: number
  readonly steps: Readonly<Record<string, StepSnapshot>>
  /** Keyed state: what is new in this checkpoint, if anything. */
  readonly state: StateReference | undefined
  readonly sizeBytes: number
  /** How long the data path stood still for it, and how long barriers took to align, in ms. */
  readonly pauseMs: number
  readonly alignmentMs: number
}

export interface Manifest {
  readonly format: 1
  readonly job: string
  readonly checkpointId: number
  readonly takenMs: number
  /** The savepoint that the job began from, if it did. */
  readonly origin?: string
  readonly parallelism: number
  readonly maxParallelism: number
  readonly subtasks: readonly ManifestSubtask[]
}

export interface ManifestSubtask {
  readonly steps: Readonly<Record<string, StepSnapshot>>
  /** A full snapshot and what changed since, oldest first. */
  readonly chain: readonly StateReference[]
}
