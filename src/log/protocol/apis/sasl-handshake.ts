/** Picks a SASL mechanism. Never flexible. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { arrayOf, int16, string } from '../field.ts'

export const saslHandshakeApi = defineApi({
  name: 'SaslHandshake',
  key: 17,
  versions: [0, 1],
  flexibleFrom: Infinity,
  request: {
    mechanism: string(),
  },
  response: {
    errorCode: int16(),
    mechanisms: arrayOf(string()),
  },
})

export type SaslHandshakeRequest = RequestOf<typeof saslHandshakeApi>
export type SaslHandshakeRequestInput = RequestInputOf<typeof saslHandshakeApi>
export type SaslHandshakeResponse = ResponseOf<typeof saslHandshakeApi>
export type SaslHandshakeResponseInput = ResponseInputOf<typeof saslHandshakeApi>
