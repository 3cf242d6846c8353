/** What the REST API and the command show of groups. */
import { listOffsets } from '../log/client/admin.ts'
import { type GroupOffset, type ListedGroup, listGroups, offsetFetch } from '../log/client/group-admin.ts'
import { describeGroup, type GroupMember } from '../log/client/group-members.ts'
import type { LogClient } from '../log/client/log-client.ts'
import { shareOffsets } from '../log/client/share-admin.ts'

export interface GroupView {
  readonly id: string
  /** `classic`, `consumer` (KIP-848), `share` (KIP-932) or `streams` (KIP-1071). */
  readonly type: string
  readonly state: string
  readonly members: number
  /** Offsets behind the ends of the partitions that it has committed; of a share group, records that it has not done with. */
  readonly lag: number
}

export interface GroupOffsetView {
  readonly topic: string
  readonly partition: number
  /** Of a share group: the first offset that it has not done with. */
  readonly committed: number
  readonly end: number
  readonly lag: number
}

export interface GroupDetail {
  readonly id: string
  readonly type: string
  readonly state: string
  /** What deals the partitions out; empty when nobody is in the group. */
  readonly assignor: string
  readonly members: readonly GroupMember[]
  readonly offsets: readonly GroupOffsetView[]
}

/** Groups in which a job's sink keeps the numbers of its checkpoints, so as to know after a crash what it committed. */
export function isWitnessGroup(groupId: string): boolean {
  return /^millrace\..+\..+\.\d+$/.test(groupId)
}

/** The groups, sorted by name; witness groups of jobs only with `witnesses`. */
export async function viewGroups(
  client: LogClient,
  { witnesses = false }: { readonly witnesses?: boolean } = {},
): Promise<readonly GroupView[]> {
  const listed = (await listGroups(client)).filter(({ groupId }) => witnesses || !isWitnessGroup(groupId))
  const views = await Promise.all(
    listed.map(async (group) => {
      const [{ state, members }, offsets] = await Promise.all([
        describeGroup(client, group),
        viewGroupOffsets(client, group),
      ])
      const lag = offsets.reduce((total, offset) => total + offset.lag, 0)
      return { id: group.groupId, type: typeOf(group.type), state, members: members.length, lag }
    }),
  )
  return views.sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** One group with its members and what it has committed; `undefined` when there is no such group. */
export async function viewGroup(client: LogClient, groupId: string): Promise<GroupDetail | undefined> {
  const listed = (await listGroups(client)).find((group) => group.groupId === groupId)
  if (listed === undefined) return undefined
  const [{ type, state, assignor, members }, offsets] = await Promise.all([
    describeGroup(client, listed),
    viewGroupOffsets(client, listed),
  ])
  return { id: groupId, type: typeOf(type), state, assignor, members, offsets }
}

async function viewGroupOffsets(
  client: LogClient,
  { groupId, type }: Pick<ListedGroup, 'groupId' | 'type'>,
): Promise<GroupOffsetView[]> {
  const committed: readonly (GroupOffset & { readonly lag?: number })[] =
    typeOf(type) === 'share' ? await shareOffsets(client, groupId) : await offsetFetch(client, groupId)
  const { topics } = await client.metadata([...new Set(committed.map((offset) => offset.topic))])
  // Offsets outlive their topics: those of a deleted one have no end to be behind of.
  const existing = committed.filter(
    ({ topic, partition }) => topics.get(topic)?.partitions[partition] !== undefined,
  )
  const ends = await listOffsets(
    client,
    existing.map(({ topic, partition }) => ({ topic, partition, at: 'latest' })),
  )
  return existing
    .map(({ topic, partition, offset, lag = -1 }, index) => {
      const end = ends[index]?.offset ?? offset
      // Behind the first record that a share group has not done with there may be some that it has.
      return { topic, partition, committed: offset, end, lag: lag >= 0 ? lag : Math.max(0, end - offset) }
    })
    .sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1))
}

function typeOf(type: string): string {
  return type === '' ? 'classic' : type.toLowerCase()
}
