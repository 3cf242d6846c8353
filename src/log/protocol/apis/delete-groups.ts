/** Deletes groups without members. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, arrayOf, int16, int32, string } from '../field.ts'

export const deleteGroupsApi = defineApi({
  name: 'DeleteGroups',
  key: 42,
  versions: [0, 3],
  flexibleFrom: 2,
  request: {
    groupsNames: arrayOf(string()),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    results: array({
      groupId: string(),
      errorCode: int16(),
      errorMessage: string({ since: 3, nullableSince: 3, default: null }),
    }),
  },
})

export type DeleteGroupsRequest = RequestOf<typeof deleteGroupsApi>
export type DeleteGroupsRequestInput = RequestInputOf<typeof deleteGroupsApi>
export type DeleteGroupsResponse = ResponseOf<typeof deleteGroupsApi>
export type DeleteGroupsResponseInput = ResponseInputOf<typeof deleteGroupsApi>
