/** The one request of KIP-848 groups: joins, leaves, acknowledges and receives assignments. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, arrayOf, int16, int32, string, struct, uuid } from '../field.ts'

const topicPartitionsFields = {
  topicId: uuid(),
  partitions: arrayOf(int32()),
}

export const consumerGroupHeartbeatApi = defineApi({
  name: 'ConsumerGroupHeartbeat',
  key: 68,
  versions: [0, 1],
  flexibleFrom: 0,
  request: {
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    instanceId: string({ nullableSince: 0, default: null }),
    rackId: string({ nullableSince: 0, default: null }),
    rebalanceTimeoutMs: int32({ default: -1 }),
    subscribedTopicNames: arrayOf(string(), { nullableSince: 0, default: null }),
    subscribedTopicRegex: string({ since: 1, nullableSince: 1, default: null }),
    serverAssignor: string({ nullableSince: 0, default: null }),
    topicPartitions: array(
      {
        topicId: uuid(),
        partitions: arrayOf(int32()),
      },
      { nullableSince: 0, default: null },
    ),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    errorMessage: string({ nullableSince: 0, default: null }),
    memberId: string({ nullableSince: 0, default: null }),
    memberEpoch: int32(),
    heartbeatIntervalMs: int32(),
    assignment: struct(
      {
        topicPartitions: array(topicPartitionsFields),
      },
      { nullableSince: 0, default: null },
    ),
  },
})

export type ConsumerGroupHeartbeatRequest = RequestOf<typeof consumerGroupHeartbeatApi>
export type ConsumerGroupHeartbeatRequestInput = RequestInputOf<typeof consumerGroupHeartbeatApi>
export type ConsumerGroupHeartbeatResponse = ResponseOf<typeof consumerGroupHeartbeatApi>
export type ConsumerGroupHeartbeatResponseInput = ResponseInputOf<typeof consumerGroupHeartbeatApi>
