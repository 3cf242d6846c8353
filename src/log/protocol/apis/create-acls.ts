/** Creates access rules. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, int16, int32, int8, string } from '../field.ts'

export const createAclsApi = defineApi({
  name: 'CreateAcls',
  key: 30,
  versions: [1, 3],
  flexibleFrom: 2,
  request: {
    creations: array({
      resourceType: int8(),
      resourceName: string(),
      resourcePatternType: int8({ default: 3 }),
      principal: string(),
      host: string(),
      operation: int8(),
      permissionType: int8(),
    }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    results: array({
      errorCode: int16(),
      errorMessage: string({ nullableSince: 0, default: null }),
    }),
  },
})

export type CreateAclsRequest = RequestOf<typeof createAclsApi>
export type CreateAclsRequestInput = RequestInputOf<typeof createAclsApi>
export type CreateAclsResponse = ResponseOf<typeof createAclsApi>
export type CreateAclsResponseInput = ResponseInputOf<typeof createAclsApi>
