/** Asks which of its metrics the broker wants of a client (KIP-714). */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { arrayOf, bool, int16, int32, int8, string, uuid, ZERO_UUID } from '../field.ts'

export const getTelemetrySubscriptionsApi = defineApi({
  name: 'GetTelemetrySubscriptions',
  key: 71,
  versions: [0, 0],
  flexibleFrom: 0,
  request: {
    clientInstanceId: uuid(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    clientInstanceId: uuid({ default: ZERO_UUID }),
    subscriptionId: int32({ default: 0 }),
    acceptedCompressionTypes: arrayOf(int8()),
    pushIntervalMs: int32({ default: 0 }),
    telemetryMaxBytes: int32({ default: 0 }),
    deltaTemporality: bool({ default: false }),
    requestedMetrics: arrayOf(string()),
  },
})

export type GetTelemetrySubscriptionsRequest = RequestOf<typeof getTelemetrySubscriptionsApi>
export type GetTelemetrySubscriptionsRequestInput = RequestInputOf<typeof getTelemetrySubscriptionsApi>
export type GetTelemetrySubscriptionsResponse = ResponseOf<typeof getTelemetrySubscriptionsApi>
export type GetTelemetrySubscriptionsResponseInput = ResponseInputOf<typeof getTelemetrySubscriptionsApi>
