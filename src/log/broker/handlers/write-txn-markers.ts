import type {
  WriteTxnMarkersRequest,
  WriteTxnMarkersResponseInput,
} from '../../protocol/apis/write-txn-markers.ts'
import { messageOf } from '../../../base/millrace-error.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { AclOperation, mayOnCluster, showsOnCluster } from '../security/access.ts'
import type { BrokerServices, Handler } from '../services.ts'

type Marker = WriteTxnMarkersRequest['markers'][number]

/** WriteTxnMarkers: sent by administrators' tools to end a transaction that hangs in a partition. */
export const handleWriteTxnMarkers: Handler<WriteTxnMarkersRequest, WriteTxnMarkersResponseInput> = async (
  request,
  context,
) => {
  const allowed =
    showsOnCluster(context, AclOperation.ALTER) || mayOnCluster(context, AclOperation.CLUSTER_ACTION)
  const markers = request.markers.map(async (marker) => ({
    producerId: marker.producerId,
    topics: await Promise.all(
      marker.topics.map(async ({ name, partitionIndexes }) => ({
        name,
        partitions: await Promise.all(
          partitionIndexes.map(async (partitionIndex) => ({
            partitionIndex,
            errorCode: allowed
              ? await writeOne(context.services, marker, { topic: name, partition: partitionIndex })
              : ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
          })),
        ),
      })),
    ),
  }))
  return { markers: await Promise.all(markers) }
}

async function writeOne(
  services: BrokerServices,
  marker: Marker,
  { topic, partition }: { readonly topic: string; readonly partition: number },
): Promise<ErrorCode> {
  const log = services.logDirectory.topic(topic)?.partitions[partition]
  if (log === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
  const { producerId, producerEpoch, coordinatorEpoch } = marker
  const kind = marker.transactionResult ? 'commit' : 'abort'
  const error = services.transactions.markers.append(log, {
    kind,
    producerId,
    producerEpoch,
    coordinatorEpoch,
  })
  if (error !== ErrorCode.NONE) return error
  try {
    await log.sync()
    return ErrorCode.NONE
  } catch (failure) {
    services.report('error', 'a transaction marker could not be made durable', {
      topic,
      partition,
      reason: messageOf(failure),
    })
    return ErrorCode.KAFKA_STORAGE_ERROR
  }
}
