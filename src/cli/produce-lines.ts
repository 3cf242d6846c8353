import { createInterface } from 'node:readline'
import { MillraceError } from '../base/millrace-error.ts'
import type { LogClient } from '../log/client/client.ts'
import { createProducer } from '../log/client/producer.ts'
import type { Compression } from '../log/protocol/record-batch.ts'
import { terminal } from './output.ts'

export interface ProduceOptions {
  readonly keySeparator?: string
  readonly compression: Compression
}

/**
 * Produces a record for every line; resolves with how many once all are stored. A line without the separator ends it with
 * `MR_BAD_RECORD`, as `kafka-console-producer` does, when the lines before it are stored.
 */
export async function produceLines(
  client: LogClient,
  topic: string,
  input: NodeJS.ReadableStream,
  { keySeparator, compression }: ProduceOptions,
): Promise<number> {
  const producer = await createProducer(client, { compression })
  await client.topic(topic, { autoCreate: true })
  let count = 0
  for await (const line of createInterface({ input })) {
    const record = recordOf(line, keySeparator)
    if (record === undefined) {
      await producer.close()
      throw new MillraceError({
        code: 'MR_BAD_RECORD',
        topic,
        message: `line ${count + 1} has no key: it lacks ${JSON.stringify(keySeparator)}. ${count === 0 ? 'Nothing was produced.' : `The lines before it were produced.`}`,
        fix: 'Correct the line and go on with it, or leave out --key-separator: there are no keys then.',
      })
    }
    if (!producer.send({ topic, ...record })) await producer.blocked()
    count += 1
    if (count % 10_000 === 0) terminal.progress(`${count.toLocaleString('en')} records`)
  }
  await producer.close()
  return count
}

function recordOf(
  line: string,
  separator: string | undefined,
): { readonly key?: string; readonly value: string } | undefined {
  if (separator === undefined) return { value: line }
  const at = line.indexOf(separator)
  return at < 0 ? undefined : { key: line.slice(0, at), value: line.slice(at + separator.length) }
}
