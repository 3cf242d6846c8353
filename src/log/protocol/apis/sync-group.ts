/** Hands out a classic group's assignment; the leader brings it, every member gets its own. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, bytes, int16, int32, string } from '../field.ts'

export const syncGroupApi = defineApi({
  name: 'SyncGroup',
  key: 14,
  versions: [0, 5],
  flexibleFrom: 4,
  request: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string({ since: 3, nullableSince: 3, default: null }),
    protocolType: string({ since: 5, nullableSince: 5, default: null }),
    protocolName: string({ since: 5, nullableSince: 5, default: null }),
    assignments: array({
      memberId: string(),
      assignment: bytes(),
    }),
  },
  response: {
    throttleTimeMs: int32({ since: 1, default: 0 }),
    errorCode: int16(),
    protocolType: string({ since: 5, nullableSince: 5, default: null }),
    protocolName: string({ since: 5, nullableSince: 5, default: null }),
    assignment: bytes(),
  },
})

export type SyncGroupRequest = RequestOf<typeof syncGroupApi>
export type SyncGroupRequestInput = RequestInputOf<typeof syncGroupApi>
export type SyncGroupResponse = ResponseOf<typeof syncGroupApi>
export type SyncGroupResponseInput = ResponseInputOf<typeof syncGroupApi>
