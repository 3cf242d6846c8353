/** What the REST API and the command show of a log, asked for over the wire: the same for the embedded and any other. */
import { listOffsets } from '../log/client/admin.ts'
import { describeVisibleConfigs, type DescribedConfig, isOwn } from '../log/client/config-admin.ts'
import type { LogClient } from '../log/client/log-client.ts'

export interface TopicView {
  readonly name: string
  readonly id: string
  readonly internal: boolean
  readonly partitions: number
  /** Offsets between start and end, all partitions together; compaction and markers leave fewer records. */
  readonly records: number
  readonly endOffsets: number
  /** What was set for the topic itself; `null` for whom it is not to see. */
  readonly config: Readonly<Record<string, string>> | null
}

export interface TopicDetail {
  readonly name: string
  readonly id: string
  readonly internal: boolean
  readonly partitions: readonly PartitionView[]
  /** Every setting, with where its value comes from; `null` for whom they are not to see. */
  readonly configs: readonly DescribedConfig[] | null
}

export interface PartitionView {
  readonly partition: number
  readonly leader: number
  readonly startOffset: number
  readonly endOffset: number
}

export async function viewTopics(
  client: LogClient,
  options: { readonly internal: boolean },
): Promise<TopicView[]> {
  const { topics } = await client.metadata()
  const shown = [...topics.values()].filter((topic) => options.internal || !topic.internal)
  const names = shown.map((topic) => topic.name)
  const [ranges, configs] = await Promise.all([
    partitionRanges(client, names),
    describeVisibleConfigs(
      client,
      names.map((name) => ({ type: 'topic', name })),
    ),
  ])
  return shown
    .map((topic, index) => {
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
        config: own(configs[index]),
      }
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** One topic; `undefined` when there is none of the name. */
export async function viewTopic(client: LogClient, name: string): Promise<TopicDetail | undefined> {
  const found = (await client.metadata([name])).topics.get(name)
  if (found === undefined || found.errorCode !== 0) return undefined
  const [ranges, [configs = null]] = await Promise.all([
    partitionRanges(client, [name]),
    describeVisibleConfigs(client, [{ type: 'topic', name }]),
  ])
  const { id, internal } = found
  return { name, id, internal, partitions: ranges.get(name) ?? [], configs }
}

function own(configs: readonly DescribedConfig[] | undefined): TopicView['config'] {
  if (configs === undefined) return null
  return Object.fromEntries(configs.filter(isOwn).map((one) => [one.name, one.value ?? '']))
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
