/** Moves the start of partitions forward; offset -1 stands for the high watermark. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, int16, int32, int64, string } from '../field.ts'

export const deleteRecordsApi = defineApi({
  name: 'DeleteRecords',
  key: 21,
  versions: [0, 2],
  flexibleFrom: 2,
  request: {
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        offset: int64(),
      }),
    }),
    timeoutMs: int32(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        lowWatermark: int64(),
        errorCode: int16(),
      }),
    }),
  },
})

export type DeleteRecordsRequest = RequestOf<typeof deleteRecordsApi>
export type DeleteRecordsRequestInput = RequestInputOf<typeof deleteRecordsApi>
export type DeleteRecordsResponse = ResponseOf<typeof deleteRecordsApi>
export type DeleteRecordsResponseInput = ResponseInputOf<typeof deleteRecordsApi>
