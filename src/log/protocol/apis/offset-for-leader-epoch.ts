/** Tells where a leader epoch ends, by which clients find that a log was cut. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, int16, int32, int64, string } from '../field.ts'

export const offsetForLeaderEpochApi = defineApi({
  name: 'OffsetForLeaderEpoch',
  key: 23,
  versions: [2, 4],
  flexibleFrom: 4,
  request: {
    replicaId: int32({ since: 3, default: -2 }),
    topics: array({
      topic: string(),
      partitions: array({
        partition: int32(),
        currentLeaderEpoch: int32({ default: -1 }),
        leaderEpoch: int32(),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    topics: array({
      topic: string(),
      partitions: array({
        errorCode: int16(),
        partition: int32(),
        leaderEpoch: int32({ default: -1 }),
        endOffset: int64({ default: -1 }),
      }),
    }),
  },
})

export type OffsetForLeaderEpochRequest = RequestOf<typeof offsetForLeaderEpochApi>
export type OffsetForLeaderEpochRequestInput = RequestInputOf<typeof offsetForLeaderEpochApi>
export type OffsetForLeaderEpochResponse = ResponseOf<typeof offsetForLeaderEpochApi>
export type OffsetForLeaderEpochResponseInput = ResponseInputOf<typeof offsetForLeaderEpochApi>
