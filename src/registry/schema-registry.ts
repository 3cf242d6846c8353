/**
 * The schema registry as calls: what the REST routes ask. Subjects are qualified names (`subject-name.ts`).
 *
 * All read the state in memory; what changes it goes through the log first. Errors are `RegistryError`s.
 */
import { messageOf } from '../base/millrace-error.ts'
import type { Report } from '../base/report.ts'
import type { LogClient } from '../log/client/log-client.ts'
import { decideSubjectDeletion, decideVersionDeletion } from './deletion.ts'
import type { JsonObject } from './json-text.ts'
import {
  decideRegistration,
  findIncompatibilities,
  findVersion,
  readSchema,
  reopened,
  type SchemaInput,
} from './registration.ts'
import { inSameGroup } from './compatibility.ts'
import {
  ErrorCodes,
  RegistryError,
  schemaNotFound,
  subjectNotFound,
  versionNotFound,
} from './registry-error.ts'
import type { RegistryState } from './registry-state.ts'
import { SchemaStore } from './schema-store.ts'
import {
  decideConfig,
  decideMode,
  decideNoConfig,
  decideNoMode,
  effectiveConfig,
  type Mode,
} from './settings.ts'
import type { StoredSchema } from './stored-schema.ts'
import { checkedSubject, contextOf, parseSubject, qualify } from './subject-name.ts'

const MAX_VERSION = 2 ** 31 - 1

export class SchemaRegistry {
  readonly #client: LogClient
  readonly #report: Report
  #store: Promise<SchemaStore> | undefined
  #closed = false

  /** Nothing is read or made before the first call. */
  constructor(client: LogClient, report: Report) {
    this.#client = client
    this.#report = report
  }

