import type { Report } from '../../base/report.ts'
import type { Clock } from '../../world/world.ts'
import type { OpenFiles } from './open-files.ts'
import type { PartitionLog } from './partition-log.ts'

/** What a partition needs from the directory that it lives in. */
export interface PartitionContext {
  readonly clock: Clock
  readonly files: OpenFiles
  readonly report: Report
  /** How long a silent producer's sequence numbers are remembered. */
  readonly producerIdExpirationMs: number
  /** Resolves when the creation of every topic so far is on the device. */
  readonly topicsSynced: () => Promise<void>
  /** Called at every append: there is something to sync. */
  readonly onDirty: (partition: PartitionLog, unsyncedBytes: number) => void
  /** Resolves when the recovery points of this moment are on the device. */
  readonly recoveryPointsSaved: () => Promise<void>
  /** Resolves when the log start offsets of this moment are on the device. */
  readonly logStartsSaved: () => Promise<void>
}
