/** Lists the groups that a broker coordinates, filtered by state and type. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, arrayOf, int16, int32, string } from '../field.ts'

export const listGroupsApi = defineApi({
  name: 'ListGroups',
  key: 16,
  versions: [0, 5],
  flexibleFrom: 3,
  request: {
    statesFilter: arrayOf(string(), { since: 4 }),
    typesFilter: arrayOf(string(), { since: 5 }),
  },
  response: {
    throttleTimeMs: int32({ since: 1, default: 0 }),
    errorCode: int16(),
    groups: array({
      groupId: string(),
      protocolType: string(),
      groupState: string({ since: 4 }),
      groupType: string({ since: 5 }),
    }),
  },
})

export type ListGroupsRequest = RequestOf<typeof listGroupsApi>
export type ListGroupsRequestInput = RequestInputOf<typeof listGroupsApi>
export type ListGroupsResponse = ResponseOf<typeof listGroupsApi>
export type ListGroupsResponseInput = ResponseInputOf<typeof listGroupsApi>