  async state(): Promise<RegistryState> {
    return (await this.#opened()).state
  }

  /** Throws 42201, 42205, 42208, 409, 50001. */
  async register(
    subject: string,
    options: { readonly input: SchemaInput; readonly normalize: boolean },
  ): Promise<StoredSchema> {
    const store = await this.#opened()
    const name = checkedSubject(subject)
    return store.write((state) => decideRegistration(state, name, options))
  }

  /** The version of the subject that has this schema. Throws 40401, 40403, 42201. */
  async lookUp(
    subject: string,
    options: { readonly input: SchemaInput; readonly normalize: boolean; readonly deleted: boolean },
  ): Promise<StoredSchema> {
    const state = await this.state()
    const name = resolveAlias(state, subject)
    if (state.versions(name, options).length === 0) throw subjectNotFound(subject)
    const normalize = options.normalize || effectiveConfig(state, name).normalize
    const read = (normalized: boolean): StoredSchema | undefined => {
      const { content } = readSchema(state, options.input, {
        subject: name,
        normalize: normalized,
        isNew: false,
      })
      return findVersion(state, name, content, options)
    }
    const found = read(false) ?? (normalize ? read(true) : undefined)
    if (found === undefined) throw schemaNotFound()
    return found
  }

  /** What keeps a schema from following a version, or all; empty when nothing. Throws 40401, 40402, 42201, 42202. */
  async checkCompatibility(
    subject: string,
    options: {
      readonly input: SchemaInput
      readonly version: string | undefined
      readonly normalize: boolean
    },
  ): Promise<readonly string[]> {
    const state = await this.state()
    const { input, version } = options
    const config = effectiveConfig(state, subject)
    const { parsed, content } = readSchema(state, input, {
      subject,
      normalize: options.normalize || config.normalize,
      isNew: true,
    })
    const level = config.compatibilityLevel
    if (version !== undefined) {
      const earlier = [versionOf(state, subject, { version, deleted: false })]
      return findIncompatibilities({ state, parsed, earlier, level })
    }
    const versions = state.versions(subject, { deleted: false })
    const earlier = inSameGroup(versions, content, config.compatibilityGroup)
    return findIncompatibilities({ state, parsed, earlier, level })
  }

  /** Throws 40401. */
  async versions(
    subject: string,
    options: { readonly deleted: boolean; readonly deletedOnly: boolean },
  ): Promise<readonly StoredSchema[]> {
    const state = await this.state()
    const versions = state.versions(resolveAlias(state, subject), {
      deleted: options.deleted || options.deletedOnly,
    })
    if (versions.length === 0) throw subjectNotFound(subject)
    return options.deletedOnly ? versions.filter((one) => one.deleted) : versions
  }

  /** @param options.version a number, or `latest`. Throws 40401, 40402, 42202. */
  async version(
    subject: string,
    options: { readonly version: string; readonly deleted: boolean },
  ): Promise<StoredSchema> {
    const state = await this.state()
    return versionOf(state, resolveAlias(state, subject), options)
  }

  /** The newest version whose metadata has all these properties. Throws 40401, 40403. */
  async latestWithMetadata(
    subject: string,
    options: { readonly properties: ReadonlyMap<string, string>; readonly deleted: boolean },
  ): Promise<StoredSchema> {
    const found = (await this.versions(subject, { ...options, deletedOnly: false })).findLast(
      ({ metadata }) => {
        const has = (metadata?.['properties'] ?? {}) as JsonObject
        return [...options.properties].every(([key, value]) => has[key] === value)
      },
    )
    if (found === undefined) throw schemaNotFound()
    return found
  }

  /**
   * The versions with this id, of the context of the subject if one is given. A subject of no context is looked for in
   * all of them, since a serializer that reads by id may not know of contexts. Throws 40403.
   */
  async byId(id: number, subject: string | undefined): Promise<readonly StoredSchema[]> {
    const state = await this.state()
    const found = state.byId(contextOf(subject ?? ''), id)
    if (found.length > 0) return found
    const plain = subject === undefined ? undefined : parseSubject(subject)
    if (plain !== undefined && plain.subject !== '') {
      for (const context of state.contexts()) {
        const elsewhere = state.byId(context, id)
        if (elsewhere.some((one) => one.subject === qualify({ context, subject: plain.subject })))
          return elsewhere
      }
    }
    throw schemaNotFound(id)
  }

  /** Throws 40403. */
  async byGuid(guid: string): Promise<StoredSchema> {
    const [found] = (await this.state()).byGuid(guid)
    if (found === undefined) throw schemaNotFound(guid)
    return found
  }

  /** A stored schema in another form. Its own text where the type does not have the form. */
  async formatted(stored: StoredSchema, format: string): Promise<string> {
    if (format === '') return stored.schema
    return reopened(await this.state(), stored).format(format) ?? stored.schema
  }

  async deleteSubject(subject: string, options: { readonly permanent: boolean }): Promise<readonly number[]> {
    const store = await this.#opened()
    return store.write((state) => decideSubjectDeletion(state, subject, options))
  }

  /** Throws 40401, 40402, 40406, 40407, 42202, 42205, 42206. */
  async deleteVersion(
    subject: string,
    options: { readonly version: string; readonly permanent: boolean },
  ): Promise<number> {
    const store = await this.#opened()
    return store.write((state) => {
      const version = versionOf(state, subject, { version: options.version, deleted: true })
      return decideVersionDeletion(state, version, options)
    })
  }

  /** Ids of what refers to a version. Throws 40401, 40402, 42202. */
  async referencedBy(subject: string, version: string): Promise<readonly number[]> {
    const state = await this.state()
    const found = versionOf(state, subject, { version, deleted: true })
    return state.referencedBy(found.subject, found.version)
  }

  async setConfig(subject: string | undefined, given: JsonObject): Promise<JsonObject> {
    return (await this.#opened()).write((state) => decideConfig(state, subject, given))
  }

  async deleteConfig(subject: string | undefined): Promise<JsonObject | undefined> {
    return (await this.#opened()).write((state) => decideNoConfig(state, subject))
  }

  async setMode(
    subject: string | undefined,
    options: { readonly mode: unknown; readonly force: boolean },
  ): Promise<Mode> {
    return (await this.#opened()).write((state) => decideMode(state, subject, options))
  }

  async deleteMode(subject: string | undefined): Promise<string | undefined> {
    return (await this.#opened()).write((state) => decideNoMode(state, subject))
  }

  /** Id of the cluster that the schemas are in. */
  async clusterId(): Promise<string> {
    return (await this.#client.metadata([])).clusterId ?? ''
  }

  async close(): Promise<void> {
    this.#closed = true
    const store = await this.#store?.catch(() => undefined)
    store?.close()
  }

  /** Opened by the first call, and again when it could not be or reading has ended. */
  async #opened(): Promise<SchemaStore> {
    if (this.#closed) throw new RegistryError(ErrorCodes.STORE, 'The registry is closing.')
    const opening = (this.#store ??= SchemaStore.open(this.#client, this.#report))
    try {
      const store = await opening
      if (!store.failed) return store
      if (this.#store === opening) this.#store = undefined
      return await this.#opened()
    } catch (error) {
      if (this.#store === opening) this.#store = undefined
      if (error instanceof RegistryError) throw error
      throw new RegistryError(ErrorCodes.STORE, `Error in the backend data store - ${messageOf(error)}`, {
        cause: error,
      })
    }
  }
}

/** Throws 40401, 40402, 42202. */
function versionOf(
  state: RegistryState,
  subject: string,
  { version, deleted }: { readonly version: string; readonly deleted: boolean },
): StoredSchema {
  const number = versionNumber(version)
  const all = state.versions(subject, { deleted })
  if (all.length === 0) throw subjectNotFound(subject)
  if (number === 'latest') {
    const latest = state.versions(subject, { deleted: false }).at(-1) ?? all.at(-1)!
    return latest
  }
  const found = state.version(subject, number)
  if (found === undefined || (found.deleted && !deleted)) throw versionNotFound(number)
  return found
}

function versionNumber(text: string): number | 'latest' {
  if (text === 'latest' || text === '-1') return 'latest'
  const number = /^\d+$/.test(text) ? Number(text) : 0
  if (number >= 1 && number <= MAX_VERSION) return number
  throw new RegistryError(
    ErrorCodes.INVALID_VERSION,
    `The specified version '${text}' is not a valid version id. Allowed values are between [1, 2^31-1] and the string "latest"`,
  )
}

/** The subject that a subject's configuration names instead of it. */
function resolveAlias(state: RegistryState, subject: string): string {
  const { alias } = effectiveConfig(state, subject)
  return alias === undefined ? subject : qualify({ context: contextOf(subject), subject: alias })
}
