import type { TopicPartition } from '../../coordinator/transaction/transaction-decision.ts'
import type { TransactionPartitions } from '../../coordinator/transaction/transaction-record.ts'
import type { LogDirectory } from '../../storage/log-directory.ts'
import type { PartitionLog } from '../../storage/partition-log.ts'

/** An open transaction as a data partition knows it. */
export interface FoundTransaction extends TopicPartition {
  readonly producerId: number
  readonly producerEpoch: number
  /** Markers of older coordinators than this are refused. */
  readonly coordinatorEpoch: number
}

/** Every open transaction of every partition. */
export function* findOpenTransactions(logDirectory: LogDirectory): Iterable<FoundTransaction> {
  for (const { name, partitions } of logDirectory.topics()) {
    for (const log of partitions) {
      for (const { producerId, producerEpoch } of log.openTransactions()) {
        const coordinatorEpoch = Math.max(0, log.producer(producerId)?.coordinatorEpoch ?? 0)
        yield { topic: name, partition: log.partition, producerId, producerEpoch, coordinatorEpoch }
      }
    }
  }
}

/** Resolves when what a producer wrote to these partitions is on the device; it is already when it used acks=all. */
export async function syncTransactionData(
  logDirectory: LogDirectory,
  { producerId, partitions }: { readonly producerId: number; readonly partitions: TransactionPartitions },
): Promise<void> {
  const syncs: Promise<void>[] = []
  for (const { topic, partition } of listPartitions(partitions)) {
    const log = logDirectory.topic(topic)?.partitions[partition]
    if (log === undefined || log.durableOffset >= log.endOffset) continue
    if (lastOffsetOf(log, producerId) >= log.durableOffset) syncs.push(log.sync())
  }
  if (syncs.length > 0) await Promise.all(syncs)
}

export function listPartitions(partitions: TransactionPartitions): TopicPartition[] {
  return Array.from(partitions, ([topic, indexes]) =>
    Array.from(indexes, (partition) => ({ topic, partition })),
  ).flat()
}

/** The last offset that the producer wrote here; when that is not remembered, the last of all. */
function lastOffsetOf(log: PartitionLog, producerId: number): number {
  return log.producer(producerId)?.batches.at(-1)?.lastOffset ?? log.endOffset - 1
}
