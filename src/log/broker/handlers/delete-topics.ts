import type { DeleteTopicsRequest, DeleteTopicsResponseInput } from '../../protocol/apis/delete-topics.ts'
import { messageOf } from '../../../base/millrace-error.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { ZERO_UUID } from '../../protocol/field.ts'
import type { MutationQuota } from '../quotas/client-quotas.ts'
import { mutationQuota, OVER_QUOTA } from '../quotas/mutation-quota.ts'
import { AclOperation, mayOnTopic } from '../security/access.ts'
import type { Handler, RequestContext } from '../services.ts'

type TopicAnswer = NonNullable<DeleteTopicsResponseInput['responses']>[number]

/** The version whose clients know THROTTLING_QUOTA_EXCEEDED. */
const STRICT_QUOTA_FROM = 5
const BY_NAME_OR_ID_FROM = 6

/** DeleteTopics: records, offsets that groups committed, and waiting fetches go with a topic. */
export const handleDeleteTopics: Handler<DeleteTopicsRequest, DeleteTopicsResponseInput> = (
  request,
  context,
) => {
  const wanted =
    context.apiVersion >= BY_NAME_OR_ID_FROM
      ? request.topics
      : request.topicNames.map((name) => ({ name, topicId: ZERO_UUID }))
  const quota = mutationQuota(context, STRICT_QUOTA_FROM)
  const responses = wanted.map((topic) => deleteOne(topic, { context, quota }))
  return { responses, throttleTimeMs: quota.throttleMs }
}

function deleteOne(
  { name, topicId }: { readonly name: string | null; readonly topicId: string },
  { context, quota }: { readonly context: RequestContext; readonly quota: MutationQuota },
): TopicAnswer {
  const { services } = context
  const { logDirectory } = services
  if (name !== null && topicId !== ZERO_UUID) {
    return {
      name,
      topicId,
      errorCode: ErrorCode.INVALID_REQUEST,
      errorMessage: 'A topic is named by name or by id, not by both.',
    }
  }
  const topic = name === null ? logDirectory.topicById(topicId) : logDirectory.topic(name)
  const known = name ?? topic?.name
  if (known !== undefined) {
    const refused = {
      topicId,
      errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED,
      errorMessage: 'Topic authorization failed.',
    }
    // Who may not know the topic is not told the name behind an id.
    if (!mayOnTopic(context, AclOperation.DESCRIBE, known)) return { ...refused, name }
    if (!mayOnTopic(context, AclOperation.DELETE, known)) return { ...refused, name: known }
  }
  if (topic === undefined) {
    return name === null
      ? {
          name,
          topicId,
          errorCode: ErrorCode.UNKNOWN_TOPIC_ID,
          errorMessage: 'This server does not host this topic ID.',
        }
      : {
          name,
          topicId,
          errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
          errorMessage: 'This server does not host this topic-partition.',
        }
  }
  const answer = { name: topic.name, topicId: topic.id }
  if (!services.config['delete.topic.enable']) {
    return {
      ...answer,
      errorCode: ErrorCode.TOPIC_DELETION_DISABLED,
      errorMessage: 'delete.topic.enable is false.',
    }
  }
  if (topic.internal) {
    return {
      ...answer,
      errorCode: ErrorCode.INVALID_TOPIC_EXCEPTION,
      errorMessage: 'Internal topics cannot be deleted.',
    }
  }
  if (!quota.take(topic.partitions.length))
    return { ...answer, errorCode: OVER_QUOTA.error, errorMessage: OVER_QUOTA.message }
  try {
    services.topics.delete(topic)
  } catch (error) {
    services.report('error', 'topic could not be deleted', { topic: topic.name, reason: messageOf(error) })
    return { ...answer, errorCode: ErrorCode.KAFKA_STORAGE_ERROR, errorMessage: messageOf(error) }
  }
  services.groups.topicDeleted(topic.name)
  services.shares.topicDeleted(topic.id)
  return { ...answer, errorCode: ErrorCode.NONE }
}
