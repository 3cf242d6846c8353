import type {
  UpdateFeaturesRequest,
  UpdateFeaturesResponseInput,
} from '../../protocol/apis/update-features.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { FEATURES } from '../features.ts'
import { AclOperation, mayOnCluster } from '../security/access.ts'
import type { Handler } from '../services.ts'

/** UpdateFeatures: each feature has one level here, which is the newest; asking for that is no error. */
export const handleUpdateFeatures: Handler<UpdateFeaturesRequest, UpdateFeaturesResponseInput> = (
  { featureUpdates },
  context,
) => {
  if (!mayOnCluster(context, AclOperation.ALTER))
    return { errorCode: ErrorCode.CLUSTER_AUTHORIZATION_FAILED, results: [] }
  for (const { feature, maxVersionLevel } of featureUpdates) {
    const problem = problemWith(feature, maxVersionLevel)
    if (problem === undefined) continue
    const errorMessage = `The update failed for all features since the following feature had an error: Invalid update version ${maxVersionLevel} for feature ${feature}. ${problem}`
    return { errorCode: ErrorCode.INVALID_UPDATE_VERSION, errorMessage, results: [] }
  }
  const results = featureUpdates.map(({ feature }) => ({
    feature,
    errorCode: ErrorCode.NONE,
    errorMessage: 'NONE',
  }))
  return { errorCode: ErrorCode.NONE, results }
}

function problemWith(feature: string, level: number): string | undefined {
  const known = FEATURES.find(({ name }) => name === feature)
  if (known === undefined) return 'This node does not support this feature.'
  return level === known.level ? undefined : `This node has the level ${known.level} alone.`
}
