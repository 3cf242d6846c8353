/** Lists users' SCRAM mechanisms and iteration counts. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, int16, int32, int8, string } from '../field.ts'

export const describeUserScramCredentialsApi = defineApi({
  name: 'DescribeUserScramCredentials',
  key: 50,
  versions: [0, 0],
  flexibleFrom: 0,
  request: {
    users: array(
      {
        name: string(),
      },
      { nullableSince: 0 },
    ),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    errorMessage: string({ nullableSince: 0, default: null }),
    results: array({
      user: string(),
      errorCode: int16(),
      errorMessage: string({ nullableSince: 0, default: null }),
      credentialInfos: array({
        mechanism: int8(),
        iterations: int32(),
      }),
    }),
  },
})

export type DescribeUserScramCredentialsRequest = RequestOf<typeof describeUserScramCredentialsApi>
export type DescribeUserScramCredentialsRequestInput = RequestInputOf<typeof describeUserScramCredentialsApi>
export type DescribeUserScramCredentialsResponse = ResponseOf<typeof describeUserScramCredentialsApi>
export type DescribeUserScramCredentialsResponseInput = ResponseInputOf<
  typeof describeUserScramCredentialsApi
>
