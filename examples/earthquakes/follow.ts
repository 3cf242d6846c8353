/** Reads a topic of answers as any application would: with an unmodified Kafka client, and only what is committed. */
import { Consumer, FetchIsolationLevels, stringDeserializers } from '@platformatic/kafka'

export async function followTopic<T>(options: {
  readonly bootstrap: string
  readonly topic: string
  readonly show: (event: T) => void
}): Promise<AsyncDisposable> {
  const { bootstrap, topic, show } = options
  const consumer = new Consumer({
    groupId: `npm-start-${topic}`,
    clientId: 'npm-start',
    bootstrapBrokers: [bootstrap],
    deserializers: stringDeserializers,
    maxWaitTime: 100,
  })
  const stream = await consumer.consume({
    topics: [topic],
    mode: 'earliest',
    isolationLevel: FetchIsolationLevels.READ_COMMITTED,
  })
  stream.on('data', ({ value }) => show(JSON.parse(value) as T))
  return { [Symbol.asyncDispose]: () => consumer.close(true) }
}
