/**
 * Brings a group from the classic protocol to the consumer protocol and back (KIP-848, `group.consumer.migration.policy`).
 * A group without members changes with whoever comes next. One with members changes
 *  - to the consumer protocol when a member that speaks it joins consumers of the classic one: these stay, as members
 *    of the new group that go on with JoinGroup, SyncGroup and Heartbeat;
 *  - back when the last member that speaks it has gone and classic ones remain.
 * Offsets are not touched.
 */
import { voteProtocol } from '../rebalance.ts'
import type { Member } from '../consumer-group.ts'
import type { GroupStep } from '../group-step.ts'
import { ConsumerDraft } from './consumer-draft.ts'
import {
  membershipTombstones,
  NEW_MEMBER,
  NO_ASSIGNMENT,
  type ConsumerMember,
} from './consumer-membership.ts'
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  type Subscription,
  type TopicPartitions,
} from './consumer-protocol.ts'
import type { Assignment, MemberValue } from './consumer-record.ts'
import { metadataHash } from './topics-view.ts'

export type Opened =
  | { readonly kind: 'opened'; readonly draft: ConsumerDraft }
  | { readonly kind: 'refused'; readonly message: string }

/** The group as one of the consumer protocol; a member that joins may turn it into one. */
export function openForJoin(step: GroupStep, joins: boolean): Opened {
  const { group } = step
  if (group.consumer !== undefined) return { kind: 'opened', draft: new ConsumerDraft(step) }
  if (!joins || group.streams !== undefined)
    return { kind: 'refused', message: `Group ${group.id} is not a consumer group.` }
  if (group.members.size > 0) return upgrade(step)
  const draft = new ConsumerDraft(step)
  if (group.stored !== undefined) draft.emit({ kind: 'membership', groupId: group.id, value: null })
  step.effects.conversion = { kind: 'upgraded' }
  return { kind: 'opened', draft }
}

function upgrade(step: GroupStep): Opened {
  const { group, config, topics } = step
  const refuse = (why: string): Opened => ({
    kind: 'refused',
    message: `Cannot upgrade classic group ${group.id} to consumer group because ${why}.`,
  })
  if (!config.consumer.mayUpgrade) return refuse('online upgrade is disabled')
  if (group.protocolType !== 'consumer')
    return refuse('the group does not use the consumer embedded protocol')
  if (group.members.size > config.consumer.maxSize)
    return refuse('the group size exceeds the consumer group maximum size')
  const members: { member: Member; subscription: Subscription; assigned: Assignment }[] = []
  for (const member of group.members.values()) {
    const subscription = decodeSubscription(protocolInUse(step, member))
    const assignment = decodeAssignment(member.assignment)
    if (subscription === undefined || assignment === undefined)
      return refuse('the embedded consumer protocol is malformed')
    if (assignment.hasUserData)
      return refuse(
        'an unsupported custom assignor is in use. Please refer to the documentation or switch to a default assignor before re-attempting the upgrade',
      )
    members.push({ member, subscription, assigned: assignmentById(step, assignment.partitions) })
  }
  const draft = new ConsumerDraft(step)
  const groupId = group.id
  const epoch = group.generationId
  if (group.stored !== undefined) draft.emit({ kind: 'membership', groupId, value: null })
  for (const { member, subscription } of members)
    draft.emit({ kind: 'member', groupId, memberId: member.id, value: upgradedMember(member, subscription) })
  const hash = metadataHash(draft.membership.subscribedTopics(), topics)
  draft.emit({ kind: 'group-epoch', groupId, value: { epoch, metadataHash: hash } })
  for (const { member, assigned } of members)
    draft.emit({ kind: 'target', groupId, memberId: member.id, value: assigned })
  draft.emit({ kind: 'assignment-epoch', groupId, value: { epoch, timestampMs: 0 } })
  for (const { member, assigned } of members) {
    const owned = new Map(
      Array.from(assigned, ([topicId, partitions]) => [
        topicId,
        new Map(partitions.map((partition) => [partition, epoch])),
      ]),
    )
    const value = { ...NEW_MEMBER, memberEpoch: epoch, previousMemberEpoch: epoch, assigned: owned }
    draft.emit({ kind: 'current', groupId, memberId: member.id, value })
  }
  step.effects.conversion = { kind: 'upgraded' }
  return { kind: 'opened', draft }
}

