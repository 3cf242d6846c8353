import { createInterface } from 'node:readline'
import type { LogClient } from '../log/client/client.ts'
import { createProducer } from '../log/client/producer.ts'
import type { Compression } from '../log/protocol/record-batch.ts'
import { terminal } from './output.ts'

export interface ProduceOptions {
  readonly keySeparator?: string
  readonly compression: Compression
}

/** Produces a record for every line; resolves with how many, and how many without the separator, once all are stored. */
export async function produceLines(
  client: LogClient,
  topic: string,
  input: NodeJS.ReadableStream,
  { keySeparator, compression }: ProduceOptions,
): Promise<{ readonly count: number; readonly withoutKey: number }> {
  const producer = await createProducer(client, { compression })
  await client.topic(topic, { autoCreate: true })
  let count = 0
  let withoutKey = 0
  for await (const line of createInterface({ input })) {
    const at = keySeparator === undefined ? -1 : line.indexOf(keySeparator)
    const record =
      at < 0
        ? { topic, value: line }
        : { topic, key: line.slice(0, at), value: line.slice(at + (keySeparator?.length ?? 0)) }
    if (keySeparator !== undefined && at < 0) withoutKey += 1
    if (!producer.send(record)) await producer.blocked()
    count += 1
    if (count % 10_000 === 0) terminal.progress(`${count.toLocaleString('en')} records`)
  }
  await producer.close()
  return { count, withoutKey }
}
