/**
 * SCRAM (RFC 5802, RFC 7677) as Kafka speaks it: no channel binding, passwords as UTF-8 without preparation.
 *
 *   client ─ n,,n=USER,r=NONCE ─────────────────▶
 *          ◀─ r=NONCE+THEIRS,s=SALT,i=ITERATIONS ─ server
 *          ─ c=biws,r=NONCE+THEIRS,p=PROOF ─────▶
 *          ◀─ v=SIGNATURE ─                         which only one who knows the password's hash can make
 *
 * Invariant: `isDone` is true only after the server's signature has been verified.
 */
import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto'

const HASHES = { 'SCRAM-SHA-256': 'sha256', 'SCRAM-SHA-512': 'sha512' } as const

export type ScramMechanism = keyof typeof HASHES

/** Kafka's least; fewer would make a stolen exchange cheap to break. */
const ITERATIONS_MIN = 4_096
/** About a second of computing: a server must not be able to keep a client busy for long. */
const ITERATIONS_MAX = 2_000_000
const NO_BINDING = 'n,,'

/** What the server did wrong, or said. */
export class ScramError extends Error {}

export class ScramClient {
  readonly #hash: string
  readonly #password: string
  readonly #firstBare: string
  readonly #nonce: string
  #serverSignature: Buffer | undefined
  #done = false

  constructor(options: {
    readonly mechanism: ScramMechanism
    readonly username: string
    readonly password: string
    /** Printable, without commas, never used before. */
    readonly nonce: string
  }) {
    this.#hash = HASHES[options.mechanism]
    this.#password = options.password
    this.#nonce = options.nonce
    const name = options.username.replaceAll('=', '=3D').replaceAll(',', '=2C')
    this.#firstBare = `n=${name},r=${options.nonce}`
  }

  get isDone(): boolean {
    return this.#done
  }

  first(): Buffer {
    return Buffer.from(NO_BINDING + this.#firstBare)
  }

  /** The answer to what the server said; undefined when it has proved itself. Throws `ScramError`. */
  next(message: Buffer): Buffer | undefined {
    const fields = fieldsOf(message)
    const error = fields.get('e')
    if (error !== undefined) throw new ScramError(`the server says ${error}`)
    if (this.#serverSignature === undefined) return this.#final(message, fields)
    const signature = Buffer.from(fields.get('v') ?? '', 'base64')
    if (
      signature.length !== this.#serverSignature.length ||
      !timingSafeEqual(signature, this.#serverSignature)
    )
      throw new ScramError('the server does not know the password: its signature is wrong')
    this.#done = true
    return undefined
  }

  #final(serverFirst: Buffer, fields: ReadonlyMap<string, string>): Buffer {
    const nonce = fields.get('r') ?? ''
    const salt = Buffer.from(fields.get('s') ?? '', 'base64')
    const iterations = Number(fields.get('i'))
    if (!nonce.startsWith(this.#nonce) || nonce.length === this.#nonce.length)
      throw new ScramError('the server did not add to the nonce')
    if (salt.length === 0) throw new ScramError('the server gave no salt')
    if (!(iterations >= ITERATIONS_MIN && iterations <= ITERATIONS_MAX))
      throw new ScramError(
        `${fields.get('i') ?? 'no'} iterations asked for, ${ITERATIONS_MIN} to ${ITERATIONS_MAX} are acceptable`,
      )
    const withoutProof = `c=${Buffer.from(NO_BINDING).toString('base64')},r=${nonce}`
    const signed = Buffer.from(`${this.#firstBare},${serverFirst.toString()},${withoutProof}`)
    const salted = pbkdf2Sync(this.#password, salt, iterations, this.#digestBytes, this.#hash)
    const clientKey = this.#hmac(salted, 'Client Key')
    const storedKey = createHash(this.#hash).update(clientKey).digest()
    const clientSignature = this.#hmac(storedKey, signed)
    const proof = clientKey.map((byte, index) => byte ^ clientSignature[index]!)
    this.#serverSignature = this.#hmac(this.#hmac(salted, 'Server Key'), signed)
    return Buffer.from(`${withoutProof},p=${Buffer.from(proof).toString('base64')}`)
  }

  get #digestBytes(): number {
    return this.#hash === 'sha256' ? 32 : 64
  }

  #hmac(key: Buffer, data: Buffer | string): Buffer {
    return createHmac(this.#hash, key).update(data).digest()
  }
}

/** `a=…,b=…` by letter; the first of a letter counts. */
function fieldsOf(message: Buffer): Map<string, string> {
  const fields = new Map<string, string>()
  for (const part of message.toString().split(',')) {
    if (part[1] === '=' && !fields.has(part[0]!)) fields.set(part[0]!, part.slice(2))
  }
  return fields
}
