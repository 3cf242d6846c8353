/** Shows share groups (KIP-932): epochs, members, assignments. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, arrayOf, bool, int16, int32, string, struct, uuid } from '../field.ts'

export const shareGroupDescribeApi = defineApi({
  name: 'ShareGroupDescribe',
  key: 77,
  versions: [1, 1],
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
        rackId: string({ nullableSince: 0, default: null }),
        memberEpoch: int32(),
        clientId: string(),
        clientHost: string(),
        subscribedTopicNames: arrayOf(string()),
        assignment: struct({
          topicPartitions: array({
            topicId: uuid(),
            topicName: string(),
            partitions: arrayOf(int32()),
          }),
        }),
      }),
      authorizedOperations: int32({ default: -2147483648 }),
    }),
  },
})

export type ShareGroupDescribeRequest = RequestOf<typeof shareGroupDescribeApi>
export type ShareGroupDescribeRequestInput = RequestInputOf<typeof shareGroupDescribeApi>
export type ShareGroupDescribeResponse = ResponseOf<typeof shareGroupDescribeApi>
export type ShareGroupDescribeResponseInput = ResponseInputOf<typeof shareGroupDescribeApi>
