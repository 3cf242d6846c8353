/** All APIs, by name and by key. A new API is a file under `apis/` and two lines here. */
import type { AnyApi } from './api-schema.ts'
import { addOffsetsToTxnApi } from './apis/add-offsets-to-txn.ts'
import { addPartitionsToTxnApi } from './apis/add-partitions-to-txn.ts'
import { alterConfigsApi } from './apis/alter-configs.ts'
import { alterClientQuotasApi } from './apis/alter-client-quotas.ts'
import { alterPartitionReassignmentsApi } from './apis/alter-partition-reassignments.ts'
import { alterShareGroupOffsetsApi } from './apis/alter-share-group-offsets.ts'
import { alterUserScramCredentialsApi } from './apis/alter-user-scram-credentials.ts'
import { apiVersionsApi } from './apis/api-versions.ts'
import { consumerGroupDescribeApi } from './apis/consumer-group-describe.ts'
import { consumerGroupHeartbeatApi } from './apis/consumer-group-heartbeat.ts'
import { createAclsApi } from './apis/create-acls.ts'
import { createPartitionsApi } from './apis/create-partitions.ts'
import { createTopicsApi } from './apis/create-topics.ts'
import { deleteAclsApi } from './apis/delete-acls.ts'
import { deleteGroupsApi } from './apis/delete-groups.ts'
import { deleteRecordsApi } from './apis/delete-records.ts'
import { deleteShareGroupOffsetsApi } from './apis/delete-share-group-offsets.ts'
import { deleteTopicsApi } from './apis/delete-topics.ts'
import { describeAclsApi } from './apis/describe-acls.ts'
import { describeClusterApi } from './apis/describe-cluster.ts'
import { describeConfigsApi } from './apis/describe-configs.ts'
import { describeGroupsApi } from './apis/describe-groups.ts'
import { describeLogDirsApi } from './apis/describe-log-dirs.ts'
import { describeProducersApi } from './apis/describe-producers.ts'
import { describeQuorumApi } from './apis/describe-quorum.ts'
import { describeShareGroupOffsetsApi } from './apis/describe-share-group-offsets.ts'
import { describeTopicPartitionsApi } from './apis/describe-topic-partitions.ts'
import { describeTransactionsApi } from './apis/describe-transactions.ts'
import { describeClientQuotasApi } from './apis/describe-client-quotas.ts'
import { describeUserScramCredentialsApi } from './apis/describe-user-scram-credentials.ts'
import { electLeadersApi } from './apis/elect-leaders.ts'
import { endTxnApi } from './apis/end-txn.ts'
import { fetchApi } from './apis/fetch.ts'
import { findCoordinatorApi } from './apis/find-coordinator.ts'
import { getTelemetrySubscriptionsApi } from './apis/get-telemetry-subscriptions.ts'
import { heartbeatApi } from './apis/heartbeat.ts'
import { incrementalAlterConfigsApi } from './apis/incremental-alter-configs.ts'
import { initProducerIdApi } from './apis/init-producer-id.ts'
import { joinGroupApi } from './apis/join-group.ts'
import { leaveGroupApi } from './apis/leave-group.ts'
import { listConfigResourcesApi } from './apis/list-config-resources.ts'
import { listGroupsApi } from './apis/list-groups.ts'
import { listOffsetsApi } from './apis/list-offsets.ts'
import { listPartitionReassignmentsApi } from './apis/list-partition-reassignments.ts'
import { listTransactionsApi } from './apis/list-transactions.ts'
import { metadataApi } from './apis/metadata.ts'
import { offsetCommitApi } from './apis/offset-commit.ts'
import { offsetDeleteApi } from './apis/offset-delete.ts'
import { offsetFetchApi } from './apis/offset-fetch.ts'
import { offsetForLeaderEpochApi } from './apis/offset-for-leader-epoch.ts'
import { produceApi } from './apis/produce.ts'
import { pushTelemetryApi } from './apis/push-telemetry.ts'
import { saslAuthenticateApi } from './apis/sasl-authenticate.ts'
import { saslHandshakeApi } from './apis/sasl-handshake.ts'
import { shareAcknowledgeApi } from './apis/share-acknowledge.ts'
import { shareFetchApi } from './apis/share-fetch.ts'
import { shareGroupDescribeApi } from './apis/share-group-describe.ts'
import { shareGroupHeartbeatApi } from './apis/share-group-heartbeat.ts'
import { streamsGroupDescribeApi } from './apis/streams-group-describe.ts'
import { streamsGroupHeartbeatApi } from './apis/streams-group-heartbeat.ts'
import { syncGroupApi } from './apis/sync-group.ts'
import { txnOffsetCommitApi } from './apis/txn-offset-commit.ts'
import { updateFeaturesApi } from './apis/update-features.ts'
import { writeTxnMarkersApi } from './apis/write-txn-markers.ts'

