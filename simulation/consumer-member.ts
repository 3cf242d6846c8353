/**
 * A member of a consumer group by the consumer protocol (KIP-848), by hand: heartbeats with what it owns, gives up what
 * it is told to and takes what it is given, works through it from the committed offsets and commits as it goes.
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
import { placeOf } from './history.ts'

const LEAVE_EPOCH = -1
const HEARTBEAT_MS = 500

/** Partition → the next offset to be processed. */
type Positions = Map<number, { next: number }>

export const consumerMember: ClientProgram = async (setting) => {
  const { world, name, bootstrap, history, random, stopping } = setting
  while (!stopping()) {
    let client: LogClient | undefined
    try {
      client = await connectClient({ world, bootstrap, clientId: name, requestTimeoutMs: 8_000 })
      await new Session(client, setting, `${name}-${random.below(1_000_000)}`).run()
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error
      history.trouble(`${name}: ${messageOf(error)}`)
    } finally {
      await client?.close()
    }
    await sleep(world.clock, 50 + random.below(300))
  }
}

/** One member id's life; ends with an error when the member is fenced, and its successor starts with nothing. */
class Session {
  readonly #client: LogClient
  readonly #setting: ClientSetting
  readonly #memberId: string
  readonly #positions: Positions = new Map()
  #epoch = 0

  constructor(client: LogClient, setting: ClientSetting, memberId: string) {
    this.#client = client
    this.#setting = setting
    this.#memberId = memberId
  }

  async run(): Promise<void> {
    const { world, stopping } = this.#setting
    const fetcher = new Fetcher(this.#client, { maxWaitMs: 200, partitionMaxBytes: 2_000 })
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
        { groupId: GROUP, memberId: this.#memberId, memberEpoch: LEAVE_EPOCH },
        NODE,
      )
    } finally {
      fetcher.close()
    }
  }

  async #heartbeat(fetcher: Fetcher): Promise<void> {
    const topicId = (await this.#client.topic(TOPIC)).id
    const joins = this.#epoch === 0
    const owned = [...this.#positions.keys()]
    const answer = await this.#client.request(
      consumerGroupHeartbeatApi,
      {
        groupId: GROUP,
        memberId: this.#memberId,
        memberEpoch: this.#epoch,
        topicPartitions: owned.length === 0 ? [] : [{ topicId, partitions: owned }],
        ...(joins && { rebalanceTimeoutMs: 4_000, subscribedTopicNames: [TOPIC] }),
      },
      NODE,
    )
    throwIfError(answer.errorCode, { doing: 'heartbeat' })
    this.#epoch = answer.memberEpoch
    if (answer.assignment === null) return
    const assigned = answer.assignment.topicPartitions.flatMap(({ partitions }) => partitions)
    this.#setting.history.note(
      `${this.#setting.name}: epoch ${this.#epoch}, partitions ${assigned.join(' ')}`,
    )
    const lost = owned.filter((partition) => !assigned.includes(partition))
    fetcher.unassign(lost.map((partition) => ({ topic: TOPIC, partition })))
    for (const partition of lost) this.#positions.delete(partition)
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
      const offset = committed.find((one) => one.topic === TOPIC && one.partition === partition)?.offset ?? 0
      const place = placeOf(TOPIC, partition)
      history.readCommittedOffset(place, offset, before.get(place) ?? 0)
      this.#positions.set(partition, { next: offset })
      fetcher.assign([{ topic: TOPIC, partition, offset }])
    }
  }

  async #work(fetcher: Fetcher): Promise<void> {
    const { history, world, random } = this.#setting
    const fetched = await pollUntil(fetcher, world, 300)
    const position = fetched && this.#positions.get(fetched.partition)
    if (fetched === undefined || position === undefined) return
    const records = recordsOf(fetched)
    history.saw(placeOf(TOPIC, fetched.partition), records, position)
    for (const { value } of records) history.processed.add(value)
    if (!random.chance(0.5)) return
    const member = { memberId: this.#memberId, generationId: this.#epoch }
    const at = { partition: fetched.partition, offset: fetched.nextOffset }
    // Another epoch has begun: the next heartbeat tells of it.
    await commit(this.#client, this.#setting, member, at)
  }
}
