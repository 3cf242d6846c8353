/** What ShareFetch and ShareAcknowledge have in common: who asks, and acknowledgements. */
import { AcknowledgeType, type AcknowledgementBatch } from '../../coordinator/share/share-partition.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import type { PartitionLog } from '../../storage/partition-log.ts'
import { AclOperation, mayOnGroup, mayOnTopic } from '../security/access.ts'
import type { RequestContext } from '../services.ts'
import type { AcknowledgeOutcome } from './share-driver.ts'
import { partitionKey, type SharedPartition } from './share-sessions.ts'

/** A member of a share group as its requests name it. */
export interface ShareMember {
  readonly groupId: string
  readonly memberId: string
}

interface Refusal {
  readonly errorCode: ErrorCode
  readonly errorMessage: string | null
}

interface RequestedTopic {
  readonly topicId: string
  readonly partitions: readonly {
    readonly partitionIndex: number
    readonly acknowledgementBatches: readonly AcknowledgementBatch[]
  }[]
}

/** From this version on there are RENEW acknowledgements. */
const RENEW_FROM = 2
const MAX_MEMBER_ID_LENGTH = 36

/** The member, or why it is not served. */
export function memberOf(
  { groupId, memberId }: { readonly groupId: string | null; readonly memberId: string | null },
  context: RequestContext,
): ShareMember | Refusal {
  if (groupId === null)
    return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage: 'Invalid group id in the request.' }
  if (!mayOnGroup(context, AclOperation.READ, groupId))
    return { errorCode: ErrorCode.GROUP_AUTHORIZATION_FAILED, errorMessage: null }
  if (memberId === null || memberId === '' || memberId.length > MAX_MEMBER_ID_LENGTH)
    return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage: 'Invalid member id in the request.' }
  return { groupId, memberId }
}

/** The log of a partition that the client may read. */
export function sharedLog(
  { topicId, partition }: SharedPartition,
  context: RequestContext,
): PartitionLog | ErrorCode {
  const topic = context.services.logDirectory.topicById(topicId)
  if (topic === undefined) return ErrorCode.UNKNOWN_TOPIC_ID
  if (!mayOnTopic(context, AclOperation.READ, topic.name)) return ErrorCode.TOPIC_AUTHORIZATION_FAILED
  return topic.partitions[partition] ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
}

/** Acknowledges for all partitions of a request that have something to acknowledge, by `partitionKey`. */
export async function acknowledgeAll(
  topics: readonly RequestedTopic[],
  member: ShareMember,
  options: { readonly renews: boolean; readonly context: RequestContext },
): Promise<Map<string, SharedPartition & AcknowledgeOutcome>> {
  const pending: Promise<SharedPartition & AcknowledgeOutcome>[] = []
  for (const { topicId, partitions } of topics) {
    for (const { partitionIndex: partition, acknowledgementBatches: batches } of partitions) {
      if (batches.length === 0) continue
      const outcome = acknowledge({ topicId, partition }, { batches, member, ...options })
      pending.push(outcome.then((result) => ({ topicId, partition, ...result })))
    }
  }
  const outcomes = await Promise.all(pending)
  return new Map(outcomes.map((outcome) => [partitionKey(outcome), outcome]))
}

async function acknowledge(
  shared: SharedPartition,
  options: {
    readonly batches: readonly AcknowledgementBatch[]
    readonly member: ShareMember
    readonly renews: boolean
    readonly context: RequestContext
  },
): Promise<AcknowledgeOutcome> {
  const { batches, member, renews, context } = options
  const refused = (errorCode: ErrorCode): AcknowledgeOutcome => ({ errorCode, errorMessage: null })
  const log = sharedLog(shared, context)
  if (typeof log === 'number') return refused(log)
  if (!areValid(batches, { renews, mayRenew: context.apiVersion >= RENEW_FROM }))
    return refused(ErrorCode.INVALID_REQUEST)
  const { shares } = context.services
  const partition = shares.find({ groupId: member.groupId, ...shared })
  if (partition === undefined) return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  return shares.acknowledge(partition, member.memberId, { batches, log })
}

/** Ascending, with a type for all offsets or one for each. */
function areValid(
  batches: readonly AcknowledgementBatch[],
  { renews, mayRenew }: { readonly renews: boolean; readonly mayRenew: boolean },
): boolean {
  const lastType = mayRenew ? AcknowledgeType.RENEW : AcknowledgeType.REJECT
  let before = 0
  return batches.every(({ firstOffset, lastOffset, acknowledgeTypes: types }) => {
    const isInOrder = firstOffset >= before && firstOffset <= lastOffset
    before = lastOffset
    return (
      isInOrder &&
      (types.length === 1 || types.length === lastOffset - firstOffset + 1) &&
      types.every((type) => type >= AcknowledgeType.GAP && type <= lastType) &&
      (renews || !types.includes(AcknowledgeType.RENEW))
    )
  })
}
