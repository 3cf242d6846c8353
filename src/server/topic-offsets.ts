import { MillraceError } from '../base/millrace-error.ts'
import { listOffsets } from '../log/client/admin.ts'
import type { LogClient } from '../log/client/client.ts'
import { topicNotFound } from './not-found.ts'

/** A topic that was created a moment ago is known everywhere within this time. */
const TOPIC_TIMEOUT_MS = 1_000

/** The partitions of a topic. Throws `MR_TOPIC_NOT_FOUND` soon, where the client would go on looking for it. */
export async function partitionsOf(client: LogClient, topic: string): Promise<readonly number[]> {
  try {
    const { partitions } = await client.topic(topic, { timeoutMs: TOPIC_TIMEOUT_MS })
    return partitions.map(({ partition }) => partition)
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'MR_TOPIC_NOT_FOUND') throw error
    throw topicNotFound(topic, error)
  }
}

/** The offset at a position in every partition; a time after the last record is the end. */
export async function offsetsAt(
  client: LogClient,
  query: {
    readonly topic: string
    readonly partitions: readonly number[]
    readonly at: 'earliest' | 'latest' | number
    readonly isolation?: 'read_committed' | 'read_uncommitted'
  },
): Promise<Map<number, number>> {
  const { topic, partitions, at, isolation = 'read_committed' } = query
  const ask = (position: typeof at): ReturnType<typeof listOffsets> =>
    listOffsets(
      client,
      partitions.map((partition) => ({ topic, partition, at: position })),
      { isolation },
    )
  const [found, ends] = await Promise.all([ask(at), typeof at === 'number' ? ask('latest') : []])
  return new Map(
    found.map(({ partition, offset }, index) => [
      partition,
      offset < 0 ? (ends[index]?.offset ?? 0) : offset,
    ]),
  )
}
