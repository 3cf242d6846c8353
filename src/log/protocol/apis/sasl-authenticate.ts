/** Carries one step of the SASL exchange. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { bytes, int16, int64, string } from '../field.ts'

export const saslAuthenticateApi = defineApi({
  name: 'SaslAuthenticate',
  key: 36,
  versions: [0, 2],
  flexibleFrom: 2,
  request: {
    authBytes: bytes(),
  },
  response: {
    errorCode: int16(),
    errorMessage: string({ nullableSince: 0, default: null }),
    authBytes: bytes(),
    sessionLifetimeMs: int64({ since: 1, default: 0 }),
  },
})

export type SaslAuthenticateRequest = RequestOf<typeof saslAuthenticateApi>
export type SaslAuthenticateRequestInput = RequestInputOf<typeof saslAuthenticateApi>
export type SaslAuthenticateResponse = ResponseOf<typeof saslAuthenticateApi>
export type SaslAuthenticateResponseInput = ResponseInputOf<typeof saslAuthenticateApi>
