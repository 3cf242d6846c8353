/** Says which partitions are being moved to other brokers. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, arrayOf, int16, int32, string } from '../field.ts'

export const listPartitionReassignmentsApi = defineApi({
  name: 'ListPartitionReassignments',
  key: 46,
  versions: [0, 0],
  flexibleFrom: 0,
  request: {
    timeoutMs: int32({ default: 60000 }),
    topics: array(
      {
        name: string(),
        partitionIndexes: arrayOf(int32()),
      },
      { nullableSince: 0 },
    ),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    errorMessage: string({ nullableSince: 0, default: null }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        replicas: arrayOf(int32()),
        addingReplicas: arrayOf(int32()),
        removingReplicas: arrayOf(int32()),
      }),
    }),
  },
})

export type ListPartitionReassignmentsRequest = RequestOf<typeof listPartitionReassignmentsApi>
export type ListPartitionReassignmentsRequestInput = RequestInputOf<typeof listPartitionReassignmentsApi>
export type ListPartitionReassignmentsResponse = ResponseOf<typeof listPartitionReassignmentsApi>
export type ListPartitionReassignmentsResponseInput = ResponseInputOf<typeof listPartitionReassignmentsApi>
