/** The one request of streams groups (KIP-1071): joins with a topology, learns its tasks, lives and leaves. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, arrayOf, bool, int16, int32, int64, int8, string, struct } from '../field.ts'
import {
  endpointFields,
  pairFields,
  taskIdsFields,
  taskOffsetFields,
  topicInfoFields,
} from '../streams-group-fields.ts'

const topicPartitionFields = { topic: string(), partitions: arrayOf(int32()) }

export const streamsGroupHeartbeatApi = defineApi({
  name: 'StreamsGroupHeartbeat',
  key: 88,
  versions: [0, 1],
  flexibleFrom: 0,
  request: {
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    endpointInformationEpoch: int32(),
    instanceId: string({ nullableSince: 0, default: null }),
    rackId: string({ nullableSince: 0, default: null }),
    rebalanceTimeoutMs: int32({ default: -1 }),
    topology: struct(
      {
        epoch: int32(),
        subtopologies: array({
          subtopologyId: string(),
          sourceTopics: arrayOf(string()),
          sourceTopicRegex: arrayOf(string()),
          stateChangelogTopics: array(topicInfoFields),
          repartitionSinkTopics: arrayOf(string()),
          repartitionSourceTopics: array(topicInfoFields),
          copartitionGroups: array({
            sourceTopics: arrayOf(int16()),
            sourceTopicRegex: arrayOf(int16()),
            repartitionSourceTopics: arrayOf(int16()),
          }),
        }),
      },
      { nullableSince: 0, default: null },
    ),
    activeTasks: array(taskIdsFields, { nullableSince: 0, default: null }),
    standbyTasks: array(taskIdsFields, { nullableSince: 0, default: null }),
    warmupTasks: array(taskIdsFields, { nullableSince: 0, default: null }),
    processId: string({ nullableSince: 0, default: null }),
    userEndpoint: struct(endpointFields, { nullableSince: 0, default: null }),
    clientTags: array(pairFields, { nullableSince: 0, default: null }),
    taskOffsets: array(taskOffsetFields, { nullableSince: 0, default: null }),
    taskEndOffsets: array(taskOffsetFields, { nullableSince: 0, default: null }),
    shutdownApplication: bool({ default: false }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    errorMessage: string({ nullableSince: 0, default: null }),
    memberId: string(),
    memberEpoch: int32(),
    heartbeatIntervalMs: int32(),
    acceptableRecoveryLagLegacy: int32({ until: 0, default: 0 }),
    taskOffsetIntervalMs: int32(),
    acceptableRecoveryLag: int64({ since: 1, default: -1 }),
    status: array({ statusCode: int8(), statusDetail: string() }, { nullableSince: 0, default: null }),
    activeTasks: array(taskIdsFields, { nullableSince: 0, default: null }),
    standbyTasks: array(taskIdsFields, { nullableSince: 0, default: null }),
    warmupTasks: array(taskIdsFields, { nullableSince: 0, default: null }),
    topologyDescriptionRequired: bool({ since: 1, default: false }),
    endpointInformationEpoch: int32(),
    partitionsByUserEndpoint: array(
      {
        userEndpoint: struct(endpointFields),
        activePartitions: array(topicPartitionFields),
        standbyPartitions: array(topicPartitionFields),
      },
      { nullableSince: 0, default: null },
    ),
  },
})

export type StreamsGroupHeartbeatRequest = RequestOf<typeof streamsGroupHeartbeatApi>
export type StreamsGroupHeartbeatRequestInput = RequestInputOf<typeof streamsGroupHeartbeatApi>
export type StreamsGroupHeartbeatResponse = ResponseOf<typeof streamsGroupHeartbeatApi>
export type StreamsGroupHeartbeatResponseInput = ResponseInputOf<typeof streamsGroupHeartbeatApi>
