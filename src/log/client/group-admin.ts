/** Consumer groups from outside: list, describe, read and set their offsets. */
import { describeGroupsApi, type DescribeGroupsResponse } from '../protocol/apis/describe-groups.ts'
import { listGroupsApi } from '../protocol/apis/list-groups.ts'
import { offsetCommitApi } from '../protocol/apis/offset-commit.ts'
import { offsetFetchApi } from '../protocol/apis/offset-fetch.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import { throwIfError, type Needs } from './kafka-error.ts'
import type { LogClient } from './log-client.ts'

/** The highest versions that name topics by name; later ones go by id. */
const OFFSET_COMMIT_BY_NAME = 9
const OFFSET_FETCH_BY_NAME = 9

export interface ListedGroup {
  readonly groupId: string
  readonly protocolType: string
  /** Such as `Stable` or `Empty`; empty when the broker is too old to tell. */
  readonly state: string
  /** `classic`, `consumer`, `share` or `streams`; empty when the broker is too old to tell. */
  readonly type: string
}

/** The groups of all brokers. */
export function listGroups(client: LogClient): Promise<readonly ListedGroup[]> {
  return client.retry(async () => {
    const { brokers } = await client.metadata([])
    const answers = await Promise.all(
      [...brokers.keys()].map((node) =>
        client.request(listGroupsApi, { statesFilter: [], typesFilter: [] }, { node }),
      ),
    )
    return answers.flatMap((answer) => {
      throwIfError(answer.errorCode, { doing: 'listing groups' })
      return answer.groups.map((one) => ({
        groupId: one.groupId,
        protocolType: one.protocolType,
        state: one.groupState,
        type: one.groupType,
      }))
    })
  })
}

export type DescribedGroup = DescribeGroupsResponse['groups'][number]

/** Classic groups with their members; a group that does not exist has the state `Dead`. */
export function describeGroups(
  client: LogClient,
  groupIds: readonly string[],
): Promise<readonly DescribedGroup[]> {
  return Promise.all(
    groupIds.map((groupId) =>
      ofGroup(client, groupId, async () => {
        // Version 6 makes an error of a group that does not exist.
        const answer = await client.request(
          describeGroupsApi,
          { groups: [groupId], includeAuthorizedOperations: false },
          { node: { group: groupId }, maxVersion: 5 },
        )
        const group = answer.groups[0]!
        return { errorCode: group.errorCode, value: group, doing: `describing the group ${groupId}` }
      }),
    ),
  )
}

export interface GroupOffset {
  readonly topic: string
  readonly partition: number
  /** The next offset to read. */
  readonly offset: number
  readonly metadata?: string | null
}

/**
 * The offsets that a group has committed; partitions without one are left out. `topics` undefined asks for all. `stable`
 * waits until no transaction is about to change them.
 */
export function offsetFetch(
  client: LogClient,
  groupId: string,
  options: {
    readonly topics?: readonly { readonly topic: string; readonly partitions: readonly number[] }[]
    readonly stable?: boolean
  } = {},
): Promise<readonly Required<GroupOffset>[]> {
  const topics = options.topics?.map((one) => ({ name: one.topic, partitionIndexes: one.partitions })) ?? null
  const doing = `reading the offsets of the group ${groupId}`
  return ofGroup(client, groupId, async () => {
    const answer = await client.request(
      offsetFetchApi,
      { groupId, topics, groups: [{ groupId, topics }], requireStable: options.stable ?? false },
      { node: { group: groupId }, maxVersion: OFFSET_FETCH_BY_NAME },
    )
    const found = answer.groups[0] ?? answer
    const value: Required<GroupOffset>[] = []
    let errorCode = found.errorCode
    for (const { name: topic, partitions } of found.topics) {
      for (const one of partitions) {
        if (one.errorCode !== ErrorCode.NONE) errorCode = one.errorCode
        if (one.committedOffset < 0) continue
        value.push({
          topic,
          partition: one.partitionIndex,
          offset: one.committedOffset,
          metadata: one.metadata,
        })
      }
    }
    const needs = {
      group: `Describe on the group ${groupId}`,
      topic: 'Describe on the topics of the group',
    }
    return { errorCode, value, doing, needs }
  })
}

/** Sets offsets of a group without members (`UNKNOWN_MEMBER_ID` when it has some). */
export async function offsetCommit(
  client: LogClient,
  groupId: string,
  offsets: readonly GroupOffset[],
): Promise<void> {
  const doing = `committing offsets of the group ${groupId}`
  await ofGroup(client, groupId, async () => {
    const answer = await client.request(
      offsetCommitApi,
      {
        groupId,
        memberId: '',
        topics: [...Map.groupBy(offsets, (one) => one.topic)].map(([name, group]) => ({
          name,
          partitions: group.map((one) => ({
            partitionIndex: one.partition,
            committedOffset: one.offset,
            committedMetadata: one.metadata ?? '',
          })),
        })),
      },
      { node: { group: groupId }, maxVersion: OFFSET_COMMIT_BY_NAME },
    )
    const failed = answer.topics
      .flatMap((one) => one.partitions)
      .find((one) => one.errorCode !== ErrorCode.NONE)
    const needs = { group: `Read on the group ${groupId}`, topic: 'Read on the topics of the offsets' }
    return { errorCode: failed?.errorCode ?? ErrorCode.NONE, value: undefined, doing, needs }
  })
}

interface GroupAnswer<T> {
  readonly errorCode: number
  readonly value: T
  readonly doing: string
  readonly needs?: Needs
}

/** Retries an exchange with a group's coordinator, looking for it anew when it has moved. */
function ofGroup<T>(client: LogClient, groupId: string, exchange: () => Promise<GroupAnswer<T>>): Promise<T> {
  return client.retry(async () => {
    try {
      const { errorCode, value, doing, needs } = await exchange()
      throwIfError(errorCode, { doing, ...(needs !== undefined && { needs }) })
      return value
    } catch (error) {
      // Whoever refused or did not answer may not be the coordinator any more.
      client.forgetCoordinator({ group: groupId })
      throw error
    }
  })
}
