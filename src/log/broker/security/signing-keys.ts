import type { CryptoKey, FlattenedJWSInput, JWSHeaderParameters } from 'jose'
import { createLocalJWKSet, errors } from 'jose'
import { messageOf, MillraceError } from '../../../base/millrace-error.ts'
import type { Report } from '../../../base/report.ts'
import { readText } from '../../../world/files.ts'
import type { World } from '../../../world/world.ts'

/** A key that is not known is asked for again after so long, and a place that did not answer. */
const RETRY_MS = 10_000
const TIMEOUT_MS = 10_000

type FindKey = (header: JWSHeaderParameters, token: FlattenedJWSInput) => Promise<CryptoKey>

export interface SigningKeysOptions {
  readonly world: Pick<World, 'clock' | 'disk' | 'network'>
  readonly report: Report
  /** A path, or an http(s) URL. */
  readonly place: string
  /** PEM that proves the server's certificate. */
  readonly ca: string | undefined
  readonly refreshMs: number
}

/**
 * The keys that sign tokens (a JSON Web Key Set, RFC 7517), from a file or from a server, kept for `refreshMs`. A token
 * with a key that is not among them has them fetched anew, at most every ten seconds, so that an issuer may change
 * its keys at any time. When they cannot be had, the ones from before go on being used.
 */
export class SigningKeys {
  readonly #options: SigningKeysOptions
  #find: FindKey | undefined
  #loadedMs = -Infinity
  #triedMs = -Infinity
  #loading: Promise<void> | undefined

  constructor(options: SigningKeysOptions) {
    this.#options = options
  }

  /** The key of a token; jose calls it. Throws when there is none, and when there are no keys at all. */
  readonly find: FindKey = async (header, token) => {
    const nowMs = this.#nowMs()
    if (nowMs - this.#loadedMs >= this.#options.refreshMs) await this.#load()
    try {
      return await this.#keys()(header, token)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
      await this.#load()
      return this.#keys()(header, token)
    }
  }

  #keys(): FindKey {
    if (this.#find === undefined) throw unavailable(this.#options.place, 'they could not be read')
    return this.#find
  }

  #load(): Promise<void> {
    if (this.#loading === undefined && this.#nowMs() - this.#triedMs < RETRY_MS) return Promise.resolve()
    this.#loading ??= this.#loadNow().finally(() => (this.#loading = undefined))
    return this.#loading
  }

  async #loadNow(): Promise<void> {
    this.#triedMs = this.#nowMs()
    const { place, report } = this.#options
    try {
      this.#find = await readSigningKeys(this.#options)
      this.#loadedMs = this.#nowMs()
      report('debug', 'signing keys read', { place })
    } catch (error) {
      report('error', 'signing keys could not be read', {
        place,
        reason: messageOf(error),
        using: this.#find === undefined ? 'none' : 'the ones from before',
      })
    }
  }

  #nowMs(): number {
    return this.#options.world.clock.monotonicMs()
  }
}

/** Throws what is wrong with the place, or with what it holds. */
export async function readSigningKeys(
  from: Pick<SigningKeysOptions, 'place' | 'ca'> & { readonly world: Pick<World, 'disk' | 'network'> },
): Promise<FindKey> {
  const text = await textOf(from)
  try {
    return createLocalJWKSet(JSON.parse(text) as never)
  } catch (error) {
    throw unavailable(from.place, `this is no JSON Web Key Set: ${messageOf(error)}`)
  }
}

async function textOf({ place, world, ca }: Parameters<typeof readSigningKeys>[0]): Promise<string> {
  if (!/^https?:/.test(place)) {
    const text = readText(world.disk, place)
    if (text === undefined) throw unavailable(place, 'there is no such file')
    return text
  }
  const { status, body } = await world.network.http({
    url: place,
    method: 'GET',
    headers: { accept: 'application/json' },
    timeoutMs: TIMEOUT_MS,
    ...(ca !== undefined && { ca }),
  })
  if (status !== 200) throw unavailable(place, `the server answered with status ${status}`)
  return body
}

function unavailable(place: string, why: string): MillraceError {
  return new MillraceError({
    code: 'MR_CONFIG_INVALID',
    message: `the signing keys at ${place}: ${why}.`,
    fix: 'Name a file or URL that holds a JSON Web Key Set.',
  })
}
