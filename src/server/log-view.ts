/** What the REST API and the command show of a log, asked for over the wire: the same for the embedded and any other. */
import { describeGroups, listGroups, offsetFetch } from '../log/client/group-admin.ts'
import { listOffsets } from '../log/client/admin.ts'
import type { LogClient } from '../log/client/log-client.ts'

export interface TopicView {
  readonly name: string
  readonly id: string
  readonly internal: boolean
  readonly partitions: number
  /** Offsets between start and end, all partitions together; compaction and markers leave fewer records. */
  readonly records: number
  readonly endOffsets: number
}

export interface PartitionView {
  readonly partition: number
  readonly leader: number
  readonly startOffset: number
  readonly endOffset: number
}

export interface GroupView {
  readonly id: string
  readonly state: string
  readonly members: number
  /** Offsets behind the ends of the partitions that it has committed. */
  readonly lag: number
}

export interface GroupOffsetView {
  readonly topic: string
  readonly partition: number
  readonly committed: number
  readonly end: number
  readonly lag: number
}

export async function viewTopics(
  client: LogClient,
  options: { readonly internal: boolean },
): Promise<TopicView[]> {
  const { topics } = await client.metadata()
  const shown = [...topics.values()].filter((topic) => options.internal || !topic.internal)
  const ranges = await partitionRanges(
    client,
    shown.map((topic) => topic.name),
  )
  return shown
    .map((topic) => {
      const partitions = ranges.get(topic.name) ?? []
      const endOffsets = sum(partitions.map((partition) => partition.endOffset))
      const startOffsets = sum(partitions.map((partition) => partition.startOffset))
      const { name, id, internal } = topic
      return {
        name,
        id,
        internal,
        partitions: topic.partitions.length,
        records: endOffsets - startOffsets,
        endOffsets,
      }
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The partitions of one topic; `undefined` when there is no such topic. */
export async function viewPartitions(
  client: LogClient,
  topic: string,
): Promise<readonly PartitionView[] | undefined> {
  const found = (await client.metadata([topic])).topics.get(topic)
  if (found === undefined || found.errorCode !== 0) return undefined
  return (await partitionRanges(client, [topic])).get(topic) ?? []
}

export async function viewGroups(client: LogClient): Promise<GroupView[]> {
  const listed = await listGroups(client)
  if (listed.length === 0) return []
  const described = await describeGroups(
    client,
    listed.map((group) => group.groupId),
  )
  return Promise.all(
    listed.map(async ({ groupId, state }, index) => ({
      id: groupId,
      state,
      members: described[index]?.members.length ?? 0,
      lag: sum((await viewGroupOffsets(client, groupId)).map((offset) => offset.lag)),
    })),
  )
}

/** What a group has committed; `undefined` when there is no such group. */
export async function viewGroup(
  client: LogClient,
  groupId: string,
): Promise<readonly GroupOffsetView[] | undefined> {
  const known = (await listGroups(client)).some((group) => group.groupId === groupId)
  return known ? viewGroupOffsets(client, groupId) : undefined
}

async function viewGroupOffsets(client: LogClient, groupId: string): Promise<GroupOffsetView[]> {
  const committed = await offsetFetch(client, groupId)
  const { topics } = await client.metadata([...new Set(committed.map((offset) => offset.topic))])
  // Offsets outlive their topics: those of a deleted one have no end to be behind of.
  const existing = committed.filter(
    ({ topic, partition }) => topics.get(topic)?.partitions[partition] !== undefined,
  )
  const ends = await listOffsets(
    client,
    existing.map(({ topic, partition }) => ({ topic, partition, at: 'latest' })),
  )
  return existing.map(({ topic, partition, offset }, index) => {
    const end = ends[index]?.offset ?? offset
    return { topic, partition, committed: offset, end, lag: Math.max(0, end - offset) }
  })
}

async function partitionRanges(
  client: LogClient,
  names: readonly string[],
): Promise<Map<string, PartitionView[]>> {
  const { topics } = await client.metadata(names)
  const wanted = names.flatMap((topic) =>
    (topics.get(topic)?.partitions ?? []).map(({ partition, leader }) => ({ topic, partition, leader })),
  )
  const [starts, ends] = await Promise.all(
    (['earliest', 'latest'] as const).map((at) =>
      listOffsets(
        client,
        wanted.map(({ topic, partition }) => ({ topic, partition, at })),
      ),
    ),
  )
  const ranges = new Map<string, PartitionView[]>(names.map((name) => [name, []]))
  for (const [index, { topic, partition, leader }] of wanted.entries()) {
    ranges.get(topic)?.push({
      partition,
      leader,
      startOffset: starts?.[index]?.offset ?? 0,
      endOffset: ends?.[index]?.offset ?? 0,
    })
  }
  return ranges
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
