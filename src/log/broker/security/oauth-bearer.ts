/**
 * SASL OAUTHBEARER (RFC 7628, KIP-255): the client shows a JSON Web Token. Its signature, issuer, audience, times and
 * scopes are checked (RFC 7519, RFC 8725: only signatures with public keys; tokens without one only where the
 * configuration asks for it), and its expiry ends the session. Loaded when a listener offers the mechanism: `jose` is.
 *
 *     client   n,a=AUTHZID,^Aauth=Bearer TOKEN^A^A
 *     server   (nothing)                           or  {"status":"invalid_token"}, to which the client says ^A, and fails
 */
import { decodeProtectedHeader, jwtVerify, UnsecuredJWT, type JWTPayload } from 'jose'
import { messageOf } from '../../../base/millrace-error.ts'
import type { Report } from '../../../base/report.ts'
import type { World } from '../../../world/world.ts'
import type { OAuthBearerOptions } from './listener-options.ts'
import { NOTHING, type SaslExchange, type SaslMechanism, type SaslStep } from './sasl-exchange.ts'
import { SigningKeys } from './signing-keys.ts'

export interface OAuthBearerSettings extends Omit<OAuthBearerOptions, 'jwksCa'> {
  /** PEM. */
  readonly jwksCa?: string
  readonly world: Pick<World, 'clock' | 'disk' | 'network'>
  readonly report: Report
}

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']
const HOUR_MS = 3_600_000
const CLOCK_SKEW_MS = 30_000
const GS2_HEADER = /^n,(?:a=([^,]*))?,$/
const BEARER = /^bearer +([\w.~+/-]+=*)$/i

export function oauthBearerMechanism(settings: OAuthBearerSettings): SaslMechanism {
  const tokens = new Tokens(settings)
  return { begin: () => new OAuthBearerExchange(tokens) }
}

class OAuthBearerExchange implements SaslExchange {
  readonly #tokens: Tokens
  /** What the client is told when it has acknowledged that its token is refused. */
  #refused: { readonly told: string; readonly reason: string; readonly user?: string } | undefined

  constructor(tokens: Tokens) {
    this.#tokens = tokens
  }

  async step(message: Buffer): Promise<SaslStep> {
    if (this.#refused !== undefined) return { kind: 'failed', ...this.#refused }
    const first = readFirst(message)
    if (first === undefined) {
      const told = 'Invalid OAUTHBEARER client first message'
      return { kind: 'failed', told, reason: 'a malformed message' }
    }
    const { authorizationId, token } = first
    const verdict = await this.#tokens.check(token)
    if (verdict.kind === 'refused') {
      const told = JSON.stringify({ status: verdict.status })
      const { reason, user } = verdict
      this.#refused = { told, reason, ...(user !== undefined && { user }) }
      return { kind: 'challenge', message: Buffer.from(told) }
    }
    const { user, expiresAtMs } = verdict
    if (authorizationId !== '' && authorizationId !== user) {
      const told = `Authentication failed: Client requested an authorization id (${authorizationId}) that is different from the token's principal name (${user})`
      return { kind: 'failed', told, reason: 'wants to act for somebody else', user }
    }
    return { kind: 'succeeded', message: NOTHING, user, expiresAtMs }
  }
}

/** Key-value pairs stand between control characters, after the header and before an empty one; `auth` has the token. */
function readFirst(
  message: Buffer,
): { readonly authorizationId: string; readonly token: string } | undefined {
  const [header = '', ...pairs] = message.toString('utf8').split('\u0001')
  const match = GS2_HEADER.exec(header)
  const auth = pairs.find((pair) => pair.startsWith('auth='))
  const token = BEARER.exec(auth?.slice('auth='.length) ?? '')?.[1]
  if (match === null || token === undefined || pairs.at(-1) !== '' || pairs.at(-2) !== '') return undefined
  return { authorizationId: match[1] ?? '', token }
}

type Verdict =
  | { readonly kind: 'good'; readonly user: string; readonly expiresAtMs: number }
  | {
      readonly kind: 'refused'
      readonly status: 'invalid_token' | 'insufficient_scope'
      readonly reason: string
      readonly user?: string
    }

class Tokens {
  readonly #settings: OAuthBearerSettings
  readonly #keys: SigningKeys | undefined

  constructor(settings: OAuthBearerSettings) {
    const { jwks, jwksCa, jwksRefreshMs = HOUR_MS, world, report } = settings
    this.#settings = settings
    this.#keys =
      jwks === undefined
        ? undefined
        : new SigningKeys({ world, report, place: jwks, ca: jwksCa, refreshMs: jwksRefreshMs })
  }

  async check(token: string): Promise<Verdict> {
    const { principalClaim = 'sub', scopeClaim = 'scope', requiredScope = [] } = this.#settings
    let claims: JWTPayload
    try {
      claims = await this.#verified(token)
    } catch (error) {
      return { kind: 'refused', status: 'invalid_token', reason: messageOf(error) }
    }
    const user = claims[principalClaim]
    if (typeof user !== 'string' || user === '') {
      const reason = `its claim ${principalClaim} is no name`
      return { kind: 'refused', status: 'invalid_token', reason }
    }
    const given = claims[scopeClaim]
    const scopes = new Set(Array.isArray(given) ? given : typeof given === 'string' ? given.split(' ') : [])
    const missing = requiredScope.filter((scope) => !scopes.has(scope))
    if (missing.length > 0) {
      const reason = `its scope lacks ${missing.join(' ')}`
      return { kind: 'refused', status: 'insufficient_scope', reason, user }
    }
    return { kind: 'good', user, expiresAtMs: claims.exp! * 1000 }
  }

  async #verified(token: string): Promise<JWTPayload> {
    const { issuer, audience, clockSkewMs = CLOCK_SKEW_MS, allowUnsecured = false, world } = this.#settings
    const expected = {
      currentDate: new Date(world.clock.nowMs()),
      clockTolerance: clockSkewMs / 1000,
      requiredClaims: ['exp'],
      ...(issuer !== undefined && { issuer }),
      ...(audience !== undefined && { audience: [...audience] }),
    }
    if (decodeProtectedHeader(token).alg === 'none') {
      if (!allowUnsecured) throw new Error('nobody has signed it')
      return UnsecuredJWT.decode(token, expected).payload
    }
    if (this.#keys === undefined) throw new Error('there are no keys to check its signature with')
    return (await jwtVerify(token, this.#keys.find, { ...expected, algorithms: ALGORITHMS })).payload
  }
}
