/** Members of groups of both protocols, made of single requests: what they were told last they say the next time. */
import { setTimeout as sleep } from 'node:timers/promises'
import { ByteWriter } from '../../src/base/byte-writer.ts'
import type { WireClient } from '../../src/log/broker/wire-client.test-kit.ts'
import {
  decodeAssignment,
  encodeAssignment,
} from '../../src/log/coordinator/group/consumer/consumer-protocol.ts'
import { apis } from '../../src/log/protocol/apis.ts'
import { ErrorCode } from '../../src/log/protocol/error-code.ts'
import { listedGroups } from './listed-groups.ts'

type Heartbeat = Parameters<typeof apis.consumerGroupHeartbeat.encodeRequest>[2]
type Answer = ReturnType<typeof apis.consumerGroupHeartbeat.decodeResponse>
type Partitions = readonly { readonly topicId: string; readonly partitions: readonly number[] }[]

/** Who subscribes to what, in these tests' words: topics by name. */
interface Saying extends Omit<Partial<Heartbeat>, 'topicPartitions'> {
  readonly owns?: Readonly<Record<string, readonly number[]>>
}

/** One server, its topics by name, and what members were told last. */
export class GroupServer {
  readonly client: WireClient
  readonly prefix: string
  readonly #topicIds = new Map<string, string>()
  readonly #epochs = new Map<string, number>()
  /** Members of the classic protocol. */
  readonly #classic = new Map<string, { readonly memberId: string; readonly generationId: number }>()

  constructor(client: WireClient, prefix: string) {
    this.client = client
    this.prefix = prefix
  }

  /** A Kafka that has just started creates its internal topics with the first question and loads them. */
  async coordinatorReady(): Promise<void> {
    for (;;) {
      await this.client.call(apis.findCoordinator, 4, { keyType: 0, coordinatorKeys: [this.prefix] })
      const groupIds = ['refused', 'g', 's', 'n', 'r', 'e', 'm'].map((group) => this.prefix + group)
      const { groups } = await this.client.call(apis.consumerGroupDescribe, 1, {
        groupIds,
        includeAuthorizedOperations: false,
      })
      if (groups.every(({ errorCode }) => errorCode === ErrorCode.GROUP_ID_NOT_FOUND)) return
      await sleep(100)
    }
  }

  async createTopic(name: string, numPartitions: number): Promise<number> {
    const topics = [
      { name: this.prefix + name, numPartitions, replicationFactor: 1, assignments: [], configs: [] },
    ]
    const answer = await this.client.call(apis.createTopics, 7, { topics, timeoutMs: 5_000 })
    this.#topicIds.set(name, answer.topics[0]!.topicId)
    await this.#visible(name, numPartitions)
    return answer.topics[0]!.errorCode
  }

  async growTopic(name: string, count: number): Promise<number> {
    const topics = [{ name: this.prefix + name, count, assignments: null }]
    const answer = await this.client.call(apis.createPartitions, 3, {
      topics,
      timeoutMs: 5_000,
      validateOnly: false,
    })
    await this.#visible(name, count)
    return answer.results[0]!.errorCode
  }

  /** A heartbeat of a member in the epoch that it was told last, or as said; it names groups and members by these words. */
  /** Coordinators hear of it a little later. */
  async deleteTopic(name: string): Promise<number> {
    const topicNames = [this.prefix + name]
    const answer = await this.client.call(apis.deleteTopics, 5, { topicNames, timeoutMs: 5_000 })
    await sleep(500)
    return answer.responses[0]!.errorCode
  }

  async heartbeat(group: string, memberId: string, saying: Saying = {}, version = 1): Promise<object> {
    const { owns, ...rest } = saying
    const key = `${group}/${memberId}`
    const body: Heartbeat = {
      groupId: group === '' ? '' : this.prefix + group,
      memberId,
      memberEpoch: this.#epochs.get(key) ?? 0,
      ...(owns && {
        topicPartitions: Object.entries(owns).map(([name, partitions]) => ({
          topicId: this.#topicIds.get(name)!,
          partitions,
        })),
      }),
      ...rest,
    }
    const answer = await this.client.call(apis.consumerGroupHeartbeat, version, body)
    if (answer.errorCode === 0) this.#epochs.set(key, answer.memberEpoch)
    return this.#shown(answer)
  }

  join(group: string, memberId: string, topics: readonly string[], more: Saying = {}): Promise<object> {
    return this.heartbeat(group, memberId, {
      memberEpoch: 0,
      rebalanceTimeoutMs: 60_000,
      subscribedTopicNames: topics.map((name) => this.prefix + name),
      owns: {},
      ...more,
    })
  }

