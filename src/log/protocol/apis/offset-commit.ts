/** Commits a group's offsets. Version 10 names topics by id. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, int16, int32, int64, string, uuid } from '../field.ts'

export const offsetCommitApi = defineApi({
  name: 'OffsetCommit',
  key: 8,
  versions: [2, 10],
  flexibleFrom: 8,
  request: {
    groupId: string(),
    generationIdOrMemberEpoch: int32({ default: -1 }),
    memberId: string(),
    groupInstanceId: string({ since: 7, nullableSince: 7, default: null }),
    retentionTimeMs: int64({ until: 4, default: -1 }),
    topics: array({
      name: string({ until: 9 }),
      topicId: uuid({ since: 10 }),
      partitions: array({
        partitionIndex: int32(),
        committedOffset: int64(),
        committedLeaderEpoch: int32({ since: 6, default: -1 }),
        committedMetadata: string({ nullableSince: 0 }),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32({ since: 3, default: 0 }),
    topics: array({
      name: string({ until: 9 }),
      topicId: uuid({ since: 10 }),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
      }),
    }),
  },
})

export type OffsetCommitRequest = RequestOf<typeof offsetCommitApi>
export type OffsetCommitRequestInput = RequestInputOf<typeof offsetCommitApi>
export type OffsetCommitResponse = ResponseOf<typeof offsetCommitApi>
export type OffsetCommitResponseInput = ResponseInputOf<typeof offsetCommitApi>
