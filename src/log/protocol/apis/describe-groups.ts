/** Shows classic groups: state, protocol, members. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, arrayOf, bool, bytes, int16, int32, string } from '../field.ts'

export const describeGroupsApi = defineApi({
  name: 'DescribeGroups',
  key: 15,
  versions: [0, 6],
  flexibleFrom: 5,
  request: {
    groups: arrayOf(string()),
    includeAuthorizedOperations: bool({ since: 3 }),
  },
  response: {
    throttleTimeMs: int32({ since: 1, default: 0 }),
    groups: array({
      errorCode: int16(),
      errorMessage: string({ since: 6, nullableSince: 6, default: null }),
      groupId: string(),
      groupState: string(),
      protocolType: string(),
      protocolData: string(),
      members: array({
        memberId: string(),
        groupInstanceId: string({ since: 4, nullableSince: 4, default: null }),
        clientId: string(),
        clientHost: string(),
        memberMetadata: bytes(),
        memberAssignment: bytes(),
      }),
      authorizedOperations: int32({ since: 3, default: -2147483648 }),
    }),
  },
})

export type DescribeGroupsRequest = RequestOf<typeof describeGroupsApi>
export type DescribeGroupsRequestInput = RequestInputOf<typeof describeGroupsApi>
export type DescribeGroupsResponse = ResponseOf<typeof describeGroupsApi>
export type DescribeGroupsResponseInput = ResponseInputOf<typeof describeGroupsApi>
