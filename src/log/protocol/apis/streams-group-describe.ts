/** Shows streams groups: epochs, topology, members, tasks. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, arrayOf, bool, int16, int32, int8, string, struct } from '../field.ts'
import {
  endpointFields,
  pairFields,
  taskIdsFields,
  taskOffsetFields,
  topicInfoFields,
} from '../streams-group-fields.ts'

const assignmentFields = {
  activeTasks: array(taskIdsFields),
  standbyTasks: array(taskIdsFields),
  warmupTasks: array(taskIdsFields),
}

const nodeFields = {
  name: string(),
  nodeType: int8(),
  sourceTopics: arrayOf(string()),
  sinkTopic: string({ nullableSince: 1, default: null }),
  stores: arrayOf(string()),
  successors: arrayOf(string()),
}

export const streamsGroupDescribeApi = defineApi({
  name: 'StreamsGroupDescribe',
  key: 89,
  versions: [0, 1],
  flexibleFrom: 0,
  request: {
    groupIds: arrayOf(string()),
    includeAuthorizedOperations: bool(),
    includeTopologyDescription: bool({ since: 1, default: false }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    groups: array({
      errorCode: int16(),
      errorMessage: string({ nullableSince: 0, default: null }),
      groupId: string(),
      groupState: string(),
      groupEpoch: int32(),
      assignmentEpoch: int32(),
      topology: struct(
        {
          epoch: int32(),
          subtopologies: array(
            {
              subtopologyId: string(),
              sourceTopics: arrayOf(string()),
              repartitionSinkTopics: arrayOf(string()),
              stateChangelogTopics: array(topicInfoFields),
              repartitionSourceTopics: array(topicInfoFields),
            },
            { nullableSince: 0, default: null },
          ),
        },
        { nullableSince: 0, default: null },
      ),
      members: array({
        memberId: string(),
        memberEpoch: int32(),
        instanceId: string({ nullableSince: 0, default: null }),
        rackId: string({ nullableSince: 0, default: null }),
        clientId: string(),
        clientHost: string(),
        topologyEpoch: int32(),
        processId: string(),
        userEndpoint: struct(endpointFields, { nullableSince: 0, default: null }),
        clientTags: array(pairFields),
        taskOffsets: array(taskOffsetFields),
        taskEndOffsets: array(taskOffsetFields),
        assignment: struct(assignmentFields),
        targetAssignment: struct(assignmentFields),
        isClassic: bool(),
      }),
      authorizedOperations: int32({ default: -2147483648 }),
      topologyDescription: struct(
        {
          subtopologies: array({ subtopologyId: string(), nodes: array(nodeFields) }),
          globalStores: array({ source: struct(nodeFields), processor: struct(nodeFields) }),
        },
        { since: 1, nullableSince: 1, default: null },
      ),
      topologyDescriptionStatus: int8({ since: 1, default: 0 }),
      assignorName: string({ since: 1, nullableSince: 1, default: null }),
    }),
  },
})

export type StreamsGroupDescribeRequest = RequestOf<typeof streamsGroupDescribeApi>
export type StreamsGroupDescribeRequestInput = RequestInputOf<typeof streamsGroupDescribeApi>
export type StreamsGroupDescribeResponse = ResponseOf<typeof streamsGroupDescribeApi>
export type StreamsGroupDescribeResponseInput = ResponseInputOf<typeof streamsGroupDescribeApi>
