/** Commits a group's offsets inside a transaction. From version 5 (KIP-890) it adds the group to the transaction by itself. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, int16, int32, int64, string, uuid } from '../field.ts'

export const txnOffsetCommitApi = defineApi({
  name: 'TxnOffsetCommit',
  key: 28,
  versions: [0, 6],
  flexibleFrom: 3,
  request: {
    transactionalId: string(),
    groupId: string(),
    producerId: int64(),
    producerEpoch: int16(),
    generationIdOrMemberEpoch: int32({ since: 3, default: -1 }),
    memberId: string({ since: 3, default: '' }),
    groupInstanceId: string({ since: 3, nullableSince: 3, default: null }),
    topics: array({
      name: string({ until: 5 }),
      topicId: uuid({ since: 6 }),
      partitions: array({
        partitionIndex: int32(),
        committedOffset: int64(),
        committedLeaderEpoch: int32({ since: 2, default: -1 }),
        committedMetadata: string({ nullableSince: 0 }),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    topics: array({
      name: string({ until: 5 }),
      topicId: uuid({ since: 6 }),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
      }),
    }),
  },
})

export type TxnOffsetCommitRequest = RequestOf<typeof txnOffsetCommitApi>
export type TxnOffsetCommitRequestInput = RequestInputOf<typeof txnOffsetCommitApi>
export type TxnOffsetCommitResponse = ResponseOf<typeof txnOffsetCommitApi>
export type TxnOffsetCommitResponseInput = ResponseInputOf<typeof txnOffsetCommitApi>
