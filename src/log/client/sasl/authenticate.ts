/**
 * SASL over Kafka's protocol: SaslHandshake names the mechanism, SaslAuthenticate carries its messages to and fro
 * (KIP-43, KIP-152). The same exchange on an open connection authenticates it again (KIP-368).
 */
import { messageOf, MillraceError } from '../../../base/millrace-error.ts'
import type { World } from '../../../world/world.ts'
import type {
  SaslAuthenticateRequestInput,
  SaslAuthenticateResponse,
} from '../../protocol/apis/sasl-authenticate.ts'
import type { SaslHandshakeResponse } from '../../protocol/apis/sasl-handshake.ts'
import { ErrorCode, errorName } from '../../protocol/error-code.ts'
import type { SaslOptions } from '../security.ts'
import { fetchToken } from './client-credentials.ts'
import { ScramClient } from './scram.ts'

export interface SaslExchange {
  readonly world: Pick<World, 'network' | 'random'>
  readonly sasl: SaslOptions
  readonly peer: string
  readonly timeoutMs: number
  handshake(mechanism: string): Promise<SaslHandshakeResponse>
  authenticate(request: SaslAuthenticateRequestInput): Promise<SaslAuthenticateResponse>
}

interface Mechanism {
  /** The first message. */
  readonly first: Buffer
  /** The answer to a message of the server; undefined when nothing is left to say. */
  next(message: Buffer): Buffer | undefined
  /** Throws unless the server has proved what the mechanism asks of it. */
  check?(): void
}

const NONCE_BYTES = 24
/** Longer than any mechanism's. */
const ROUNDS_MAX = 8
/** What a client says to a server that has refused its token, before that closes (RFC 7628, 3.2.3). */
const OAUTH_ACKNOWLEDGED = Buffer.from([1])

/**
 * Returns how long the broker takes this for valid, ms; 0 is for ever. Throws `MR_SASL_MECHANISM`,
 * `MR_AUTHENTICATION_FAILED`, `MR_TOKEN_UNAVAILABLE`, and what the exchange throws.
 */
export async function authenticate(exchange: SaslExchange): Promise<number> {
  const { sasl, peer } = exchange
  const mechanism = await mechanismOf(exchange)
  const { errorCode, mechanisms } = await exchange.handshake(sasl.mechanism)
  if (errorCode !== ErrorCode.NONE) throw refusedMechanism({ errorCode, mechanisms, sasl, peer })
  let message: Buffer | undefined = mechanism.first
  let lifetimeMs = 0
  for (let round = 0; message !== undefined; round++) {
    const answer: SaslAuthenticateResponse = await exchange.authenticate({ authBytes: message })
    if (answer.errorCode !== ErrorCode.NONE || round === ROUNDS_MAX)
      throw failed(exchange, `${errorName(answer.errorCode)}: ${answer.errorMessage ?? 'no reason given'}`)
    lifetimeMs = answer.sessionLifetimeMs
    message = stepOf(exchange, () => mechanism.next(answer.authBytes))
  }
  stepOf(exchange, () => mechanism.check?.())
  return lifetimeMs
}

async function mechanismOf({ sasl, world, timeoutMs }: SaslExchange): Promise<Mechanism> {
  switch (sasl.mechanism) {
    case 'PLAIN':
      return { first: Buffer.from(`\0${sasl.username}\0${sasl.password}`), next: () => undefined }
    case 'SCRAM-SHA-256':
    case 'SCRAM-SHA-512': {
      const nonce = Buffer.from(world.random.bytes(NONCE_BYTES)).toString('base64url')
      const scram = new ScramClient({ ...sasl, mechanism: sasl.mechanism, nonce })
      return {
        first: scram.first(),
        next: (message) => scram.next(message),
        check: () => {
          if (!scram.isDone) throw new Error('the server has not proved that it knows the password')
        },
      }
    }
    case 'OAUTHBEARER': {
      const { token, extensions = {} } = sasl
      const bearer =
        typeof token === 'function' ? await token() : await fetchToken(world.network, token, timeoutMs)
      const parts = [
        `auth=Bearer ${bearer}`,
        ...Object.entries(extensions).map(([key, value]) => `${key}=${value}`),
      ]
      return {
        first: Buffer.from(`n,,\u0001${parts.join('\u0001')}\u0001\u0001`),
        next: (message) => (message.length === 0 ? undefined : OAUTH_ACKNOWLEDGED),
      }
    }
  }
}

function stepOf<T>(exchange: SaslExchange, step: () => T): T {
  try {
    return step()
  } catch (error) {
    throw failed(exchange, messageOf(error), error)
  }
}

function failed({ sasl, peer }: SaslExchange, why: string, cause?: unknown): MillraceError {
  const who = sasl.mechanism === 'OAUTHBEARER' ? 'the token' : `the user ${sasl.username}`
  return new MillraceError({
    code: 'MR_AUTHENTICATION_FAILED',
    message: `${sasl.mechanism} does not prove ${who} to this broker (${why}).`,
    fix:
      sasl.mechanism === 'OAUTHBEARER'
        ? 'Check that the token is one of an issuer, for an audience, that the broker trusts, and that it has not expired.'
        : "Check user and password, and that the broker has this user's credentials for this mechanism.",
    peer,
    cause,
  })
}

function refusedMechanism(refusal: {
  readonly errorCode: number
  readonly mechanisms: readonly string[]
  readonly sasl: SaslOptions
  readonly peer: string
}): MillraceError {
  const { errorCode, mechanisms, sasl, peer } = refusal
  const none = errorCode === ErrorCode.ILLEGAL_SASL_STATE || mechanisms.length === 0
  return new MillraceError({
    code: 'MR_SASL_MECHANISM',
    message: none
      ? `this listener takes no SASL (${errorName(errorCode)}), and ${sasl.mechanism} was asked for.`
      : `the broker does not take ${sasl.mechanism}; it takes ${mechanisms.join(', ')}.`,
    fix: none
      ? 'Leave SASL out, or choose the port of a listener that has it.'
      : 'Choose one of these mechanisms, or have this one enabled on the listener.',
    peer,
  })
}
