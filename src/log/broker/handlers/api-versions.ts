import type { AnyApi } from '../../protocol/api-schema.ts'
import type { ApiVersionsRequest, ApiVersionsResponseInput } from '../../protocol/apis/api-versions.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { FEATURES } from '../features.ts'
import type { Handler } from '../services.ts'

const NO_NODE = -1

type Served = Pick<AnyApi, 'key' | 'advertisedVersions'>

/** Software names and versions as KIP-511 allows them. */
const SOFTWARE_NAME = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/

/** Answers with what the broker serves. */
export function apiVersionsHandler(
  served: readonly Served[],
): Handler<ApiVersionsRequest, ApiVersionsResponseInput> {
  const apiKeys = served
    .map(({ key, advertisedVersions: [minVersion, maxVersion] }) => ({ apiKey: key, minVersion, maxVersion }))
    .sort((a, b) => a.apiKey - b.apiKey)
  const answer: ApiVersionsResponseInput = {
    errorCode: ErrorCode.NONE,
    apiKeys,
    throttleTimeMs: 0,
    supportedFeatures: FEATURES.map(({ name, level }) => ({ name, minVersion: 0, maxVersion: level })),
    finalizedFeaturesEpoch: 1,
    finalizedFeatures: FEATURES.map(({ name, level }) => ({
      name,
      minVersionLevel: level,
      maxVersionLevel: level,
    })),
    zkMigrationReady: false,
  }
  return (request, { apiVersion, connection, services: { logDirectory } }) => {
    if (apiVersion >= 3) {
      const { clientSoftwareName, clientSoftwareVersion } = request
      if (!SOFTWARE_NAME.test(clientSoftwareName) || !SOFTWARE_NAME.test(clientSoftwareVersion)) {
        return { errorCode: ErrorCode.INVALID_REQUEST, apiKeys: [] }
      }
      // KIP-1242: who looks for another cluster or node than this is sent back to its bootstrap addresses.
      const { clusterId, nodeId } = request
      if ((clusterId === null) !== (nodeId === NO_NODE))
        return { errorCode: ErrorCode.INVALID_REQUEST, apiKeys: [] }
      if (clusterId !== null && (clusterId !== logDirectory.clusterId || nodeId !== logDirectory.nodeId))
        return { errorCode: ErrorCode.REBOOTSTRAP_REQUIRED, apiKeys: [] }
      connection.softwareName = clientSoftwareName
      connection.softwareVersion = clientSoftwareVersion
    }
    return answer
  }
}

/** The answer, in version 0, to a version that is not known here: the client tries again with one of these. */
export function apiVersionsOfUnknownVersion(
  range: readonly [min: number, max: number],
): ApiVersionsResponseInput {
  return {
    errorCode: ErrorCode.UNSUPPORTED_VERSION,
    apiKeys: [{ apiKey: 18, minVersion: range[0], maxVersion: range[1] }],
  }
}
