import type { OffsetFetchRequest, OffsetFetchResponseInput } from '../../protocol/apis/offset-fetch.ts'
import type { OffsetReader } from '../../coordinator/group/group-offsets.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { ZERO_UUID } from '../../protocol/field.ts'
import { AclOperation, mayOnGroup, mayOnTopic, showsTopic } from '../security/access.ts'
import type { Handler, RequestContext } from '../services.ts'

type GroupAnswer = NonNullable<OffsetFetchResponseInput['groups']>[number]
type TopicAnswer = GroupAnswer['topics'][number] & { readonly name: string }

const ERROR_OF_GROUP_FROM = 2
const SEVERAL_GROUPS_FROM = 8
const BY_TOPIC_ID_FROM = 10

/**
 * OffsetFetch: what groups have committed; a group or partition without offsets is no error. Topics that the client may
 * not describe are refused where it names them, and left out where it asks for all.
 */
export const handleOffsetFetch: Handler<OffsetFetchRequest, OffsetFetchResponseInput> = async (
  request,
  context,
) => {
  const { requireStable } = request
  if (context.apiVersion >= SEVERAL_GROUPS_FROM) {
    const groups = request.groups.map(async (wanted) => ({
      groupId: wanted.groupId,
      ...(await fetchGroup({ ...wanted, reader: wanted, requireStable }, context)),
    }))
    return { groups: await Promise.all(groups) }
  }
  const { groupId } = request
  const topics = request.topics?.map((topic) => ({ ...topic, topicId: ZERO_UUID })) ?? null
  const { errorCode, topics: found } = await fetchGroup({ groupId, topics, requireStable }, context)
  if (errorCode === ErrorCode.NONE || context.apiVersion >= ERROR_OF_GROUP_FROM)
    return { errorCode, topics: found }
  return { topics: (topics ?? []).map((topic) => refused(topic, errorCode)) }
}

interface WantedTopic {
  readonly name: string
  readonly topicId: string
  readonly partitionIndexes: readonly number[]
}

interface WantedGroup {
  readonly groupId: string
  readonly topics: readonly WantedTopic[] | null
  readonly requireStable: boolean
  /** From version 9: the member that asks, which is told when its epoch is over. */
  readonly reader?: OffsetReader
}

interface Found {
  readonly errorCode: ErrorCode
  readonly topics: readonly TopicAnswer[]
}

async function fetchGroup(wanted: WantedGroup, context: RequestContext): Promise<Found> {
  const { topics, ...question } = wanted
  const { groupId } = question
  const { groups, logDirectory } = context.services
  if (!mayOnGroup(context, AclOperation.DESCRIBE, groupId))
    return { errorCode: ErrorCode.GROUP_AUTHORIZATION_FAILED, topics: [] }
  const byId = context.apiVersion >= BY_TOPIC_ID_FROM
  if (topics === null) {
    const answer = await groups.fetchOffsets({ ...question, topics })
    const shown = answer.topics
      .filter(({ name }) => showsTopic(context, AclOperation.DESCRIBE, name))
      .map((topic) => ({ ...topic, topicId: logDirectory.topic(topic.name)?.id ?? ZERO_UUID }))
    // By id, a topic that has gone cannot be named.
    return {
      errorCode: answer.errorCode,
      topics: byId ? shown.filter(({ topicId }) => topicId !== ZERO_UUID) : shown,
    }
  }
  const named = topics.map((topic): WantedTopic | ErrorCode => {
    const name = byId ? logDirectory.topicById(topic.topicId)?.name : topic.name
    if (name === undefined) return ErrorCode.UNKNOWN_TOPIC_ID
    if (!mayOnTopic(context, AclOperation.DESCRIBE, name)) return ErrorCode.TOPIC_AUTHORIZATION_FAILED
    return { ...topic, name }
  })
  const allowed = named.filter((topic) => typeof topic === 'object')
  const answer = await groups.fetchOffsets({ ...question, topics: allowed })
  if (answer.errorCode !== ErrorCode.NONE) return { errorCode: answer.errorCode, topics: [] }
  let next = 0
  return {
    errorCode: ErrorCode.NONE,
    topics: topics.map((topic, index) => {
      const problem = named[index]!
      if (typeof problem === 'number') return refused(topic, problem)
      return { ...answer.topics[next++]!, topicId: topic.topicId }
    }),
  }
}

function refused({ name, topicId, partitionIndexes }: WantedTopic, errorCode: ErrorCode): TopicAnswer {
  return {
    name,
    topicId,
    partitions: partitionIndexes.map((partitionIndex) => ({
      partitionIndex,
      committedOffset: -1,
      metadata: '',
      errorCode,
    })),
  }
}
