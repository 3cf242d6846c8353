/**
 * SASL SCRAM-SHA-256 and SCRAM-SHA-512 (RFC 5802, RFC 7677), the server's side:
 *
 *     client   n,,n=user,r=NONCE
 *     server   r=NONCE+ours,s=SALT,i=ITERATIONS
 *     client   c=biws,r=NONCE+ours,p=PROOF
 *     server   v=SIGNATURE
 *
 * A user that does not exist has a salt too (`scram-decoys.ts`), and fails where a wrong password does: neither the messages
 * nor the time that they take tell the two apart. Channel binding is not offered; Kafka has none either.
 */
import { timingSafeEqual } from 'node:crypto'
import type { SaslExchange, SaslFailure, SaslMechanism, SaslStep } from './sasl-exchange.ts'
import { hash, hmac, type ScramCredential, type ScramMechanismName } from './scram-credential.ts'

export interface ScramOptions {
  readonly mechanism: ScramMechanismName
  readonly find: (user: string) => ScramCredential | undefined
  /** A nonce of ours: printable characters without a comma. */
  readonly nonce: () => string
  /** What a user that does not exist is shown. */
  readonly decoy: (user: string) => ScramCredential
}

export function scramMechanism(options: ScramOptions): SaslMechanism {
  return { begin: () => new ScramExchange(options) }
}

/** gs2 header, then the part that is signed: user and nonce, and extensions that are nobody's business here. */
const CLIENT_FIRST = /^([ny],(?:a=([^,]*))?,)(n=([^,]+),r=([!-+\--~]+)(?:,.*)?)$/s
const CLIENT_FINAL = /^(c=([A-Za-z0-9+/=]+),r=([!-+\--~]+)(?:,.*)?),p=([A-Za-z0-9+/=]+)$/s

interface Asked {
  readonly user: string
  readonly gs2Header: string
  /** Ours, without the client's. */
  readonly nonce: string
  /** `client-first-message-bare , server-first-message`. */
  readonly signed: string
  readonly credential: ScramCredential
  readonly exists: boolean
}

class ScramExchange implements SaslExchange {
  readonly #options: ScramOptions
  #asked: Asked | undefined

  constructor(options: ScramOptions) {
    this.#options = options
  }

  step(message: Buffer): SaslStep {
    const text = message.toString('utf8')
    return this.#asked === undefined ? this.#first(text) : this.#final(text, this.#asked)
  }

  #first(text: string): SaslStep {
    const { mechanism, find, nonce: ownNonce, decoy } = this.#options
    const match = CLIENT_FIRST.exec(text)
    const user = match === null ? undefined : userOf(match[4]!)
    if (match === null || user === undefined)
      return { ...failure(mechanism), told: 'Invalid SCRAM client first message format', reason: MALFORMED }
    const [, gs2Header = '', authorizationId = '', bare = '', , clientNonce = ''] = match
    if (authorizationId !== '' && userOf(authorizationId) !== user) {
      const told =
        'Authentication failed: Client requested an authorization id that is different from username'
      return { kind: 'failed', told, reason: 'wants to act for somebody else', user }
    }
    const found = find(user)
    // Made for those who exist too: it takes time.
    const made = decoy(user)
    const credential = found ?? made
    const nonce = ownNonce()
    const answer = `r=${clientNonce}${nonce},s=${credential.salt.toString('base64')},i=${credential.iterations}`
    const exists = found !== undefined
    this.#asked = { user, gs2Header, nonce, signed: `${bare},${answer}`, credential, exists }
    return { kind: 'challenge', message: Buffer.from(answer) }
  }

  #final(text: string, asked: Asked): SaslStep {
    const { mechanism } = this.#options
    const { user, credential } = asked
    const match = CLIENT_FINAL.exec(text)
    if (match === null) {
      const told = 'Invalid SCRAM client final message format'
      return { kind: 'failed', told, reason: MALFORMED, user }
    }
    const [, withoutProof = '', binding = '', nonce = '', proofText = ''] = match
    // Old librdkafka puts its own nonce in front twice, and Kafka looks at the end alone as well. All of it is signed.
    if (!nonce.endsWith(asked.nonce))
      return {
        kind: 'failed',
        told: 'Invalid client nonce in the final client message.',
        reason: 'wrong nonce',
        user,
      }
    if (Buffer.from(binding, 'base64').toString('utf8') !== asked.gs2Header)
      return { ...failure(mechanism, user), reason: 'another channel binding than the exchange began with' }
    const signed = `${asked.signed},${withoutProof}`
    const right = proves(mechanism, { credential, signed, proof: Buffer.from(proofText, 'base64') })
    if (!asked.exists) return { ...failure(mechanism, user), reason: 'no such user' }
    if (!right) return failure(mechanism, user)
    const signature = hmac(mechanism, credential.serverKey, signed)
    return { kind: 'succeeded', message: Buffer.from(`v=${signature.toString('base64')}`), user }
  }
}

const MALFORMED = 'a malformed message'

function failure(mechanism: ScramMechanismName, user?: string): SaslFailure {
  return {
    kind: 'failed',
    told: `Authentication failed during authentication due to invalid credentials with SASL mechanism ${mechanism}`,
    reason: 'wrong password',
    ...(user !== undefined && { user }),
  }
}

/** ClientProof = ClientKey XOR ClientSignature, and StoredKey = H(ClientKey). */
function proves(
  mechanism: ScramMechanismName,
  by: { readonly credential: ScramCredential; readonly signed: string; readonly proof: Buffer },
): boolean {
  const { credential, signed, proof } = by
  const clientKey = hmac(mechanism, credential.storedKey, signed)
  const sameLength = proof.length === clientKey.length
  for (let index = 0; index < clientKey.length; index++) clientKey[index]! ^= sameLength ? proof[index]! : 0
  return timingSafeEqual(hash(mechanism, clientKey), credential.storedKey) && sameLength
}

/** The name as it is: commas and equals signs are written `=2C` and `=3D`, and no other `=` may be there. */
function userOf(saslName: string): string | undefined {
  if (/=(?!2C|3D)/.test(saslName)) return undefined
  return saslName.replaceAll('=2C', ',').replaceAll('=3D', '=')
}
