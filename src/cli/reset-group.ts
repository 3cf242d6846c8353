import type { LogClient } from '../log/client/client.ts'
import { offsetCommit } from '../log/client/group-admin.ts'
import { throwIfError } from '../log/client/kafka-error.ts'
import { deleteGroupsApi } from '../log/protocol/apis/delete-groups.ts'
import { offsetsAt, partitionsOf } from './topic-offsets.ts'

/** Lets a group go on elsewhere in a topic. Throws what the cluster refuses: a group that has members, most often. */
export async function resetGroup(
  client: LogClient,
  options: { readonly group: string; readonly topic: string; readonly to: 'earliest' | 'latest' | number },
): Promise<void> {
  const { group, topic, to } = options
  const partitions = await partitionsOf(client, topic)
  const offsets = await offsetsAt(client, { topic, partitions, at: to })
  await offsetCommit(
    client,
    group,
    [...offsets].map(([partition, offset]) => ({ topic, partition, offset })),
  )
}

export async function deleteGroup(client: LogClient, group: string): Promise<void> {
  const answer = await client.request(deleteGroupsApi, { groupsNames: [group] }, { node: { group } })
  for (const { errorCode } of answer.results)
    throwIfError(errorCode, { doing: `deleting the group ${group}` })
}
