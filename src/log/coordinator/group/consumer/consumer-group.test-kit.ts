import { ErrorCode } from '../../../protocol/error-code.ts'
import { GroupHarness } from '../group-harness.test-kit.ts'
import type { ConsumerHeartbeatRequest, ConsumerHeartbeatResult } from './consumer-heartbeat.ts'

/** What a member says besides that it is there; topics by name. */
export interface Saying {
  readonly epoch?: number
  readonly instance?: string
  readonly topics?: readonly string[]
  readonly regex?: string
  readonly assignor?: string
  /** Undefined: it does not say. */
  readonly owns?: Readonly<Record<string, readonly number[]>>
  readonly rebalanceTimeoutMs?: number
}

/** A group `g` of the consumer protocol and members that remember the epoch that they were told. */
export class ConsumerGroupHarness extends GroupHarness {
  readonly epochs = new Map<string, number>()
  /** Topics that clients may not know of. */
  readonly hidden = new Set<string>()

  heartbeatOf(memberId: string, saying: Saying = {}): ConsumerHeartbeatResult {
    const request: ConsumerHeartbeatRequest = {
      groupId: 'g',
      memberId,
      memberEpoch: saying.epoch ?? this.epochs.get(memberId) ?? 0,
      instanceId: saying.instance ?? null,
      rackId: null,
      rebalanceTimeoutMs: saying.rebalanceTimeoutMs ?? -1,
      subscribedTopicNames: saying.topics ?? null,
      subscribedTopicRegex: saying.regex ?? null,
      serverAssignor: saying.assignor ?? null,
      topicPartitions:
        saying.owns === undefined
          ? null
          : Object.entries(saying.owns).map(([name, partitions]) => ({
              topicId: this.topics.topic(name)!.id,
              partitions,
            })),
      clientId: 'client',
      clientHost: '/127.0.0.1',
      newMemberId: 'named-by-the-server',
      requiresMemberId: true,
      mayDescribe: (topic) => !this.hidden.has(topic),
    }
    const { result, effects } = this.coordinator.consumerHeartbeat(request, this.now)
    this.carryOut('g', effects)
    if (result.errorCode === ErrorCode.NONE) this.epochs.set(memberId, result.memberEpoch)
    return result
  }

  /** Joins and gives what the member is assigned, by topic. */
  joinAs(
    memberId: string,
    topics: readonly string[],
    more: Saying = {},
  ): Record<string, readonly number[]> | null {
    const saying = { epoch: 0, topics, owns: {}, rebalanceTimeoutMs: 30_000, ...more }
    return this.assigned(this.heartbeatOf(memberId, saying))
  }

  /** Says what it owns and gives what it is assigned; null when that is as before. */
  owns(
    memberId: string,
    owns: Readonly<Record<string, readonly number[]>>,
  ): Record<string, readonly number[]> | null {
    return this.assigned(this.heartbeatOf(memberId, { owns }))
  }

  leaveAs(memberId: string, instance?: string): number {
    return this.heartbeatOf(memberId, { epoch: -1, ...(instance !== undefined && { instance }) }).errorCode
  }

  assigned({ assignment }: ConsumerHeartbeatResult): Record<string, readonly number[]> | null {
    return (
      assignment &&
      Object.fromEntries(
        assignment.topicPartitions.map(
          ({ topicId, partitions }) => [this.topics.topicById(topicId)!.name, partitions] as const,
        ),
      )
    )
  }

  get state(): string {
    return this.coordinator.describeConsumerGroup('g').groupState
  }

  get memberIds(): string[] {
    return this.coordinator.describeConsumerGroup('g').members.map(({ memberId }) => memberId)
  }
}
