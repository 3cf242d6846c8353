/**
 * Asks a schema registry over HTTP. One that does not answer, or answers that it cannot now, is asked again for a while,
 * with pauses; each schema that others refer to is fetched once.
 */
import { type ErrorPlace, messageOf, MillraceError } from '../../../base/millrace-error.ts'
import { backoffMs } from '../../../log/client/backoff.ts'
import { sleep, type HttpAnswer } from '../../../world/world.ts'
import type { FormatContext } from './record-format.ts'
import {
  registryRefused,
  registryUnreachable,
  schemaIncompatible,
  schemaInvalid,
  schemaMissing,
} from './registry-errors.ts'
import type { SchemaReferenceOptions, SchemaRegistryOptions } from './registry-options.ts'
import type { SchemaText } from './schema-language.ts'

const TIMEOUT_MS = 30_000
/** Of one exchange. */
const ANSWER_MS = 10_000
const MEDIA_TYPE = 'application/vnd.schemaregistry.v1+json'

/** A schema as the registry gives it. */
export interface RegisteredSchema extends SchemaText {
  readonly id: number
}

/** A schema to be found or registered. */
export interface GivenSchema extends SchemaText {
  readonly direct: readonly SchemaReferenceOptions[]
}

interface SchemaAnswer {
  readonly id?: number
  readonly schema?: string
  readonly schemaType?: SchemaText['type']
  readonly references?: readonly SchemaReferenceOptions[]
}

export class RegistryClient {
  readonly #options: SchemaRegistryOptions
  readonly #context: FormatContext
  readonly #place: ErrorPlace
  readonly #referred = new Map<string, Promise<SchemaAnswer>>()

  constructor(options: SchemaRegistryOptions, context: FormatContext) {
    const { job, step, topic } = context
    const { url } = options
    this.#options = options
    this.#context = context
    this.#place = { job, step, topic, peer: URL.canParse(url) ? new URL(url).host : url }
  }

