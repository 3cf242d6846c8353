import type {
  OffsetForLeaderEpochRequest,
  OffsetForLeaderEpochResponseInput,
} from '../../protocol/apis/offset-for-leader-epoch.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { AclOperation, mayOnTopic } from '../security/access.ts'
import type { Handler } from '../services.ts'
import { checkLeaderEpoch } from './fetch.ts'

/** OffsetForLeaderEpoch: where an epoch of the log ended, by which consumers notice that a log was cut. */
export const handleOffsetForLeaderEpoch: Handler<
  OffsetForLeaderEpochRequest,
  OffsetForLeaderEpochResponseInput
> = (request, context) => ({
  topics: request.topics.map(({ topic, partitions }) => ({
    topic,
    partitions: !mayOnTopic(context, AclOperation.DESCRIBE, topic)
      ? partitions.map(({ partition }) => ({ partition, errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED }))
      : partitions.map(({ partition, currentLeaderEpoch, leaderEpoch }) => {
          const log = context.services.logDirectory.topic(topic)?.partitions[partition]
          if (log === undefined) return { partition, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }
          const errorCode = checkLeaderEpoch(currentLeaderEpoch, log.leaderEpoch)
          if (errorCode !== ErrorCode.NONE) return { partition, errorCode }
          const found = log.offsetForLeaderEpoch(leaderEpoch)
          return { partition, errorCode, leaderEpoch: found.epoch, endOffset: found.endOffset }
        }),
  })),
})
