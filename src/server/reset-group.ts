/** Moving and deleting what a group has committed, for the REST API and the command. */
import { MillraceError } from '../base/millrace-error.ts'
import { listGroups, offsetCommit, offsetFetch } from '../log/client/group-admin.ts'
import { KafkaError, throwIfError } from '../log/client/kafka-error.ts'
import type { LogClient } from '../log/client/log-client.ts'
import { deleteShareOffsets, setShareOffsets, shareOffsets } from '../log/client/share-admin.ts'
import { deleteGroupsApi } from '../log/protocol/apis/delete-groups.ts'
import { offsetDeleteApi } from '../log/protocol/apis/offset-delete.ts'
import { ErrorCode } from '../log/protocol/error-code.ts'
import { offsetsAt, partitionsOf } from './topic-offsets.ts'

/** Where a group shall go on: an end, a time (ms), an offset, or so many records further or back from where it is. */
export type ResetPosition =
  | 'earliest'
  | 'latest'
  | { readonly timeMs: number }
  | { readonly offset: number }
  | { readonly shift: number }

export interface ResetOffset {
  readonly topic: string
  readonly partition: number
  /** -1 when the group had committed none. */
  readonly before: number
  readonly offset: number
}

/**
 * Lets a group go on elsewhere in a topic, and says where; makes a consumer group when there is none. Offsets are kept within
 * the partition. Throws what the cluster refuses: a group that has members, most often.
 */
export async function resetGroup(
  client: LogClient,
  options: {
    readonly group: string
    readonly topic: string
    readonly to: ResetPosition
    /** Default: all. */
    readonly partitions?: readonly number[]
    readonly dryRun?: boolean
  },
): Promise<readonly ResetOffset[]> {
  const { group, topic, to } = options
  const all = await partitionsOf(client, topic)
  const partitions = options.partitions ?? all
  for (const partition of partitions)
    if (!all.includes(partition))
      throwIfError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, { doing: 'resetting the offset', topic, partition })
  const isShare = await isShareGroup(client, group)
  const before = isShare ? await shareOffsets(client, group) : await offsetFetch(client, group)
  const committed = new Map(
    before.filter((one) => one.topic === topic).map(({ partition, offset }) => [partition, offset]),
  )
  const wanted = await positionsOf(client, { topic, partitions, to, committed })
  const offsets = partitions.map((partition) => ({
    topic,
    partition,
    before: committed.get(partition) ?? -1,
    offset: wanted.get(partition) ?? 0,
  }))
  if (options.dryRun === true) return offsets
  await withoutMembers(group, () =>
    isShare ? setShareOffsets(client, group, offsets) : offsetCommit(client, group, offsets),
  )
  return offsets
}

async function isShareGroup(client: LogClient, group: string): Promise<boolean> {
  const groups = await listGroups(client)
  return groups.some(({ groupId, type }) => groupId === group && type.toLowerCase() === 'share')
}

async function positionsOf(
  client: LogClient,
  options: {
    readonly topic: string
    readonly partitions: readonly number[]
    readonly to: ResetPosition
    readonly committed: ReadonlyMap<number, number>
  },
): Promise<ReadonlyMap<number, number>> {
  const { topic, partitions, to, committed } = options
  if (typeof to === 'string') return offsetsAt(client, { topic, partitions, at: to })
  if ('timeMs' in to) return offsetsAt(client, { topic, partitions, at: to.timeMs })
  const [starts, ends] = await Promise.all([
    offsetsAt(client, { topic, partitions, at: 'earliest' }),
    offsetsAt(client, { topic, partitions, at: 'latest', isolation: 'read_uncommitted' }),
  ])
  return new Map(
    partitions.map((partition) => {
      const [start, end] = [starts.get(partition) ?? 0, ends.get(partition) ?? 0]
      const wanted = 'offset' in to ? to.offset : (committed.get(partition) ?? start) + to.shift
      return [partition, Math.min(Math.max(wanted, start), end)]
    }),
  )
}

async function withoutMembers(group: string, change: () => Promise<void>): Promise<void> {
  try {
    await change()
  } catch (error) {
    const codes: readonly number[] = [ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.NON_EMPTY_GROUP]
    if (!(error instanceof KafkaError) || !codes.includes(error.errorCode)) throw error
    throw new MillraceError({
      code: 'MR_KAFKA_REFUSED',
      message: `the group ${group} has members, who would not hear of new offsets.`,
      fix: 'Stop them first.',
      cause: error,
    })
  }
}

/** Deletes a group that has no members, with its offsets. */
export async function deleteGroup(client: LogClient, group: string): Promise<void> {
  const answer = await client.request(deleteGroupsApi, { groupsNames: [group] }, { node: { group } })
  for (const { errorCode } of answer.results)
    throwIfError(errorCode, { doing: `deleting the group ${group}` })
}

/** Forgets what a group has committed of a topic that none of its members reads. */
export async function deleteGroupOffsets(client: LogClient, group: string, topic: string): Promise<void> {
  if (await isShareGroup(client, group)) return deleteShareOffsets(client, group, topic)
  const partitions = await partitionsOf(client, topic)
  const answer = await client.request(
    offsetDeleteApi,
    {
      groupId: group,
      topics: [{ name: topic, partitions: partitions.map((partitionIndex) => ({ partitionIndex })) }],
    },
    { node: { group } },
  )
  const doing = `deleting offsets of the group ${group}`
  throwIfError(answer.errorCode, { doing, topic })
  for (const { errorCode, partitionIndex: partition } of answer.topics[0]?.partitions ?? [])
    throwIfError(errorCode, { doing, topic, partition })
}
