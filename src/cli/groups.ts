import { type Command, Option } from 'commander'
import { MillraceError } from '../base/millrace-error.ts'
import { parsePosition } from './address.ts'
import { withClient } from './cluster.ts'
import { printRows, terminal } from './output.ts'
import { withCluster } from './process-options.ts'

interface ClusterOptions {
  readonly kafka: string
  readonly json: boolean
}

export function addGroups(program: Command): void {
  const groups = program.command('groups').summary('list, describe, reset and delete consumer groups')
  withCluster(
    groups.command('list').description('Lists the consumer groups, with how far they are behind.'),
  ).action(async ({ kafka, json }: ClusterOptions) => {
    const { viewGroups } = await import('../server/log-view.ts')
    const found = await withClient(kafka, viewGroups)
    const rows = found.map(({ id, state, members, lag }) => ({ group: id, state, members, lag }))
    printRows(rows, { columns: ['group', 'state', 'members', 'lag'], json, none: 'no groups yet' })
  })
  withCluster(
    groups
      .command('describe')
      .argument('<GROUP>')
      .description('Shows the offsets that a group has committed.'),
  ).action(async (group: string, { kafka, json }: ClusterOptions) => {
    const { viewGroup } = await import('../server/log-view.ts')
    const found = await withClient(kafka, (client) => viewGroup(client, group))
    if (found === undefined) {
      throw new MillraceError({
        code: 'MR_GROUP_NOT_FOUND',
        message: `there is no group ${group}.`,
        fix: 'List them with `millrace groups list`.',
      })
    }
    printRows(
      found.map((offset) => ({ ...offset })),
      { columns: ['topic', 'partition', 'committed', 'end', 'lag'], json, none: 'no offsets committed' },
    )
  })
  withCluster(groups.command('reset').argument('<GROUP>').argument('<TOPIC>'))
    .description('Sets the offsets of a group that has no members. Makes the group when there is none.')
    .addOption(
      new Option('--to <WHERE>', 'where it shall go on: earliest, latest, or a time: 2026-01-31T12:00:00Z')
        .argParser(parsePosition)
        .default('earliest'),
    )
    .action(async (group: string, topic: string, { kafka, to }: ClusterOptions & ResetOptions) => {
      const { resetGroup } = await import('./reset-group.ts')
      await withClient(kafka, (client) => resetGroup(client, { group, topic, to }))
      const where = typeof to === 'number' ? new Date(to).toISOString() : `the ${to} offsets`
      terminal.note(`millrace: ${group} goes on at ${where} of ${topic}`)
    })
  withCluster(
    groups
      .command('delete')
      .argument('<GROUP>')
      .description('Deletes a group that has no members, with its offsets.'),
  ).action(async (group: string, { kafka }: ClusterOptions) => {
    const { deleteGroup } = await import('./reset-group.ts')
    await withClient(kafka, (client) => deleteGroup(client, group))
    terminal.note(`millrace: deleted ${group}`)
  })
}

interface ResetOptions {
  readonly to: 'earliest' | 'latest' | number
}
