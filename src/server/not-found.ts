/** What was asked for and is not there: each says how to see what is. */
import { MillraceError } from '../base/millrace-error.ts'

export function topicNotFound(topic: string, cause?: unknown): MillraceError {
  return new MillraceError({
    code: 'MR_TOPIC_NOT_FOUND',
    topic,
    message: 'there is no such topic.',
    fix: 'List them with `millrace topics list`, or produce to it first.',
    cause,
  })
}

export function groupNotFound(group: string): MillraceError {
  return new MillraceError({
    code: 'MR_GROUP_NOT_FOUND',
    message: `there is no group ${group}.`,
    fix: 'List them with `millrace groups list`.',
  })
}

export function userNotFound(user: string): MillraceError {
  return new MillraceError({
    code: 'MR_USER_NOT_FOUND',
    message: `there is no user ${user}.`,
    fix: 'List them with `millrace users list`.',
  })
}

export function clientNotFound(clientInstanceId: string): MillraceError {
  return new MillraceError({
    code: 'MR_CLIENT_NOT_FOUND',
    message: `no client with the instance id ${clientInstanceId} has pushed metrics lately.`,
    fix: 'GET /api/v1/clients lists those that have.',
  })
}

export function transactionNotFound(transactionalId: string): MillraceError {
  return new MillraceError({
    code: 'MR_TRANSACTION_NOT_FOUND',
    message: `the cluster knows no transactional id ${transactionalId}.`,
    fix: 'List them with `millrace transactions list`.',
  })
}
