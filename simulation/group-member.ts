/**
 * A member of a consumer group by the classic protocol, by hand: joins, lets the leader assign, heartbeats, works through
 * its partitions from the committed offsets and commits as it goes. Where others use the consumer protocol, the server
 * assigns. It stays who it is when its connection breaks.
 */
import { messageOf, MillraceError } from '../src/base/millrace-error.ts'
import { Fetcher } from '../src/log/client/fetcher.ts'
import { offsetFetch } from '../src/log/client/group-admin.ts'
import {
  decodeAssignment,
  encodeAssignment,
} from '../src/log/coordinator/group/consumer/consumer-protocol.ts'
import { throwIfError } from '../src/log/client/kafka-error.ts'
import { connectClient } from '../src/log/client/client.ts'
import type { LogClient } from '../src/log/client/log-client.ts'
import { heartbeatApi } from '../src/log/protocol/apis/heartbeat.ts'
import { joinGroupApi } from '../src/log/protocol/apis/join-group.ts'
import { leaveGroupApi } from '../src/log/protocol/apis/leave-group.ts'
import { offsetCommitApi } from '../src/log/protocol/apis/offset-commit.ts'
import { syncGroupApi } from '../src/log/protocol/apis/sync-group.ts'
import { ErrorCode } from '../src/log/protocol/error-code.ts'
import { sleep } from '../src/world/world.ts'
import { pollUntil, recordsOf } from './clients.ts'
import type { ClientProgram, ClientSetting } from './clients.ts'
import { placeOf } from './history.ts'
import { isOutOfGroup, KeptMembership, REBALANCE_TIMEOUT_MS, SESSION_TIMEOUT_MS } from './kept-membership.ts'

export const GROUP = 'workers'
export const TOPIC = 'numbers'
export const NODE = { node: { group: GROUP } } as const

/** What a member says as a consumer: version 0, the topic, no user data. */
const SUBSCRIPTION = Buffer.from(
  `\0\0\0\0\0\x01\0${String.fromCharCode(TOPIC.length)}${TOPIC}\xff\xff\xff\xff`,
  'latin1',
)

export interface Membership {
  readonly memberId: string
  readonly generationId: number
  readonly partitions: readonly number[]
  readonly kept: KeptMembership
}

export const groupMember: ClientProgram = async (setting) => {
  const { world, name, bootstrap, history, random, stopping } = setting
  let memberId = ''
  let membership: Membership | undefined
  while (!stopping()) {
    let client: LogClient | undefined
    try {
      client = await connectClient({
        world,
        bootstrap,
        clientId: name,
        requestTimeoutMs: 8_000,
      })
      while (!stopping()) {
        if (membership === undefined) {
          membership = await join(client, setting, memberId)
          memberId = membership.memberId
          history.memberTold(
            `${name}: generation ${membership.generationId}, partitions ${membership.partitions.join(' ')}`,
          )
        }
        await work(client, setting, membership)
        if (!stopping()) membership = undefined
      }
      await client.request(leaveGroupApi, { groupId: GROUP, memberId, members: [{ memberId }] }, NODE)
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error
      history.trouble(`${name}: ${messageOf(error)}`)
      if (isOutOfGroup(error)) {
        memberId = ''
        membership = undefined
      }
    } finally {
      await client?.close()
    }
    await sleep(world.clock, 50 + random.below(300))
  }
}

