/** Reads a group's committed offsets; from version 8 those of several groups. Version 10 names topics by id. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, arrayOf, bool, int16, int32, int64, string, uuid } from '../field.ts'

export const offsetFetchApi = defineApi({
  name: 'OffsetFetch',
  key: 9,
  versions: [1, 10],
  flexibleFrom: 6,
  request: {
    groupId: string({ until: 7 }),
    topics: array(
      {
        name: string(),
        partitionIndexes: arrayOf(int32()),
      },
      { until: 7, nullableSince: 2 },
    ),
    groups: array(
      {
        groupId: string(),
        memberId: string({ since: 9, nullableSince: 9, default: null }),
        memberEpoch: int32({ since: 9, default: -1 }),
        topics: array(
          {
            name: string({ until: 9 }),
            topicId: uuid({ since: 10 }),
            partitionIndexes: arrayOf(int32()),
          },
          { nullableSince: 0 },
        ),
      },
      { since: 8 },
    ),
    requireStable: bool({ since: 7, default: false }),
  },
  response: {
    throttleTimeMs: int32({ since: 3, default: 0 }),
    topics: array(
      {
        name: string(),
        partitions: array({
          partitionIndex: int32(),
          committedOffset: int64(),
          committedLeaderEpoch: int32({ since: 5, default: -1 }),
          metadata: string({ nullableSince: 0 }),
          errorCode: int16(),
        }),
      },
      { until: 7 },
    ),
    errorCode: int16({ since: 2, until: 7, default: 0 }),
    groups: array(
      {
        groupId: string(),
        topics: array({
          name: string({ until: 9 }),
          topicId: uuid({ since: 10 }),
          partitions: array({
            partitionIndex: int32(),
            committedOffset: int64(),
            committedLeaderEpoch: int32({ default: -1 }),
            metadata: string({ nullableSince: 0 }),
            errorCode: int16(),
          }),
        }),
        errorCode: int16({ default: 0 }),
      },
      { since: 8 },
    ),
  },
})

export type OffsetFetchRequest = RequestOf<typeof offsetFetchApi>
export type OffsetFetchRequestInput = RequestInputOf<typeof offsetFetchApi>
export type OffsetFetchResponse = ResponseOf<typeof offsetFetchApi>
export type OffsetFetchResponseInput = ResponseInputOf<typeof offsetFetchApi>
