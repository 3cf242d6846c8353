/** Creates topics. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, arrayOf, bool, int16, int32, int8, string, uuid } from '../field.ts'

export const createTopicsApi = defineApi({
  name: 'CreateTopics',
  key: 19,
  versions: [2, 7],
  flexibleFrom: 5,
  request: {
    topics: array({
      name: string(),
      numPartitions: int32(),
      replicationFactor: int16(),
      assignments: array({
        partitionIndex: int32(),
        brokerIds: arrayOf(int32()),
      }),
      configs: array({
        name: string(),
        value: string({ nullableSince: 0 }),
      }),
    }),
    timeoutMs: int32({ default: 60000 }),
    validateOnly: bool({ default: false }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    topics: array({
      name: string(),
      topicId: uuid({ since: 7 }),
      errorCode: int16(),
      errorMessage: string({ nullableSince: 0, default: null }),
      topicConfigErrorCode: int16({ since: 5, tag: 0 }),
      numPartitions: int32({ since: 5, default: -1 }),
      replicationFactor: int16({ since: 5, default: -1 }),
      configs: array(
        {
          name: string(),
          value: string({ nullableSince: 0 }),
          readOnly: bool(),
          configSource: int8({ default: -1 }),
          isSensitive: bool(),
        },
        { since: 5, nullableSince: 5 },
      ),
    }),
  },
})

export type CreateTopicsRequest = RequestOf<typeof createTopicsApi>
export type CreateTopicsRequestInput = RequestInputOf<typeof createTopicsApi>
export type CreateTopicsResponse = ResponseOf<typeof createTopicsApi>
export type CreateTopicsResponseInput = ResponseInputOf<typeof createTopicsApi>
