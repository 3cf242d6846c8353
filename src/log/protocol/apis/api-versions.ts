/**
 * Tells which APIs and versions the broker serves, and its features. The response's header never has tagged fields, so
 * that a client can read it before it knows any version.
 */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, bool, int16, int32, int64, string } from '../field.ts'

export const apiVersionsApi = defineApi({
  name: 'ApiVersions',
  key: 18,
  versions: [0, 5],
  flexibleFrom: 3,
  request: {
    clientSoftwareName: string({ since: 3 }),
    clientSoftwareVersion: string({ since: 3 }),
    clusterId: string({ since: 5, nullableSince: 5, default: null }),
    nodeId: int32({ since: 5, default: -1 }),
  },
  response: {
    errorCode: int16(),
    apiKeys: array({
      apiKey: int16(),
      minVersion: int16(),
      maxVersion: int16(),
    }),
    throttleTimeMs: int32({ since: 1, default: 0 }),
    supportedFeatures: array(
      {
        name: string(),
        minVersion: int16(),
        maxVersion: int16(),
      },
      { since: 3, tag: 0 },
    ),
    finalizedFeaturesEpoch: int64({ since: 3, tag: 1, default: -1 }),
    finalizedFeatures: array(
      {
        name: string(),
        maxVersionLevel: int16(),
        minVersionLevel: int16(),
      },
      { since: 3, tag: 2 },
    ),
    zkMigrationReady: bool({ since: 3, tag: 3, default: false }),
  },
})

export type ApiVersionsRequest = RequestOf<typeof apiVersionsApi>
export type ApiVersionsRequestInput = RequestInputOf<typeof apiVersionsApi>
export type ApiVersionsResponse = ResponseOf<typeof apiVersionsApi>
export type ApiVersionsResponseInput = ResponseInputOf<typeof apiVersionsApi>
