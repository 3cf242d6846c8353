/** Lists the quotas of users, client ids and addresses that fit a filter. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, bool, float64, int16, int32, int8, string } from '../field.ts'

export const describeClientQuotasApi = defineApi({
  name: 'DescribeClientQuotas',
  key: 48,
  versions: [0, 1],
  flexibleFrom: 1,
  request: {
    components: array({
      entityType: string(),
      matchType: int8(),
      match: string({ nullableSince: 0 }),
    }),
    strict: bool(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    errorMessage: string({ nullableSince: 0, default: null }),
    entries: array(
      {
        entity: array({
          entityType: string(),
          entityName: string({ nullableSince: 0 }),
        }),
        values: array({
          key: string(),
          value: float64(),
        }),
      },
      { nullableSince: 0 },
    ),
  },
})

export type DescribeClientQuotasRequest = RequestOf<typeof describeClientQuotasApi>
export type DescribeClientQuotasRequestInput = RequestInputOf<typeof describeClientQuotasApi>
export type DescribeClientQuotasResponse = ResponseOf<typeof describeClientQuotasApi>
export type DescribeClientQuotasResponseInput = ResponseInputOf<typeof describeClientQuotasApi>
