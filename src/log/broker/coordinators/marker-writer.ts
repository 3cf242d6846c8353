import { messageOf } from '../../../base/millrace-error.ts'
import { sleep } from '../../../world/world.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import type { PartitionLog } from '../../storage/partition-log.ts'
import type { CoordinatorEnvironment } from '../coordinator-services.ts'
import type { GroupDriver } from './group-driver.ts'
import { CONSUMER_OFFSETS } from './internal-topics.ts'

export interface Marker {
  readonly kind: 'commit' | 'abort'
  readonly producerId: number
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
  /** The epoch is of this transaction alone. Default: others may have had it. */
  readonly hasOwnEpoch?: boolean
}

const FIRST_RETRY_MS = 100
const LONGEST_RETRY_MS = 5_000

/**
 * Writes the control batches that end a transaction, and tells the group coordinators of those that concern offsets.
 *
 * A process that ends between the writing of a marker and the end of the transaction finds it in the partition when it
 * comes back, where each transaction has an epoch of its own: it is there once, and a mirror keeps its offsets. Otherwise it
 * writes another, as Kafka's coordinators always do. That one ends nothing, so nothing but an offset is used up: the
 * producer's next transaction begins only when all markers of this one are on the device.
 */
export class MarkerWriter {
  readonly #environment: Pick<CoordinatorEnvironment, 'clock' | 'logDirectory' | 'report'>
  readonly #groups: Pick<GroupDriver, 'applyMarker'>

  constructor(
    environment: Pick<CoordinatorEnvironment, 'clock' | 'logDirectory' | 'report'>,
    groups: Pick<GroupDriver, 'applyMarker'>,
  ) {
    this.#environment = environment
    this.#groups = groups
  }

  /** One marker, in the page cache when this returns NONE; `PartitionLog.sync` makes it durable. */
  append(log: PartitionLog, marker: Marker): ErrorCode {
    const result = log.appendMarker(marker)
    if (result.kind === 'rejected') {
      this.#environment.report('error', 'a transaction marker was refused', {
        topic: log.topic,
        partition: log.partition,
        producerId: marker.producerId,
        producerEpoch: marker.producerEpoch,
        reason: result.message,
      })
      return result.error
    }
    if (log.topic === CONSUMER_OFFSETS)
      this.#groups.applyMarker(log.partition, marker.producerId, marker.kind)
    return ErrorCode.NONE
  }

  /**
   * Writes the marker to all partitions and waits until every one is durable. Tries again for as long as the disk
   * refuses; a partition that has gone, or that knows of a newer epoch, needs no marker. False when `signal` aborted.
   */
  async write(
    partitions: readonly { readonly topic: string; readonly partition: number }[],
    marker: Marker,
    signal: AbortSignal,
  ): Promise<boolean> {
    let left = partitions
    for (let retryMs = FIRST_RETRY_MS; ; retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS)) {
      const written = await Promise.all(left.map((place) => this.#writeOne(place, marker)))
      left = left.filter((_place, index) => !written[index])
      if (left.length === 0) return true
      await sleep(this.#environment.clock, retryMs, signal)
      if (signal.aborted) return false
    }
  }

  async #writeOne(
    { topic, partition }: { readonly topic: string; readonly partition: number },
    marker: Marker,
  ): Promise<boolean> {
    const log = this.#environment.logDirectory.topic(topic)?.partitions[partition]
    if (log === undefined) return true
    const error = hasEnded(log, marker) ? ErrorCode.NONE : this.append(log, marker)
    if (error !== ErrorCode.NONE) {
      return error === ErrorCode.INVALID_PRODUCER_EPOCH || error === ErrorCode.TRANSACTION_COORDINATOR_FENCED
    }
    try {
      await log.sync()
      return true
    } catch (failure) {
      this.#environment.report('error', 'a transaction marker could not be made durable', {
        topic,
        partition,
        reason: messageOf(failure),
      })
      return false
    }
  }
}

/**
 * Whether the partition has the marker already. Among the offsets of groups another one does no harm, and is wanted: a
 * snapshot that was under way may have repeated pending offsets behind the first (simulation of jobs, seed 93).
 */
function hasEnded(log: PartitionLog, { producerId, producerEpoch, hasOwnEpoch }: Marker): boolean {
  const producer = log.producer(producerId)
  if (hasOwnEpoch !== true || log.topic === CONSUMER_OFFSETS) return false
  if (producer === undefined || producer.coordinatorEpoch < 0) return false
  return producer.producerEpoch === producerEpoch && producer.transactionFirstOffset < 0
}
