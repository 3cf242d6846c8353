/** Forgets a group's committed offsets of topics that it is not subscribed to. Never flexible. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, int16, int32, string } from '../field.ts'

export const offsetDeleteApi = defineApi({
  name: 'OffsetDelete',
  key: 47,
  versions: [0, 0],
  flexibleFrom: Infinity,
  request: {
    groupId: string(),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
      }),
    }),
  },
  response: {
    errorCode: int16(),
    throttleTimeMs: int32({ default: 0 }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
      }),
    }),
  },
})

export type OffsetDeleteRequest = RequestOf<typeof offsetDeleteApi>
export type OffsetDeleteRequestInput = RequestInputOf<typeof offsetDeleteApi>
export type OffsetDeleteResponse = ResponseOf<typeof offsetDeleteApi>
export type OffsetDeleteResponseInput = ResponseInputOf<typeof offsetDeleteApi>
