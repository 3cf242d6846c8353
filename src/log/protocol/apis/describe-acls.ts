/** Lists the access rules that match a filter. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, int16, int32, int8, string } from '../field.ts'

export const describeAclsApi = defineApi({
  name: 'DescribeAcls',
  key: 29,
  versions: [1, 3],
  flexibleFrom: 2,
  request: {
    resourceTypeFilter: int8(),
    resourceNameFilter: string({ nullableSince: 0 }),
    patternTypeFilter: int8({ default: 3 }),
    principalFilter: string({ nullableSince: 0 }),
    hostFilter: string({ nullableSince: 0 }),
    operation: int8(),
    permissionType: int8(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    errorMessage: string({ nullableSince: 0, default: null }),
    resources: array({
      resourceType: int8(),
      resourceName: string(),
      patternType: int8({ default: 3 }),
      acls: array({
        principal: string(),
        host: string(),
        operation: int8(),
        permissionType: int8(),
      }),
    }),
  },
})

export type DescribeAclsRequest = RequestOf<typeof describeAclsApi>
export type DescribeAclsRequestInput = RequestInputOf<typeof describeAclsApi>
export type DescribeAclsResponse = ResponseOf<typeof describeAclsApi>
export type DescribeAclsResponseInput = ResponseInputOf<typeof describeAclsApi>
