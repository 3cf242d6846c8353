/** Deletes the access rules that match filters. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, int16, int32, int8, string } from '../field.ts'

export const deleteAclsApi = defineApi({
  name: 'DeleteAcls',
  key: 31,
  versions: [1, 3],
  flexibleFrom: 2,
  request: {
    filters: array({
      resourceTypeFilter: int8(),
      resourceNameFilter: string({ nullableSince: 0 }),
      patternTypeFilter: int8({ default: 3 }),
      principalFilter: string({ nullableSince: 0 }),
      hostFilter: string({ nullableSince: 0 }),
      operation: int8(),
      permissionType: int8(),
    }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    filterResults: array({
      errorCode: int16(),
      errorMessage: string({ nullableSince: 0, default: null }),
      matchingAcls: array({
        errorCode: int16(),
        errorMessage: string({ nullableSince: 0, default: null }),
        resourceType: int8(),
        resourceName: string(),
        patternType: int8({ default: 3 }),
        principal: string(),
        host: string(),
        operation: int8(),
        permissionType: int8(),
      }),
    }),
  },
})

export type DeleteAclsRequest = RequestOf<typeof deleteAclsApi>
export type DeleteAclsRequestInput = RequestInputOf<typeof deleteAclsApi>
export type DeleteAclsResponse = ResponseOf<typeof deleteAclsApi>
export type DeleteAclsResponseInput = ResponseInputOf<typeof deleteAclsApi>
