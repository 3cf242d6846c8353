import { type Command, Option } from 'commander'
import { MillraceError } from '../base/millrace-error.ts'
import type { DeletePosition } from '../server/delete-records.ts'
import { notAPlace, readPosition, wholeNumber } from './address.ts'
import { withClient } from './cluster.ts'
import { printConfigs } from './configs.ts'
import { printRows, renderFields, terminal } from './output.ts'
import { type ClusterOptions, withCluster } from './process-options.ts'
import { examples, readSetting, repeated } from './settings.ts'

export function addTopics(program: Command): void {
  const topics = program
    .command('topics')
    .summary('list, create, describe, configure and delete topics')
    .description('Topics of this log or any Kafka cluster.')
  withCluster(topics.command('list'))
    .description(
      'Lists the topics, with how many offsets they hold (records, and the markers of transactions) and the settings of their own.',
    )
    .option('--internal', 'also the ones that the log keeps for itself', false)
    .addHelpText(
      'after',
      examples('millrace topics list', 'millrace topics list --output json | jq .[].topic'),
    )
    .action(async (options: ClusterOptions & { readonly internal: boolean }) => {
      const { viewTopics } = await import('../server/log-view.ts')
      const { json, internal } = options
      const found = await withClient(options, (client) => viewTopics(client, { internal }))
      const rows = found.map(({ name, partitions, records, id, config }) => ({
        topic: name,
        partitions,
        records,
        id,
        config,
      }))
      if (json) return terminal.out(JSON.stringify(rows, null, 2))
      printRows(
        rows.map(({ config, ...row }) => ({
          ...row,
          config:
            config === null
              ? '–'
              : Object.entries(config)
                  .map(([name, value]) => `${name}=${value}`)
                  .join(' '),
        })),
        {
          columns: ['topic', 'partitions', 'records', 'id', 'config'],
          json,
          none: 'no topics: there are none, or none that you may see',
        },
      )
    })
  withCluster(topics.command('create').argument('<TOPIC>').description('Creates a topic.'))
    .addOption(new Option('--partitions <N>', 'default: as the log is set up').argParser(wholeNumber(1)))
    .option(
      '--config <NAME=VALUE>',
      "one of Kafka's topic settings, as retention.ms=3600000; repeat it for more",
      readSetting,
      {},
    )
    .addHelpText(
      'after',
      examples('millrace topics create orders --partitions 4 --config retention.ms=86400000'),
    )
    .action(
      async (
        topic: string,
        options: ClusterOptions & { readonly partitions?: number; readonly config: Record<string, string> },
      ) => {
        const { partitions, config } = options
        const { createTopics } = await import('../log/client/admin.ts')
        await withClient(options, (client) =>
          createTopics(client, [{ name: topic, config, ...(partitions && { partitions }) }]),
        )
        terminal.note(`millrace: created ${topic}`)
      },
    )
  withCluster(topics.command('describe').argument('<TOPIC>'))
    .description('Shows the partitions of a topic, and its settings that differ from the default.')
    .option('--all-configs', 'every setting, with what it means', false)
    .addHelpText('after', examples('millrace topics describe orders'))
    .action(async (topic: string, options: ClusterOptions & { readonly allConfigs: boolean }) => {
      const { viewTopic } = await import('../server/log-view.ts')
      const found = await withClient(options, (client) => viewTopic(client, topic))
      if (found === undefined) {
        const { topicNotFound } = await import('../server/not-found.ts')
        throw topicNotFound(topic)
      }
      const all = options.allConfigs
      const configs =
        found.configs === null ? null : found.configs.filter((one) => all || one.source !== 'default')
      if (options.json) return terminal.out(JSON.stringify({ ...found, configs }, null, 2))
      terminal.out(renderFields({ topic, id: found.id, internal: found.internal ? 'yes' : 'no' }))
      terminal.out('')
      const rows = found.partitions.map(({ partition, leader, startOffset, endOffset }) => ({
        partition,
        leader,
        start: startOffset,
        end: endOffset,
      }))
      printRows(rows, {
        columns: ['partition', 'leader', 'start', 'end'],
        json: false,
        none: 'no partitions',
      })
      if (configs === null) return terminal.note('millrace: its settings are not yours to see')
      if (configs.length === 0) return
      terminal.out('')
      printConfigs(configs, { all, json: false })
    })
  withCluster(topics.command('configure').argument('<TOPIC>'))
    .argument('[NAME=VALUE...]', "Kafka's topic settings, as retention.ms=3600000", readSetting)
    .description('Changes settings of a topic; what is not named stays.')
    .option('--delete <NAME>', 'back to what the log has for it; repeat it for more', repeated)
    .option('--dry-run', 'check the change, and do not make it', false)
    .addHelpText(
      'after',
      examples(
        'millrace topics configure orders retention.ms=3600000 cleanup.policy=compact,delete',
        'millrace topics configure orders --delete retention.ms',
      ),
    )
    .action(
      async (
        topic: string,
        set: Record<string, string> | undefined,
        options: ClusterOptions & { readonly delete?: readonly string[]; readonly dryRun: boolean },
        command: Command,
      ) => {
        if (Object.keys(set ?? {}).length === 0 && options.delete === undefined)
          command.error('error: name a setting: NAME=VALUE, or --delete NAME')
        const { alterConfigs, refuseUnknownConfigs } = await import('../log/client/config-admin.ts')
        const { dryRun: validateOnly, delete: names = [] } = options
        await withClient(options, async (client) => {
          const resource = { type: 'topic', name: topic } as const
          if (names.length > 0) await refuseUnknownConfigs(client, resource, names)
          await alterConfigs(client, resource, { set: set ?? {}, delete: names, validateOnly })
        })
        terminal.note(`millrace: ${topic} ${options.dryRun ? 'would accept this' : 'is changed'}`)
      },
    )
  withCluster(
    topics
      .command('add-partitions')
      .argument('<TOPIC>')
      .argument('<TOTAL>', 'how many it shall have', wholeNumber(1)),
  )
    .description('Gives a topic more partitions. Keys that were in one partition may then be in another.')
    .addHelpText('after', examples('millrace topics add-partitions orders 8'))
    .action(async (topic: string, total: number, options: ClusterOptions) => {
      const { createPartitions } = await import('../log/client/admin.ts')
      await withClient(options, (client) => createPartitions(client, topic, total))
      terminal.note(`millrace: ${topic} has ${total} partitions`)
    })
  withCluster(topics.command('delete-records').argument('<TOPIC>'))
    .description('Deletes the oldest records of a topic: what lies before an offset, a time, or all of them.')
    .addOption(
      new Option('--before <WHERE>', 'latest, a time as 2026-01-31T12:00:00Z, or offset:N')
        .argParser(readBefore)
        .makeOptionMandatory(),
    )
    .addOption(new Option('--partition <N>', 'only of this one').argParser(wholeNumber(0)))
    .addHelpText('after', examples('millrace topics delete-records orders --before 2026-01-31T12:00:00Z'))
    .action(
      async (
        topic: string,
        options: ClusterOptions & { readonly before: DeletePosition; readonly partition?: number },
      ) => {
        const { deleteRecordsBefore } = await import('../server/delete-records.ts')
        const { before, partition, json } = options
        const done = await withClient(options, (client) =>
          deleteRecordsBefore(client, {
            topic,
            before,
            ...(partition !== undefined && { partitions: [partition] }),
          }),
        )
        const rows = done.map(({ startOffset, ...one }) => ({ ...one, start: startOffset }))
        printRows(rows, { columns: ['topic', 'partition', 'start'], json, none: 'no partitions' })
      },
    )
  withCluster(topics.command('delete').argument('<TOPIC...>'))
    .description('Deletes topics and all their records.')
    .addHelpText('after', examples('millrace topics delete orders'))
    .action(async (names: string[], options: ClusterOptions) => {
      const { deleteTopics } = await import('../log/client/admin.ts')
      await withClient(options, async (client) => {
        await deleteTopics(client, names).catch((error: unknown) => {
          if (!(error instanceof MillraceError) || error.code !== 'MR_TOPIC_NOT_FOUND') throw error
          // To create it, as is advised to who would use it, is not what this one wants.
          throw new MillraceError({
            code: error.code,
            ...error.place,
            message: 'there is no such topic, or none that you may see.',
            fix: 'List them with `millrace topics list`.',
            cause: error,
          })
        })
      })
      terminal.note(`millrace: deleted ${names.join(', ')}`)
    })
}

/** Reads up to where records go. */
function readBefore(text: string): DeletePosition {
  const position = readPosition(text)
  if (position === undefined || position === 'earliest')
    throw notAPlace(text, 'latest, a time such as 2026-01-31T12:00:00Z, or offset:N')
  return typeof position === 'number' ? { timeMs: position } : position
}
