/** What a server keeps of a password for SCRAM (RFC 5802, section 3): enough to check it, not enough to log in with. */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'

export type ScramMechanismName = 'SCRAM-SHA-256' | 'SCRAM-SHA-512'

export interface ScramCredential {
  readonly salt: Buffer
  readonly iterations: number
  readonly storedKey: Buffer
  readonly serverKey: Buffer
}

interface ScramHash {
  readonly name: string
  readonly sizeBytes: number
}

export const SCRAM_HASHES: Readonly<Record<ScramMechanismName, ScramHash>> = {
  'SCRAM-SHA-256': { name: 'sha256', sizeBytes: 32 },
  'SCRAM-SHA-512': { name: 'sha512', sizeBytes: 64 },
}

/** Kafka's bounds: below, guessing is cheap; above, a login costs the client too much. */
export const SCRAM_ITERATIONS_MIN = 4096
export const SCRAM_ITERATIONS_MAX = 16_384

export function hmac(mechanism: ScramMechanismName, key: Uint8Array, text: Uint8Array | string): Buffer {
  return createHmac(SCRAM_HASHES[mechanism].name, key).update(text).digest()
}

export function hash(mechanism: ScramMechanismName, bytes: Uint8Array): Buffer {
  return createHash(SCRAM_HASHES[mechanism].name).update(bytes).digest()
}

/** From the salted password, which is what administration sends: the password itself never comes to the server. */
export function credentialOf(
  mechanism: ScramMechanismName,
  from: { readonly saltedPassword: Uint8Array; readonly salt: Buffer; readonly iterations: number },
): ScramCredential {
  const { saltedPassword, salt, iterations } = from
  return {
    salt,
    iterations,
    storedKey: hash(mechanism, hmac(mechanism, saltedPassword, 'Client Key')),
    serverKey: hmac(mechanism, saltedPassword, 'Server Key'),
  }
}

/** Takes some milliseconds of this thread. Passwords are taken as they are, as Kafka's clients do. */
export function credentialOfPassword(
  mechanism: ScramMechanismName,
  from: { readonly password: string; readonly salt: Buffer; readonly iterations: number },
): ScramCredential {
  const { password, salt, iterations } = from
  const { name, sizeBytes } = SCRAM_HASHES[mechanism]
  const saltedPassword = pbkdf2Sync(password, salt, iterations, sizeBytes, name)
  return credentialOf(mechanism, { saltedPassword, salt, iterations })
}
