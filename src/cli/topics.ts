import { type Command, InvalidArgumentError, Option } from 'commander'
import { MillraceError } from '../base/millrace-error.ts'
import { wholeNumber } from './address.ts'
import { withClient } from './cluster.ts'
import { printRows, terminal } from './output.ts'
import { withCluster } from './process-options.ts'

interface ClusterOptions {
  readonly kafka: string
  readonly json: boolean
}

export function addTopics(program: Command): void {
  const topics = program.command('topics').summary('list, create, describe and delete topics')
  withCluster(
    topics
      .command('list')
      .description(
        'Lists the topics, with how many offsets they hold: records, and the markers of transactions.',
      ),
  )
    .option('--internal', 'also the ones that the log keeps for itself', false)
    .action(async ({ kafka, json, internal }: ClusterOptions & { readonly internal: boolean }) => {
      const { viewTopics } = await import('../server/log-view.ts')
      const topics = await withClient(kafka, (client) => viewTopics(client, { internal }))
      const rows = topics.map(({ name, partitions, records, id }) => ({
        topic: name,
        partitions,
        records,
        id,
      }))
      printRows(rows, { columns: ['topic', 'partitions', 'records', 'id'], json, none: 'no topics yet' })
    })
  withCluster(topics.command('create').argument('<TOPIC>').description('Creates a topic.'))
    .addOption(new Option('--partitions <N>', 'default: as the log is set up').argParser(wholeNumber(1)))
    .option(
      '--config <NAME=VALUE>',
      "one of Kafka's topic settings, as retention.ms=3600000; repeat it for more",
      readSetting,
      {},
    )
    .action(
      async (
        topic: string,
        options: ClusterOptions & { readonly partitions?: number; readonly config: Record<string, string> },
      ) => {
        const { kafka, partitions, config } = options
        const { createTopics } = await import('../log/client/admin.ts')
        await withClient(kafka, (client) =>
          createTopics(client, [{ name: topic, config, ...(partitions && { partitions }) }]),
        )
        terminal.note(`millrace: created ${topic}`)
      },
    )
  withCluster(
    topics.command('describe').argument('<TOPIC>').description('Shows the partitions of a topic.'),
  ).action(async (topic: string, { kafka, json }: ClusterOptions) => {
    const { viewPartitions } = await import('../server/log-view.ts')
    const partitions = await withClient(kafka, (client) => viewPartitions(client, topic))
    if (partitions === undefined) {
      throw new MillraceError({
        code: 'MR_TOPIC_NOT_FOUND',
        topic,
        message: 'there is no such topic.',
        fix: 'List them with `millrace topics list`.',
      })
    }
    const rows = partitions.map(({ partition, leader, startOffset, endOffset }) => ({
      partition,
      leader,
      start: startOffset,
      end: endOffset,
    }))
    printRows(rows, { columns: ['partition', 'leader', 'start', 'end'], json, none: 'no partitions' })
  })
  withCluster(
    topics
      .command('add-partitions')
      .argument('<TOPIC>')
      .argument('<TOTAL>', 'how many it shall have', wholeNumber(1)),
  )
    .description('Gives a topic more partitions. Keys that were in one partition may then be in another.')
    .action(async (topic: string, total: number, { kafka }: ClusterOptions) => {
      const { createPartitions } = await import('../log/client/admin.ts')
      await withClient(kafka, (client) => createPartitions(client, topic, total))
      terminal.note(`millrace: ${topic} has ${total} partitions`)
    })
  withCluster(
    topics.command('delete').argument('<TOPIC...>').description('Deletes topics and all their records.'),
  ).action(async (names: string[], { kafka }: ClusterOptions) => {
    const { deleteTopics } = await import('../log/client/admin.ts')
    await withClient(kafka, (client) => deleteTopics(client, names))
    terminal.note(`millrace: deleted ${names.join(', ')}`)
  })
}

function readSetting(text: string, earlier: Record<string, string>): Record<string, string> {
  const [name = '', ...value] = text.split('=')
  if (name === '' || value.length === 0)
    throw new InvalidArgumentError(`expected NAME=VALUE, not ${JSON.stringify(text)}.`)
  return { ...earlier, [name]: value.join('=') }
}
