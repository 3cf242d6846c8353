import type { Report } from '../../base/report.ts'
import type { ConnectorContext } from '../connector/connector-context.ts'
import type { JobOutput } from '../connector/sink.ts'

/** What the nodes of one subtask share. */
export interface TaskContext extends Omit<ConnectorContext, 'step'> {
  readonly report: Report
  readonly maxParallelism: number
  /** Runs `task` in the subtask's loop, between batches. */
  enqueue(task: () => void): void
  /** Stops the subtask with an error. */
  fail(error: unknown): void
  output(step: string): JobOutput
}

/** What the source or sink of a step gets to know. */
export function connectorContext(task: TaskContext, step: string): ConnectorContext {
  const { world, job, subtask, parallelism, bootstrap, signal } = task
  return { world, job, step, subtask, parallelism, bootstrap, signal }
}
