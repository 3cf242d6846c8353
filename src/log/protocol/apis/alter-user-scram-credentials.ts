/** Sets and deletes users' SCRAM credentials. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, bytes, int16, int32, int8, string } from '../field.ts'

export const alterUserScramCredentialsApi = defineApi({
  name: 'AlterUserScramCredentials',
  key: 51,
  versions: [0, 0],
  flexibleFrom: 0,
  request: {
    deletions: array({
      name: string(),
      mechanism: int8(),
    }),
    upsertions: array({
      name: string(),
      mechanism: int8(),
      iterations: int32(),
      salt: bytes(),
      saltedPassword: bytes(),
    }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    results: array({
      user: string(),
      errorCode: int16(),
      errorMessage: string({ nullableSince: 0, default: null }),
    }),
  },
})

export type AlterUserScramCredentialsRequest = RequestOf<typeof alterUserScramCredentialsApi>
export type AlterUserScramCredentialsRequestInput = RequestInputOf<typeof alterUserScramCredentialsApi>
export type AlterUserScramCredentialsResponse = ResponseOf<typeof alterUserScramCredentialsApi>
export type AlterUserScramCredentialsResponseInput = ResponseInputOf<typeof alterUserScramCredentialsApi>
