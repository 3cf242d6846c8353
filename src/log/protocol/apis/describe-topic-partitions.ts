/** Tells topics and partitions page by page, with a cursor. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, arrayOf, bool, int16, int32, string, struct, uuid } from '../field.ts'

export const describeTopicPartitionsApi = defineApi({
  name: 'DescribeTopicPartitions',
  key: 75,
  versions: [0, 0],
  flexibleFrom: 0,
  request: {
    topics: array({
      name: string(),
    }),
    responsePartitionLimit: int32({ default: 2000 }),
    cursor: struct(
      {
        topicName: string(),
        partitionIndex: int32(),
      },
      { nullableSince: 0, default: null },
    ),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    topics: array({
      errorCode: int16(),
      name: string({ nullableSince: 0 }),
      topicId: uuid(),
      isInternal: bool({ default: false }),
      partitions: array({
        errorCode: int16(),
        partitionIndex: int32(),
        leaderId: int32(),
        leaderEpoch: int32({ default: -1 }),
        replicaNodes: arrayOf(int32()),
        isrNodes: arrayOf(int32()),
        eligibleLeaderReplicas: arrayOf(int32(), { nullableSince: 0, default: null }),
        lastKnownElr: arrayOf(int32(), { nullableSince: 0, default: null }),
        offlineReplicas: arrayOf(int32()),
      }),
      topicAuthorizedOperations: int32({ default: -2147483648 }),
    }),
    nextCursor: struct(
      {
        topicName: string(),
        partitionIndex: int32(),
      },
      { nullableSince: 0, default: null },
    ),
  },
})

export type DescribeTopicPartitionsRequest = RequestOf<typeof describeTopicPartitionsApi>
export type DescribeTopicPartitionsRequestInput = RequestInputOf<typeof describeTopicPartitionsApi>
export type DescribeTopicPartitionsResponse = ResponseOf<typeof describeTopicPartitionsApi>
export type DescribeTopicPartitionsResponseInput = ResponseInputOf<typeof describeTopicPartitionsApi>
