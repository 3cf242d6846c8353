/** Shows KIP-848 groups: epochs, members, assignments. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, arrayOf, bool, int16, int32, int8, string, struct, uuid } from '../field.ts'

const topicPartitionsFields = {
  topicId: uuid(),
  topicName: string(),
  partitions: arrayOf(int32()),
}

const assignmentFields = {
  topicPartitions: array(topicPartitionsFields),
}

export const consumerGroupDescribeApi = defineApi({
  name: 'ConsumerGroupDescribe',
  key: 69,
  versions: [0, 1],
  flexibleFrom: 0,
  request: {
    groupIds: arrayOf(string()),
    includeAuthorizedOperations: bool(),
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
      assignorName: string(),
      members: array({
        memberId: string(),
        instanceId: string({ nullableSince: 0, default: null }),
        rackId: string({ nullableSince: 0, default: null }),
        memberEpoch: int32(),
        clientId: string(),
        clientHost: string(),
        subscribedTopicNames: arrayOf(string()),
        subscribedTopicRegex: string({ nullableSince: 0, default: null }),
        assignment: struct(assignmentFields),
        targetAssignment: struct(assignmentFields),
        memberType: int8({ since: 1, default: -1 }),
      }),
      authorizedOperations: int32({ default: -2147483648 }),
    }),
  },
})

export type ConsumerGroupDescribeRequest = RequestOf<typeof consumerGroupDescribeApi>
export type ConsumerGroupDescribeRequestInput = RequestInputOf<typeof consumerGroupDescribeApi>
export type ConsumerGroupDescribeResponse = ResponseOf<typeof consumerGroupDescribeApi>
export type ConsumerGroupDescribeResponseInput = ResponseInputOf<typeof consumerGroupDescribeApi>
