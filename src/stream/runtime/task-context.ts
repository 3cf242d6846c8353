import type { Report } from '../../base/report.ts'
import type { World } from '../../world/world.ts'
import type { JobOutput } from '../connector/sink.ts'

/** What the nodes of one subtask share. */
export interface TaskContext {
  readonly world: World
  readonly report: Report
  readonly job: string
  readonly subtask: number
  readonly parallelism: number
  readonly maxParallelism: number
  readonly bootstrap: string | undefined
  readonly signal: AbortSignal
  /** Runs `task` in the subtask's loop, between batches. */
  enqueue(task: () => void): void
  /** Stops the subtask with an error. */
  fail(error: unknown): void
  output(step: string): JobOutput
}
