/** Raises topics' partition counts. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, arrayOf, bool, int16, int32, string } from '../field.ts'

export const createPartitionsApi = defineApi({
  name: 'CreatePartitions',
  key: 37,
  versions: [0, 3],
  flexibleFrom: 2,
  request: {
    topics: array({
      name: string(),
      count: int32(),
      assignments: array(
        {
          brokerIds: arrayOf(int32()),
        },
        { nullableSince: 0 },
      ),
    }),
    timeoutMs: int32(),
    validateOnly: bool(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    results: array({
      name: string(),
      errorCode: int16(),
      errorMessage: string({ nullableSince: 0, default: null }),
    }),
  },
})

export type CreatePartitionsRequest = RequestOf<typeof createPartitionsApi>
export type CreatePartitionsRequestInput = RequestInputOf<typeof createPartitionsApi>
export type CreatePartitionsResponse = ResponseOf<typeof createPartitionsApi>
export type CreatePartitionsResponseInput = ResponseInputOf<typeof createPartitionsApi>
