/** Dropping the oldest records of a topic, for the REST API and the command. */
import type { LogClient } from '../log/client/log-client.ts'
import { throwIfError } from '../log/client/kafka-error.ts'
import { deleteRecordsApi } from '../log/protocol/apis/delete-records.ts'
import { ErrorCode } from '../log/protocol/error-code.ts'
import { offsetsAt, partitionsOf } from './topic-offsets.ts'

/** Everything, what is older than a time (ms), or what lies before an offset. */
export type DeletePosition = 'latest' | { readonly timeMs: number } | { readonly offset: number }

export interface DeletedRecords {
  readonly topic: string
  readonly partition: number
  /** The first offset that can still be read. */
  readonly startOffset: number
}

/** Throws `MR_TOPIC_NOT_FOUND`, and what the brokers refuse: an offset behind the end of a partition, most often. */
export async function deleteRecordsBefore(
  client: LogClient,
  options: {
    readonly topic: string
    readonly before: DeletePosition
    /** Default: all. */
    readonly partitions?: readonly number[]
  },
): Promise<readonly DeletedRecords[]> {
  const { topic, before } = options
  const all = await partitionsOf(client, topic)
  const partitions = options.partitions ?? all
  for (const partition of partitions)
    if (!all.includes(partition))
      throwIfError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, { doing: 'deleting records', topic, partition })
  const offsets =
    typeof before === 'object' && 'offset' in before
      ? new Map(partitions.map((partition) => [partition, before.offset]))
      : await offsetsAt(client, {
          topic,
          partitions,
          at: before === 'latest' ? 'latest' : before.timeMs,
          isolation: 'read_uncommitted',
        })
  const leaders = Map.groupBy(
    partitions,
    (partition) => client.knownTopic(topic)?.partitions[partition]?.leader ?? -1,
  )
  const answers = await Promise.all(
    [...leaders].map(([node, ofNode]) =>
      client.request(
        deleteRecordsApi,
        {
          topics: [
            {
              name: topic,
              partitions: ofNode.map((partitionIndex) => ({
                partitionIndex,
                offset: offsets.get(partitionIndex) ?? 0,
              })),
            },
          ],
          timeoutMs: client.requestTimeoutMs,
        },
        { node },
      ),
    ),
  )
  return answers
    .flatMap((answer) => answer.topics[0]?.partitions ?? [])
    .map(({ partitionIndex: partition, lowWatermark, errorCode }) => {
      throwIfError(errorCode, { doing: 'deleting records', topic, partition })
      return { topic, partition, startOffset: lowWatermark }
    })
    .sort((a, b) => a.partition - b.partition)
}
