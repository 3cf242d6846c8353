import type { ShareFetchRequest, ShareFetchResponseInput } from '../../protocol/apis/share-fetch.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import type { Handler } from '../services.ts'
import { acknowledgeAll, memberOf } from '../share/share-acknowledgements.ts'
import { ShareFetch, type FetchedShare } from '../share/share-fetch.ts'
import { partitionKey, type SharedPartition } from '../share/share-sessions.ts'

type Outcomes = Awaited<ReturnType<typeof acknowledgeAll>>
type PartitionAnswer = ShareFetchResponseInput['responses'][number]['partitions'][number]

const STRICT_MODE = 1

/** ShareFetch (KIP-932): acknowledges records that the member was given before, and acquires more. */
export const handleShareFetch: Handler<ShareFetchRequest, ShareFetchResponseInput> = async (
  request,
  context,
) => {
  const { shares } = context.services
  const member = memberOf(request, context)
  if ('errorCode' in member) return refused(member.errorCode, member.errorMessage)
  const problem = problemWithRenewal(request)
  if (problem !== undefined) return refused(ErrorCode.INVALID_REQUEST, problem)
  const { topics, shareSessionEpoch, isRenewAck: renews } = request
  const opened = shares.sessions.begin(
    {
      ...member,
      shareSessionEpoch,
      added: topics.flatMap(({ topicId, partitions }) =>
        partitions.map(({ partitionIndex }) => ({ topicId, partition: partitionIndex })),
      ),
      forgotten: request.forgottenTopicsData.flatMap(({ topicId, partitions }) =>
        partitions.map((partition) => ({ topicId, partition })),
      ),
      acknowledges: topics.some(({ partitions }) =>
        partitions.some(({ acknowledgementBatches }) => acknowledgementBatches.length > 0),
      ),
    },
    context.connection,
  )
  if (opened.kind === 'refused') return refused(opened.error, null)
  const acknowledging = acknowledgeAll(topics, member, { renews, context })
  if (opened.kind === 'final' || renews) {
    const outcomes = await acknowledging
    if (opened.kind === 'final') shares.sessions.end(member)
    return answer([], outcomes, shares.limitsOf(member.groupId).lockDurationMs)
  }
  const fetch = new ShareFetch(opened.session, {
    member,
    limits: { ...request, isStrict: request.shareAcquireMode === STRICT_MODE },
    context,
  })
  // Who acknowledges is not kept waiting for more records.
  const [outcomes, fetched] = await Promise.all([acknowledging, fetch.run()])
  return answer(fetched, outcomes, shares.limitsOf(member.groupId).lockDurationMs)
}

/** A request that renews fetches nothing. */
function problemWithRenewal(request: ShareFetchRequest): string | undefined {
  if (!request.isRenewAck) return undefined
  const wrong = (['maxBytes', 'minBytes', 'maxRecords', 'maxWaitMs'] as const).find(
    (field) => request[field] !== 0,
  )
  return wrong === undefined ? undefined : `A request that renews must have ${wrong} 0.`
}

function answer(
  fetched: readonly FetchedShare[],
  outcomes: Outcomes,
  acquisitionLockTimeoutMs: number,
): ShareFetchResponseInput {
  const partitions = new Map<string, SharedPartition & { readonly answer: PartitionAnswer }>()
  const put = (shared: SharedPartition, part: Partial<PartitionAnswer>): void => {
    const { topicId, partition } = shared
    const before = partitions.get(partitionKey(shared))?.answer
    const whole = { ...NOTHING, partitionIndex: partition, ...before, ...part }
    partitions.set(partitionKey(shared), { topicId, partition, answer: whole })
  }
  for (const outcome of outcomes.values())
    put(outcome, {
      acknowledgeErrorCode: outcome.errorCode,
      acknowledgeErrorMessage: outcome.errorMessage,
    })
  for (const { errorCode, records, acquiredRecords, ...shared } of fetched)
    put(shared, { errorCode, records, acquiredRecords })
  const byTopic = Map.groupBy(partitions.values(), ({ topicId }) => topicId)
  return {
    errorCode: ErrorCode.NONE,
    acquisitionLockTimeoutMs,
    responses: Array.from(byTopic, ([topicId, parts]) => ({
      topicId,
      partitions: parts.map((part) => part.answer),
    })),
    nodeEndpoints: [],
  }
}

/** The leader is said only of partitions that are led elsewhere, which none is. */
const NOTHING: PartitionAnswer = {
  partitionIndex: 0,
  errorCode: ErrorCode.NONE,
  acknowledgeErrorCode: ErrorCode.NONE,
  currentLeader: { leaderId: 0, leaderEpoch: 0 },
  records: Buffer.alloc(0),
  acquiredRecords: [],
}

function refused(errorCode: ErrorCode, errorMessage: string | null): ShareFetchResponseInput {
  return { errorCode, errorMessage, acquisitionLockTimeoutMs: 0, responses: [], nodeEndpoints: [] }
}
