/** Acknowledges records that a member of a share group was given (KIP-932). */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, bool, int16, int32, string, uuid } from '../field.ts'
import { acknowledgedTopicFields, currentLeader, nodeEndpointFields } from '../share-group-fields.ts'

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
    topics: array(acknowledgedTopicFields),
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
        currentLeader,
      }),
    }),
    nodeEndpoints: array(nodeEndpointFields),
  },
})

export type ShareAcknowledgeRequest = RequestOf<typeof shareAcknowledgeApi>
export type ShareAcknowledgeRequestInput = RequestInputOf<typeof shareAcknowledgeApi>
export type ShareAcknowledgeResponse = ResponseOf<typeof shareAcknowledgeApi>
export type ShareAcknowledgeResponseInput = ResponseInputOf<typeof shareAcknowledgeApi>
