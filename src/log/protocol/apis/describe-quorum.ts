/** Tells who leads and follows the metadata log of a cluster's controllers. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, int16, int32, int64, string, uint16, uuid } from '../field.ts'

const replicaStateFields = {
  replicaId: int32(),
  replicaDirectoryId: uuid({ since: 2 }),
  logEndOffset: int64(),
  lastFetchTimestamp: int64({ since: 1, default: -1 }),
  lastCaughtUpTimestamp: int64({ since: 1, default: -1 }),
}

export const describeQuorumApi = defineApi({
  name: 'DescribeQuorum',
  key: 55,
  versions: [0, 2],
  flexibleFrom: 0,
  request: {
    topics: array({
      topicName: string(),
      partitions: array({ partitionIndex: int32() }),
    }),
  },
  response: {
    errorCode: int16(),
    errorMessage: string({ since: 2, nullableSince: 2, default: null }),
    topics: array({
      topicName: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        errorMessage: string({ since: 2, nullableSince: 2, default: null }),
        leaderId: int32(),
        leaderEpoch: int32(),
        highWatermark: int64(),
        currentVoters: array(replicaStateFields),
        observers: array(replicaStateFields),
      }),
    }),
    nodes: array(
      {
        nodeId: int32(),
        listeners: array({ name: string(), host: string(), port: uint16() }),
      },
      { since: 2 },
    ),
  },
})

export type DescribeQuorumRequest = RequestOf<typeof describeQuorumApi>
export type DescribeQuorumRequestInput = RequestInputOf<typeof describeQuorumApi>
export type DescribeQuorumResponse = ResponseOf<typeof describeQuorumApi>
export type DescribeQuorumResponseInput = ResponseInputOf<typeof describeQuorumApi>
