/** Shows the producers that wrote to partitions and their open transactions. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, arrayOf, int16, int32, int64, string } from '../field.ts'

export const describeProducersApi = defineApi({
  name: 'DescribeProducers',
  key: 61,
  versions: [0, 0],
  flexibleFrom: 0,
  request: {
    topics: array({
      name: string(),
      partitionIndexes: arrayOf(int32()),
    }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        errorMessage: string({ nullableSince: 0, default: null }),
        activeProducers: array({
          producerId: int64(),
          producerEpoch: int32(),
          lastSequence: int32({ default: -1 }),
          lastTimestamp: int64({ default: -1 }),
          coordinatorEpoch: int32(),
          currentTxnStartOffset: int64({ default: -1 }),
        }),
      }),
    }),
  },
})

export type DescribeProducersRequest = RequestOf<typeof describeProducersApi>
export type DescribeProducersRequestInput = RequestInputOf<typeof describeProducersApi>
export type DescribeProducersResponse = ResponseOf<typeof describeProducersApi>
export type DescribeProducersResponseInput = ResponseInputOf<typeof describeProducersApi>
