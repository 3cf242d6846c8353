/** Acquires records for a member of a share group (KIP-932), and acknowledges those it was given before. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, arrayOf, bool, int16, int32, int64, int8, records, string, uuid } from '../field.ts'
import { acknowledgedTopicFields, currentLeader, nodeEndpointFields } from '../share-group-fields.ts'

export const shareFetchApi = defineApi({
  name: 'ShareFetch',
  key: 78,
  versions: [1, 2],
  flexibleFrom: 0,
  request: {
    groupId: string({ nullableSince: 0, default: null }),
    memberId: string({ nullableSince: 0 }),
    shareSessionEpoch: int32(),
    maxWaitMs: int32(),
    minBytes: int32(),
    maxBytes: int32({ default: 2147483647 }),
    maxRecords: int32(),
    batchSize: int32(),
    shareAcquireMode: int8({ since: 2, default: 0 }),
    isRenewAck: bool({ since: 2, default: false }),
    topics: array(acknowledgedTopicFields),
    forgottenTopicsData: array({
      topicId: uuid(),
      partitions: arrayOf(int32()),
    }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    errorMessage: string({ nullableSince: 0, default: null }),
    acquisitionLockTimeoutMs: int32(),
    responses: array({
      topicId: uuid(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        errorMessage: string({ nullableSince: 0, default: null }),
        acknowledgeErrorCode: int16(),
        acknowledgeErrorMessage: string({ nullableSince: 0, default: null }),
        currentLeader,
        records: records({ nullableSince: 0 }),
        acquiredRecords: array({
          firstOffset: int64(),
          lastOffset: int64(),
          deliveryCount: int16(),
        }),
      }),
    }),
    nodeEndpoints: array(nodeEndpointFields),
  },
})

export type ShareFetchRequest = RequestOf<typeof shareFetchApi>
export type ShareFetchRequestInput = RequestInputOf<typeof shareFetchApi>
export type ShareFetchResponse = ResponseOf<typeof shareFetchApi>
export type ShareFetchResponseInput = ResponseInputOf<typeof shareFetchApi>
