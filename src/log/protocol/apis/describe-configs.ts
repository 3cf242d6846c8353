/** Shows the configuration of topics, brokers and groups. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, arrayOf, bool, int16, int32, int8, string } from '../field.ts'

export const describeConfigsApi = defineApi({
  name: 'DescribeConfigs',
  key: 32,
  versions: [1, 4],
  flexibleFrom: 4,
  request: {
    resources: array({
      resourceType: int8(),
      resourceName: string(),
      configurationKeys: arrayOf(string(), { nullableSince: 0 }),
    }),
    includeSynonyms: bool({ default: false }),
    includeDocumentation: bool({ since: 3, default: false }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    results: array({
      errorCode: int16(),
      errorMessage: string({ nullableSince: 0, default: null }),
      resourceType: int8(),
      resourceName: string(),
      configs: array({
        name: string(),
        value: string({ nullableSince: 0 }),
        readOnly: bool(),
        configSource: int8({ default: -1 }),
        isSensitive: bool(),
        synonyms: array({
          name: string(),
          value: string({ nullableSince: 0 }),
          source: int8(),
        }),
        configType: int8({ since: 3, default: 0 }),
        documentation: string({ since: 3, nullableSince: 0 }),
      }),
    }),
  },
})

export type DescribeConfigsRequest = RequestOf<typeof describeConfigsApi>
export type DescribeConfigsRequestInput = RequestInputOf<typeof describeConfigsApi>
export type DescribeConfigsResponse = ResponseOf<typeof describeConfigsApi>
export type DescribeConfigsResponseInput = ResponseInputOf<typeof describeConfigsApi>
