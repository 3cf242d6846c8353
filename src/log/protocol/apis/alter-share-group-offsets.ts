/** Sets where a share group without members begins (KIP-932). */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, int16, int32, int64, string, uuid } from '../field.ts'

export const alterShareGroupOffsetsApi = defineApi({
  name: 'AlterShareGroupOffsets',
  key: 91,
  versions: [0, 0],
  flexibleFrom: 0,
  request: {
    groupId: string(),
    topics: array({
      topicName: string(),
      partitions: array({ partitionIndex: int32(), startOffset: int64() }),
    }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    errorMessage: string({ nullableSince: 0, default: null }),
    responses: array({
      topicName: string(),
      topicId: uuid(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        errorMessage: string({ nullableSince: 0, default: null }),
      }),
    }),
  },
})

export type AlterShareGroupOffsetsRequest = RequestOf<typeof alterShareGroupOffsetsApi>
export type AlterShareGroupOffsetsRequestInput = RequestInputOf<typeof alterShareGroupOffsetsApi>
export type AlterShareGroupOffsetsResponse = ResponseOf<typeof alterShareGroupOffsetsApi>
export type AlterShareGroupOffsetsResponseInput = ResponseInputOf<typeof alterShareGroupOffsetsApi>
