/** Sets, deletes, appends to and subtracts from single configuration keys. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, bool, int16, int32, int8, string } from '../field.ts'

export const incrementalAlterConfigsApi = defineApi({
  name: 'IncrementalAlterConfigs',
  key: 44,
  versions: [0, 1],
  flexibleFrom: 1,
  request: {
    resources: array({
      resourceType: int8(),
      resourceName: string(),
      configs: array({
        name: string(),
        configOperation: int8(),
        value: string({ nullableSince: 0 }),
      }),
    }),
    validateOnly: bool(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    responses: array({
      errorCode: int16(),
      errorMessage: string({ nullableSince: 0, default: null }),
      resourceType: int8(),
      resourceName: string(),
    }),
  },
})

export type IncrementalAlterConfigsRequest = RequestOf<typeof incrementalAlterConfigsApi>
export type IncrementalAlterConfigsRequestInput = RequestInputOf<typeof incrementalAlterConfigsApi>
export type IncrementalAlterConfigsResponse = ResponseOf<typeof incrementalAlterConfigsApi>
export type IncrementalAlterConfigsResponseInput = ResponseInputOf<typeof incrementalAlterConfigsApi>
