/** Tells the cluster's id, controller and brokers. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, bool, int16, int32, int8, string } from '../field.ts'

export const describeClusterApi = defineApi({
  name: 'DescribeCluster',
  key: 60,
  versions: [0, 2],
  flexibleFrom: 0,
  request: {
    includeClusterAuthorizedOperations: bool(),
    endpointType: int8({ since: 1, default: 1 }),
    includeFencedBrokers: bool({ since: 2 }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    errorMessage: string({ nullableSince: 0, default: null }),
    endpointType: int8({ since: 1, default: 1 }),
    clusterId: string(),
    controllerId: int32({ default: -1 }),
    brokers: array({
      brokerId: int32(),
      host: string(),
      port: int32(),
      rack: string({ nullableSince: 0, default: null }),
      isFenced: bool({ since: 2 }),
    }),
    clusterAuthorizedOperations: int32({ default: -2147483648 }),
  },
})

export type DescribeClusterRequest = RequestOf<typeof describeClusterApi>
export type DescribeClusterRequestInput = RequestInputOf<typeof describeClusterApi>
export type DescribeClusterResponse = ResponseOf<typeof describeClusterApi>
export type DescribeClusterResponseInput = ResponseInputOf<typeof describeClusterApi>
