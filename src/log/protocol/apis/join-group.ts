/** Enters a classic group's rebalance; the answer comes when all members have joined. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, bool, bytes, int16, int32, string } from '../field.ts'

export const joinGroupApi = defineApi({
  name: 'JoinGroup',
  key: 11,
  versions: [0, 9],
  flexibleFrom: 6,
  request: {
    groupId: string(),
    sessionTimeoutMs: int32(),
    rebalanceTimeoutMs: int32({ since: 1, default: -1 }),
    memberId: string(),
    groupInstanceId: string({ since: 5, nullableSince: 5, default: null }),
    protocolType: string(),
    protocols: array({
      name: string(),
      metadata: bytes(),
    }),
    reason: string({ since: 8, nullableSince: 8, default: null }),
  },
  response: {
    throttleTimeMs: int32({ since: 2, default: 0 }),
    errorCode: int16(),
    generationId: int32({ default: -1 }),
    protocolType: string({ since: 7, nullableSince: 7, default: null }),
    protocolName: string({ nullableSince: 7 }),
    leader: string(),
    skipAssignment: bool({ since: 9, default: false }),
    memberId: string(),
    members: array({
      memberId: string(),
      groupInstanceId: string({ since: 5, nullableSince: 5, default: null }),
      metadata: bytes(),
    }),
  },
})

export type JoinGroupRequest = RequestOf<typeof joinGroupApi>
export type JoinGroupRequestInput = RequestInputOf<typeof joinGroupApi>
export type JoinGroupResponse = ResponseOf<typeof joinGroupApi>
export type JoinGroupResponseInput = ResponseInputOf<typeof joinGroupApi>
