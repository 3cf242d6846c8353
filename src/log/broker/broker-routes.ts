import { alterClientQuotasApi } from '../protocol/apis/alter-client-quotas.ts'
import { alterConfigsApi } from '../protocol/apis/alter-configs.ts'
import { alterUserScramCredentialsApi } from '../protocol/apis/alter-user-scram-credentials.ts'
import { describeUserScramCredentialsApi } from '../protocol/apis/describe-user-scram-credentials.ts'
import { alterPartitionReassignmentsApi } from '../protocol/apis/alter-partition-reassignments.ts'
import { apiVersionsApi } from '../protocol/apis/api-versions.ts'
import { createAclsApi } from '../protocol/apis/create-acls.ts'
import { createPartitionsApi } from '../protocol/apis/create-partitions.ts'
import { createTopicsApi } from '../protocol/apis/create-topics.ts'
import { deleteAclsApi } from '../protocol/apis/delete-acls.ts'
import { deleteRecordsApi } from '../protocol/apis/delete-records.ts'
import { deleteTopicsApi } from '../protocol/apis/delete-topics.ts'
import { describeAclsApi } from '../protocol/apis/describe-acls.ts'
import { describeClientQuotasApi } from '../protocol/apis/describe-client-quotas.ts'
import { describeQuorumApi } from '../protocol/apis/describe-quorum.ts'
import { listConfigResourcesApi } from '../protocol/apis/list-config-resources.ts'
import { updateFeaturesApi } from '../protocol/apis/update-features.ts'
import { describeClusterApi } from '../protocol/apis/describe-cluster.ts'
import { describeConfigsApi } from '../protocol/apis/describe-configs.ts'
import { describeLogDirsApi } from '../protocol/apis/describe-log-dirs.ts'
import { describeTopicPartitionsApi } from '../protocol/apis/describe-topic-partitions.ts'
import { electLeadersApi } from '../protocol/apis/elect-leaders.ts'
import { fetchApi } from '../protocol/apis/fetch.ts'
import { getTelemetrySubscriptionsApi } from '../protocol/apis/get-telemetry-subscriptions.ts'
import { incrementalAlterConfigsApi } from '../protocol/apis/incremental-alter-configs.ts'
import { listOffsetsApi } from '../protocol/apis/list-offsets.ts'
import { listPartitionReassignmentsApi } from '../protocol/apis/list-partition-reassignments.ts'
import { metadataApi } from '../protocol/apis/metadata.ts'
import { offsetForLeaderEpochApi } from '../protocol/apis/offset-for-leader-epoch.ts'
import { produceApi } from '../protocol/apis/produce.ts'
import { pushTelemetryApi } from '../protocol/apis/push-telemetry.ts'
import { saslAuthenticateApi } from '../protocol/apis/sasl-authenticate.ts'
import { saslHandshakeApi } from '../protocol/apis/sasl-handshake.ts'
import { coordinatorRoutes } from './coordinator-routes.ts'
import { handleAlterClientQuotas } from './handlers/alter-client-quotas.ts'
import { handleAlterConfigs } from './handlers/alter-configs.ts'
import { handleAlterPartitionReassignments } from './handlers/alter-partition-reassignments.ts'
import { handleAlterUserScramCredentials } from './handlers/alter-user-scram-credentials.ts'
import { handleDescribeUserScramCredentials } from './handlers/describe-user-scram-credentials.ts'
import { apiVersionsHandler } from './handlers/api-versions.ts'
import { handleCreateAcls } from './handlers/create-acls.ts'
import { handleCreatePartitions } from './handlers/create-partitions.ts'
import { handleCreateTopics } from './handlers/create-topics.ts'
import { handleDeleteAcls } from './handlers/delete-acls.ts'
import { handleDeleteRecords } from './handlers/delete-records.ts'
import { handleDeleteTopics } from './handlers/delete-topics.ts'
import { handleDescribeAcls } from './handlers/describe-acls.ts'
import { handleDescribeClientQuotas } from './handlers/describe-client-quotas.ts'
import { handleDescribeQuorum } from './handlers/describe-quorum.ts'
import { handleListConfigResources } from './handlers/list-config-resources.ts'
import { handleUpdateFeatures } from './handlers/update-features.ts'
import { handleDescribeCluster } from './handlers/describe-cluster.ts'
import { handleDescribeConfigs } from './handlers/describe-configs.ts'
import { handleDescribeLogDirs } from './handlers/describe-log-dirs.ts'
import { handleDescribeTopicPartitions } from './handlers/describe-topic-partitions.ts'
import { handleElectLeaders } from './handlers/elect-leaders.ts'
import { handleFetch, releaseFetch } from './handlers/fetch.ts'
import { handleGetTelemetrySubscriptions } from './handlers/get-telemetry-subscriptions.ts'
import { handleIncrementalAlterConfigs } from './handlers/incremental-alter-configs.ts'
import { handleListOffsets } from './handlers/list-offsets.ts'
import { handleListPartitionReassignments } from './handlers/list-partition-reassignments.ts'
import { handleMetadata } from './handlers/metadata.ts'
import { handleOffsetForLeaderEpoch } from './handlers/offset-for-leader-epoch.ts'
import { handleProduce } from './handlers/produce.ts'
import { handlePushTelemetry } from './handlers/push-telemetry.ts'
import { handleSaslAuthenticate } from './handlers/sasl-authenticate.ts'
import { handleSaslHandshake } from './handlers/sasl-handshake.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import { route, type Route } from './routes.ts'
import { CloseConnection, NO_RESPONSE, type Handler } from './services.ts'

