import { createInterface } from 'node:readline'
import { type Command, Option } from 'commander'
import { createProducer } from '../log/client/producer.ts'
import type { Compression } from '../log/protocol/record-batch.ts'
import { withClient } from './cluster.ts'
import { terminal } from './output.ts'
import { withCluster } from './process-options.ts'

interface ProduceOptions {
  readonly kafka: string
  readonly json: boolean
  readonly keySeparator?: string
  readonly compression: Compression
}

export function addProduce(program: Command): void {
  withCluster(
    program
      .command('produce')
      .argument('<TOPIC>')
      .summary('produce lines from standard input')
      .description('Produces every line of standard input as a record, idempotently and with acks=all.'),
  )
    .option('--key-separator <TEXT>', 'what stands between key and value in a line; default: no keys')
    .addOption(
      new Option('--compression <CODEC>').choices(['none', 'gzip', 'snappy', 'lz4', 'zstd']).default('none'),
    )
    .addHelpText(
      'after',
      "\nExample:\n  $ printf 'a:1\\nb:2\\n' | millrace produce numbers --key-separator :",
    )
    .action(async (topic: string, { kafka, keySeparator, compression, json }: ProduceOptions) => {
      const count = await withClient(kafka, async (client) => {
        const producer = await createProducer(client, { compression })
        await client.topic(topic, { autoCreate: true })
        let produced = 0
        for await (const line of createInterface({ input: process.stdin })) {
          const at = keySeparator === undefined ? -1 : line.indexOf(keySeparator)
          const record =
            at < 0
              ? { topic, value: line }
              : { topic, key: line.slice(0, at), value: line.slice(at + (keySeparator?.length ?? 0)) }
          if (!producer.send(record)) await producer.blocked()
          produced += 1
          if (produced % 10_000 === 0) terminal.progress(`${produced.toLocaleString('en')} records`)
        }
        await producer.close()
        return produced
      })
      if (json) terminal.out(JSON.stringify({ topic, records: count }))
      else terminal.note(`millrace: ${count.toLocaleString('en')} records in ${topic}`)
    })
}
