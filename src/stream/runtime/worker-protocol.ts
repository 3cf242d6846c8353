/** What a job's main thread and its worker threads tell each other, beyond `task-protocol.ts`. */
import type { LogAddress } from '../connector/connector-context.ts'
import type { ReportLevel } from '../../base/report.ts'
import type { Split } from '../connector/source.ts'
import type { ExchangeMemory } from './exchange-port.ts'
import type { JobDescription, KnownSplits } from './job-host.ts'
import type { TaskCommand, TaskEvent, TaskMetrics, TaskStart } from './task-protocol.ts'

export interface SubtaskWorkerData {
  readonly job: string
  readonly subtask: number
  readonly parallelism: number
  readonly maxParallelism: number
  readonly bootstrap: LogAddress | undefined
  readonly commits: boolean
  readonly outputCapacity: number
}

export type ToWorker =
  | { readonly kind: 'discover'; readonly known: KnownSplits }
  | { readonly kind: 'open'; readonly start: TaskStart; readonly memory: ExchangeMemory | undefined }
  | { readonly kind: 'run' }
  | { readonly kind: 'command'; readonly command: TaskCommand }
  /** The application has read so many events of an output. */
  | { readonly kind: 'consumed'; readonly step: string; readonly count: number }
  | { readonly kind: 'bell' }

export type FromWorker =
  | { readonly kind: 'described'; readonly description: JobDescription; readonly exchanges: number }
  | { readonly kind: 'splits'; readonly splits: Readonly<Record<string, readonly Split[]>> }
  | { readonly kind: 'opened' }
  | { readonly kind: 'event'; readonly event: TaskEvent }
  | {
      readonly kind: 'output'
      readonly step: string
      readonly checkpointId: number | undefined
      readonly values: readonly unknown[]
    }
  | { readonly kind: 'metrics'; readonly metrics: TaskMetrics }
  | {
      readonly kind: 'report'
      readonly level: ReportLevel
      readonly event: string
      readonly fields: Readonly<Record<string, unknown>>
    }
  | { readonly kind: 'bell'; readonly subtask: number }
  | { readonly kind: 'failed'; readonly failure: Failure }

/** An error as data: threads do not keep the classes of errors. */
export interface Failure {
  readonly message: string
  readonly stack: string | undefined
  readonly code: `MR_${string}` | undefined
  readonly place: Readonly<Record<string, unknown>> | undefined
}
