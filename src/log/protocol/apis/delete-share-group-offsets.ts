/** Lets a share group without members forget topics (KIP-932). */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, int16, int32, string, uuid } from '../field.ts'

export const deleteShareGroupOffsetsApi = defineApi({
  name: 'DeleteShareGroupOffsets',
  key: 92,
  versions: [0, 0],
  flexibleFrom: 0,
  request: {
    groupId: string(),
    topics: array({ topicName: string() }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    errorMessage: string({ nullableSince: 0, default: null }),
    responses: array({
      topicName: string(),
      topicId: uuid(),
      errorCode: int16(),
      errorMessage: string({ nullableSince: 0, default: null }),
    }),
  },
})

export type DeleteShareGroupOffsetsRequest = RequestOf<typeof deleteShareGroupOffsetsApi>
export type DeleteShareGroupOffsetsRequestInput = RequestInputOf<typeof deleteShareGroupOffsetsApi>
export type DeleteShareGroupOffsetsResponse = ResponseOf<typeof deleteShareGroupOffsetsApi>
export type DeleteShareGroupOffsetsResponseInput = ResponseInputOf<typeof deleteShareGroupOffsetsApi>
