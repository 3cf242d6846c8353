import { MillraceError } from '../base/millrace-error.ts'
import type { LogClient } from '../log/client/client.ts'
import { offsetCommit } from '../log/client/group-admin.ts'
import { KafkaError, throwIfError } from '../log/client/kafka-error.ts'
import { deleteGroupsApi } from '../log/protocol/apis/delete-groups.ts'
import { ErrorCode } from '../log/protocol/error-code.ts'
import { offsetsAt, partitionsOf } from './topic-offsets.ts'

/** Lets a group go on elsewhere in a topic. Throws what the cluster refuses: a group that has members, most often. */
export async function resetGroup(
  client: LogClient,
  options: { readonly group: string; readonly topic: string; readonly to: 'earliest' | 'latest' | number },
): Promise<void> {
  const { group, topic, to } = options
  const partitions = await partitionsOf(client, topic)
  const offsets = await offsetsAt(client, { topic, partitions, at: to })
  try {
    await offsetCommit(
      client,
      group,
      [...offsets].map(([partition, offset]) => ({ topic, partition, offset })),
    )
  } catch (error) {
    if (!(error instanceof KafkaError) || error.errorCode !== ErrorCode.UNKNOWN_MEMBER_ID) throw error
    throw new MillraceError({
      code: 'MR_KAFKA_REFUSED',
      message: `the group ${group} has members, who would not hear of new offsets.`,
      fix: 'Stop them first.',
      cause: error,
    })
  }
}

export async function deleteGroup(client: LogClient, group: string): Promise<void> {
  const answer = await client.request(deleteGroupsApi, { groupsNames: [group] }, { node: { group } })
  for (const { errorCode } of answer.results)
    throwIfError(errorCode, { doing: `deleting the group ${group}` })
}
