/** Requests of share groups, each with the rights that it needs and the error that it gets without them. */
import { apis } from '../../protocol/apis.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import type { AccessCase, AskingScene } from '../access-scene.test-kit.ts'

const TOPIC = ErrorCode.TOPIC_AUTHORIZATION_FAILED
const GROUP = ErrorCode.GROUP_AUTHORIZATION_FAILED

const MEMBER_ID = 'AAAAAAAAAAAAAAAAAAAAAQ'
const JOINING = { groupId: 'sharing', memberId: MEMBER_ID, memberEpoch: 0, subscribedTopicNames: ['t'] }
const FETCHING = {
  groupId: 'sharing',
  memberId: MEMBER_ID,
  shareSessionEpoch: 0,
  maxWaitMs: 0,
  minBytes: 1,
  maxRecords: 1,
  batchSize: 1,
  forgottenTopicsData: [],
}
const OFFSETS = { groupId: 'nobody-shares', topics: [] }

function partitionsOf({ topicId }: AskingScene) {
  return [{ topicId, partitions: [{ partitionIndex: 0, acknowledgementBatches: [] }] }]
}

export const SHARE_ACCESS_CASES: readonly AccessCase[] = [
  {
    name: 'ShareGroupHeartbeat into a group',
    rights: [
      ['DESCRIBE', 'topic t'],
      ['READ', 'group sharing'],
    ],
    refused: GROUP,
    ask: async ({ home }) => [(await home.call(apis.shareGroupHeartbeat, 1, JOINING)).errorCode],
  },
  {
    name: 'ShareGroupHeartbeat for a topic',
    rights: [
      ['READ', 'group sharing'],
      ['DESCRIBE', 'topic t'],
    ],
    refused: TOPIC,
    ask: async ({ home }) => [(await home.call(apis.shareGroupHeartbeat, 1, JOINING)).errorCode],
  },
  {
    name: 'ShareGroupDescribe',
    rights: [['DESCRIBE', 'group g']],
    refused: GROUP,
    ask: async ({ home }) => {
      const body = { groupIds: ['g'], includeAuthorizedOperations: false }
      return [(await home.call(apis.shareGroupDescribe, 1, body)).groups[0]!.errorCode]
    },
  },
  {
    name: 'ShareFetch in a group',
    rights: [
      ['READ', 'topic t'],
      ['READ', 'group sharing'],
    ],
    refused: GROUP,
    ask: async (scene) => {
      const body = { ...FETCHING, topics: partitionsOf(scene) }
      return [(await scene.home.call(apis.shareFetch, 2, body)).errorCode]
    },
  },
  {
    name: 'ShareFetch of a topic',
    rights: [
      ['READ', 'group sharing'],
      ['READ', 'topic t'],
    ],
    refused: TOPIC,
    ask: async (scene) => {
      await scene.office.call(apis.shareGroupHeartbeat, 1, JOINING)
      const body = { ...FETCHING, topics: partitionsOf(scene) }
      const { errorCode, responses } = await scene.home.call(apis.shareFetch, 2, body)
      return [errorCode === ErrorCode.NONE ? (responses[0]?.partitions[0]?.errorCode ?? 0) : errorCode]
    },
  },
  {
    name: 'ShareAcknowledge',
    rights: [['READ', 'group sharing']],
    refused: GROUP,
    ask: async (scene) => {
      const body = { ...FETCHING, topics: partitionsOf(scene) }
      return [(await scene.home.call(apis.shareAcknowledge, 2, body)).errorCode]
    },
  },
  {
    name: 'DescribeShareGroupOffsets',
    rights: [['DESCRIBE', 'group nobody-shares']],
    refused: GROUP,
    ask: async ({ home }) => {
      const answer = await home.call(apis.describeShareGroupOffsets, 1, { groups: [OFFSETS] })
      return [answer.groups[0]!.errorCode]
    },
  },
  {
    name: 'AlterShareGroupOffsets',
    rights: [['READ', 'group nobody-shares']],
    refused: GROUP,
    ask: async ({ home }) => [(await home.call(apis.alterShareGroupOffsets, 0, OFFSETS)).errorCode],
  },
  {
    name: 'DeleteShareGroupOffsets',
    rights: [['DELETE', 'group nobody-shares']],
    refused: GROUP,
    ask: async ({ home }) => [(await home.call(apis.deleteShareGroupOffsets, 0, OFFSETS)).errorCode],
  },
]
