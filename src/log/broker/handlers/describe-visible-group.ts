import { ErrorCode } from '../../protocol/error-code.ts'
import { AclOperation, authorizedOperations, mayOnGroup, mayOnTopic } from '../security/access.ts'
import type { RequestContext } from '../services.ts'

/** What is shown of a group to whom it is not shown. */
export const NOTHING_SHOWN = { groupState: '', groupEpoch: 0, assignmentEpoch: 0, members: [] }

/**
 * A group as the request of its protocol describes it. Whoever may not describe the group, or a topic of it, is shown
 * nothing of it.
 */
export function describeVisibleGroup<Group extends { readonly errorCode: ErrorCode }, Nothing extends object>(
  context: RequestContext,
  groupId: string,
  options: {
    readonly includeAuthorizedOperations: boolean
    readonly describe: () => Group
    readonly topicsOf: (group: Group) => readonly string[]
    readonly nothing: Nothing
  },
) {
  const hidden = (errorCode: ErrorCode, errorMessage: string | null = null) => ({
    ...options.nothing,
    groupId,
    errorCode,
    errorMessage,
  })
  if (!mayOnGroup(context, AclOperation.DESCRIBE, groupId))
    return hidden(ErrorCode.GROUP_AUTHORIZATION_FAILED)
  const group = options.describe()
  const topics = new Set(options.topicsOf(group))
  if (![...topics].every((topic) => mayOnTopic(context, AclOperation.DESCRIBE, topic))) {
    const message = 'The group has topics that the client is not authorized to describe.'
    return hidden(ErrorCode.TOPIC_AUTHORIZATION_FAILED, message)
  }
  if (!options.includeAuthorizedOperations || group.errorCode !== ErrorCode.NONE) return group
  return { ...group, authorizedOperations: authorizedOperations(context, 'GROUP', groupId) }
}
