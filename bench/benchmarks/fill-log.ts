/** Fills topics with batches that were built once: as fast as the server takes them, and the same bytes on both sides. */
import { createTopics, listOffsets } from '../../src/log/client/admin.ts'
import { connectClient } from '../../src/log/client/client.ts'
import type { LogClient } from '../../src/log/client/log-client.ts'
import { produceApi } from '../../src/log/protocol/apis/produce.ts'
import { ErrorCode } from '../../src/log/protocol/error-code.ts'
import { RecordBatchBuilder } from '../../src/log/protocol/record-batch.ts'
import { nodeWorld } from '../../src/world/node.ts'

/** The last Produce version that names topics by name. */
const PRODUCE_BY_NAME = 12
const REQUEST_BYTES = 8_000_000
const REQUESTS_IN_FLIGHT = 4
/** What a server may need to make a thousand partitions, or to come back to them. */
const PATIENCE_MS = 300_000

export interface FilledTopics {
  readonly topics: readonly string[]
  /** Of each topic. */
  readonly partitions: number
}

export async function withClient<Result>(
  address: string,
  work: (client: LogClient) => Promise<Result>,
): Promise<Result> {
  const client = await connectClient({
    world: nodeWorld(),
    bootstrap: address,
    requestTimeoutMs: PATIENCE_MS,
  })
  try {
    return await work(client)
  } finally {
    await client.close()
  }
}

/** Makes the topics and waits until every partition is served. */
export async function makeTopics(client: LogClient, filled: FilledTopics): Promise<void> {
  const { topics, partitions } = filled
  for (let from = 0; from < topics.length; from += 50)
    await createTopics(
      client,
      topics.slice(from, from + 50).map((name) => ({ name, partitions })),
    )
  await endOffsets(client, filled)
}

/** Appends `batches` batches of about `batchBytes` to every partition, with acks=1. Returns the records of one batch. */
export async function fill(
  client: LogClient,
  { topics, partitions }: FilledTopics,
  { batches, batchBytes }: { readonly batches: number; readonly batchBytes: number },
): Promise<number> {
  const builder = new RecordBatchBuilder()
  const value = Buffer.alloc(1_000, 'x')
  do builder.append({ key: null, value, timestampMs: Date.now() })
  while (builder.estimatedSizeBytes + 1_100 < batchBytes)
  const recordsPerBatch = builder.count
  const records = builder.build({})
  const places = topics.flatMap((name) => Array.from({ length: partitions }, (_, index) => ({ name, index })))
  const perRequest = Math.max(1, Math.floor(REQUEST_BYTES / records.length))
  const requests: { readonly name: string; readonly index: number }[][] = []
  for (let round = 0; round < batches; round++)
    for (let from = 0; from < places.length; from += perRequest)
      requests.push(places.slice(from, from + perRequest))
  const send = async (): Promise<void> => {
    for (let some = requests.shift(); some !== undefined; some = requests.shift()) {
      const topicData = [...Map.groupBy(some, ({ name }) => name)].map(([name, all]) => ({
        name,
        partitionData: all.map(({ index }) => ({ index, records })),
      }))
      const answer = await client.request(
        produceApi,
        { acks: 1, timeoutMs: PATIENCE_MS, topicData },
        { maxVersion: PRODUCE_BY_NAME },
      )
      for (const { errorCode } of answer.responses.flatMap((topic) => topic.partitionResponses))
        if (errorCode !== ErrorCode.NONE) throw new Error(`a batch was refused with error ${errorCode}`)
    }
  }
  await Promise.all(Array.from({ length: REQUESTS_IN_FLIGHT }, send))
  return recordsPerBatch
}

/** The end of every partition, once all of them are served. */
export async function endOffsets(client: LogClient, { topics, partitions }: FilledTopics): Promise<number[]> {
  const queries = topics.flatMap((topic) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic, partition, at: 'latest' as const })),
  )
  const ends = await listOffsets(client, queries)
  return ends.map(({ offset }) => offset)
}
