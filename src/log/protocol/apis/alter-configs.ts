/** Replaces the whole configuration of resources; `IncrementalAlterConfigs` changes single keys. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, bool, int16, int32, int8, string } from '../field.ts'

export const alterConfigsApi = defineApi({
  name: 'AlterConfigs',
  key: 33,
  versions: [0, 2],
  flexibleFrom: 2,
  request: {
    resources: array({
      resourceType: int8(),
      resourceName: string(),
      configs: array({
        name: string(),
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

export type AlterConfigsRequest = RequestOf<typeof alterConfigsApi>
export type AlterConfigsRequestInput = RequestInputOf<typeof alterConfigsApi>
export type AlterConfigsResponse = ResponseOf<typeof alterConfigsApi>
export type AlterConfigsResponseInput = ResponseInputOf<typeof alterConfigsApi>
