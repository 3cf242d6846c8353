/** Shows how far share groups are (KIP-932). */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, arrayOf, int16, int32, int64, string, uuid } from '../field.ts'

export const describeShareGroupOffsetsApi = defineApi({
  name: 'DescribeShareGroupOffsets',
  key: 90,
  versions: [0, 1],
  flexibleFrom: 0,
  request: {
    groups: array({
      groupId: string(),
      topics: array({ topicName: string(), partitions: arrayOf(int32()) }, { nullableSince: 0 }),
    }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    groups: array({
      groupId: string(),
      topics: array({
        topicName: string(),
        topicId: uuid(),
        partitions: array({
          partitionIndex: int32(),
          startOffset: int64(),
          leaderEpoch: int32(),
          lag: int64({ since: 1, default: -1 }),
          errorCode: int16(),
          errorMessage: string({ nullableSince: 0, default: null }),
        }),
      }),
      errorCode: int16(),
      errorMessage: string({ nullableSince: 0, default: null }),
    }),
  },
})

export type DescribeShareGroupOffsetsRequest = RequestOf<typeof describeShareGroupOffsetsApi>
export type DescribeShareGroupOffsetsRequestInput = RequestInputOf<typeof describeShareGroupOffsetsApi>
export type DescribeShareGroupOffsetsResponse = ResponseOf<typeof describeShareGroupOffsetsApi>
export type DescribeShareGroupOffsetsResponseInput = ResponseInputOf<typeof describeShareGroupOffsetsApi>
