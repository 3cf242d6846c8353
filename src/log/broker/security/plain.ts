/**
 * SASL PLAIN (RFC 4616): `[authzid] NUL user NUL password`, checked against passwords from the configuration. Only to be
 * offered over TLS, or where nobody listens in.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { NOTHING, type SaslFailure, type SaslMechanism, type SaslStep } from './sasl-exchange.ts'

const UTF8 = new TextDecoder('utf-8', { fatal: true })

/** @param secret random bytes: passwords are compared by their keyed hashes, which tells nothing through time. */
export function plainMechanism(options: {
  readonly passwords: ReadonlyMap<string, string>
  readonly secret: Uint8Array
}): SaslMechanism {
  const { passwords, secret } = options
  const hash = (text: string): Buffer => createHmac('sha256', secret).update(text, 'utf8').digest()
  const known = new Map(Array.from(passwords, ([user, password]) => [user, hash(password)]))
  const nobody = Buffer.from(secret.subarray(0, 32))
  return {
    begin: () => ({
      step(message: Buffer): SaslStep {
        const parts = textOf(message)?.split('\0')
        if (parts?.length !== 3) {
          return failed('Invalid SASL/PLAIN response: expected 3 tokens', 'a malformed message')
        }
        const [authorizationId, user, password] = parts as [string, string, string]
        if (user === '') return failed('Authentication failed: username not specified', 'no user name')
        if (password === '')
          return failed('Authentication failed: password not specified', 'no password', user)
        const expected = known.get(user)
        const right = timingSafeEqual(hash(password), expected ?? nobody)
        if (expected === undefined) return failed(WRONG, 'no such user', user)
        if (!right) return failed(WRONG, 'wrong password', user)
        if (authorizationId !== '' && authorizationId !== user) {
          const told =
            'Authentication failed: Client requested an authorization id that is different from username'
          return failed(told, 'wants to act for somebody else', user)
        }
        return { kind: 'succeeded', message: NOTHING, user }
      },
    }),
  }
}

const WRONG = 'Authentication failed: Invalid username or password'

function textOf(message: Buffer): string | undefined {
  try {
    return UTF8.decode(message)
  } catch {
    return undefined
  }
}

function failed(told: string, reason: string, user?: string): SaslFailure {
  return { kind: 'failed', told, reason, ...(user !== undefined && { user }) }
}
