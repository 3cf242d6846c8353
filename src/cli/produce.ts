import { type Command, Option } from 'commander'
import { withClient } from './cluster.ts'
import { terminal } from './output.ts'
import { type ClusterOptions, withCluster } from './process-options.ts'
import type { ProduceOptions } from './produce-lines.ts'

export function addProduce(program: Command): void {
  withCluster(
    program
      .command('produce')
      .argument('<TOPIC>')
      .summary('produce lines from standard input')
      .description(
        'Produces every line of standard input as a record, idempotently and with acks=all. Creates the topic if need be.',
      ),
  )
    .option(
      '--key-separator <TEXT>',
      'what stands between key and value in a line, each of which has to have it; default: no keys',
    )
    .addOption(
      new Option('--compression <CODEC>').choices(['none', 'gzip', 'snappy', 'lz4', 'zstd']).default('none'),
    )
    .addHelpText(
      'after',
      "\nExample:\n  $ printf 'a:1\\nb:2\\n' | millrace produce numbers --key-separator :",
    )
    .action(async (topic: string, options: ProduceOptions & ClusterOptions) => {
      if (process.stdin.isTTY) terminal.note(`millrace: a record a line for ${topic}; Ctrl-D ends`)
      const { produceLines } = await import('./produce-lines.ts')
      const count = await withClient(options, (client) => produceLines(client, topic, process.stdin, options))
      if (options.json) terminal.out(JSON.stringify({ topic, records: count }))
      else
        terminal.note(
          `millrace: produced ${count.toLocaleString('en')} ${count === 1 ? 'record' : 'records'} to ${topic}`,
        )
    })
}
