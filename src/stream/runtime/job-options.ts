import type { Report } from '../../base/report.ts'
import type { World } from '../../world/world.ts'
import type { SecuredLog } from '../connector/connector-context.ts'

/** A log as `startLog` gives it. */
export interface StartedLog {
  readonly host: string
  readonly port: number
  /** How clients of its own process come in. */
  readonly internal?: { readonly bootstrap: string; readonly security?: SecuredLog['security'] }
}

export interface RunJobOptions {
  /**
   * The log the job's Kafka sources and sinks use, unless they name another: `host:port`, a started log, or a cluster
   * that has to be shown who comes (plain data only where the job is given as a module: it goes to workers).
   */
  readonly log?: string | StartedLog | SecuredLog
  /** Subtasks of every step. More than one use one thread each when the job is given as a module. Default: 1. */
  readonly parallelism?: number
  /** Key groups, the most subtasks the job can ever be restored with. Default: 128. Keep it for the job's lifetime. */
  readonly maxParallelism?: number
  /** When and where to take checkpoints; `false` for none. Default: every 1,000 ms, in memory. */
  readonly checkpoint?: CheckpointOptions | false
  /** Directory of a savepoint, or of a checkpoint, to begin from, instead of the newest checkpoint under `path`. A job that
   * has begun from it before goes on from its newest checkpoint. */
  readonly from?: string
  /** Forget state in the savepoint that the job has no step for, instead of refusing it. Default: false. */
  readonly allowDroppedState?: boolean
  readonly restart?: RestartOptions
  /** Aborting it stops the job, with a last checkpoint. */
  readonly signal?: AbortSignal
  /** Events that wait for the reader of an output before the job is held up. Default: 10,000. */
  readonly outputCapacity?: number
  /** Shared memory of one channel between two subtasks, a power of two of bytes. Default: 1 MiB. */
  readonly ringBytes?: number
  readonly report?: Report
  /** Hears the job's name before it begins, and before each restart. What it throws the first time refuses the job. */
  readonly onNamed?: (name: string) => void
  /** Default: the real one. */
  readonly world?: World
}

export interface CheckpointOptions {
  /** From one checkpoint to the next, in ms. Default: 1,000. */
  readonly intervalMs?: number
  /** Directory for the checkpoints of all jobs. Without it they live in memory: good for restarts in this process. */
  readonly path?: string
  /** Least time between two checkpoints, in ms. Default: half of the interval, at most 500. */
  readonly minPauseMs?: number
  /** After this long a checkpoint is reported as overdue, in ms. Default: 600,000. */
  readonly timeoutMs?: number
  /** Complete checkpoints kept. Default: 2. */
  readonly retained?: number
  /** Checkpoints in a row that may fail (a full disk) before the job does. Default: 10. */
  readonly failuresMax?: number
}

export interface RestartOptions {
  /** Restarts in a row, without a checkpoint between them, before the job has failed. Default: 10. */
  readonly limit?: number
  /** Pause before the first restart, doubled for each further one, in ms. Default: 100. */
  readonly backoffMs?: number
  /** Longest pause, in ms. Default: 30,000. */
  readonly backoffMsMax?: number
}
