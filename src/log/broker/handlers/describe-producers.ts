import type {
  DescribeProducersRequest,
  DescribeProducersResponseInput,
} from '../../protocol/apis/describe-producers.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import type { PartitionLog } from '../../storage/partition-log.ts'
import { AclOperation, mayOnTopic } from '../security/access.ts'
import type { Handler } from '../services.ts'

type PartitionAnswer = DescribeProducersResponseInput['topics'][number]['partitions'][number]

/** DescribeProducers: the producers that a partition remembers, and their open transactions. */
export const handleDescribeProducers: Handler<DescribeProducersRequest, DescribeProducersResponseInput> = (
  request,
  context,
) => ({
  topics: request.topics.map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((partitionIndex): PartitionAnswer => {
      const refused = (errorCode: ErrorCode): PartitionAnswer => ({
        partitionIndex,
        errorCode,
        errorMessage: null,
        activeProducers: [],
      })
      if (!mayOnTopic(context, AclOperation.READ, name)) return refused(ErrorCode.TOPIC_AUTHORIZATION_FAILED)
      const log = context.services.logDirectory.topic(name)?.partitions[partitionIndex]
      if (log === undefined) return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
      return {
        partitionIndex,
        errorCode: ErrorCode.NONE,
        errorMessage: null,
        activeProducers: producersOf(log),
      }
    }),
  })),
})

function producersOf(log: PartitionLog): PartitionAnswer['activeProducers'] {
  return Array.from(log.producers(), (producer) => {
    const last = producer.batches.at(-1)
    return {
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      lastSequence: last?.lastSequence ?? -1,
      lastTimestamp: last?.timestampMs ?? producer.lastSeenMs,
      coordinatorEpoch: producer.coordinatorEpoch,
      currentTxnStartOffset: producer.transactionFirstOffset,
    }
  })
}
