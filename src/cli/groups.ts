import { type Command, Option } from 'commander'
import type { ResetPosition } from '../server/reset-group.ts'
import { notAPlace, readPosition, wholeNumber } from './address.ts'
import { withClient } from './cluster.ts'
import { printRows, renderFields, terminal } from './output.ts'
import { type ClusterOptions, withCluster } from './process-options.ts'
import { examples } from './settings.ts'

export function addGroups(program: Command): void {
  const groups = program
    .command('groups')
    .summary('list, describe, reset and delete groups')
    .description(
      'Consumer groups of either protocol, share groups and streams groups, of this log or any Kafka cluster.',
    )
  withCluster(groups.command('list'))
    .description('Lists the groups, with how far they are behind.')
    .option('--all', 'also groups in which jobs keep the books of their transactions', false)
    .addHelpText('after', examples('millrace groups list', 'millrace groups list --output json'))
    .action(async (options: ClusterOptions & { readonly all: boolean }) => {
      const { viewGroups } = await import('../server/group-view.ts')
      const found = await withClient(options, (client) => viewGroups(client, { witnesses: options.all }))
      const rows = found.map(({ id, ...rest }) => ({ group: id, ...rest }))
      const columns = ['group', 'type', 'state', 'members', 'lag'] as const
      printRows(rows, { columns, json: options.json, none: 'no groups yet' })
    })
  withCluster(groups.command('describe').argument('<GROUP>'))
    .description(
      'Shows the state of a group, its members, and the offsets that it has committed; of a share group, the first offset of each partition that it has not done with.',
    )
    .addHelpText('after', examples('millrace groups describe billing'))
    .action(async (group: string, options: ClusterOptions) => {
      const { viewGroup } = await import('../server/group-view.ts')
      const found = await withClient(options, (client) => viewGroup(client, group))
      if (found === undefined) {
        const { groupNotFound } = await import('../server/not-found.ts')
        throw groupNotFound(group)
      }
      if (options.json) return terminal.out(JSON.stringify(found, null, 2))
      const { id, type, state, assignor, members, offsets } = found
      terminal.out(renderFields({ group: id, type, state, assignor: assignor === '' ? '–' : assignor }))
      if (members.length > 0) {
        const rows = members.map((member) => ({
          member: member.memberId,
          client: member.clientId,
          host: member.host,
          partitions: member.partitions.map(({ topic, partition }) => `${topic}-${partition}`).join(' '),
        }))
        terminal.out('')
        const columns = ['member', 'client', 'host', 'partitions'] as const
        printRows(rows, { columns, json: false, none: 'no members' })
      }
      if (offsets.length > 0) terminal.out('')
      printRows(
        offsets.map((offset) => ({ ...offset })),
        {
          columns: ['topic', 'partition', 'committed', 'end', 'lag'],
          json: false,
          none: 'no offsets committed',
        },
      )
    })
  withCluster(groups.command('reset').argument('<GROUP>').argument('<TOPIC>'))
    .description(
      'Sets the offsets of a group that has no members. Makes a consumer group when there is none of this name.',
    )
    .addOption(
      new Option(
        '--to <WHERE>',
        'where it shall go on: earliest, latest, a time as 2026-01-31T12:00:00Z, offset:N, +N or -N records from where it is',
      )
        .argParser(readReset)
        .default('earliest'),
    )
    .addOption(new Option('--partition <N>', 'only this one').argParser(wholeNumber(0)))
    .option('--dry-run', 'show the offsets, and leave them as they are', false)
    .addHelpText(
      'after',
      examples(
        'millrace groups reset billing orders --to earliest',
        'millrace groups reset billing orders --to offset:4711 --partition 2 --dry-run',
      ),
    )
    .action(async (group: string, topic: string, options: ClusterOptions & ResetOptions) => {
      const { resetGroup } = await import('../server/reset-group.ts')
      const { to, partition, dryRun } = options
      const done = await withClient(options, (client) =>
        resetGroup(client, {
          group,
          topic,
          to,
          dryRun,
          ...(partition !== undefined && { partitions: [partition] }),
        }),
      )
      printRows(
        done.map((one) => ({ ...one })),
        { columns: ['topic', 'partition', 'before', 'offset'], json: options.json, none: 'no partitions' },
      )
    })
  withCluster(groups.command('delete').argument('<GROUP>'))
    .description(
      'Deletes a group that has no members, with its offsets; with --topic, only those of one topic.',
    )
    .option('--topic <TOPIC>', 'forget what it has committed of this topic, and keep the group')
    .addHelpText('after', examples('millrace groups delete billing'))
    .action(async (group: string, options: ClusterOptions & { readonly topic?: string }) => {
      const { deleteGroup, deleteGroupOffsets } = await import('../server/reset-group.ts')
      const { topic } = options
      await withClient(options, (client) =>
        topic === undefined ? deleteGroup(client, group) : deleteGroupOffsets(client, group, topic),
      )
      terminal.note(
        `millrace: deleted ${topic === undefined ? group : `the offsets of ${group} in ${topic}`}`,
      )
    })
}

interface ResetOptions {
  readonly to: ResetPosition
  readonly partition?: number
  readonly dryRun: boolean
}

/** Reads where a group shall go on. */
export function readReset(text: string): ResetPosition {
  if (/^[+-]\d{1,15}$/.test(text)) return { shift: Number(text) }
  const position = readPosition(text)
  if (position === undefined)
    throw notAPlace(text, 'earliest, latest, a time such as 2026-01-31T12:00:00Z, offset:N, +N or -N')
  return typeof position === 'number' ? { timeMs: position } : position
}
