import { type Command, Option } from 'commander'
import { parsePosition, wholeNumber } from './address.ts'
import { withClient } from './cluster.ts'
import type { ConsumeOptions } from './consume-topic.ts'
import { type ClusterOptions, withCluster } from './process-options.ts'
import { stopSignal } from './stop-signals.ts'

export function addConsume(program: Command): void {
  withCluster(
    program
      .command('consume')
      .argument('<TOPIC>')
      .summary('print the records of a topic')
      .description(
        'Prints the values of a topic, a line each, and waits for more until Ctrl-C. --json prints whole records.',
      ),
  )
    .addOption(
      new Option('--from <WHERE>', 'earliest, latest, a time: 2026-01-31T12:00:00Z, or offset:N')
        .argParser(parsePosition)
        .default('earliest'),
    )
    .option(
      '--group <GROUP>',
      'go on where this group left off, and commit at the end what was printed; it is not joined: partitions are not shared with its members',
    )
    .addOption(new Option('--count <N>', 'end after so many records').argParser(wholeNumber(1)))
    .option('--exit', 'end where the topic ends now', false)
    .option('--keys', 'print "key<TAB>value"', false)
    .option('--uncommitted', 'also records of transactions that are open or were aborted', false)
    .addHelpText(
      'after',
      '\nExamples:\n  $ millrace consume alerts --from latest\n  $ millrace consume orders --json --exit | jq .value',
    )
    .action(async (topic: string, options: ConsumeOptions & ClusterOptions) => {
      const stop = stopSignal({ announce: false })
      const { consumeTopic } = await import('./consume-topic.ts')
      await withClient(options, (client) => consumeTopic(client, topic, { ...options, stop }))
    })
}