/** Every API that the broker serves. */
export function brokerRoutes(): readonly Route[] {
  const routes: Route[] = [
    route(produceApi, handleProduce),
    route(fetchApi, handleFetch, releaseFetch),
    route(listOffsetsApi, handleListOffsets),
    route(metadataApi, handleMetadata),
    route(offsetForLeaderEpochApi, handleOffsetForLeaderEpoch),
    route(createTopicsApi, durably('topics', handleCreateTopics)),
    route(deleteTopicsApi, durably('responses', handleDeleteTopics)),
    route(createPartitionsApi, durably('results', handleCreatePartitions)),
    route(deleteRecordsApi, handleDeleteRecords),
    route(describeConfigsApi, handleDescribeConfigs),
    route(alterConfigsApi, durably('responses', handleAlterConfigs)),
    route(incrementalAlterConfigsApi, durably('responses', handleIncrementalAlterConfigs)),
    route(describeClusterApi, handleDescribeCluster),
    route(describeQuorumApi, handleDescribeQuorum),
    route(listConfigResourcesApi, handleListConfigResources),
    route(getTelemetrySubscriptionsApi, handleGetTelemetrySubscriptions),
    route(pushTelemetryApi, handlePushTelemetry),
    route(updateFeaturesApi, handleUpdateFeatures),
    route(describeTopicPartitionsApi, handleDescribeTopicPartitions),
    route(describeLogDirsApi, handleDescribeLogDirs),
    route(electLeadersApi, handleElectLeaders),
    route(alterPartitionReassignmentsApi, handleAlterPartitionReassignments),
    route(listPartitionReassignmentsApi, handleListPartitionReassignments),
    route(describeClientQuotasApi, handleDescribeClientQuotas),
    route(alterClientQuotasApi, handleAlterClientQuotas),
    route(describeAclsApi, handleDescribeAcls),
    route(createAclsApi, handleCreateAcls),
    route(deleteAclsApi, handleDeleteAcls),
    route(describeUserScramCredentialsApi, handleDescribeUserScramCredentials),
    route(alterUserScramCredentialsApi, handleAlterUserScramCredentials),
    route(saslHandshakeApi, handleSaslHandshake),
    route(saslAuthenticateApi, handleSaslAuthenticate),
    ...coordinatorRoutes,
  ]
  return [
    ...routes,
    route(apiVersionsApi, apiVersionsHandler([...routes.map(({ api }) => api), apiVersionsApi])),
  ]
}

/** What an answer says about one topic or configuration. */
interface ChangeAnswer {
  readonly errorCode?: number
  readonly errorMessage?: string | null
}

/**
 * Answers once what was done to topics is on the device. Where the device refuses, each change that would be told as a
 * success is told as an error: a restart may not know of it.
 */
function durably<Request extends object, Response extends object>(
  answers: keyof Response,
  handle: Handler<Request, Response>,
): Handler<Request, Response> {
  return async (request, context) => {
    const response = await handle(request, context)
    const changed = !('validateOnly' in request) || request.validateOnly !== true
    if (!changed || response === NO_RESPONSE || response instanceof CloseConnection) return response
    const problem = await context.services.topics.settled()
    if (problem === undefined) return response
    const told = (response[answers] as readonly ChangeAnswer[]).map((answer) =>
      answer.errorCode === ErrorCode.NONE
        ? { ...answer, errorCode: ErrorCode.KAFKA_STORAGE_ERROR, errorMessage: problem }
        : answer,
    )
    return { ...response, [answers]: told }
  }
}
