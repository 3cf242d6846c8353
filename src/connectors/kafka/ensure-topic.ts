import { createTopics } from '../../log/client/admin.ts'
import type { LogClient } from '../../log/client/client.ts'
import type { TopicMetadata } from '../../log/client/cluster-metadata.ts'
import type { KafkaOptions } from './kafka-options.ts'

/** How long a topic that was there is looked for before it is created again. */
const LOOK_AGAIN_MS = 5_000

/** The topic. When it is not there yet, it is created, with the number of partitions that the job asks for. */
export function ensureTopic<T>(
  client: LogClient,
  options: Pick<KafkaOptions<T>, 'topic' | 'partitions'>,
): Promise<TopicMetadata> {
  const { topic, partitions } = options
  if (partitions === undefined) return client.topic(topic, { autoCreate: true })
  return client.retry(async () => {
    const found = (await client.metadata([topic])).topics.get(topic)
    if (found === undefined || found.errorCode !== 0) {
      await createTopics(client, [{ name: topic, partitions }], { ifNotExists: true })
    }
    // A topic that was found may be gone again: the log has lost its power before it was durable.
    return client.topic(topic, { timeoutMs: LOOK_AGAIN_MS })
  })
}
