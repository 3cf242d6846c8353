/** Asks for an election of partitions' leaders. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, arrayOf, int16, int32, int8, string } from '../field.ts'

export const electLeadersApi = defineApi({
  name: 'ElectLeaders',
  key: 43,
  versions: [0, 2],
  flexibleFrom: 2,
  request: {
    electionType: int8({ since: 1 }),
    topicPartitions: array(
      {
        topic: string(),
        partitions: arrayOf(int32()),
      },
      { nullableSince: 0 },
    ),
    timeoutMs: int32({ default: 60000 }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ since: 1 }),
    replicaElectionResults: array({
      topic: string(),
      partitionResult: array({
        partitionId: int32(),
        errorCode: int16(),
        errorMessage: string({ nullableSince: 0, default: null }),
      }),
    }),
  },
})

export type ElectLeadersRequest = RequestOf<typeof electLeadersApi>
export type ElectLeadersRequestInput = RequestInputOf<typeof electLeadersApi>
export type ElectLeadersResponse = ResponseOf<typeof electLeadersApi>
export type ElectLeadersResponseInput = ResponseInputOf<typeof electLeadersApi>
