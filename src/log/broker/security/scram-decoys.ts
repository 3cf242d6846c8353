/**
 * What users that do not exist are shown for a salt and a number of iterations, so that nobody can tell them from those
 * who do. Both are the choice of whoever set a password: Kafka's own tools make salts of letters and digits, others of any
 * number of bytes. So a decoy looks as some user's credential does, and more often as what is frequent among them.
 *
 * It is the same for a name every time, over restarts as far as the secret is. When users of another look come or go, as
 * few names as can be change theirs (weighted rendezvous hashing): a look is picked by the greatest -weight / ln(number
 * between 0 and 1 that the name and the look give).
 */
import { hkdfSync } from 'node:crypto'
import {
  hash,
  SCRAM_ITERATIONS_MIN,
  type ScramCredential,
  type ScramMechanismName,
} from './scram-credential.ts'

interface Look {
  readonly iterations: number
  /** Java's salts are random numbers, written to base 36. */
  readonly salt: 'java' | { readonly sizeBytes: number }
}

const SALT_BYTES = 32
const DEFAULT_LOOK: Look = { iterations: SCRAM_ITERATIONS_MIN, salt: { sizeBytes: SALT_BYTES } }
const JAVA_SALT = /^[0-9a-z]{20,26}$/
const JAVA_SALT_BITS = 130

export class ScramDecoys {
  readonly #mechanism: ScramMechanismName
  readonly #secret: Uint8Array
  /** How many credentials have which look. */
  readonly #looks = new Map<string, { readonly look: Look; weight: number }>()

  constructor(options: {
    readonly mechanism: ScramMechanismName
    readonly secret: Uint8Array
    /** Of the users that exist. */
    readonly credentials: Iterable<ScramCredential>
  }) {
    this.#mechanism = options.mechanism
    this.#secret = options.secret
    for (const credential of options.credentials) {
      const look = lookOf(credential)
      const key = JSON.stringify(look)
      const known = this.#looks.get(key)
      if (known === undefined) this.#looks.set(key, { look, weight: 1 })
      else known.weight += 1
    }
  }

  /** Nobody has its keys. */
  of(user: string): ScramCredential {
    const { iterations, salt } = this.#lookFor(user)
    const key = this.#derive(`key ${user}`, SALT_BYTES)
    return {
      salt:
        salt === 'java' ? this.#javaSalt(user) : saltFor(this.#mechanism, user, this.#secret, salt.sizeBytes),
      iterations,
      storedKey: hash(this.#mechanism, key),
      serverKey: hash(this.#mechanism, hash(this.#mechanism, key)),
    }
  }

  #lookFor(user: string): Look {
    let best = { look: DEFAULT_LOOK, score: 0 }
    for (const [key, { look, weight }] of this.#looks) {
      const number = (this.#derive(`look ${key} ${user}`, 6).readUIntBE(0, 6) + 1) / (2 ** 48 + 1)
      const score = -weight / Math.log(number)
      if (score > best.score) best = { look, score }
    }
    return best.look
  }

  #javaSalt(user: string): Buffer {
    const digits = this.#derive(`salt ${user}`, SALT_BYTES).toString('hex')
    return Buffer.from(BigInt.asUintN(JAVA_SALT_BITS, BigInt(`0x${digits}`)).toString(36))
  }

  #derive(purpose: string, sizeBytes: number): Buffer {
    return derived(`${this.#mechanism} decoy ${purpose}`, this.#secret, sizeBytes)
  }
}

/** The salt of a user of the configuration, and of many a decoy: the same at every start. */
export function saltFor(
  mechanism: ScramMechanismName,
  user: string,
  secret: Uint8Array,
  sizeBytes = SALT_BYTES,
): Buffer {
  return derived(`${mechanism} ${user}`, secret, sizeBytes)
}

function derived(purpose: string, secret: Uint8Array, sizeBytes: number): Buffer {
  // HKDF takes a purpose of up to 1 KB; names may be longer.
  const info = hash('SCRAM-SHA-256', Buffer.from(purpose))
  return Buffer.from(hkdfSync('sha256', secret, '', info, sizeBytes))
}

function lookOf({ iterations, salt }: ScramCredential): Look {
  return { iterations, salt: JAVA_SALT.test(salt.toString('latin1')) ? 'java' : { sizeBytes: salt.length } }
}