async function join(client: LogClient, setting: ClientSetting, memberIdBefore: string): Promise<Membership> {
  let memberId = memberIdBefore
  for (;;) {
    const joined = await client.request(
      joinGroupApi,
      {
        groupId: GROUP,
        sessionTimeoutMs: SESSION_TIMEOUT_MS,
        rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS,
        memberId,
        protocolType: 'consumer',
        protocols: [{ name: 'modulo', metadata: SUBSCRIPTION }],
      },
      NODE,
    )
    memberId = joined.memberId
    if (joined.errorCode === ErrorCode.MEMBER_ID_REQUIRED) continue
    // The group goes over to the consumer protocol.
    if (joined.errorCode === ErrorCode.REBALANCE_IN_PROGRESS) continue
    throwIfError(joined.errorCode, { doing: 'joining the group' })
    const members = joined.leader === memberId ? joined.members.map((member) => member.memberId).sort() : []
    const kept = new KeptMembership(memberId, setting.world.clock)
    const synced = await kept.ask(() =>
      client.request(
        syncGroupApi,
        {
          groupId: GROUP,
          generationId: joined.generationId,
          memberId,
          protocolType: 'consumer',
          protocolName: joined.protocolName,
          assignments: members.map((member, index) => ({
            memberId: member,
            assignment: encodeAssignment(0, [
              {
                topic: TOPIC,
                partitions: partitionsOf(setting).filter((partition) => partition % members.length === index),
              },
            ]),
          })),
        },
        NODE,
      ),
    )
    if (synced.errorCode === ErrorCode.REBALANCE_IN_PROGRESS) continue
    throwIfError(synced.errorCode, { doing: 'syncing the group' })
    const partitions = decodeAssignment(synced.assignment)!.partitions.flatMap((one) => one.partitions)
    return { memberId, generationId: joined.generationId, partitions, kept }
  }
}

/** Works until the group rebalances. */
async function work(client: LogClient, setting: ClientSetting, membership: Membership): Promise<void> {
  const { history, world, random, stopping } = setting
  const fetcher = new Fetcher(client, { maxWaitMs: 200, partitionMaxBytes: 2_000 })
  try {
    const before = new Map(history.committedOffsets)
    const committed = await offsetFetch(client, GROUP)
    const positions = new Map<number, { next: number }>()
    for (const partition of membership.partitions) {
      const offset = committed.find((one) => one.topic === TOPIC && one.partition === partition)?.offset ?? -1
      const place = placeOf(TOPIC, partition)
      history.readCommittedOffset(place, offset, before.get(place) ?? -1)
      positions.set(partition, { next: Math.max(0, offset) })
      fetcher.assign([{ topic: TOPIC, partition, offset: Math.max(0, offset) }])
    }
    let heartbeatAtMs = 0
    while (!stopping()) {
      if (world.clock.monotonicMs() >= heartbeatAtMs) {
        if (!(await heartbeat(client, membership))) return
        heartbeatAtMs = world.clock.monotonicMs() + SESSION_TIMEOUT_MS / 4
      }
      const fetched = await pollUntil(fetcher, world, 300)
      if (fetched === undefined) continue
      const records = recordsOf(fetched)
      history.saw(placeOf(TOPIC, fetched.partition), records, positions.get(fetched.partition)!)
      for (const { value } of records) history.processed.add(value)
      if (random.chance(0.5)) {
        const at = { partition: fetched.partition, offset: fetched.nextOffset }
        if (!(await commit(client, setting, membership, at))) return
      }
    }
  } finally {
    fetcher.close()
  }
}

/** False when the group rebalances. */
async function heartbeat(client: LogClient, { memberId, generationId, kept }: Membership): Promise<boolean> {
  const { errorCode } = await kept.ask(() =>
    client.request(heartbeatApi, { groupId: GROUP, generationId, memberId }, NODE),
  )
  if (errorCode === ErrorCode.REBALANCE_IN_PROGRESS) return false
  throwIfError(errorCode, { doing: 'heartbeat' })
  return true
}

export async function commit(
  client: LogClient,
  { history }: ClientSetting,
  { memberId, generationId }: Pick<Membership, 'memberId' | 'generationId'>,
  at: { readonly partition: number; readonly offset: number },
): Promise<boolean> {
  const answer = await client.request(
    offsetCommitApi,
    {
      groupId: GROUP,
      generationIdOrMemberEpoch: generationId,
      memberId,
      topics: [
        {
          name: TOPIC,
          partitions: [{ partitionIndex: at.partition, committedOffset: at.offset, committedMetadata: '' }],
        },
      ],
    },
    { ...NODE, maxVersion: 9 },
  )
  const errorCode = answer.topics[0]?.partitions[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR
  if (errorCode === ErrorCode.REBALANCE_IN_PROGRESS || errorCode === ErrorCode.STALE_MEMBER_EPOCH)
    return false
  throwIfError(errorCode, { doing: 'committing an offset' })
  history.toldCommittedOffset(placeOf(TOPIC, at.partition), at.offset)
  return true
}

function partitionsOf({ partitions }: ClientSetting): number[] {
  return Array.from({ length: partitions }, (_, partition) => partition)
}
