import { type Command, Option } from 'commander'
import { deleteGroupsApi } from '../log/protocol/apis/delete-groups.ts'
import { listOffsets } from '../log/client/admin.ts'
import { offsetCommit } from '../log/client/group-admin.ts'
import { throwIfError } from '../log/client/kafka-error.ts'
import { viewGroupOffsets, viewGroups } from '../server/log-view.ts'
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
    const rows = await withClient(kafka, viewGroups)
    printRows(
      rows.map(({ id, state, members, lag }) => ({ group: id, state, members, lag })),
      ['group', 'state', 'members', 'lag'],
      json,
    )
  })
  withCluster(
    groups
      .command('describe')
      .argument('<GROUP>')
      .description('Shows the offsets that a group has committed.'),
  ).action(async (group: string, { kafka, json }: ClusterOptions) => {
    const rows = await withClient(kafka, (client) => viewGroupOffsets(client, group))
    printRows(
      rows.map((row) => ({ ...row })),
      ['topic', 'partition', 'committed', 'end', 'lag'],
      json,
    )
  })
  withCluster(groups.command('reset').argument('<GROUP>').argument('<TOPIC>'))
    .description('Sets the offsets of a group that has no members.')
    .addOption(
      new Option('--to <WHERE>', 'where it shall go on').choices(['earliest', 'latest']).default('earliest'),
    )
    .action(
      async (
        group: string,
        topic: string,
        { kafka, to }: ClusterOptions & { readonly to: 'earliest' | 'latest' },
      ) => {
        await withClient(kafka, async (client) => {
          const { partitions } = await client.topic(topic)
          const found = await listOffsets(
            client,
            partitions.map(({ partition }) => ({ topic, partition, at: to })),
          )
          await offsetCommit(
            client,
            group,
            found.map(({ partition, offset }) => ({ topic, partition, offset })),
          )
        })
        terminal.note(`millrace: ${group} goes on at the ${to} offsets of ${topic}`)
      },
    )
  withCluster(
    groups
      .command('delete')
      .argument('<GROUP>')
      .description('Deletes a group that has no members, with its offsets.'),
  ).action(async (group: string, { kafka }: ClusterOptions) => {
    await withClient(kafka, async (client) => {
      const answer = await client.request(deleteGroupsApi, { groupsNames: [group] }, { node: { group } })
      for (const { errorCode } of answer.results)
        throwIfError(errorCode, { doing: `deleting the group ${group}` })
    })
    terminal.note(`millrace: deleted ${group}`)
  })
}
