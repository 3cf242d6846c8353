/** Where the subtasks of a job run: in the calling thread, or each in a worker thread of its own. */
import type { LogAddress } from '../connector/connector-context.ts'
import type { Report } from '../../base/report.ts'
import type { World } from '../../world/world.ts'
import type { Split } from '../connector/source.ts'
import type { StepSummary } from '../graph/explain.ts'
import type { OutputQueue } from './output-queue.ts'
import type { TaskCommand, TaskEvent, TaskMetrics, TaskStart } from './task-protocol.ts'

export interface JobHostOptions {
  readonly world: World
  readonly report: Report
  readonly parallelism: number
  readonly maxParallelism: number
  readonly bootstrap: LogAddress | undefined
  /** False when the job takes no checkpoints but the last. */
  readonly commits: boolean
  readonly ringBytes: number | undefined
  readonly outputCapacity: number
  readonly output: (step: string) => OutputQueue
}

export interface JobDescription {
  readonly name: string
  readonly steps: readonly StepSummary[]
  /** Sinks whose output the application may read. */
  readonly outputs: readonly string[]
}

/** Ids of splits by source. */
export type KnownSplits = Readonly<Record<string, readonly string[]>>

/** One attempt at running a job: made anew for each restart. */
export interface JobHost {
  /** Loads the job. Throws `MR_JOB_MODULE` when the module does not export one. */
  describe(): Promise<JobDescription>
  /** The splits of every source, given those that the checkpoint to restore has. */
  discoverSplits(known: KnownSplits): Promise<Readonly<Record<string, readonly Split[]>>>
  /** Opens and restores every subtask, then lets them run. */
  start(starts: readonly TaskStart[], onEvent: (event: TaskEvent) => void): Promise<void>
  command(command: TaskCommand): void
  /** Resolves once all subtasks have ended in order; rejects with the first failure. */
  readonly ended: Promise<void>
  /** The newest figures there are of every subtask. */
  metrics(): readonly TaskMetrics[]
  /** Ends whatever still runs. */
  close(): Promise<void>
}