export const apis = {
  produce: produceApi,
  fetch: fetchApi,
  listOffsets: listOffsetsApi,
  metadata: metadataApi,
  offsetCommit: offsetCommitApi,
  offsetFetch: offsetFetchApi,
  findCoordinator: findCoordinatorApi,
  joinGroup: joinGroupApi,
  heartbeat: heartbeatApi,
  leaveGroup: leaveGroupApi,
  listConfigResources: listConfigResourcesApi,
  syncGroup: syncGroupApi,
  describeGroups: describeGroupsApi,
  listGroups: listGroupsApi,
  saslHandshake: saslHandshakeApi,
  apiVersions: apiVersionsApi,
  createTopics: createTopicsApi,
  deleteTopics: deleteTopicsApi,
  deleteRecords: deleteRecordsApi,
  initProducerId: initProducerIdApi,
  offsetForLeaderEpoch: offsetForLeaderEpochApi,
  addPartitionsToTxn: addPartitionsToTxnApi,
  addOffsetsToTxn: addOffsetsToTxnApi,
  endTxn: endTxnApi,
  writeTxnMarkers: writeTxnMarkersApi,
  txnOffsetCommit: txnOffsetCommitApi,
  updateFeatures: updateFeaturesApi,
  describeAcls: describeAclsApi,
  createAcls: createAclsApi,
  deleteAcls: deleteAclsApi,
  describeConfigs: describeConfigsApi,
  alterConfigs: alterConfigsApi,
  describeLogDirs: describeLogDirsApi,
  saslAuthenticate: saslAuthenticateApi,
  createPartitions: createPartitionsApi,
  deleteGroups: deleteGroupsApi,
  electLeaders: electLeadersApi,
  incrementalAlterConfigs: incrementalAlterConfigsApi,
  alterPartitionReassignments: alterPartitionReassignmentsApi,
  listPartitionReassignments: listPartitionReassignmentsApi,
  offsetDelete: offsetDeleteApi,
  describeClientQuotas: describeClientQuotasApi,
  alterClientQuotas: alterClientQuotasApi,
  describeUserScramCredentials: describeUserScramCredentialsApi,
  alterUserScramCredentials: alterUserScramCredentialsApi,
  describeCluster: describeClusterApi,
  describeProducers: describeProducersApi,
  describeQuorum: describeQuorumApi,
  describeTransactions: describeTransactionsApi,
  listTransactions: listTransactionsApi,
  consumerGroupHeartbeat: consumerGroupHeartbeatApi,
  consumerGroupDescribe: consumerGroupDescribeApi,
  describeTopicPartitions: describeTopicPartitionsApi,
  streamsGroupHeartbeat: streamsGroupHeartbeatApi,
  streamsGroupDescribe: streamsGroupDescribeApi,
  getTelemetrySubscriptions: getTelemetrySubscriptionsApi,
  pushTelemetry: pushTelemetryApi,
  shareGroupHeartbeat: shareGroupHeartbeatApi,
  shareGroupDescribe: shareGroupDescribeApi,
  shareFetch: shareFetchApi,
  shareAcknowledge: shareAcknowledgeApi,
  describeShareGroupOffsets: describeShareGroupOffsetsApi,
  alterShareGroupOffsets: alterShareGroupOffsetsApi,
  deleteShareGroupOffsets: deleteShareGroupOffsetsApi,
} as const

export const apiByKey: ReadonlyMap<number, AnyApi> = new Map(
  Object.values(apis).map((api) => [api.key, api as AnyApi]),
)
