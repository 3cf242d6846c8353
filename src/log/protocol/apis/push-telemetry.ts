/** Brings metrics of a client, in the protobuf format of OpenTelemetry (KIP-714). */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { bool, bytes, int16, int32, int8, uuid } from '../field.ts'

export const pushTelemetryApi = defineApi({
  name: 'PushTelemetry',
  key: 72,
  versions: [0, 0],
  flexibleFrom: 0,
  request: {
    clientInstanceId: uuid(),
    subscriptionId: int32(),
    terminating: bool(),
    compressionType: int8(),
    metrics: bytes(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
  },
})

export type PushTelemetryRequest = RequestOf<typeof pushTelemetryApi>
export type PushTelemetryRequestInput = RequestInputOf<typeof pushTelemetryApi>
export type PushTelemetryResponse = ResponseOf<typeof pushTelemetryApi>
export type PushTelemetryResponseInput = ResponseInputOf<typeof pushTelemetryApi>
