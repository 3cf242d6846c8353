/** How far share groups (KIP-932) are, from outside. */
import { alterShareGroupOffsetsApi } from '../protocol/apis/alter-share-group-offsets.ts'
import { deleteShareGroupOffsetsApi } from '../protocol/apis/delete-share-group-offsets.ts'
import { describeShareGroupOffsetsApi } from '../protocol/apis/describe-share-group-offsets.ts'
import { throwIfError } from './kafka-error.ts'
import type { LogClient } from './log-client.ts'

interface ShareOffset {
  readonly topic: string
  readonly partition: number
  /** The first offset that is not done with. */
  readonly offset: number
  /** Records that are not done with; -1 when the broker is too old to tell. */
  readonly lag: number
}

/** Where a share group is; partitions that it has not begun are left out. */
export function shareOffsets(client: LogClient, groupId: string): Promise<readonly ShareOffset[]> {
  const doing = `reading the offsets of the share group ${groupId}`
  return client.retry(async () => {
    const { groups } = await client.request(
      describeShareGroupOffsetsApi,
      { groups: [{ groupId, topics: null }] },
      { node: { group: groupId } },
    )
    const { errorCode, topics } = groups[0]!
    throwIfError(errorCode, { doing })
    return topics.flatMap(({ topicName: topic, partitions }) =>
      partitions
        .filter(({ startOffset }) => startOffset >= 0)
        .map(({ partitionIndex: partition, startOffset: offset, lag }) => ({
          topic,
          partition,
          offset,
          lag,
        })),
    )
  })
}

/** Sets where a share group without members goes on. */
export async function setShareOffsets(
  client: LogClient,
  groupId: string,
  offsets: readonly { readonly topic: string; readonly partition: number; readonly offset: number }[],
): Promise<void> {
  const doing = `setting the offsets of the share group ${groupId}`
  const byTopic = Map.groupBy(offsets, ({ topic }) => topic)
  const topics = Array.from(byTopic, ([topicName, list]) => ({
    topicName,
    partitions: list.map(({ partition, offset }) => ({ partitionIndex: partition, startOffset: offset })),
  }))
  const answer = await client.request(
    alterShareGroupOffsetsApi,
    { groupId, topics },
    { node: { group: groupId } },
  )
  throwIfError(answer.errorCode, { doing, detail: answer.errorMessage })
  for (const { topicName: topic, partitions } of answer.responses)
    for (const { partitionIndex: partition, errorCode, errorMessage } of partitions)
      throwIfError(errorCode, { doing, topic, partition, detail: errorMessage })
}

/** Has a share group without members forget a topic. */
export async function deleteShareOffsets(client: LogClient, groupId: string, topic: string): Promise<void> {
  const doing = `deleting offsets of the share group ${groupId}`
  const answer = await client.request(
    deleteShareGroupOffsetsApi,
    { groupId, topics: [{ topicName: topic }] },
    { node: { group: groupId } },
  )
  throwIfError(answer.errorCode, { doing, detail: answer.errorMessage })
  for (const { errorCode, errorMessage } of answer.responses)
    throwIfError(errorCode, { doing, topic, detail: errorMessage })
}
