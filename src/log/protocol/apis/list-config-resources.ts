/** Lists what has a configuration (KIP-1142). */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, arrayOf, int16, int32, int8, string } from '../field.ts'

export const listConfigResourcesApi = defineApi({
  name: 'ListConfigResources',
  key: 74,
  versions: [0, 1],
  flexibleFrom: 0,
  request: {
    resourceTypes: arrayOf(int8(), { since: 1 }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    configResources: array({
      resourceName: string(),
      resourceType: int8({ since: 1, default: 16 }),
    }),
  },
})

export type ListConfigResourcesRequest = RequestOf<typeof listConfigResourcesApi>
export type ListConfigResourcesRequestInput = RequestInputOf<typeof listConfigResourcesApi>
export type ListConfigResourcesResponse = ResponseOf<typeof listConfigResourcesApi>
export type ListConfigResourcesResponseInput = ResponseInputOf<typeof listConfigResourcesApi>
