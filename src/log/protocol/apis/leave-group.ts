/** Removes members from a classic group; from version 3 several at once, by instance id too. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, int16, int32, string } from '../field.ts'

export const leaveGroupApi = defineApi({
  name: 'LeaveGroup',
  key: 13,
  versions: [0, 5],
  flexibleFrom: 4,
  request: {
    groupId: string(),
    memberId: string({ until: 2 }),
    members: array(
      {
        memberId: string(),
        groupInstanceId: string({ nullableSince: 0, default: null }),
        reason: string({ since: 5, nullableSince: 5, default: null }),
      },
      { since: 3 },
    ),
  },
  response: {
    throttleTimeMs: int32({ since: 1, default: 0 }),
    errorCode: int16(),
    members: array(
      {
        memberId: string(),
        groupInstanceId: string({ nullableSince: 0 }),
        errorCode: int16(),
      },
      { since: 3 },
    ),
  },
})

export type LeaveGroupRequest = RequestOf<typeof leaveGroupApi>
export type LeaveGroupRequestInput = RequestInputOf<typeof leaveGroupApi>
export type LeaveGroupResponse = ResponseOf<typeof leaveGroupApi>
export type LeaveGroupResponseInput = ResponseInputOf<typeof leaveGroupApi>
