/** Writes the markers that end a transaction in its partitions. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, arrayOf, bool, int16, int32, int64, int8, string } from '../field.ts'

export const writeTxnMarkersApi = defineApi({
  name: 'WriteTxnMarkers',
  key: 27,
  versions: [1, 2],
  flexibleFrom: 1,
  request: {
    markers: array({
      producerId: int64(),
      producerEpoch: int16(),
      transactionResult: bool(),
      topics: array({
        name: string(),
        partitionIndexes: arrayOf(int32()),
      }),
      coordinatorEpoch: int32(),
      transactionVersion: int8({ since: 2, default: 0 }),
    }),
  },
  response: {
    markers: array({
      producerId: int64(),
      topics: array({
        name: string(),
        partitions: array({
          partitionIndex: int32(),
          errorCode: int16(),
        }),
      }),
    }),
  },
})

export type WriteTxnMarkersRequest = RequestOf<typeof writeTxnMarkersApi>
export type WriteTxnMarkersRequestInput = RequestInputOf<typeof writeTxnMarkersApi>
export type WriteTxnMarkersResponse = ResponseOf<typeof writeTxnMarkersApi>
export type WriteTxnMarkersResponseInput = ResponseInputOf<typeof writeTxnMarkersApi>
