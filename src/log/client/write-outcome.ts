/** Whether a batch that met an error may be stored nevertheless, and what its records are told then. */
import { MillraceError } from '../../base/millrace-error.ts'
import { ErrorCode, isRetriable } from '../protocol/error-code.ts'
import { isAboutSecurity, KafkaError } from './kafka-error.ts'

/** Of those that may pass: a broker answers so only before it appends. */
const REFUSED_BEFORE_APPENDING: ReadonlySet<number> = new Set([
  ErrorCode.CORRUPT_MESSAGE,
  ErrorCode.NOT_ENOUGH_REPLICAS,
  ErrorCode.THROTTLING_QUOTA_EXCEEDED,
])

/** Nothing is sent before there is a connection. */
const BEFORE_SENDING: ReadonlySet<string> = new Set(['MR_CONNECT_FAILED', 'MR_TOKEN_UNAVAILABLE'])

/**
 * Whether an attempt that ended so may have stored the batch. A leader that lost its office, or a log whose device
 * failed, says so also after it has appended.
 */
export function mayBeStored(error: unknown): boolean {
  if (error instanceof KafkaError) {
    if (error.errorCode === ErrorCode.UNKNOWN_SERVER_ERROR) return true
    return isRetriable(error.errorCode) && !REFUSED_BEFORE_APPENDING.has(error.errorCode)
  }
  if (isAboutSecurity(error)) return false
  return !(error instanceof MillraceError && BEFORE_SENDING.has(error.code))
}

export function outcomeUnknown(
  { topic, partition }: { readonly topic: string; readonly partition: number },
  cause: Error,
): MillraceError {
  return new MillraceError({
    code: 'MR_WRITE_UNKNOWN',
    message: `it is not known whether records were stored in partition ${partition} of topic ${topic}: they were sent, no answer came, and then: ${cause.message}`,
    fix: 'Look into the partition before you send them again: they may be there.',
    topic,
    partition,
    cause,
  })
}
