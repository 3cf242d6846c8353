/** What a producer can be told, and what distinguishes a transactional one from the other. */
import type { Compression } from '../protocol/record-batch.ts'
import type { PartitionQueue } from './partition-queue.ts'
import type { ProducerIdentity } from './pending-batch.ts'

export interface SenderOptions {
  /** How long a record may wait for company, ms; default 5. 0 sends with the next turn of the event loop. */
  readonly lingerMs?: number
  /** A batch is closed at this size (before compression); default 128 KiB. */
  readonly batchSizeBytes?: number
  /** `blocked` from this many bytes on; default 32 MiB. */
  readonly maxBufferedBytes?: number
  /** Default `none`. */
  readonly compression?: Compression
  /** A batch that has not arrived after this time fails, ms; default 120,000. */
  readonly deliveryTimeoutMs?: number
}

export interface TransactionScope {
  readonly transactionalId: string
  /** Whether writing to a partition adds it to the transaction (KIP-890); otherwise `addPartitions` must. */
  readonly addsByItself: boolean
  addPartitions(partitions: readonly PartitionQueue[]): Promise<void>
}

export interface SenderHooks {
  /** A new identity for a partition whose sequence broke; absent in a transaction, which fails instead. */
  readonly newIdentity?: () => Promise<ProducerIdentity>
  readonly transaction?: TransactionScope
}
