import type { World } from '../../world/world.ts'

/** The log that a job runs against: `host:port`, or that with what its clients need to get in. */
export type LogAddress = string | SecuredLog

export interface SecuredLog {
  readonly bootstrap: string
  /** `ClientSecurity` of the log's client, which the engine only hands on. */
  readonly security: object
}

/** Where a source or a sink runs: one subtask of one step of a job. */
export interface ConnectorContext {
  readonly world: World
  readonly job: string
  readonly step: string
  readonly subtask: number
  readonly parallelism: number
  /** The log the job runs against. */
  readonly bootstrap: LogAddress | undefined
  /** Aborts when the subtask ends. */
  readonly signal: AbortSignal
}
