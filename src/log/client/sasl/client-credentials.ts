/** A bearer token by the client-credentials grant of OAuth 2.0 (RFC 6749, 4.4). */
import { messageOf, MillraceError } from '../../../base/millrace-error.ts'
import type { Network } from '../../../world/world.ts'
import type { ClientCredentials } from '../security.ts'

/** Throws `MR_TOKEN_UNAVAILABLE` when the endpoint does not answer properly, `MR_AUTHENTICATION_FAILED` when it refuses. */
export async function fetchToken(
  network: Pick<Network, 'http'>,
  credentials: ClientCredentials,
  timeoutMs: number,
): Promise<string> {
  const { endpoint, clientId, clientSecret, scope, ca } = credentials
  const peer = URL.canParse(endpoint) ? new URL(endpoint).host : endpoint
  const basic = Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`)
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    ...(scope !== undefined && { scope }),
  })
  const answer = await network
    .http({
      url: endpoint,
      method: 'POST',
      headers: {
        authorization: `Basic ${basic.toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
        accept: 'application/json',
      },
      body: body.toString(),
      timeoutMs,
      ...(ca !== undefined && { ca }),
    })
    .catch((error: unknown) => {
      throw unavailable(peer, messageOf(error), error)
    })
  if (answer.status >= 400 && answer.status < 500) {
    throw new MillraceError({
      code: 'MR_AUTHENTICATION_FAILED',
      message: `the token endpoint refuses the client ${clientId} with status ${answer.status} (${said(answer.body)}).`,
      fix: 'Check clientId, clientSecret and scope.',
      peer,
    })
  }
  const token = tokenOf(answer.body)
  if (answer.status !== 200 || token === undefined)
    throw unavailable(peer, `status ${answer.status} and no access_token`)
  return token
}

function unavailable(peer: string, why: string, cause?: unknown): MillraceError {
  return new MillraceError({
    code: 'MR_TOKEN_UNAVAILABLE',
    message: `the token endpoint gives no token: ${why}`,
    fix: 'Check its URL, and that it runs; it is asked again.',
    peer,
    cause,
  })
}

function tokenOf(body: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(body)
    if (typeof parsed !== 'object' || parsed === null || !('access_token' in parsed)) return undefined
    return typeof parsed.access_token === 'string' ? parsed.access_token : undefined
  } catch {
    return undefined
  }
}

/** What an endpoint says of its refusal, on one line. */
function said(body: string): string {
  return body.slice(0, 200).replaceAll(/\s+/g, ' ')
}
