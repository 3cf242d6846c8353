/** Finds offsets by timestamp; negative timestamps stand for the latest (-1), the earliest (-2) and other ends. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, int16, int32, int64, int8, string } from '../field.ts'

export const listOffsetsApi = defineApi({
  name: 'ListOffsets',
  key: 2,
  versions: [1, 11],
  flexibleFrom: 6,
  request: {
    replicaId: int32(),
    isolationLevel: int8({ since: 2 }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        currentLeaderEpoch: int32({ since: 4, default: -1 }),
        timestamp: int64(),
      }),
    }),
    timeoutMs: int32({ since: 10 }),
  },
  response: {
    throttleTimeMs: int32({ since: 2, default: 0 }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        timestamp: int64({ default: -1 }),
        offset: int64({ default: -1 }),
        leaderEpoch: int32({ since: 4, default: -1 }),
      }),
    }),
  },
})

export type ListOffsetsRequest = RequestOf<typeof listOffsetsApi>
export type ListOffsetsRequestInput = RequestInputOf<typeof listOffsetsApi>
export type ListOffsetsResponse = ResponseOf<typeof listOffsetsApi>
export type ListOffsetsResponseInput = ResponseInputOf<typeof listOffsetsApi>
