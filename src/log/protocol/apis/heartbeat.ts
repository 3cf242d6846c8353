/** Keeps a classic group's member alive and tells it when the group rebalances. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { int16, int32, string } from '../field.ts'

export const heartbeatApi = defineApi({
  name: 'Heartbeat',
  key: 12,
  versions: [0, 4],
  flexibleFrom: 4,
  request: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string({ since: 3, nullableSince: 3, default: null }),
  },
  response: {
    throttleTimeMs: int32({ since: 1, default: 0 }),
    errorCode: int16(),
  },
})

export type HeartbeatRequest = RequestOf<typeof heartbeatApi>
export type HeartbeatRequestInput = RequestInputOf<typeof heartbeatApi>
export type HeartbeatResponse = ResponseOf<typeof heartbeatApi>
export type HeartbeatResponseInput = ResponseInputOf<typeof heartbeatApi>
