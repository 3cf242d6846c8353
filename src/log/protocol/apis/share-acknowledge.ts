/** Acknowledges records that a member of a share group was given (KIP-932). */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, arrayOf, bool, int16, int32, int64, int8, string, struct, uuid } from '../field.ts'

export const shareAcknowledgeApi = defineApi({
  name: 'ShareAcknowledge',
  key: 79,
  versions: [1, 2],
  flexibleFrom: 0,
  request: {
    groupId: string({ nullableSince: 0, default: null }),
    memberId: string({ nullableSince: 0 }),
    shareSessionEpoch: int32(),
    isRenewAck: bool({ since: 2, default: false }),
    topics: array({
      topicId: uuid(),
      partitions: array({
        partitionIndex: int32(),
        acknowledgementBatches: array({
          firstOffset: int64(),
          lastOffset: int64(),
          acknowledgeTypes: arrayOf(int8()),
        }),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    errorMessage: string({ nullableSince: 0, default: null }),
    acquisitionLockTimeoutMs: int32({ since: 2 }),
    responses: array({
      topicId: uuid(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        errorMessage: string({ nullableSince: 0, default: null }),
        currentLeader: struct({
          leaderId: int32(),
          leaderEpoch: int32(),
        }),
      }),
    }),
    nodeEndpoints: array({
      nodeId: int32(),
      host: string(),
      port: int32(),
      rack: string({ nullableSince: 0, default: null }),
    }),
  },
})

export type ShareAcknowledgeRequest = RequestOf<typeof shareAcknowledgeApi>
export type ShareAcknowledgeRequestInput = RequestInputOf<typeof shareAcknowledgeApi>
export type ShareAcknowledgeResponse = ResponseOf<typeof shareAcknowledgeApi>
export type ShareAcknowledgeResponseInput = ResponseInputOf<typeof shareAcknowledgeApi>
