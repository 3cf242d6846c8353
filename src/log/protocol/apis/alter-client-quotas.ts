/** Sets and removes quotas of users, client ids and addresses. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, bool, float64, int16, int32, string } from '../field.ts'

export const alterClientQuotasApi = defineApi({
  name: 'AlterClientQuotas',
  key: 49,
  versions: [0, 1],
  flexibleFrom: 1,
  request: {
    entries: array({
      entity: array({
        entityType: string(),
        entityName: string({ nullableSince: 0 }),
      }),
      ops: array({
        key: string(),
        value: float64(),
        remove: bool(),
      }),
    }),
    validateOnly: bool(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    entries: array({
      errorCode: int16(),
      errorMessage: string({ nullableSince: 0, default: null }),
      entity: array({
        entityType: string(),
        entityName: string({ nullableSince: 0 }),
      }),
    }),
  },
})

export type AlterClientQuotasRequest = RequestOf<typeof alterClientQuotasApi>
export type AlterClientQuotasRequestInput = RequestInputOf<typeof alterClientQuotasApi>
export type AlterClientQuotasResponse = ResponseOf<typeof alterClientQuotasApi>
export type AlterClientQuotasResponseInput = ResponseInputOf<typeof alterClientQuotasApi>
