/** Deletes topics, from version 6 by name or by id. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, arrayOf, int16, int32, string, uuid } from '../field.ts'

export const deleteTopicsApi = defineApi({
  name: 'DeleteTopics',
  key: 20,
  versions: [1, 6],
  flexibleFrom: 4,
  request: {
    topics: array(
      {
        name: string({ nullableSince: 0, default: null }),
        topicId: uuid(),
      },
      { since: 6 },
    ),
    topicNames: arrayOf(string(), { until: 5 }),
    timeoutMs: int32(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    responses: array({
      name: string({ nullableSince: 6 }),
      topicId: uuid({ since: 6 }),
      errorCode: int16(),
      errorMessage: string({ since: 5, nullableSince: 5, default: null }),
    }),
  },
})

export type DeleteTopicsRequest = RequestOf<typeof deleteTopicsApi>
export type DeleteTopicsRequestInput = RequestInputOf<typeof deleteTopicsApi>
export type DeleteTopicsResponse = ResponseOf<typeof deleteTopicsApi>
export type DeleteTopicsResponseInput = ResponseInputOf<typeof deleteTopicsApi>