  /** The schema with this id; undefined when there is none. */
  async byId(id: number): Promise<RegisteredSchema | undefined> {
    const answer = await this.#ask('GET', `/schemas/ids/${id}`)
    if (isMissing(answer)) return undefined
    return { ...(await this.#whole(this.#read(answer))), id }
  }

  /** The last version of the subject. Throws `MR_SCHEMA_NOT_FOUND`. */
  async latest(subject: string): Promise<RegisteredSchema> {
    const answer = await this.#ask('GET', `/subjects/${encodeURIComponent(subject)}/versions/latest`)
    if (isMissing(answer)) throw schemaMissing({ ...this.#place, subject }, 'a schema of the subject')
    const found = this.#read(answer)
    return { ...(await this.#whole(found)), id: found.id ?? -1 }
  }

  /** The id of the schema, which is registered if it is not yet. Throws `MR_SCHEMA_INCOMPATIBLE`, `MR_SCHEMA_INVALID`. */
  async register(subject: string, schema: GivenSchema, normalize: boolean): Promise<number> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions`
    return this.#idOf(subject, await this.#ask('POST', path + queryOf(normalize), bodyOf(schema)))
  }

  /** The id of the schema, which is there already. Throws `MR_SCHEMA_NOT_FOUND`. */
  async find(subject: string, schema: GivenSchema, normalize: boolean): Promise<number> {
    const path = `/subjects/${encodeURIComponent(subject)}`
    const answer = await this.#ask('POST', path + queryOf(normalize), bodyOf(schema))
    if (isMissing(answer)) throw schemaMissing({ ...this.#place, subject }, 'the schema of the step')
    return this.#idOf(subject, answer)
  }

  /** The texts of what a schema refers to, and of what that refers to. Throws `MR_SCHEMA_NOT_FOUND`. */
  async resolve(references: readonly SchemaReferenceOptions[]): Promise<SchemaText['references']> {
    const resolved = new Map<string, string>()
    const visited = new Set<string>()
    const visit = async (list: readonly SchemaReferenceOptions[]): Promise<void> => {
      for (const { name, subject, version } of list) {
        if (visited.has(name)) continue
        visited.add(name)
        const found = await this.#version(subject, version)
        await visit(found.references ?? [])
        resolved.set(name, found.schema ?? '')
      }
    }
    await visit(references)
    return [...resolved].map(([name, schema]) => ({ name, schema }))
  }

  async #whole({ schema = '', schemaType = 'AVRO', references = [] }: SchemaAnswer): Promise<SchemaText> {
    return { type: schemaType, schema, references: await this.resolve(references) }
  }

  #version(subject: string, version: number): Promise<SchemaAnswer> {
    const key = `${subject}/${version}`
    const known = this.#referred.get(key)
    if (known !== undefined) return known
    // What was deleted softly is still referred to.
    const path = `/subjects/${encodeURIComponent(subject)}/versions/${version}?deleted=true`
    const asked = this.#ask('GET', path).then((answer) => {
      if (isMissing(answer))
        throw schemaMissing({ ...this.#place, subject }, `version ${version} of the subject`)
      return this.#read(answer)
    })
    this.#referred.set(key, asked)
    asked.catch(() => this.#referred.delete(key))
    return asked
  }

  #idOf(subject: string, answer: HttpAnswer): number {
    const place = { ...this.#place, subject }
    if (answer.status === 409) throw schemaIncompatible(place, said(answer))
    if (answer.status === 422) throw schemaInvalid(place, said(answer))
    const { id } = this.#read(answer, place)
    if (id === undefined) throw registryUnreachable(place, `no id in what it says (${said(answer)})`)
    return id
  }

  #read(answer: HttpAnswer, place = this.#place): SchemaAnswer {
    // Another server, or a wrong path: a registry says what it lacks.
    if (answer.status === 404) throw registryUnreachable(place, said(answer))
    if (answer.status !== 200) throw registryRefused(place, said(answer))
    try {
      return JSON.parse(answer.body) as SchemaAnswer
    } catch (error) {
      throw registryUnreachable(place, `what it says is not JSON (${messageOf(error)})`, error)
    }
  }

  /** Resolves with any answer but one that says to come again. Throws `MR_REGISTRY_UNREACHABLE` in the end. */
  async #ask(method: 'GET' | 'POST', path: string, body?: string): Promise<HttpAnswer> {
    const { world, signal } = this.#context
    const deadlineMs = world.clock.monotonicMs() + (this.#options.timeoutMs ?? TIMEOUT_MS)
    for (let failures = 0; ; failures++) {
      const timeoutMs = Math.max(1, Math.min(ANSWER_MS, deadlineMs - world.clock.monotonicMs()))
      const outcome = await this.#exchange({ method, path, body, timeoutMs })
      if (!(outcome instanceof MillraceError)) return outcome
      const pauseMs = backoffMs(world.random, failures)
      if (signal.aborted || world.clock.monotonicMs() + pauseMs >= deadlineMs) throw outcome
      await sleep(world.clock, pauseMs, signal)
    }
  }

  async #exchange(request: {
    readonly method: 'GET' | 'POST'
    readonly path: string
    readonly body: string | undefined
    readonly timeoutMs: number
  }): Promise<HttpAnswer | MillraceError> {
    const { method, path, body, timeoutMs } = request
    const { url, auth, tls } = this.#options
    try {
      const answer = await this.#context.world.network.http({
        method,
        url: url.replace(/\/+$/, '') + path,
        headers: {
          accept: MEDIA_TYPE,
          ...(body !== undefined && { 'content-type': MEDIA_TYPE }),
          ...(auth && { authorization: await authorizationOf(auth) }),
        },
        ...(body !== undefined && { body }),
        timeoutMs,
        ...tls,
      })
      const comeAgain = answer.status >= 500 || answer.status === 429
      return comeAgain ? registryUnreachable(this.#place, said(answer)) : answer
    } catch (error) {
      return registryUnreachable(this.#place, messageOf(error), error)
    }
  }
}

async function authorizationOf(auth: NonNullable<SchemaRegistryOptions['auth']>): Promise<string> {
  if ('token' in auth) return `Bearer ${typeof auth.token === 'string' ? auth.token : await auth.token()}`
  return `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`
}

function queryOf(normalize: boolean): string {
  return normalize ? '?normalize=true' : ''
}

function bodyOf({ type, schema, direct }: GivenSchema): string {
  return JSON.stringify({ schemaType: type, schema, references: direct })
}

/** Whether the registry lacks what was asked for: its codes are 40401 to 40403. */
function isMissing({ status, body }: HttpAnswer): boolean {
  return status === 404 && /"error_code"\s*:\s*404\d\d/.test(body)
}

/** Status and message, as Confluent's registry and others give them. */
function said({ status, body }: HttpAnswer): string {
  let message = body.slice(0, 500).trim()
  try {
    const json = JSON.parse(body) as { readonly error_code?: number; readonly message?: unknown }
    if (typeof json.message === 'string') message = `${json.error_code ?? ''} ${json.message}`.trim()
  } catch {
    // It is said as it is.
  }
  return message === '' ? `status ${status}` : `status ${status}, ${message}`
}
