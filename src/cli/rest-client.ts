import { MillraceError, messageOf } from '../base/millrace-error.ts'
import { type Address, formatAddress } from './address.ts'

/** Asks a Millrace process. Throws `MR_CONNECT_FAILED` when none answers, and the process's own error otherwise. */
export async function askProcess<T>(http: Address, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`http://${formatAddress(http)}/api/v1${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    ...(body !== undefined && {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  }).catch((error: unknown) => {
    throw new MillraceError({
      code: 'MR_CONNECT_FAILED',
      peer: formatAddress(http),
      message: `no Millrace process answers there: ${messageOf(error)}.`,
      fix: 'Start one with `millrace start` or `millrace run`, or name its address with --http HOST:PORT.',
      cause: error,
    })
  })
  const answer = (await response.json()) as T & { code?: `MR_${string}`; message?: string }
  if (response.ok) return answer
  // The message of the other side already begins with its code and place.
  const message = (answer.message ?? response.statusText).replace(`${answer.code ?? ''}: `, '')
  throw new MillraceError({ code: answer.code ?? 'MR_REST', peer: formatAddress(http), message })
}
