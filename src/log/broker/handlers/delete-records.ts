import { messageOf } from '../../../base/millrace-error.ts'
import type { DeleteRecordsRequest, DeleteRecordsResponseInput } from '../../protocol/apis/delete-records.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { AclOperation, mayOnTopic } from '../security/access.ts'
import type { BrokerServices, Handler } from '../services.ts'

const TO_HIGH_WATERMARK = -1

type Outcome = { readonly errorCode: ErrorCode; readonly lowWatermark: number }

/**
 * DeleteRecords: moves partitions' start up to an offset; the answer is where they begin now, once that is on the device:
 * what was deleted does not come back.
 */
export const handleDeleteRecords: Handler<DeleteRecordsRequest, DeleteRecordsResponseInput> = async (
  request,
  context,
) => {
  const topics = request.topics.map(({ name, partitions }) => ({
    name,
    partitions: mayOnTopic(context, AclOperation.DELETE, name)
      ? partitions.map(({ partitionIndex, offset }) => ({
          partitionIndex,
          ...deleteBefore({ topic: name, partition: partitionIndex, offset }, context.services),
        }))
      : partitions.map(({ partitionIndex }) => ({
          partitionIndex,
          errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED,
          lowWatermark: -1,
        })),
  }))
  try {
    await context.services.logDirectory.logStartsSaved()
    return { topics }
  } catch (error) {
    context.services.report('error', 'deleted records may come back', { reason: messageOf(error) })
    return {
      topics: topics.map(({ name, partitions }) => ({ name, partitions: partitions.map(notDurable) })),
    }
  }
}

function notDurable<Answer extends Outcome>(answer: Answer): Answer {
  return answer.errorCode === ErrorCode.NONE
    ? { ...answer, errorCode: ErrorCode.KAFKA_STORAGE_ERROR }
    : answer
}

function deleteBefore(
  wanted: { readonly topic: string; readonly partition: number; readonly offset: number },
  services: BrokerServices,
): Outcome {
  const topic = services.logDirectory.topic(wanted.topic)
  const log = topic?.partitions[wanted.partition]
  if (topic === undefined || log === undefined)
    return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, lowWatermark: -1 }
  if (topic.internal) return { errorCode: ErrorCode.INVALID_TOPIC_EXCEPTION, lowWatermark: -1 }
  // Compaction promises the last value of every key; deleting from the front would break that.
  if (!topic.config.cleanupDeletes) return { errorCode: ErrorCode.POLICY_VIOLATION, lowWatermark: -1 }
  const offset = wanted.offset === TO_HIGH_WATERMARK ? log.endOffset : wanted.offset
  if (offset < 0 || offset > log.endOffset)
    return { errorCode: ErrorCode.OFFSET_OUT_OF_RANGE, lowWatermark: -1 }
  try {
    log.deleteRecordsBefore(offset)
  } catch (error) {
    services.report('error', 'records could not be deleted', { ...wanted, reason: messageOf(error) })
    return { errorCode: ErrorCode.KAFKA_STORAGE_ERROR, lowWatermark: -1 }
  }
  return { errorCode: ErrorCode.NONE, lowWatermark: log.logStartOffset }
}
