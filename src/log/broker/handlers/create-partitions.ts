import { messageOf } from '../../../base/millrace-error.ts'
import type {
  CreatePartitionsRequest,
  CreatePartitionsResponseInput,
} from '../../protocol/apis/create-partitions.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import type { MutationQuota } from '../quotas/client-quotas.ts'
import { mutationQuota, OVER_QUOTA } from '../quotas/mutation-quota.ts'
import { AclOperation, mayOnTopic } from '../security/access.ts'
import type { Handler, RequestContext } from '../services.ts'
import { MAX_PARTITIONS } from '../topic-catalog.ts'

/** The version whose clients know THROTTLING_QUOTA_EXCEEDED. */
const STRICT_QUOTA_FROM = 3

type Wanted = CreatePartitionsRequest['topics'][number]
type Problem = { readonly errorCode: ErrorCode; readonly errorMessage: string }

/** CreatePartitions: a topic may only grow. */
export const handleCreatePartitions: Handler<CreatePartitionsRequest, CreatePartitionsResponseInput> = (
  request,
  context,
) => {
  const quota = mutationQuota(context, STRICT_QUOTA_FROM)
  const results = request.topics.map((wanted) => ({
    name: wanted.name,
    ...(grow(wanted, request.validateOnly, { context, quota }) ?? { errorCode: ErrorCode.NONE }),
  }))
  return { results, throttleTimeMs: quota.throttleMs }
}

function grow(
  wanted: Wanted,
  validateOnly: boolean,
  { context, quota }: { readonly context: RequestContext; readonly quota: MutationQuota },
): Problem | undefined {
  const { services } = context
  const { name, count, assignments } = wanted
  if (!mayOnTopic(context, AclOperation.ALTER, name))
    return { errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED, errorMessage: 'Authorization failed.' }
  const topic = services.logDirectory.topic(name)
  if (topic === undefined) {
    return {
      errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      errorMessage: 'This server does not host this topic-partition.',
    }
  }
  const has = topic.partitions.length
  if (count <= has || count > MAX_PARTITIONS) {
    const errorMessage = `The topic ${name} currently has ${has} partition(s); ${count} is not from ${has + 1} to ${MAX_PARTITIONS}.`
    return { errorCode: ErrorCode.INVALID_PARTITIONS, errorMessage }
  }
  const { nodeId } = services.logDirectory
  const assigned = assignments?.every(({ brokerIds }) => brokerIds.length === 1 && brokerIds[0] === nodeId)
  if (assignments !== null && (assignments.length !== count - has || assigned !== true)) {
    const errorMessage = `Each of the ${count - has} new partitions has one replica, on broker ${nodeId}.`
    return { errorCode: ErrorCode.INVALID_REPLICA_ASSIGNMENT, errorMessage }
  }
  if (validateOnly) return undefined
  if (!quota.take(count - has)) return { errorCode: OVER_QUOTA.error, errorMessage: OVER_QUOTA.message }
  try {
    services.logDirectory.addPartitions(name, count)
  } catch (error) {
    return { errorCode: ErrorCode.KAFKA_STORAGE_ERROR, errorMessage: messageOf(error) }
  }
  services.report('info', 'topic grew', { topic: name, partitions: count })
  return undefined
}
