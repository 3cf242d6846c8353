/** Tells brokers, topics, partitions and leaders. `topics: null` asks for all, an empty array for none. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, arrayOf, bool, int16, int32, string, uuid } from '../field.ts'

export const metadataApi = defineApi({
  name: 'Metadata',
  key: 3,
  versions: [0, 13],
  flexibleFrom: 9,
  request: {
    topics: array(
      {
        topicId: uuid({ since: 10 }),
        name: string({ nullableSince: 10 }),
      },
      { nullableSince: 1 },
    ),
    allowAutoTopicCreation: bool({ since: 4, default: true }),
    includeClusterAuthorizedOperations: bool({ since: 8, until: 10 }),
    includeTopicAuthorizedOperations: bool({ since: 8 }),
  },
  response: {
    throttleTimeMs: int32({ since: 3, default: 0 }),
    brokers: array({
      nodeId: int32(),
      host: string(),
      port: int32(),
      rack: string({ since: 1, nullableSince: 1, default: null }),
    }),
    clusterId: string({ since: 2, nullableSince: 2, default: null }),
    controllerId: int32({ since: 1, default: -1 }),
    topics: array({
      errorCode: int16(),
      name: string({ nullableSince: 12 }),
      topicId: uuid({ since: 10 }),
      isInternal: bool({ since: 1, default: false }),
      partitions: array({
        errorCode: int16(),
        partitionIndex: int32(),
        leaderId: int32(),
        leaderEpoch: int32({ since: 7, default: -1 }),
        replicaNodes: arrayOf(int32()),
        isrNodes: arrayOf(int32()),
        offlineReplicas: arrayOf(int32(), { since: 5 }),
      }),
      topicAuthorizedOperations: int32({ since: 8, default: -2147483648 }),
    }),
    clusterAuthorizedOperations: int32({ since: 8, until: 10, default: -2147483648 }),
    errorCode: int16({ since: 13 }),
  },
})

export type MetadataRequest = RequestOf<typeof metadataApi>
export type MetadataRequestInput = RequestInputOf<typeof metadataApi>
export type MetadataResponse = ResponseOf<typeof metadataApi>
export type MetadataResponseInput = ResponseInputOf<typeof metadataApi>
