/** Raises or lowers the levels of a cluster's finalized features. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, bool, int16, int32, int8, string } from '../field.ts'

export const updateFeaturesApi = defineApi({
  name: 'UpdateFeatures',
  key: 57,
  versions: [0, 2],
  flexibleFrom: 0,
  request: {
    timeoutMs: int32({ default: 60_000 }),
    featureUpdates: array({
      feature: string(),
      maxVersionLevel: int16(),
      allowDowngrade: bool({ until: 0 }),
      upgradeType: int8({ since: 1, default: 1 }),
    }),
    validateOnly: bool({ since: 1, default: false }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    errorMessage: string({ nullableSince: 0, default: null }),
    results: array(
      {
        feature: string(),
        errorCode: int16(),
        errorMessage: string({ nullableSince: 0, default: null }),
      },
      { until: 1 },
    ),
  },
})

export type UpdateFeaturesRequest = RequestOf<typeof updateFeaturesApi>
export type UpdateFeaturesRequestInput = RequestInputOf<typeof updateFeaturesApi>
export type UpdateFeaturesResponse = ResponseOf<typeof updateFeaturesApi>
export type UpdateFeaturesResponseInput = ResponseInputOf<typeof updateFeaturesApi>
