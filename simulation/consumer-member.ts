/**
 * A member of a consumer group by the consumer protocol (KIP-848), by hand: heartbeats with what it owns, gives up what
 * it is told to and takes what it is given, works through it from the committed offsets and commits as it goes. It stays
 * who it is when its connection breaks.
 */
import { messageOf, MillraceError } from '../src/base/millrace-error.ts'
import { connectClient } from '../src/log/client/client.ts'
import { Fetcher } from '../src/log/client/fetcher.ts'
import { offsetFetch } from '../src/log/client/group-admin.ts'
import { throwIfError } from '../src/log/client/kafka-error.ts'
import type { LogClient } from '../src/log/client/log-client.ts'
import { consumerGroupHeartbeatApi } from '../src/log/protocol/apis/consumer-group-heartbeat.ts'
import { sleep } from '../src/world/world.ts'
import { pollUntil, recordsOf, type ClientProgram, type ClientSetting } from './clients.ts'
import { commit, GROUP, NODE, TOPIC } from './group-member.ts'
import { isOutOfGroup, KeptMembership, REBALANCE_TIMEOUT_MS } from './kept-membership.ts'
import { placeOf } from './history.ts'

const LEAVE_EPOCH = -1
const HEARTBEAT_MS = 500

/** Partition → the next offset to be processed. */
type Positions = Map<number, { next: number }>

/** What a member knows of itself. It outlives connections, as consumers do; who is fenced begins anew. */
interface Member {
  readonly id: string
  readonly positions: Positions
  epoch: number
  /** Told to be a member of its epoch. */
  readonly membership: KeptMembership
}

export const consumerMember: ClientProgram = async (setting) => {
  const { world, name, bootstrap, history, random, stopping } = setting
  const newMember = (): Member => {
    const id = `${name}-${random.below(1_000_000)}`
    return { id, positions: new Map(), epoch: 0, membership: new KeptMembership(id, world.clock) }
  }
  let member = newMember()
  while (!stopping()) {
    let client: LogClient | undefined
    try {
      client = await connectClient({ world, bootstrap, clientId: name, requestTimeoutMs: 8_000 })
      await new Session(client, setting, member).run()
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error
      history.trouble(`${name}: ${messageOf(error)}`)
      if (isOutOfGroup(error)) member = newMember()
    } finally {
      await client?.close()
    }
    await sleep(world.clock, 50 + random.below(300))
  }
}

/** A member on one connection. */
class Session {
  readonly #client: LogClient
  readonly #setting: ClientSetting
  readonly #member: Member

  constructor(client: LogClient, setting: ClientSetting, member: Member) {
    this.#client = client
    this.#setting = setting
    this.#member = member
  }

  async run(): Promise<void> {
    const { world, stopping } = this.#setting
    const fetcher = new Fetcher(this.#client, { maxWaitMs: 200, partitionMaxBytes: 2_000 })
    for (const [partition, { next }] of this.#member.positions)
      fetcher.assign([{ topic: TOPIC, partition, offset: next }])
    try {
      let heartbeatAtMs = 0
      while (!stopping()) {
        if (world.clock.monotonicMs() >= heartbeatAtMs) {
          await this.#heartbeat(fetcher)
          heartbeatAtMs = world.clock.monotonicMs() + HEARTBEAT_MS
        }
        await this.#work(fetcher)
      }
      await this.#client.request(
        consumerGroupHeartbeatApi,
        { groupId: GROUP, memberId: this.#member.id, memberEpoch: LEAVE_EPOCH },
        NODE,
      )
    } finally {
      fetcher.close()
    }
  }

  async #heartbeat(fetcher: Fetcher): Promise<void> {
    const topicId = (await this.#client.topic(TOPIC)).id
    const member = this.#member
    const joins = member.epoch === 0
    const owned = [...member.positions.keys()]
    const answer = await member.membership.ask(() =>
      this.#client.request(
        consumerGroupHeartbeatApi,
        {
          groupId: GROUP,
          memberId: member.id,
          memberEpoch: member.epoch,
          topicPartitions: owned.length === 0 ? [] : [{ topicId, partitions: owned }],
          ...(joins && { rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS, subscribedTopicNames: [TOPIC] }),
        },
        NODE,
      ),
    )
    throwIfError(answer.errorCode, { doing: 'heartbeat' })
    member.epoch = answer.memberEpoch
    if (answer.assignment === null) return
    const assigned = answer.assignment.topicPartitions.flatMap(({ partitions }) => partitions)
    this.#setting.history.memberTold(
      `${this.#setting.name}: epoch ${member.epoch}, partitions ${assigned.join(' ')}`,
    )
    const lost = owned.filter((partition) => !assigned.includes(partition))
    fetcher.unassign(lost.map((partition) => ({ topic: TOPIC, partition })))
    for (const partition of lost) member.positions.delete(partition)
    await this.#take(
      fetcher,
      assigned.filter((partition) => !owned.includes(partition)),
    )
  }

  async #take(fetcher: Fetcher, partitions: readonly number[]): Promise<void> {
    if (partitions.length === 0) return
    const { history } = this.#setting
    const before = new Map(history.committedOffsets)
    const committed = await offsetFetch(this.#client, GROUP)
    for (const partition of partitions) {
      const offset = committed.find((one) => one.topic === TOPIC && one.partition === partition)?.offset ?? -1
      const place = placeOf(TOPIC, partition)
      history.readCommittedOffset(place, offset, before.get(place) ?? -1)
      this.#member.positions.set(partition, { next: Math.max(0, offset) })
      fetcher.assign([{ topic: TOPIC, partition, offset: Math.max(0, offset) }])
    }
  }

  async #work(fetcher: Fetcher): Promise<void> {
    const { history, world, random } = this.#setting
    const fetched = await pollUntil(fetcher, world, 300)
    const position = fetched && this.#member.positions.get(fetched.partition)
    if (fetched === undefined || position === undefined) return
    const records = recordsOf(fetched)
    history.saw(placeOf(TOPIC, fetched.partition), records, position)
    for (const { value } of records) history.processed.add(value)
    if (!random.chance(0.5)) return
    const member = { memberId: this.#member.id, generationId: this.#member.epoch }
    const at = { partition: fetched.partition, offset: fetched.nextOffset }
    // Another epoch has begun: the next heartbeat tells of it.
    await commit(this.#client, this.#setting, member, at)
  }
}