/** Before the first generation nothing has been agreed on: a member's first choice is as good. */
function protocolInUse({ group }: GroupStep, member: Member): Buffer {
  const agreed = member.protocols.find(({ name }) => name === group.protocolName)
  return (agreed ?? member.protocols[0]!).metadata
}

function upgradedMember(member: Member, subscription: Subscription): MemberValue {
  return {
    instanceId: member.instanceId,
    rackId: subscription.rackId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopicNames: [...new Set(subscription.topics)].toSorted(),
    subscribedTopicRegex: '',
    rebalanceTimeoutMs: member.rebalanceTimeoutMs,
    serverAssignor: null,
    classic: { sessionTimeoutMs: member.sessionTimeoutMs, protocols: member.protocols },
  }
}

/** Topics that have gone are left out. */
export function assignmentById({ topics }: GroupStep, assigned: readonly TopicPartitions[]): Assignment {
  const byId = new Map<string, readonly number[]>()
  for (const { topic, partitions } of assigned) {
    const found = topics.topic(topic)
    if (found !== undefined)
      byId.set(
        found.id,
        partitions.toSorted((one, other) => one - other),
      )
  }
  return byId
}

/** An assignment as members of the classic protocol are given it; topics that have gone are left out. */
export function assignmentByName(
  { topics }: GroupStep,
  assigned: Iterable<readonly [topicId: string, partitions: readonly number[]]>,
): TopicPartitions[] {
  const byName: TopicPartitions[] = []
  for (const [topicId, partitions] of assigned) {
    const topic = topics.topicById(topicId)
    if (topic !== undefined) byName.push({ topic: topic.name, partitions })
  }
  return byName
}

/** Whether a group that only these are left of may return to the classic protocol. */
export function mayDowngrade({ config }: GroupStep, remaining: readonly ConsumerMember[]): boolean {
  return (
    config.consumer.mayDowngrade &&
    remaining.length <= config.maxSize &&
    remaining.every(({ value }) => value.classic !== null)
  )
}

/** Turns the group into a stable one of the classic protocol, with the targets of its members as assignments. */
export function downgrade(
  draft: ConsumerDraft,
  { remaining, rebalance }: { readonly remaining: readonly ConsumerMember[]; readonly rebalance: boolean },
): void {
  const { step, membership } = draft
  const groupId = step.group.id
  const { groupEpoch, targets } = membership
  const protocols = new Map(remaining.map(({ id, value }) => [id, value.classic!.protocols]))
  const protocolName = voteProtocol(remaining.map(({ value }) => value.classic!))
  const members = remaining.map(({ id, value }) => {
    const { metadata } = value.classic!.protocols.find(({ name }) => name === protocolName)!
    const version = decodeSubscription(metadata)?.version ?? 0
    return {
      memberId: id,
      groupInstanceId: value.instanceId,
      clientId: value.clientId,
      clientHost: value.clientHost,
      rebalanceTimeoutMs: value.rebalanceTimeoutMs,
      sessionTimeoutMs: value.classic!.sessionTimeoutMs,
      subscription: metadata,
      assignment: encodeAssignment(version, assignmentByName(step, targets.get(id) ?? NO_ASSIGNMENT)),
    }
  })
  draft.emit(...membershipTombstones(groupId, membership), {
    kind: 'membership',
    groupId,
    value: {
      protocolType: 'consumer',
      generationId: groupEpoch,
      protocolName,
      leaderId: remaining[0]!.id,
      stateTimestampMs: step.now.wallMs,
      members,
    },
  })
  step.effects.conversion = { kind: 'downgraded', protocols, rebalance }
}
