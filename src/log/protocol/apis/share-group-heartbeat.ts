/** A member of a share group (KIP-932) joins, lives, learns its partitions and leaves. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, arrayOf, int16, int32, string, struct, uuid } from '../field.ts'

export const shareGroupHeartbeatApi = defineApi({
  name: 'ShareGroupHeartbeat',
  key: 76,
  versions: [1, 1],
  flexibleFrom: 0,
  request: {
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    rackId: string({ nullableSince: 0, default: null }),
    subscribedTopicNames: arrayOf(string(), { nullableSince: 0, default: null }),
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
        topicPartitions: array({
          topicId: uuid(),
          partitions: arrayOf(int32()),
        }),
      },
      { nullableSince: 0, default: null },
    ),
  },
})

export type ShareGroupHeartbeatRequest = RequestOf<typeof shareGroupHeartbeatApi>
export type ShareGroupHeartbeatRequestInput = RequestInputOf<typeof shareGroupHeartbeatApi>
export type ShareGroupHeartbeatResponse = ResponseOf<typeof shareGroupHeartbeatApi>
export type ShareGroupHeartbeatResponseInput = ResponseInputOf<typeof shareGroupHeartbeatApi>
