/**
 * The share groups that one partition of `__consumer_offsets` keeps, as a part of its `GroupCoordinator`: who is in them
 * and what they are assigned. What they have done with the partitions is kept by `coordinator/share`.
 */
import { ErrorCode } from '../../../protocol/error-code.ts'
import type { Instant, SnapshotPiece } from '../../coordinator-record.ts'
import type { GroupSurroundings } from '../group-step.ts'
import { describeShareGroup, type DescribedShareGroup } from './describe-share-group.ts'
import { ShareGroup, shareGroupRecords, shareGroupTombstones } from './share-group.ts'
import {
  problemWithHeartbeat,
  refuseShare,
  removeShareMembers,
  ShareDraft,
  shareHeartbeat,
  type ShareHeartbeatRequest,
  type ShareHeartbeatResult,
} from './share-heartbeat.ts'
import type { ShareRecord, ShareTopics } from './share-record.ts'

/** If members that were to be expelled could not be, because the log refused it, it is tried again after this time. */
const TRY_AGAIN_MS = 5_000

export class ShareGroups {
  readonly #surroundings: GroupSurroundings
  readonly #groups = new Map<string, ShareGroup>()

  constructor(surroundings: GroupSurroundings) {
    this.#surroundings = surroundings
  }

  has(groupId: string): boolean {
    return this.#groups.has(groupId)
  }

  /** The result is to be sent when the records are durable. `isOther`: the name belongs to a group of another type. */
  heartbeat(
    request: ShareHeartbeatRequest,
    { now, isOther }: { readonly now: Instant; readonly isOther: boolean },
  ): { result: ShareHeartbeatResult; records: ShareRecord[] } {
    const refuse = (
      result: ShareHeartbeatResult,
    ): { result: ShareHeartbeatResult; records: ShareRecord[] } => ({
      result,
      records: [],
    })
    const problem = problemWithHeartbeat(request)
    if (problem !== undefined) return refuse(problem)
    const { groupId } = request
    const known = this.#groups.get(groupId)
    if (isOther)
      return refuse(refuseShare(ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} is not a share group.`))
    if (known === undefined && request.memberEpoch !== 0)
      return refuse(refuseShare(ErrorCode.GROUP_ID_NOT_FOUND, notFound(request)))
    const group = known ?? new ShareGroup(groupId)
    const draft = new ShareDraft(group, now, this.#surroundings)
    const result = shareHeartbeat(draft, request)
    if (result.errorCode !== ErrorCode.NONE) return refuse(result)
    this.#groups.set(groupId, group)
    return { result, records: draft.records }
  }

  describe(groupId: string, isOther: boolean): DescribedShareGroup {
    return describeShareGroup(groupId, this.#groups.get(groupId), {
      isOther,
      topics: this.#surroundings.topics,
    })
  }

  /** As ListGroups shows them. */
  list(): { groupId: string; protocolType: string; groupState: string; groupType: string }[] {
    return Array.from(this.#groups.values(), ({ id, state }) => ({
      groupId: id,
      protocolType: 'share',
      groupState: state,
      groupType: 'share',
    }))
  }

  /** The topics of which a group has share-partitions; undefined when there is no such group. */
  topicsOf(groupId: string): ShareTopics | undefined {
    return this.#groups.get(groupId)?.membership.topics
  }

  isEmpty(groupId: string): boolean {
    return this.#groups.get(groupId)?.state !== 'Stable'
  }

  /** Notes that a group has share-partitions of other topics than before; there need not have been one. */
  changeTopics(groupId: string, topics: ShareTopics): ShareRecord[] {
    const noted: ShareRecord = { kind: 'share-topics', groupId, value: topics }
    if (this.#groups.has(groupId)) return [noted]
    return [{ kind: 'share-epoch', groupId, value: { epoch: 0, metadataHash: 0 } }, noted]
  }

  delete(groupId: string): { errorCode: ErrorCode; records: ShareRecord[] } {
    if (!this.isEmpty(groupId)) return { errorCode: ErrorCode.NON_EMPTY_GROUP, records: [] }
    return { errorCode: ErrorCode.NONE, records: shareGroupTombstones(groupId) }
  }

  nextTickMs(groupId: string): number {
    return this.#groups.get(groupId)?.deadlines.next() ?? Infinity
  }

  /** Expels the members whose session is over, all at once. */
  tick(groupId: string, now: Instant): ShareRecord[] {
    const group = this.#groups.get(groupId)
    if (group === undefined) return []
    const late: string[] = []
    for (const memberId of group.deadlines.expired(now.monotonicMs)) {
      group.deadlines.forget(memberId)
      if (!group.membership.members.has(memberId)) continue
      late.push(memberId)
      group.deadlines.set(memberId, 'session', now.monotonicMs + TRY_AGAIN_MS)
    }
    const draft = new ShareDraft(group, now, this.#surroundings)
    removeShareMembers(draft, late)
    return draft.records
  }

  /** The one place where durable state changes, live and in replay alike. */
  apply(record: ShareRecord): void {
    const { groupId } = record
    if (record.kind === 'share-epoch' && record.value === null) {
      this.#groups.delete(groupId)
      return
    }
    let group = this.#groups.get(groupId)
    if (group === undefined) {
      if (record.value === null) return
      this.#groups.set(groupId, (group = new ShareGroup(groupId)))
    }
    group.membership.apply(record)
    if (record.kind === 'share-member' && record.value === null) group.deadlines.forget(record.memberId)
  }

  /** Ends a replay: every member gets a whole session to show up. */
  restore(now: Instant): string[] {
    for (const group of this.#groups.values()) {
      const { sessionTimeoutMs } = this.#surroundings.config.share.ofGroup(group.id)
      for (const memberId of group.membership.members.keys())
        group.deadlines.set(memberId, 'session', now.monotonicMs + sessionTimeoutMs)
    }
    return [...this.#groups.keys()]
  }

  *snapshot(): Generator<SnapshotPiece<ShareRecord>, void, void> {
    for (const group of this.#groups.values()) yield { records: shareGroupRecords(group), pending: new Map() }
  }

  get sizeRecords(): number {
    let size = 0
    for (const { membership } of this.#groups.values()) size += 3 + 3 * membership.members.size
    return size
  }
}

function notFound({ groupId, memberEpoch }: ShareHeartbeatRequest): string {
  return `${memberEpoch < 0 ? 'Group' : 'Share group'} ${groupId} not found.`
}
