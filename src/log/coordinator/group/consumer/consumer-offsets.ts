import { ErrorCode } from '../../../protocol/error-code.ts'
import type { ConsumerMember, ConsumerMembership } from './consumer-membership.ts'
import type { TopicsView } from './topics-view.ts'

/** The version from which OffsetCommit knows member epochs. */
const MEMBER_EPOCH_FROM = 9

interface Commit {
  readonly memberId: string
  readonly groupInstanceId: string | null
  /** The generation of a member of the classic protocol. -1: not a member. */
  readonly memberEpoch: number
  readonly transactional: boolean
  readonly apiVersion: number
  readonly topics: readonly {
    readonly name: string
    readonly partitions: readonly { readonly partitionIndex: number }[]
  }[]
}

/**
 * Whether a group of the consumer protocol takes a commit. One in an older epoch than the member's is taken for
 * partitions that the member has had since then (KIP-1251): it may have been on its way when the epoch moved on.
 */
export function consumerCommitError(
  membership: ConsumerMembership,
  commit: Commit,
  topics: TopicsView,
): ErrorCode {
  const { memberId, memberEpoch, transactional } = commit
  if (memberEpoch < 0 && membership.members.size === 0) return ErrorCode.NONE
  // A transactional producer that knows nothing of the group (before KIP-447).
  if (transactional && memberEpoch === -1 && memberId === '' && commit.groupInstanceId === null)
    return ErrorCode.NONE
  const member = membership.members.get(memberId)
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
  if (!transactional && member.value.classic === null && commit.apiVersion < MEMBER_EPOCH_FROM)
    return ErrorCode.UNSUPPORTED_VERSION
  if (memberEpoch === member.current.memberEpoch) return ErrorCode.NONE
  if (memberEpoch < member.current.memberEpoch && hasHadSince(member, commit, topics)) return ErrorCode.NONE
  // TxnOffsetCommit has no other error for it.
  return transactional ? ErrorCode.ILLEGAL_GENERATION : wrongEpoch(member)
}

/** Whether a group of the consumer protocol shows its offsets to who asks with this id and epoch. */
export function consumerFetchError(
  membership: ConsumerMembership,
  { memberId, memberEpoch }: { readonly memberId: string | null; readonly memberEpoch: number },
): ErrorCode {
  if (memberId === null && memberEpoch < 0) return ErrorCode.NONE
  const member = membership.members.get(memberId ?? '')
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
  return memberEpoch === member.current.memberEpoch ? ErrorCode.NONE : wrongEpoch(member)
}

function hasHadSince({ current }: ConsumerMember, commit: Commit, topics: TopicsView): boolean {
  return commit.topics.every(({ name, partitions }) => {
    const topicId = topics.topic(name)?.id ?? ''
    return partitions.every(({ partitionIndex }) => {
      const since =
        current.assigned.get(topicId)?.get(partitionIndex) ??
        current.pendingRevocation.get(topicId)?.get(partitionIndex)
      return since !== undefined && commit.memberEpoch >= since
    })
  })
}

function wrongEpoch({ value }: ConsumerMember): ErrorCode {
  return value.classic === null ? ErrorCode.STALE_MEMBER_EPOCH : ErrorCode.ILLEGAL_GENERATION
}
