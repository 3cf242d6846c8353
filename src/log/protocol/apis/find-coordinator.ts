/** Tells which broker coordinates a group (key type 0) or a transactional id (1); from version 4 for several keys. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, arrayOf, int16, int32, int8, string } from '../field.ts'

export const findCoordinatorApi = defineApi({
  name: 'FindCoordinator',
  key: 10,
  versions: [0, 6],
  flexibleFrom: 3,
  request: {
    key: string({ until: 3 }),
    keyType: int8({ since: 1, default: 0 }),
    coordinatorKeys: arrayOf(string(), { since: 4 }),
  },
  response: {
    throttleTimeMs: int32({ since: 1, default: 0 }),
    errorCode: int16({ until: 3 }),
    errorMessage: string({ since: 1, until: 3, nullableSince: 1, default: null }),
    nodeId: int32({ until: 3 }),
    host: string({ until: 3 }),
    port: int32({ until: 3 }),
    coordinators: array(
      {
        key: string(),
        nodeId: int32(),
        host: string(),
        port: int32(),
        errorCode: int16(),
        errorMessage: string({ nullableSince: 0, default: null }),
      },
      { since: 4 },
    ),
  },
})

export type FindCoordinatorRequest = RequestOf<typeof findCoordinatorApi>
export type FindCoordinatorRequestInput = RequestInputOf<typeof findCoordinatorApi>
export type FindCoordinatorResponse = ResponseOf<typeof findCoordinatorApi>
export type FindCoordinatorResponseInput = ResponseInputOf<typeof findCoordinatorApi>
