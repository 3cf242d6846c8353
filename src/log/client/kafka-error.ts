/** What a broker's refusal and a broken connection become, and which of them are worth another try. */
import { type ErrorPlace, MillraceError } from '../../base/millrace-error.ts'
import { ErrorCode, errorName, isRetriable } from '../protocol/error-code.ts'

/** What access rules have to allow for a request: an operation and a name for each kind of resource, for people. */
export interface Needs {
  readonly topic?: string
  readonly group?: string
  readonly transactionalId?: string
  readonly cluster?: string
}

export interface Refused extends ErrorPlace {
  readonly doing: string
  readonly detail?: string | null
  readonly needs?: Needs
}

/** A broker answered with an error code. */
export class KafkaError extends MillraceError {
  /** Kafka's code, see `ErrorCode`. */
  readonly errorCode: number

  constructor(errorCode: number, options: Refused) {
    const { doing, detail, needs, ...place } = options
    const { code, fix } = meaningOf(errorCode, needs)
    const why = detail === undefined || detail === null || detail === '' ? '' : ` (${detail})`
    super({
      ...place,
      code,
      message: `${doing} was refused with ${errorName(errorCode)}${why}.`,
      ...(fix === undefined ? {} : { fix }),
    })
    this.errorCode = errorCode
  }
}

/** Throws a `KafkaError` unless the code is NONE. */
export function throwIfError(errorCode: number, options: Refused): void {
  if (errorCode !== ErrorCode.NONE) throw new KafkaError(errorCode, options)
}

/** What records meet that are sent to a closed producer, or were waiting in it. */
export function producerClosed(): MillraceError {
  return new MillraceError({ code: 'MR_CLIENT_CLOSED', message: 'the producer is closed.' })
}

/** Codes of errors that a new connection may cure. */
const CONNECTION_CODES: ReadonlySet<string> = new Set([
  'MR_CONNECT_FAILED',
  'MR_CONNECTION_LOST',
  'MR_REQUEST_TIMEOUT',
  'MR_TOKEN_UNAVAILABLE',
])

const SECURITY_CODES: ReadonlySet<string> = new Set([
  'MR_AUTHENTICATION_FAILED',
  'MR_SASL_MECHANISM',
  'MR_TLS_EXPECTED',
  'MR_TLS_FAILED',
  'MR_TLS_INVALID',
  'MR_TLS_UNTRUSTED',
])

/** Whether two sides do not trust each other: what has to be set up in another way. */
export function isAboutSecurity(error: unknown): boolean {
  return error instanceof MillraceError && SECURITY_CODES.has(error.code)
}

/** Whether trying again, after a look at the metadata, may help. */
export function isWorthRetrying(error: unknown): boolean {
  if (error instanceof KafkaError) return isRetriable(error.errorCode)
  return error instanceof MillraceError && CONNECTION_CODES.has(error.code)
}

interface Meaning {
  readonly code: `MR_${string}`
  readonly fix?: string
}

/** What a refused access rule would have to allow. */
function missing(errorCode: number, needs: Needs): string | undefined {
  switch (errorCode) {
    case ErrorCode.TOPIC_AUTHORIZATION_FAILED:
      return needs.topic
    case ErrorCode.GROUP_AUTHORIZATION_FAILED:
      return needs.group
    case ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
      return needs.transactionalId
    case ErrorCode.CLUSTER_AUTHORIZATION_FAILED:
      return needs.cluster
    default:
      return undefined
  }
}

function notAuthorized(errorCode: number, needs: Needs = {}): Meaning {
  const what = missing(errorCode, needs)
  const fix =
    what === undefined
      ? "Ask the cluster's operator for an ACL that allows it."
      : `It needs ${what}: ask the cluster's operator for an ACL that allows it, as \`millrace acls add\` makes them.`
  return { code: 'MR_NOT_AUTHORIZED', fix }
}

function meaningOf(errorCode: number, needs?: Needs): Meaning {
  switch (errorCode) {
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.UNKNOWN_TOPIC_ID:
      return { code: 'MR_TOPIC_NOT_FOUND', fix: 'Create the topic, or check its name and partition.' }
    case ErrorCode.TOPIC_AUTHORIZATION_FAILED:
    case ErrorCode.GROUP_AUTHORIZATION_FAILED:
    case ErrorCode.CLUSTER_AUTHORIZATION_FAILED:
    case ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case ErrorCode.SASL_AUTHENTICATION_FAILED:
      return notAuthorized(errorCode, needs)
    case ErrorCode.PRODUCER_FENCED:
    case ErrorCode.INVALID_PRODUCER_EPOCH:
    case ErrorCode.INVALID_PRODUCER_ID_MAPPING:
      return {
        code: 'MR_PRODUCER_FENCED',
        fix: 'Another producer took over this transactional id: run one instance of the job, or give each its own name.',
      }
    case ErrorCode.MESSAGE_TOO_LARGE:
    case ErrorCode.RECORD_LIST_TOO_LARGE:
      return {
        code: 'MR_RECORD_TOO_LARGE',
        fix: 'Raise max.message.bytes of the topic, or write smaller records.',
      }
    case ErrorCode.OFFSET_OUT_OF_RANGE:
      return {
        code: 'MR_OFFSET_OUT_OF_RANGE',
        fix: 'The records are gone (retention), or the topic was made anew: start from the earliest or the latest offset.',
      }
    case ErrorCode.TOPIC_ALREADY_EXISTS:
      return { code: 'MR_TOPIC_EXISTS' }
    case ErrorCode.GROUP_ID_NOT_FOUND:
      return {
        code: 'MR_GROUP_NOT_FOUND',
        fix: 'Check its name, and that this is the cluster that it reads.',
      }
    case ErrorCode.NON_EMPTY_GROUP:
      return { code: 'MR_KAFKA_REFUSED', fix: 'Stop the members of the group first.' }
    case ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC:
      return { code: 'MR_KAFKA_REFUSED', fix: 'Stop the members of the group that read the topic first.' }
    case ErrorCode.INVALID_TRANSACTION_TIMEOUT:
      return {
        code: 'MR_KAFKA_REFUSED',
        fix: 'Lower the transaction timeout, or raise transaction.max.timeout.ms of the broker.',
      }
    case ErrorCode.INVALID_TIMESTAMP:
      return {
        code: 'MR_KAFKA_REFUSED',
        fix: "A job's results have the time of their events: have the source reject events from the future, or raise message.timestamp.after.max.ms of the topic.",
      }
    case ErrorCode.INVALID_TOPIC_EXCEPTION:
      return {
        code: 'MR_KAFKA_REFUSED',
        fix: 'A topic is named with at most 249 letters, digits, dots, underscores and hyphens.',
      }
    default:
      return { code: 'MR_KAFKA_REFUSED' }
  }
}
