import type { World } from '../../world/world.ts'

/** Where a source or a sink runs: one subtask of one step of a job. */
export interface ConnectorContext {
  readonly world: World
  readonly job: string
  readonly step: string
  readonly subtask: number
  readonly parallelism: number
  /** `host:port` of the log the job runs against. */
  readonly bootstrap: string | undefined
  /** Aborts when the subtask ends. */
  readonly signal: AbortSignal
}