  async describe(group: string, version = 1) {
    const { groups } = await this.client.call(apis.consumerGroupDescribe, version, {
      groupIds: [this.prefix + group],
      includeAuthorizedOperations: true,
    })
    const {
      errorCode,
      errorMessage,
      groupState,
      groupEpoch,
      assignmentEpoch,
      assignorName,
      members,
      authorizedOperations,
    } = groups[0]!
    return {
      errorCode,
      message: this.#plain(errorMessage),
      groupState,
      groupEpoch,
      assignmentEpoch,
      assignorName,
      authorizedOperations,
      members: members
        .map((member) => ({
          ...member,
          memberId: this.#nameOf(group, member.memberId),
          subscribedTopicNames: member.subscribedTopicNames.map((name) => this.#plain(name)).toSorted(),
          subscribedTopicRegex: this.#plain(member.subscribedTopicRegex),
          assignment: this.#named(member.assignment.topicPartitions),
          targetAssignment: this.#named(member.targetAssignment.topicPartitions),
        }))
        .toSorted((one, other) => (one.memberId < other.memberId ? -1 : 1)),
    }
  }

  async describeAsClassic(group: string, version: number): Promise<object> {
    const answer = await this.client.call(apis.describeGroups, version, { groups: [this.prefix + group] })
    const { groupId, errorMessage, members, ...described } = answer.groups[0]!
    return {
      ...described,
      groupId: this.#plain(groupId),
      message: this.#plain(errorMessage ?? null),
      members: members.map(({ memberId, memberMetadata, memberAssignment, ...member }) => ({
        ...member,
        memberId: this.#nameOf(group, memberId),
        // In a rebalance what members are assigned is not shown.
        metadata: this.#plain(memberMetadata.toString('latin1')),
        assignment: this.#plain(memberAssignment.toString('latin1')),
      })),
    }
  }

  list(filter: { statesFilter?: string[]; typesFilter?: string[] }): Promise<object> {
    return listedGroups(this.client, filter, this.prefix)
  }

  async commit(
    group: string,
    memberId: string,
    memberEpoch: number,
    partition: number,
    more: { readonly version?: number; readonly groupInstanceId?: string; readonly topic?: string } = {},
  ): Promise<object> {
    const partitions = [
      { partitionIndex: partition, committedOffset: 5, committedLeaderEpoch: -1, committedMetadata: null },
    ]
    const answer = await this.client.call(apis.offsetCommit, more.version ?? 9, {
      groupId: this.prefix + group,
      memberId,
      generationIdOrMemberEpoch: memberEpoch,
      groupInstanceId: more.groupInstanceId ?? null,
      topics: [{ name: this.prefix + (more.topic ?? 'two'), partitions }],
    })
    return answer.topics[0]!.partitions
  }

  async fetchOffset(group: string, memberId: string | null, memberEpoch: number): Promise<object> {
    const topics = [{ name: `${this.prefix}two`, partitionIndexes: [0] }]
    const { groups } = await this.client.call(apis.offsetFetch, 9, {
      groups: [{ groupId: this.prefix + group, memberId, memberEpoch, topics }],
      requireStable: false,
    })
    return { errorCode: groups[0]!.errorCode, topics: groups[0]!.topics.map(({ partitions }) => partitions) }
  }

  async deleteOffset(group: string, topic: string): Promise<object> {
    const answer = await this.client.call(apis.offsetDelete, 0, {
      groupId: this.prefix + group,
      topics: [{ name: this.prefix + topic, partitions: [{ partitionIndex: 0 }] }],
    })
    return { errorCode: answer.errorCode, topics: answer.topics.map(({ partitions }) => partitions) }
  }

  async deleteGroup(group: string): Promise<number> {
    const answer = await this.client.call(apis.deleteGroups, 2, { groupsNames: [this.prefix + group] })
    return answer.results[0]!.errorCode
  }

  /** A member of the classic protocol joins a group of its own and assigns itself what is said. */
  async classicAlone(
    group: string,
    name: string,
    topics: readonly string[],
    assigned: Readonly<Record<string, readonly number[]>>,
  ): Promise<object> {
    const joined = await this.#classicJoin(group, name, 'range', this.#subscription(topics, {}))
    const assignment = encodeAssignment(
      3,
      Object.entries(assigned).map(([topic, partitions]) => ({ topic: this.prefix + topic, partitions })),
    )
    const memberId = this.#classic.get(`${group}/${name}`)!.memberId
    return [joined, await this.classicSync(group, name, [{ memberId, assignment }])]
  }

  async classicRejoin(
    group: string,
    name: string,
    topics: readonly string[],
    owned: Readonly<Record<string, readonly number[]>>,
  ): Promise<object> {
    return this.#classicJoin(group, name, 'range', this.#subscription(topics, owned))
  }

  classicJoinAs(group: string, protocol: string): Promise<object> {
    return this.#classicJoin(group, 'stranger', protocol, this.#subscription([], {}))
  }

  async classicSync(
    group: string,
    name: string,
    assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[] = [],
  ): Promise<object> {
    const answer = await this.client.call(apis.syncGroup, 5, {
      groupId: this.prefix + group,
      ...this.#classic.get(`${group}/${name}`)!,
      protocolType: 'consumer',
      protocolName: 'range',
      assignments,
    })
    const partitions = decodeAssignment(answer.assignment)?.partitions ?? []
    return {
      errorCode: answer.errorCode,
      protocolName: answer.protocolName,
      assigned: partitions.map(({ topic, partitions: mine }) => [this.#plain(topic), mine]),
    }
  }

  async classicHeartbeat(group: string, name: string): Promise<number> {
    const member = this.#classic.get(`${group}/${name}`)!
    return (await this.client.call(apis.heartbeat, 4, { groupId: this.prefix + group, ...member })).errorCode
  }

  classicCommit(group: string, name: string, later: number): Promise<object> {
    const { memberId, generationId } = this.#classic.get(`${group}/${name}`)!
    return this.commit(group, memberId, generationId + later, 0)
  }

  /** `memberId` where the member is none that joined by JoinGroup. */
  async classicLeave(group: string, name: string, memberId?: string): Promise<object> {
    const members = [{ memberId: memberId ?? this.#classic.get(`${group}/${name}`)!.memberId }]
    const answer = await this.client.call(apis.leaveGroup, 5, { groupId: this.prefix + group, members })
    return [answer.errorCode, answer.members.map(({ errorCode }) => errorCode)]
  }

  async #classicJoin(group: string, name: string, protocol: string, metadata: Buffer): Promise<object> {
    const key = `${group}/${name}`
    const body = {
      groupId: this.prefix + group,
      sessionTimeoutMs: 30_000,
      rebalanceTimeoutMs: 30_000,
      protocolType: 'consumer',
      protocols: [{ name: protocol, metadata }],
    }
    let memberId = this.#classic.get(key)?.memberId ?? ''
    let answer = await this.client.call(apis.joinGroup, 9, { ...body, memberId })
    if (answer.errorCode === ErrorCode.MEMBER_ID_REQUIRED) {
      memberId = answer.memberId
      answer = await this.client.call(apis.joinGroup, 9, { ...body, memberId })
    }
    if (answer.errorCode === 0) this.#classic.set(key, { memberId, generationId: answer.generationId })
    const { errorCode, generationId, protocolType, protocolName, leader, skipAssignment, members } = answer
    return {
      errorCode,
      generationId,
      protocolType,
      protocolName,
      leads: leader !== '' && leader === answer.memberId,
      skipAssignment,
      members: members.length,
    }
  }

  /** ConsumerProtocolSubscription, version 1. */
  #subscription(topics: readonly string[], owned: Readonly<Record<string, readonly number[]>>): Buffer {
    const writer = new ByteWriter()
    writer.int16(1)
    writer.int32(topics.length)
    for (const topic of topics) writer.string(this.prefix + topic)
    writer.nullableBytes(null)
    writer.int32(Object.keys(owned).length)
    for (const [topic, partitions] of Object.entries(owned)) {
      writer.string(this.prefix + topic)
      writer.int32(partitions.length)
      for (const partition of partitions) writer.int32(partition)
    }
    return writer.toBuffer()
  }

  async #visible(name: string, partitions: number): Promise<void> {
    for (;;) {
      const answer = await this.client.call(apis.metadata, 12, { topics: [{ name: this.prefix + name }] })
      if (answer.topics[0]!.partitions.length === partitions) return
      await sleep(50)
    }
  }

  #shown({ assignment, errorMessage, ...answer }: Answer): object {
    return {
      ...answer,
      message: this.#plain(errorMessage),
      assignment: assignment && this.#named(assignment.topicPartitions),
    }
  }

  #named(assigned: Partitions): object {
    const names = new Map(Array.from(this.#topicIds, ([name, id]) => [id, name]))
    return Object.fromEntries(
      assigned
        .map(({ topicId, partitions }) => [names.get(topicId) ?? topicId, partitions.toSorted()] as const)
        .toSorted(([one], [other]) => (one < other ? -1 : 1)),
    )
  }

  /** Members that the server named are called by what these tests call them. */
  #nameOf(group: string, memberId: string): string {
    for (const [key, member] of this.#classic)
      if (member.memberId === memberId) return key.slice(group.length + 1)
    return memberId
  }

  #plain(text: string | null): string | null {
    return text?.replaceAll(this.prefix, '') ?? null
  }
}
