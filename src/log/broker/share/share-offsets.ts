/** What DescribeShareGroupOffsets, AlterShareGroupOffsets and DeleteShareGroupOffsets do to the share-partitions of a group. */
import type { ShareTopics } from '../../coordinator/group/share/share-record.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { ZERO_UUID } from '../../protocol/field.ts'
import type { BrokerServices } from '../services.ts'

interface DescribedShareOffset {
  readonly partitionIndex: number
  /** -1: the group has not begun here. */
  readonly startOffset: number
  readonly leaderEpoch: number
  /** -1 when there is none to tell. */
  readonly lag: number
  readonly errorCode: ErrorCode
  readonly errorMessage: string | null
}

type Outcome = { readonly errorCode: ErrorCode; readonly errorMessage: string | null }

const DONE: Outcome = { errorCode: ErrorCode.NONE, errorMessage: null }

/** Why a group's offsets are not to be touched; undefined when they may be. `exists`: there has to be such a group. */
export function problemWithGroup(
  groupId: string,
  { groups }: BrokerServices,
  options: { readonly exists: boolean },
): Outcome | undefined {
  const { errorCode, errorMessage, members } = groups.describeShareGroup(groupId)
  const isNobodys = groups.list().every((group) => group.groupId !== groupId)
  if (errorCode !== ErrorCode.NONE && (options.exists || !isNobodys)) return { errorCode, errorMessage }
  if (members.length === 0) return undefined
  return { errorCode: ErrorCode.NON_EMPTY_GROUP, errorMessage: 'The group is not empty.' }
}

/** How far a group is; partitions by themselves, all that it has share-partitions of when none are named. */
export function describeShareOffsets(
  groupId: string,
  topicName: string,
  options: { readonly partitions?: readonly number[]; readonly services: BrokerServices },
): { readonly topicId: string; readonly partitions: DescribedShareOffset[] } {
  const { logDirectory, groups } = options.services
  const topic = logDirectory.topic(topicName)
  const partitions = options.partitions ?? groups.shareTopics(groupId)?.get(topic?.id ?? '')?.partitions ?? []
  return {
    topicId: topic?.id ?? ZERO_UUID,
    partitions: partitions.map((partitionIndex) =>
      describeOne({ groupId, topicId: topic?.id ?? ZERO_UUID, partition: partitionIndex }, options.services),
    ),
  }
}

function describeOne(
  key: { readonly groupId: string; readonly topicId: string; readonly partition: number },
  { logDirectory, shares }: BrokerServices,
): DescribedShareOffset {
  const log = logDirectory.topicById(key.topicId)?.partitions[key.partition]
  const partition = shares.find(key)
  const begun = log !== undefined && partition !== undefined && partition.startOffset >= 0
  return {
    partitionIndex: key.partition,
    startOffset: begun ? Math.max(partition.startOffset, log.logStartOffset) : -1,
    leaderEpoch: begun ? log.leaderEpoch : 0,
    lag: begun ? partition.lag(log.endOffset) : -1,
    ...DONE,
  }
}

/** Sets where a group goes on in a topic; answers when that is on the device. The last of a partition counts. */
export async function alterShareOffsets(
  groupId: string,
  topicName: string,
  options: {
    readonly partitions: readonly { readonly partitionIndex: number; readonly startOffset: number }[]
    readonly services: BrokerServices
  },
): Promise<{ topicId: string; partitions: ({ partitionIndex: number } & Outcome)[] }> {
  const { logDirectory, shares } = options.services
  const asked = new Map(options.partitions.map((each) => [each.partitionIndex, each.startOffset]))
  const topic = logDirectory.topic(topicName)
  const topicId = topic?.id ?? ZERO_UUID
  if (topic !== undefined) {
    const failure = await noteTopic(groupId, topic, options.services)
    if (failure !== ErrorCode.NONE) {
      const outcome = { errorCode: failure, errorMessage: null }
      return {
        topicId,
        partitions: Array.from(asked.keys(), (partitionIndex) => ({ partitionIndex, ...outcome })),
      }
    }
  }
  const partitions = Array.from(asked, async ([partitionIndex, startOffset]) => {
    const log = topic?.partitions[partitionIndex]
    if (log === undefined) {
      const errorMessage = 'This server does not host this topic-partition.'
      return { partitionIndex, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, errorMessage }
    }
    const key = { groupId, topicId, partition: partitionIndex }
    const errorCode = await shares.reset(key, { startOffset, log })
    return { partitionIndex, errorCode, errorMessage: null }
  })
  return { topicId, partitions: await Promise.all(partitions) }
}

/** Lets a group forget what it has done in a topic. */
export async function deleteShareOffsets(
  groupId: string,
  topicName: string,
  services: BrokerServices,
): Promise<{ topicId: string } & Outcome> {
  const { logDirectory, groups, shares } = services
  const topicId = logDirectory.topic(topicName)?.id ?? ZERO_UUID
  const noted = groups.shareTopics(groupId) ?? new Map()
  if (!noted.has(topicId)) {
    const errorMessage =
      topicId === ZERO_UUID
        ? 'This server does not host this topic-partition.'
        : 'The topic is not subscribed to by the group.'
    return { topicId, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, errorMessage }
  }
  const forgotten = await shares.deleteTopic(groupId, topicId)
  if (forgotten !== ErrorCode.NONE) return { topicId, errorCode: forgotten, errorMessage: null }
  const left: ShareTopics = new Map([...noted].filter(([id]) => id !== topicId))
  return { topicId, errorCode: await groups.changeShareTopics(groupId, left), errorMessage: null }
}

/** A group may be told where to begin in a topic that it was never subscribed to. */
async function noteTopic(
  groupId: string,
  topic: { readonly id: string; readonly name: string; readonly partitions: readonly unknown[] },
  { groups }: BrokerServices,
): Promise<ErrorCode> {
  const noted = groups.shareTopics(groupId) ?? new Map()
  if (noted.has(topic.id)) return ErrorCode.NONE
  const partitions = [...topic.partitions.keys()]
  return groups.changeShareTopics(groupId, new Map([...noted, [topic.id, { name: topic.name, partitions }]]))
}
