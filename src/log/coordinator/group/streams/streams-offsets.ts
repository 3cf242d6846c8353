import { ErrorCode } from '../../../protocol/error-code.ts'
import type { OffsetCommitRequest, OffsetReader } from '../group-offsets.ts'
import type { StreamsMember, StreamsMembership } from './streams-membership.ts'
import { taskId } from './tasks.ts'
import { readerOf } from './topology.ts'

/** The version from which OffsetCommit knows member epochs. */
const MEMBER_EPOCH_FROM = 9

/**
 * Whether a streams group takes a commit. One in an older epoch than the member's is taken for tasks that the member
 * has had since then: it may have been on its way when the epoch moved on.
 */
export function streamsCommitError(
  membership: StreamsMembership,
  commit: OffsetCommitRequest,
  transactional: boolean,
): ErrorCode {
  const { memberId, generationId: memberEpoch } = commit
  if (memberEpoch < 0 && membership.members.size === 0) return ErrorCode.NONE
  // A transactional producer that knows nothing of the group (before KIP-447).
  if (transactional && memberEpoch === -1 && memberId === '' && commit.groupInstanceId === null)
    return ErrorCode.NONE
  const member = membership.members.get(memberId)
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
  if (!transactional && commit.apiVersion < MEMBER_EPOCH_FROM) return ErrorCode.UNSUPPORTED_VERSION
  if (memberEpoch === member.current.memberEpoch) return ErrorCode.NONE
  if (memberEpoch < member.current.memberEpoch && hasHadSince(membership, member, commit))
    return ErrorCode.NONE
  // TxnOffsetCommit has no other error for it.
  return transactional ? ErrorCode.ILLEGAL_GENERATION : ErrorCode.STALE_MEMBER_EPOCH
}

/** Whether a streams group shows its offsets to who asks with this id and epoch. */
export function streamsFetchError(
  membership: StreamsMembership,
  { memberId, memberEpoch }: OffsetReader,
): ErrorCode {
  if (memberId === null && memberEpoch < 0) return ErrorCode.NONE
  const member = membership.members.get(memberId ?? '')
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
  return memberEpoch === member.current.memberEpoch ? ErrorCode.NONE : ErrorCode.STALE_MEMBER_EPOCH
}

function hasHadSince(
  { topology }: StreamsMembership,
  { current }: StreamsMember,
  { topics, generationId }: OffsetCommitRequest,
): boolean {
  return topics.every(({ name, partitions }) => {
    const reader = topology && readerOf(topology, name)
    if (reader === undefined) return false
    return partitions.every(({ partitionIndex }) => {
      const task = taskId(reader.subtopologyId, partitionIndex)
      const since = current.assigned.active.get(task) ?? current.pendingRevocation.active.get(task)
      return since !== undefined && generationId >= since
    })
  })
}
