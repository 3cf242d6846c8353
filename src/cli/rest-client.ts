import { type ErrorPlace, MillraceError, messageOf } from '../base/millrace-error.ts'
import { type Address, formatAddress } from './address.ts'

interface RestError {
  readonly code?: `MR_${string}`
  readonly message?: string
  readonly place?: ErrorPlace
}

/** Asks a Millrace process. Throws `MR_CONNECT_FAILED` when none answers, and the process's own error otherwise. */
export async function askProcess<T>(http: Address, path: string, body?: unknown): Promise<T> {
  const peer = formatAddress(http)
  // The variable that also gives the process its token.
  const token = process.env['MILLRACE_HTTP_TOKEN']
  const response = await fetch(`http://${peer}/api/v1${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  }).catch((error: unknown) => {
    const cause = error instanceof Error ? (error.cause ?? error) : error
    throw new MillraceError({
      code: 'MR_CONNECT_FAILED',
      peer,
      message: `no Millrace process answers there: ${messageOf(cause)}.`,
      fix: 'Start one with `millrace start` or `millrace run`, or name its address with --http HOST:PORT.',
      cause: error,
    })
  })
  const answer = (await response.json().catch(() => undefined)) as (T & RestError) | undefined
  if (response.ok && answer !== undefined) return answer
  if (answer?.code === undefined) {
    throw new MillraceError({
      code: 'MR_REST',
      peer,
      message: `what answers there is no Millrace process (${response.status} ${response.statusText}).`,
      fix: 'Name the address of one with --http HOST:PORT.',
    })
  }
  if (response.status === 401) {
    throw new MillraceError({
      code: 'MR_NOT_AUTHORIZED',
      peer,
      ...(token === undefined || token === ''
        ? {
            message: 'this process asks for its token, and none was shown.',
            fix: 'Set the variable MILLRACE_HTTP_TOKEN to the httpToken of its configuration.',
          }
        : {
            message: 'the token in MILLRACE_HTTP_TOKEN is not the one of this process.',
            fix: 'Set the variable to the httpToken of its configuration.',
          }),
    })
  }
  throw new MillraceError({
    code: answer.code,
    ...answer.place,
    message: (answer.message ?? response.statusText).replace(/^MR_\w+(?: \[[^\]]*\])?: /, ''),
  })
}
