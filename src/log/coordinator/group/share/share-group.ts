import { MemberDeadlines } from '../consumer/member-deadlines.ts'
import type { Assignment } from '../consumer/consumer-record.ts'
import type { ShareCurrentValue, ShareMemberValue, ShareRecord, ShareTopics } from './share-record.ts'

export interface ShareMember {
  readonly id: string
  readonly value: ShareMemberValue
  readonly current: ShareCurrentValue
}

/**
 * What is durable of a share group's membership (KIP-932). Its epochs are those of the consumer protocol; but since
 * members share partitions, nobody has to give one up before another is given it, and a member is in its target at once.
 *
 * `apply` alone changes it; a decision works on a `copy` and applies its own records to that.
 */
export class ShareMembership {
  groupEpoch = 0
  metadataHash = 0
  assignmentEpoch = 0
  assignmentTimestampMs = 0
  readonly members = new Map<string, ShareMember>()
  readonly targets = new Map<string, Assignment>()
  topics: ShareTopics = new Map()

  apply(record: ShareRecord): void {
    switch (record.kind) {
      case 'share-epoch':
        this.groupEpoch = record.value?.epoch ?? 0
        this.metadataHash = record.value?.metadataHash ?? 0
        return
      case 'share-assignment-epoch':
        this.assignmentEpoch = record.value?.epoch ?? 0
        this.assignmentTimestampMs = record.value?.timestampMs ?? 0
        return
      case 'share-topics':
        this.topics = record.value ?? new Map()
        return
      case 'share-target':
        if (record.value === null) this.targets.delete(record.memberId)
        else this.targets.set(record.memberId, record.value)
        return
      case 'share-member':
        if (record.value === null) this.members.delete(record.memberId)
        else this.members.set(record.memberId, { ...this.#member(record.memberId), value: record.value })
        return
      case 'share-current':
        if (record.value !== null || this.members.has(record.memberId))
          this.members.set(record.memberId, {
            ...this.#member(record.memberId),
            current: record.value ?? NEW_MEMBER,
          })
        return
    }
  }

  copy(): ShareMembership {
    const copy = new ShareMembership()
    copy.groupEpoch = this.groupEpoch
    copy.metadataHash = this.metadataHash
    copy.assignmentEpoch = this.assignmentEpoch
    copy.assignmentTimestampMs = this.assignmentTimestampMs
    copy.topics = this.topics
    for (const [id, member] of this.members) copy.members.set(id, member)
    for (const [id, target] of this.targets) copy.targets.set(id, target)
    return copy
  }

  subscribedTopics(): Set<string> {
    const names = new Set<string>()
    for (const { value } of this.members.values())
      for (const name of value.subscribedTopicNames) names.add(name)
    return names
  }

  #member(id: string): ShareMember {
    return this.members.get(id) ?? { id, value: UNKNOWN_MEMBER, current: NEW_MEMBER }
  }
}

/** A share group: its membership, and until when its members have to be heard of. */
export class ShareGroup {
  readonly id: string
  membership = new ShareMembership()
  readonly deadlines = new MemberDeadlines()
  /** The topics' version when the group last looked whether its subscribed topics have changed. */
  topicsSeen: number | undefined

  constructor(id: string) {
    this.id = id
  }

  get state(): 'Empty' | 'Stable' {
    return this.membership.members.size === 0 ? 'Empty' : 'Stable'
  }
}

/** Before a member's own record has been read. */
export const UNKNOWN_MEMBER: ShareMemberValue = {
  rackId: null,
  clientId: '',
  clientHost: '',
  subscribedTopicNames: [],
}

export const NEW_MEMBER: ShareCurrentValue = {
  memberEpoch: 0,
  previousMemberEpoch: -1,
  assigned: new Map(),
}

/** The records that would make a group what it is. */
export function shareGroupRecords({ id: groupId, membership }: ShareGroup): ShareRecord[] {
  const { members, targets, topics, groupEpoch, metadataHash, assignmentEpoch, assignmentTimestampMs } =
    membership
  return [
    ...Array.from(members.values(), ({ id, value }): ShareRecord => ({
      kind: 'share-member',
      groupId,
      memberId: id,
      value,
    })),
    { kind: 'share-epoch', groupId, value: { epoch: groupEpoch, metadataHash } },
    { kind: 'share-topics', groupId, value: topics },
    ...Array.from(targets, ([memberId, value]): ShareRecord => ({
      kind: 'share-target',
      groupId,
      memberId,
      value,
    })),
    {
      kind: 'share-assignment-epoch',
      groupId,
      value: { epoch: assignmentEpoch, timestampMs: assignmentTimestampMs },
    },
    ...Array.from(members.values(), ({ id, current }): ShareRecord => ({
      kind: 'share-current',
      groupId,
      memberId: id,
      value: current,
    })),
  ]
}

/** Tombstones for one member, in the order in which Kafka's replay wants them. */
export function shareMemberTombstones(groupId: string, memberId: string): ShareRecord[] {
  return (['share-current', 'share-target', 'share-member'] as const).map((kind) => ({
    kind,
    groupId,
    memberId,
    value: null,
  }))
}

/** Tombstones for a group without members, the group itself last. */
export function shareGroupTombstones(groupId: string): ShareRecord[] {
  return (['share-assignment-epoch', 'share-topics', 'share-epoch'] as const).map((kind) => ({
    kind,
    groupId,
    value: null,
  }))
}
