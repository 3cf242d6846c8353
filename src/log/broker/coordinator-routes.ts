import { addOffsetsToTxnApi } from '../protocol/apis/add-offsets-to-txn.ts'
import { addPartitionsToTxnApi } from '../protocol/apis/add-partitions-to-txn.ts'
import { alterShareGroupOffsetsApi } from '../protocol/apis/alter-share-group-offsets.ts'
import { consumerGroupDescribeApi } from '../protocol/apis/consumer-group-describe.ts'
import { consumerGroupHeartbeatApi } from '../protocol/apis/consumer-group-heartbeat.ts'
import { deleteGroupsApi } from '../protocol/apis/delete-groups.ts'
import { deleteShareGroupOffsetsApi } from '../protocol/apis/delete-share-group-offsets.ts'
import { describeGroupsApi } from '../protocol/apis/describe-groups.ts'
import { describeProducersApi } from '../protocol/apis/describe-producers.ts'
import { describeShareGroupOffsetsApi } from '../protocol/apis/describe-share-group-offsets.ts'
import { describeTransactionsApi } from '../protocol/apis/describe-transactions.ts'
import { endTxnApi } from '../protocol/apis/end-txn.ts'
import { findCoordinatorApi } from '../protocol/apis/find-coordinator.ts'
import { heartbeatApi } from '../protocol/apis/heartbeat.ts'
import { initProducerIdApi } from '../protocol/apis/init-producer-id.ts'
import { joinGroupApi } from '../protocol/apis/join-group.ts'
import { leaveGroupApi } from '../protocol/apis/leave-group.ts'
import { listGroupsApi } from '../protocol/apis/list-groups.ts'
import { listTransactionsApi } from '../protocol/apis/list-transactions.ts'
import { offsetCommitApi } from '../protocol/apis/offset-commit.ts'
import { offsetDeleteApi } from '../protocol/apis/offset-delete.ts'
import { offsetFetchApi } from '../protocol/apis/offset-fetch.ts'
import { streamsGroupDescribeApi } from '../protocol/apis/streams-group-describe.ts'
import { streamsGroupHeartbeatApi } from '../protocol/apis/streams-group-heartbeat.ts'
import { shareAcknowledgeApi } from '../protocol/apis/share-acknowledge.ts'
import { shareFetchApi } from '../protocol/apis/share-fetch.ts'
import { shareGroupDescribeApi } from '../protocol/apis/share-group-describe.ts'
import { shareGroupHeartbeatApi } from '../protocol/apis/share-group-heartbeat.ts'
import { syncGroupApi } from '../protocol/apis/sync-group.ts'
import { txnOffsetCommitApi } from '../protocol/apis/txn-offset-commit.ts'
import { writeTxnMarkersApi } from '../protocol/apis/write-txn-markers.ts'
import { handleAddOffsetsToTxn } from './handlers/add-offsets-to-txn.ts'
import { handleAddPartitionsToTxn } from './handlers/add-partitions-to-txn.ts'
import { handleAlterShareGroupOffsets } from './handlers/alter-share-group-offsets.ts'
import { handleConsumerGroupDescribe } from './handlers/consumer-group-describe.ts'
import { handleConsumerGroupHeartbeat } from './handlers/consumer-group-heartbeat.ts'
import { handleDeleteGroups } from './handlers/delete-groups.ts'
import { handleDeleteShareGroupOffsets } from './handlers/delete-share-group-offsets.ts'
import { handleDescribeGroups } from './handlers/describe-groups.ts'
import { handleDescribeProducers } from './handlers/describe-producers.ts'
import { handleDescribeShareGroupOffsets } from './handlers/describe-share-group-offsets.ts'
import { handleDescribeTransactions } from './handlers/describe-transactions.ts'
import { handleEndTxn } from './handlers/end-txn.ts'
import { handleFindCoordinator } from './handlers/find-coordinator.ts'
import { handleHeartbeat } from './handlers/heartbeat.ts'
import { handleInitProducerId } from './handlers/init-producer-id.ts'
import { handleJoinGroup } from './handlers/join-group.ts'
import { handleLeaveGroup } from './handlers/leave-group.ts'
import { handleListGroups } from './handlers/list-groups.ts'
import { handleListTransactions } from './handlers/list-transactions.ts'
import { handleOffsetCommit } from './handlers/offset-commit.ts'
import { handleOffsetDelete } from './handlers/offset-delete.ts'
import { handleOffsetFetch } from './handlers/offset-fetch.ts'
import { handleStreamsGroupDescribe } from './handlers/streams-group-describe.ts'
import { handleStreamsGroupHeartbeat } from './handlers/streams-group-heartbeat.ts'
import { handleShareAcknowledge } from './handlers/share-acknowledge.ts'
import { handleShareFetch } from './handlers/share-fetch.ts'
import { handleShareGroupDescribe } from './handlers/share-group-describe.ts'
import { handleShareGroupHeartbeat } from './handlers/share-group-heartbeat.ts'
import { handleSyncGroup } from './handlers/sync-group.ts'
import { handleTxnOffsetCommit } from './handlers/txn-offset-commit.ts'
import { handleWriteTxnMarkers } from './handlers/write-txn-markers.ts'
import { route, type Route } from './routes.ts'

/** The APIs of consumer groups and transactions. */
export const coordinatorRoutes: readonly Route[] = [
  route(findCoordinatorApi, handleFindCoordinator),

  route(joinGroupApi, handleJoinGroup),
  route(syncGroupApi, handleSyncGroup),
  route(heartbeatApi, handleHeartbeat),
  route(leaveGroupApi, handleLeaveGroup),
  route(consumerGroupHeartbeatApi, handleConsumerGroupHeartbeat),
  route(consumerGroupDescribeApi, handleConsumerGroupDescribe),
  route(streamsGroupHeartbeatApi, handleStreamsGroupHeartbeat),
  route(streamsGroupDescribeApi, handleStreamsGroupDescribe),
  route(shareGroupHeartbeatApi, handleShareGroupHeartbeat),
  route(shareGroupDescribeApi, handleShareGroupDescribe),
  route(shareFetchApi, handleShareFetch),
  route(shareAcknowledgeApi, handleShareAcknowledge),
  route(describeShareGroupOffsetsApi, handleDescribeShareGroupOffsets),
  route(alterShareGroupOffsetsApi, handleAlterShareGroupOffsets),
  route(deleteShareGroupOffsetsApi, handleDeleteShareGroupOffsets),
  route(describeGroupsApi, handleDescribeGroups),
  route(listGroupsApi, handleListGroups),
  route(deleteGroupsApi, handleDeleteGroups),

  route(offsetCommitApi, handleOffsetCommit),
  route(offsetFetchApi, handleOffsetFetch),
  route(offsetDeleteApi, handleOffsetDelete),

  route(initProducerIdApi, handleInitProducerId),
  route(addPartitionsToTxnApi, handleAddPartitionsToTxn),
  route(addOffsetsToTxnApi, handleAddOffsetsToTxn),
  route(txnOffsetCommitApi, handleTxnOffsetCommit),
  route(endTxnApi, handleEndTxn),
  route(describeTransactionsApi, handleDescribeTransactions),
  route(listTransactionsApi, handleListTransactions),
  route(describeProducersApi, handleDescribeProducers),
  route(writeTxnMarkersApi, handleWriteTxnMarkers),
]
